//! The arguments of `tune`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    app::{defaults, tune::TUNED},
    cli::groups::{GateArgs, MeasuringArgs},
};

/// Arguments of `tune`.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Model: a configured name, a folder, or a Hub id such as `org/name`
    #[arg(long, value_name = "NAME|FOLDER|HUB_ID")]
    pub(crate) model: String,
    /// Dataset: a configured name or a file. The recipe is chosen by one half of its rows and judged on the other
    /// [default: the model's first benchmark]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) dataset: Option<String>,
    /// Take the dataset's rows from this file (jsonl, csv, tsv, parquet) instead of the Hub
    #[arg(long, value_name = "FILE", requires = "dataset")]
    pub(crate) data: Option<PathBuf>,
    /// Split of the dataset [default: the configured one]
    #[arg(long)]
    pub(crate) split: Option<String>,
    /// Only the first N labelled rows of each half
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Bits to choose from: of 2, 3, 4, 5, 6, 8; unquantized weights are always a choice
    #[arg(long, alias = "q-bits", value_name = "BITS,BITS", value_delimiter = ',', default_values_t = defaults::TUNED_BITS)]
    pub(crate) bits: Vec<u32>,
    #[arg(long, alias = "q-group-size",
          help = format!("Weights per scale: 32, 64 or 128 [default: the model's, else {}]", defaults::GROUP_SIZE))]
    pub(crate) group_size: Option<u32>,
    /// Examples by which the sensitivity of each group is measured
    #[arg(long, value_name = "N", default_value_t = defaults::SENSITIVITY_EXAMPLES,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) examples: u32,
    #[command(flatten)]
    pub(crate) measuring: MeasuringArgs,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    #[arg(long, value_name = "DIR",
          help = format!("Folder for the recipe, the tables, the picture and the artefact [default: {}/<model>-<dataset>-{TUNED}]",
                         defaults::REPORTS))]
    pub(crate) out: Option<PathBuf>,
    /// Configuration files with models and datasets, beside the built-in ones
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) config: Vec<String>,
    /// Print tune.json to standard output instead of the tables
    #[arg(long)]
    pub(crate) json: bool,
}
