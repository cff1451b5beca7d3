//! What can be had without reading: linear models over single words.

use std::collections::{HashMap, HashSet};

use crate::{pair::Pair, rng::Rng};

/// What a baseline may look at.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum View {
    /// The hypothesis alone.
    Hypothesis,
    /// The words of both sentences, and which of them they share.
    Bag,
}

/// Accuracy on `validation` of a linear softmax model of `view`, trained on `training`.
pub(crate) fn accuracy(view: View, training: &[Pair], validation: &[Pair]) -> f64 {
    const EPOCHS: usize = 5;
    let mut ids = HashMap::new();
    let mut rows: Vec<_> =
        training.iter().map(|pair| (features(view, pair, &mut ids, true), pair.label)).collect();
    let mut weights = vec![[0f32; 3]; ids.len()];
    let mut rng = Rng::new(1);
    for epoch in 0..EPOCHS {
        rng.shuffle(&mut rows);
        let rate = 0.1 * (1.0 - epoch as f32 / EPOCHS as f32);
        for (row, label) in &rows {
            let mut slope = probabilities(&weights, row);
            slope[*label] -= 1.0;
            for &feature in row {
                for (weight, slope) in weights[feature].iter_mut().zip(slope) {
                    *weight -= rate * slope;
                }
            }
        }
    }
    let right = validation.iter().filter(|pair| {
        let scores = probabilities(&weights, &features(view, pair, &mut ids, false));
        (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])) == Some(pair.label)
    });
    right.count() as f64 / validation.len() as f64
}

fn probabilities(weights: &[[f32; 3]], row: &[usize]) -> [f32; 3] {
    let scores = row.iter().fold([0f32; 3], |sum, &i| std::array::from_fn(|k| sum[k] + weights[i][k]));
    let top = scores.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let exps = scores.map(|score| (score - top).exp());
    let total: f32 = exps.iter().sum();
    exps.map(|x| x / total)
}

/// The ids of the features present; new ones are numbered only while training.
fn features(view: View, pair: &Pair, ids: &mut HashMap<String, usize>, learn: bool) -> Vec<usize> {
    let (premise, hypothesis) = (words(&pair.premise), words(&pair.hypothesis));
    let mut names: Vec<String> = hypothesis.iter().map(|word| format!("h {word}")).collect();
    if view == View::Bag {
        names.extend(premise.iter().map(|word| format!("p {word}")));
        let shared = |word: &&String| premise.contains(*word);
        names.extend(hypothesis.iter().filter(shared).map(|word| format!("both {word}")));
        let missing = hypothesis.iter().filter(|word| !premise.contains(*word)).count();
        names.push(format!("missing {missing}"));
        let negations = |words: &HashSet<String>| words.contains("not") || words.contains("never");
        names.push(format!("negated {} {}", negations(&premise), negations(&hypothesis)));
    }
    names.sort();
    let next = ids.len();
    let mut fresh = next..;
    let mut row = Vec::with_capacity(names.len());
    for name in names {
        match ids.get(&name) {
            Some(&id) => row.push(id),
            None if learn => {
                let id = fresh.next().unwrap_or(next);
                ids.insert(name, id);
                row.push(id);
            }
            None => {}
        }
    }
    row
}

fn words(text: &str) -> HashSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
