//! What the program prints.

use std::collections::BTreeMap;

use anyhow::Result;
use tokenizers::Tokenizer;

use crate::{
    baselines::{View, accuracy as baseline},
    model::Bert,
    pair::Pair,
    tokens,
};

/// The validation set's size and its lengths in tokens.
pub(crate) fn dataset(tokenizer: &Tokenizer, pairs: &[Pair]) -> Result<()> {
    let mut lengths = pairs
        .iter()
        .map(|pair| Ok(tokens::encode(tokenizer, pair)?.ids.len()))
        .collect::<Result<Vec<_>>>()?;
    lengths.sort_unstable();
    let at = |share: f64| lengths[(share * (lengths.len() - 1) as f64) as usize];
    println!(
        "{} validation rows; tokens: shortest {}, quarter {}, median {}, three quarters {}, 95 % {}, longest {}",
        pairs.len(),
        at(0.0),
        at(0.25),
        at(0.5),
        at(0.75),
        at(0.95),
        at(1.0)
    );
    Ok(())
}

/// What linear models of single words reach.
pub(crate) fn baselines(training: &[Pair], validation: &[Pair]) {
    println!("baseline, most frequent label: 33.3 %");
    println!("baseline, hypothesis only: {:.1} %", 100.0 * baseline(View::Hypothesis, training, validation));
    println!("baseline, bag of words: {:.1} %", 100.0 * baseline(View::Bag, training, validation));
}

/// The model's size.
pub(crate) fn model(model: &Bert, tokenizer: &Tokenizer) {
    let parameters: usize = model.variables.iter().map(|(_, var)| var.elem_count()).sum();
    println!("{parameters} parameters, {} word pieces", tokenizer.get_vocab_size(true));
}

/// Accuracy of predictions, overall and by phenomenon.
pub(crate) fn accuracy(pairs: &[Pair], predictions: &[usize]) {
    let mut groups = BTreeMap::<&str, (usize, usize)>::new();
    let mut right = 0;
    for (pair, &prediction) in pairs.iter().zip(predictions) {
        let (hits, all) = groups.entry(&pair.phenomenon).or_default();
        let hit = usize::from(prediction == pair.label);
        *hits += hit;
        *all += 1;
        right += hit;
    }
    for (name, (hits, all)) in groups {
        println!("  {name:<14} {hits:>3}/{all}");
    }
    println!("accuracy {:.2} % ({right}/{})", 100.0 * right as f64 / pairs.len() as f64, pairs.len());
}
