//! Batches of training pairs.

use anyhow::Result;
use tokenizers::Tokenizer;

use crate::{
    config::TRIPLES,
    dataset::Stream,
    gradient::Objective,
    rng::Rng,
    tokens::{self, Encoded},
};

/// Batches drawn together and sorted by length, so that little padding is computed.
const BATCHES: usize = 16;

/// Batches of similar length in random order; early ones have few distracting clauses.
///
/// `done` is the share of the training that is over.
pub(crate) fn draw(
    tokenizer: &Tokenizer,
    stream: &mut Stream,
    rng: &mut Rng,
    done: f64,
    objective: Objective,
) -> Result<Vec<Vec<Encoded>>> {
    let distraction = (0.1 + 1.3 * done).min(0.9);
    let mut groups = Vec::with_capacity(TRIPLES * BATCHES);
    for _ in 0..TRIPLES * BATCHES {
        let group = match objective {
            Objective::Judge => {
                let triple = stream.triple(distraction);
                triple.iter().map(|pair| tokens::encode(tokenizer, pair)).collect::<Result<Vec<_>>>()?
            }
            Objective::Restore => (0..3)
                .map(|_| Ok(tokens::damage(tokens::encode(tokenizer, &stream.entailed(distraction))?, rng)))
                .collect::<Result<Vec<_>>>()?,
        };
        groups.push(group);
    }
    groups.sort_by_key(|group| group.iter().map(|row| row.ids.len()).max());
    let mut batches = Vec::with_capacity(BATCHES);
    while !groups.is_empty() {
        batches.push(groups.split_off(groups.len().saturating_sub(TRIPLES)).into_iter().flatten().collect());
    }
    rng.shuffle(&mut batches);
    Ok(batches)
}
