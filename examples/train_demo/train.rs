//! The training loop: first restoring damaged words, then judging pairs.

use std::time::Instant;

use anyhow::{Result, anyhow};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use tokenizers::Tokenizer;

use crate::{
    config::{PEAK_RATE, RESTORING, WARMUP},
    dataset::Stream,
    gradient::{self, Objective},
    model::Bert,
    pair::Pair,
    pool,
    rng::Rng,
    tokens::{self, Encoded},
};

/// Steps between two lines of progress.
const REPORT: usize = 200;

/// Trains `model` for `steps` steps on fresh pairs.
pub(crate) fn train(
    model: &Bert,
    tokenizer: &Tokenizer,
    stream: &mut Stream,
    seed: u64,
    steps: usize,
) -> Result<()> {
    let vars = model.variables.iter().map(|(_, var)| var.clone()).collect();
    let mut optimizer = AdamW::new(vars, ParamsAdamW { beta2: 0.98, ..ParamsAdamW::default() })?;
    let mut rng = Rng::new(seed);
    let (start, mut losses) = (Instant::now(), Vec::new());
    let (mut pool, mut drawn_for) = (Vec::<Vec<Encoded>>::new(), Objective::Restore);
    for step in 0..steps {
        let done = step as f64 / steps as f64;
        let objective = if done < RESTORING { Objective::Restore } else { Objective::Judge };
        if pool.is_empty() || drawn_for != objective {
            pool = pool::draw(tokenizer, stream, &mut rng, done, objective)?;
            drawn_for = objective;
        }
        let rows = pool.pop().ok_or_else(|| anyhow!("the pool of batches is empty"))?;
        let (loss, gradient) = gradient::of(model, &rows, objective)?;
        optimizer.set_learning_rate(rate(step, steps));
        optimizer.step(&gradient)?;
        losses.push(loss);
        if (step + 1) % REPORT == 0 || step + 1 == steps {
            let mean = losses.iter().sum::<f32>() / losses.len() as f32;
            losses.clear();
            let seconds = start.elapsed().as_secs_f64();
            println!("step {:>5}/{steps}  {objective:?} loss {mean:.4}  {seconds:>4.0} s", step + 1);
        }
    }
    Ok(())
}

/// Linear warm-up, then a cosine down to nothing.
fn rate(step: usize, steps: usize) -> f64 {
    if step < WARMUP {
        return PEAK_RATE * (step + 1) as f64 / WARMUP as f64;
    }
    let done = (step - WARMUP) as f64 / (steps - WARMUP).max(1) as f64;
    PEAK_RATE * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

/// The predicted label of each pair.
pub(crate) fn predict(model: &Bert, tokenizer: &Tokenizer, pairs: &[Pair]) -> Result<Vec<usize>> {
    let mut predictions = Vec::with_capacity(pairs.len());
    for chunk in pairs.chunks(32) {
        let rows = chunk.iter().map(|pair| tokens::encode(tokenizer, pair)).collect::<Result<Vec<_>>>()?;
        let logits = model.forward(&tokens::batch(&rows)?)?;
        predictions.extend(logits.argmax(1)?.to_vec1::<u32>()?.into_iter().map(|label| label as usize));
    }
    Ok(predictions)
}
