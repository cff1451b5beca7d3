//! The operations of one encoder layer on made-up numbers, for the benchmark `operations`.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use gatecheck_model::{activation::Activation, load::attention_scale};

use crate::{
    attention::Attention,
    elementwise::{NormRow, activate, add_norm, softmax},
    linear::{Linear, Norm},
    work::Recorder,
};

/// Sizes of a case.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Rows of the batch.
    pub rows: usize,
    /// Tokens of each row.
    pub length: usize,
    /// Width of the states; the feed-forward part is four times as wide.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
}

/// A name and what is to be timed. Runs on the rayon pool that it is called from.
pub type Case = (&'static str, Box<dyn FnMut() + Send>);

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index * 7919 % 1009) as f32 / 504.5 - 1.0).collect()
}

fn linear(outputs: usize, inputs: usize) -> Result<Linear> {
    let small = numbers(outputs * inputs).iter().map(|value| value / inputs as f32).collect();
    Linear::new(small, numbers(outputs), inputs, &Arc::default())
}

/// All cases of a size.
pub fn cases(sizes: Sizes) -> Result<Vec<Case>> {
    let Sizes { rows, length, hidden, heads } = sizes;
    let (tokens, wide) = (rows * length, 4 * hidden);
    let ranges: Vec<_> = (0..rows).map(|row| row * length..(row + 1) * length).collect();
    let x = Tensor::from_vec(numbers(tokens * hidden), (tokens, hidden), &Device::Cpu)?;
    let vector = || Tensor::from_vec(numbers(hidden), hidden, &Device::Cpu);
    let norm = Norm { scale: vector()?, shift: vector()?, epsilon: Some(1e-12) };
    let projections = linear(3 * hidden, hidden)?;
    let packed = projections.forward(&x)?;
    let (out, up, down) = (linear(hidden, hidden)?, linear(wide, hidden)?, linear(hidden, wide)?);
    let (mut gelu, mut soft, mut normed) =
        (numbers(tokens * wide), numbers(tokens * length), numbers(tokens * hidden));
    let ones = vec![1.0; hidden];
    let (up_alone, x_alone, rows_alone) = (up.clone(), x.clone(), ranges.clone());
    let scale = attention_scale(hidden, heads);
    // Nobody listens.
    let (alone, recorder) = (Recorder::default(), Recorder::default());
    // The results are dropped: only their making is timed, and making them cannot fail on these shapes.
    Ok(vec![
        ("gelu, one thread", Box::new(move || activate(&mut gelu, Activation::Gelu))),
        ("softmax, one thread", Box::new(move || softmax(&mut soft, length, length))),
        (
            "layer norm, one thread",
            Box::new(move || {
                let norm = NormRow { scale: &ones, shift: &ones, epsilon: Some(1e-12) };
                add_norm(&mut normed, hidden, None, Some(norm));
            }),
        ),
        ("linear with gelu", Box::new(move || drop(up_alone.activate(&x_alone, Activation::Gelu)))),
        (
            "attention",
            Box::new(move || {
                drop(packed.apply_op1_no_bwd(&Attention {
                    rows: &rows_alone,
                    heads,
                    scale,
                    change: None,
                    recorder: &alone,
                }))
            }),
        ),
        (
            "layer",
            Box::new(move || {
                let layer = || {
                    let context = projections.forward(&x)?.apply_op1_no_bwd(&Attention {
                        rows: &ranges,
                        heads,
                        scale,
                        change: None,
                        recorder: &recorder,
                    })?;
                    let y = out.add_norm(&context, Some(&x), Some(&norm))?;
                    down.add_norm(&up.activate(&y, Activation::Gelu)?, Some(&y), Some(&norm))
                };
                drop(layer());
            }),
        ),
    ])
}
