//! One contestant of `scripts/compare_peers.sh` and of `scripts/architecture_table.py`: times batches on request.
//!
//! `arm_times ARM MODEL BATCHES THREADS`, where the arm is `candle`, `mlx`, or `candle-transformers` (the
//! published model as it comes). For each line `FIRST END` on stdin it runs these batches and answers
//! with their seconds and the sum of all outputs, by which arms are checked against each other.
#![expect(clippy::print_stdout, reason = "answers on stdout")]

use std::{io::BufRead, path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Module, Tensor};
use candle_nn::{Linear, VarBuilder, linear};
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use gatecheck_backend::{Encode, LoadOptions};
use gatecheck_candle::CandleBackend;
use gatecheck_mlx::MlxBackend;
use gatecheck_model::batch::{Batch, Encoded};
use serde::Deserialize;

/// Token ids and types of the rows of a batch.
#[derive(Deserialize)]
struct Rows {
    ids: Vec<Vec<u32>>,
    types: Vec<Vec<u32>>,
}

type Run = Box<dyn FnMut(&Rows) -> Result<Vec<Vec<f32>>>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [arm, model, batches, threads] = arguments.as_slice() else {
        bail!("usage: arm_times ARM MODEL BATCHES THREADS");
    };
    let batches: Vec<Rows> = serde_json::from_str(&std::fs::read_to_string(batches)?)?;
    let options = LoadOptions::new(model, threads.parse()?);
    let mut run = match arm.as_str() {
        "candle" => ours(CandleBackend::load(&options)?),
        "mlx" => ours(MlxBackend::load(&options)?),
        "candle-transformers" => published(Path::new(model))?,
        _ => bail!("no arm `{arm}`"),
    };
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (first, end) = line.split_once(' ').context("two numbers expected")?;
        let batches = &batches[first.parse()?..end.parse()?];
        let start = Instant::now();
        let mut sum = 0.0;
        for batch in batches {
            sum += run(batch)?.concat().iter().sum::<f32>();
        }
        println!("{} {sum}", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn ours(mut backend: impl Encode + 'static) -> Run {
    Box::new(move |rows| {
        let rows = rows.ids.iter().zip(&rows.types).map(|(ids, types)| Encoded {
            ids: ids.clone(),
            type_ids: types.clone(),
            truncated: false,
        });
        Ok(backend.encode(&Batch::new(&rows.collect::<Vec<_>>()))?)
    })
}

/// `BertModel` of candle-transformers with BERT's head; padded, as its users do. Its threads are
/// those of rayon's global pool (`RAYON_NUM_THREADS`).
fn published(folder: &Path) -> Result<Run> {
    let config: Config = serde_json::from_str(&std::fs::read_to_string(folder.join("config.json"))?)?;
    let bytes = std::fs::read(folder.join("model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(bytes, DTYPE, &Device::Cpu)?;
    let labels = weights.get_unchecked("classifier.bias")?.dim(0)?;
    let hidden = config.hidden_size;
    let pooler: Linear = linear(hidden, hidden, weights.pp("bert.pooler.dense"))?;
    let classifier = linear(hidden, labels, weights.pp("classifier"))?;
    let model = BertModel::load(weights, &config)?;
    Ok(Box::new(move |rows| {
        let length = rows.ids.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |rows: &[Vec<u32>]| {
            let mut rows = rows.to_vec();
            rows.iter_mut().for_each(|row| row.resize(length, 0));
            Tensor::new(rows, &Device::Cpu)
        };
        let ones: Vec<Vec<u32>> = rows.ids.iter().map(|row| vec![1; row.len()]).collect();
        let states = model.forward(&padded(&rows.ids)?, &padded(&rows.types)?, Some(&padded(&ones)?))?;
        let first = states.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        Ok(classifier.forward(&pooler.forward(&first)?.tanh()?)?.to_vec2()?)
    }))
}
