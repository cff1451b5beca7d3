//! Makes the demo model and its validation set from nothing.
//!
//! ```text
//! cargo run --release --example train_demo              # writes models/demo-nli and datasets/demo-nli
//! cargo run --release --example train_demo -- --check   # only compares the committed validation set
//! ```

#![expect(clippy::print_stdout, reason = "a program, not a library")]

mod baselines;
mod config;
mod dataset;
mod files;
mod gradient;
mod grammar;
mod init;
mod model;
mod ops;
mod pair;
mod pool;
mod process;
mod report;
mod rng;
mod tokens;
mod train;
mod vocabulary;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;

use crate::{dataset::Stream, model::Bert};

/// Pairs that the vocabulary and the baselines are made from.
const SAMPLE: usize = 30_000;

/// Makes the demo model and its validation set from nothing.
#[derive(Parser)]
struct Args {
    /// Folder under which `models/demo-nli` and `datasets/demo-nli` are written
    #[arg(long, default_value = env!("CARGO_MANIFEST_DIR"))]
    out: PathBuf,
    /// Seed of the weights and of the training pairs; the validation set does not depend on it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Training steps
    #[arg(long, default_value_t = config::STEPS)]
    steps: usize,
    /// Only compare the validation set under the folder with what the generator makes
    #[arg(long)]
    check: bool,
    /// Only evaluate the model under the folder
    #[arg(long, conflicts_with = "check")]
    evaluate: bool,
    /// Only measure the baselines
    #[arg(long, conflicts_with_all = ["check", "evaluate"])]
    baselines: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    match process::restart()? {
        Some(code) => Ok(code),
        None => run(args).map(|()| ExitCode::SUCCESS),
    }
}

fn run(args: Args) -> Result<()> {
    let Args { out, seed, steps, check, evaluate, baselines } = args;
    let validation = dataset::validation();
    if check {
        files::check_dataset(&out, &validation)?;
        println!("the validation set is as committed: {} rows", validation.len());
        return Ok(());
    }
    if !evaluate {
        // The vocabulary's sample is the same for every seed, so that the tokenizer is too.
        let mut stream = Stream::new(0, &validation);
        let sample: Vec<_> = (0..SAMPLE / 3).flat_map(|_| stream.triple(1.0)).collect();
        let tokenizer = vocabulary::build(
            sample.iter().flat_map(|pair| [pair.premise.as_str(), pair.hypothesis.as_str()]),
        )?;
        report::dataset(&tokenizer, &validation)?;
        report::baselines(&sample, &validation);
        if baselines {
            return Ok(());
        }
        let model = Bert::new(tokenizer.get_vocab_size(true), seed)?;
        report::model(&model, &tokenizer);
        let start = Instant::now();
        train::train(&model, &tokenizer, &mut Stream::new(seed, &validation), seed, steps)?;
        println!("trained in {:.0} s", start.elapsed().as_secs_f64());
        files::write_dataset(&out, &validation)?;
        files::write_model(&out, &model, &tokenizer)?;
    }
    let (model, tokenizer) = files::read_model(&out)?;
    report::accuracy(&validation, &train::predict(&model, &tokenizer, &validation)?);
    Ok(())
}
