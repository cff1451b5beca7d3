//! The two objectives and their gradients, the halves of a batch side by side.

use std::thread;

use anyhow::{Result, anyhow};
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use candle_nn::loss::cross_entropy;

use crate::{
    model::Bert,
    tokens::{self, Encoded},
};

/// Steps longer than this are shortened to it.
const CLIP: f64 = 1.0;

/// What the model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objective {
    /// Which words stood where some were hidden or exchanged. One sentence of the pair follows from
    /// the other, so most can be found by who did what. This teaches to look things up in the other
    /// sentence, which labels alone hardly teach: they are one of three, and words one of hundreds.
    Restore,
    /// Which label the pair has.
    Judge,
}

/// The mean loss of `rows` and its clipped gradient.
///
/// There are two halves on every machine, so that sums are taken in the same order.
pub(crate) fn of(model: &Bert, rows: &[Encoded], objective: Objective) -> Result<(f32, GradStore)> {
    let (left, right) = rows.split_at(rows.len() / 2);
    let (left, right) = thread::scope(|scope| {
        let other = scope.spawn(|| half(model, right, objective));
        (half(model, left, objective), other.join())
    });
    let right = right.map_err(|_| anyhow!("a training thread panicked"))?;
    let ((left_loss, mut gradient), (right_loss, other)) = (left?, right?);
    let mut square = 0f64;
    for (_, var) in &model.variables {
        // The classifier takes no part in restoring.
        let sum = match (gradient.get(var), other.get(var)) {
            (Some(left), Some(right)) => ((left + right)? * 0.5)?,
            _ => continue,
        };
        square += f64::from(sum.sqr()?.sum_all()?.to_scalar::<f32>()?);
        gradient.insert(var, sum);
    }
    let norm = square.sqrt();
    if norm > CLIP {
        for (_, var) in &model.variables {
            if let Some(sum) = gradient.remove(var) {
                gradient.insert(var, (sum * (CLIP / norm))?);
            }
        }
    }
    Ok((0.5 * (left_loss + right_loss), gradient))
}

fn half(model: &Bert, rows: &[Encoded], objective: Objective) -> Result<(f32, GradStore)> {
    let batch = tokens::batch(rows)?;
    let loss = match objective {
        Objective::Judge => cross_entropy(&model.forward(&batch)?, &batch.labels)?,
        Objective::Restore => {
            let damage = rows.iter().zip((0..).step_by(batch.length));
            let (places, words): (Vec<u32>, Vec<u32>) = damage
                .flat_map(|(row, start)| {
                    row.damage.iter().map(move |&(place, word)| (start + place as u32, word))
                })
                .unzip();
            let count = places.len();
            let places = Tensor::from_vec(places, count, &Device::Cpu)?;
            cross_entropy(&model.restore(&batch, &places)?, &Tensor::from_vec(words, count, &Device::Cpu)?)?
        }
    };
    Ok((loss.to_scalar()?, loss.backward()?))
}
