//! The two data sets: a fixed validation set, and a stream of training pairs that avoids it.

use std::collections::HashSet;

use crate::{
    config::{DATA_SEED, ROWS},
    grammar::{Generator, PHENOMENA, Split, compose},
    pair::{Label, Pair},
    rng::Rng,
};

/// The validation set: every phenomenon and label equally often, in a shuffled order, no pair twice.
pub(crate) fn validation() -> Vec<Pair> {
    let mut generator = Generator::new(DATA_SEED, Split::Validation);
    let mut seen = HashSet::new();
    let mut pairs = Vec::with_capacity(ROWS);
    while pairs.len() < ROWS {
        let which = pairs.len() % PHENOMENA.len();
        let label = Label::ALL[pairs.len() / PHENOMENA.len() % Label::ALL.len()];
        let pair = compose(&mut generator, which, label, 1.0);
        if seen.insert(key(&pair)) {
            pairs.push(pair);
        }
    }
    generator.rng.shuffle(&mut pairs);
    for (idx, pair) in pairs.iter_mut().enumerate() {
        pair.idx = idx;
    }
    pairs
}

fn key(pair: &Pair) -> (String, String) {
    (pair.premise.clone(), pair.hypothesis.clone())
}

/// An endless stream of training pairs, none of which is in the validation set.
pub(crate) struct Stream {
    generator: Generator,
    excluded: HashSet<(String, String)>,
}

impl Stream {
    pub(crate) fn new(seed: u64, validation: &[Pair]) -> Self {
        Self { generator: Generator::new(seed, Split::Train), excluded: validation.iter().map(key).collect() }
    }

    /// Orders and bindings are drawn twice as often as the rest: they take longest to learn.
    fn phenomenon(&mut self) -> usize {
        const HARD: [&str; 4] = ["time", "clock", "comparison", "binding"];
        let rng = &mut self.generator.rng;
        loop {
            let which = rng.below(PHENOMENA.len());
            if HARD.contains(&PHENOMENA[which].0) || rng.chance(0.5) {
                return which;
            }
        }
    }

    /// A pair whose hypothesis follows from its premise, the premise as crowded as `distraction` says.
    pub(crate) fn entailed(&mut self, distraction: f64) -> Pair {
        loop {
            let which = self.phenomenon();
            let pair = compose(&mut self.generator, which, Label::Entailment, distraction);
            if !self.excluded.contains(&key(&pair)) {
                return pair;
            }
        }
    }

    /// Pairs of one phenomenon with all three labels, alike in what the label leaves free; such
    /// contrasts teach faster than pairs drawn apart.
    pub(crate) fn triple(&mut self, distraction: f64) -> [Pair; 3] {
        loop {
            let which = self.phenomenon();
            let (seed, next) = (self.generator.rng.next(), self.generator.rng.next());
            let triple = Label::ALL.map(|label| {
                self.generator.rng = Rng::new(seed);
                compose(&mut self.generator, which, label, distraction)
            });
            self.generator.rng = Rng::new(next);
            if !triple.iter().any(|pair| self.excluded.contains(&key(pair))) {
                return triple;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_is_balanced_and_without_repetition() {
        let pairs = validation();
        for label in Label::ALL {
            assert_eq!(pairs.iter().filter(|pair| pair.label == label.id()).count(), ROWS / 3);
        }
        assert_eq!(pairs.iter().map(key).collect::<HashSet<_>>().len(), ROWS);
        assert!(pairs.iter().enumerate().all(|(row, pair)| pair.idx == row));
    }

    #[test]
    fn validation_is_as_committed() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        crate::files::check_dataset(root, &validation()).unwrap();
    }

    #[test]
    fn training_never_meets_a_validation_pair() {
        let pairs = validation();
        let excluded: HashSet<_> = pairs.iter().map(key).collect();
        let mut stream = Stream::new(3, &pairs);
        assert!((0..500).flat_map(|_| stream.triple(0.0)).all(|pair| !excluded.contains(&key(&pair))));
    }
}
