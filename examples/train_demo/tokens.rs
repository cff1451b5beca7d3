//! Pairs as token ids, and batches of them.

use anyhow::{Result, anyhow};
use candle_core::{Device, Tensor};
use tokenizers::Tokenizer;

use crate::{
    model::Batch,
    pair::Pair,
    rng::Rng,
    vocabulary::{FIRST_WORD, MASK},
};

/// A pair's token ids and segments.
pub(crate) struct Encoded {
    pub(crate) ids: Vec<u32>,
    pub(crate) types: Vec<u32>,
    pub(crate) label: u32,
    /// Places whose token was hidden or exchanged, and what stood there.
    pub(crate) damage: Vec<(usize, u32)>,
}

/// Encodes one pair.
pub(crate) fn encode(tokenizer: &Tokenizer, pair: &Pair) -> Result<Encoded> {
    let encoding = tokenizer
        .encode((pair.premise.as_str(), pair.hypothesis.as_str()), true)
        .map_err(|error| anyhow!("failed to encode row {}: {error}", pair.idx))?;
    Ok(Encoded {
        ids: encoding.get_ids().to_vec(),
        types: encoding.get_type_ids().to_vec(),
        label: pair.label as u32,
        damage: Vec::new(),
    })
}

/// Hides some words, or puts others of the same pair in their place, mostly in the hypothesis.
pub(crate) fn damage(mut row: Encoded, rng: &mut Rng) -> Encoded {
    let original = row.ids.clone();
    let words: Vec<usize> = (0..original.len()).filter(|&place| original[place] >= FIRST_WORD).collect();
    while row.damage.is_empty() {
        for &place in &words {
            if !rng.chance(if row.types[place] == 1 { 0.3 } else { 0.1 }) {
                continue;
            }
            row.damage.push((place, original[place]));
            // What is left as it was teaches to tell right words from wrong ones.
            match rng.unit() {
                u if u < 0.5 => row.ids[place] = MASK,
                u if u < 0.85 => row.ids[place] = original[words[rng.below(words.len())]],
                _ => {}
            }
        }
    }
    row
}

/// Pads the rows to the longest.
pub(crate) fn batch(rows: &[Encoded]) -> candle_core::Result<Batch> {
    let length = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
    let padded = |field: fn(&Encoded) -> &Vec<u32>| {
        let fill = |row| field(row).iter().copied().chain(std::iter::repeat(0)).take(length);
        Tensor::from_vec(rows.iter().flat_map(fill).collect(), rows.len() * length, &Device::Cpu)
    };
    let ragged = rows.iter().any(|row| row.ids.len() != length);
    let mask = || {
        let real = |row: &Encoded, place| if place < row.ids.len() { 0f32 } else { -1e4 };
        let values = rows.iter().flat_map(|row| (0..length).map(move |place| real(row, place))).collect();
        Tensor::from_vec(values, (rows.len(), 1, 1, length), &Device::Cpu)
    };
    Ok(Batch {
        ids: padded(|row| &row.ids)?,
        types: padded(|row| &row.types)?,
        mask: if ragged { Some(mask()?) } else { None },
        labels: Tensor::from_vec(rows.iter().map(|row| row.label).collect(), rows.len(), &Device::Cpu)?,
        rows: rows.len(),
        length,
    })
}
