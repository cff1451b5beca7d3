//! The command line, as typed. No logic lives here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::commands::{
    clean::CleanArgs,
    monitor::MonitorArgs,
    tune::args::TuneArgs,
    upload::{EXIT_CODES as EXIT_CODES_OF_UPLOAD, UploadArgs},
    verify::{EXIT_CODES as EXIT_CODES_OF_VERIFY, VerifyArgs},
};
use super::groups::{GateArgs, MeasuringArgs, QuantizationArgs};
use crate::app::{defaults, version::VERSION};

/// May this converted model ship in place of the original?
#[derive(Debug, Parser)]
#[command(name = "gatecheck", version = VERSION, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print errors and results only, no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Shown below every help text that ends in a verdict.
const EXIT_CODES: &str = "Exit codes of `run`, `pipeline`, `tune`, `demo` and `report`: 0 every judged gate passed · 1 a gate failed · \
                          2 wrong command line, configuration or data · 3 could not be measured (network, disk, a \
                          broken model, a crash) · 4 inconclusive, or nothing was judged";

/// Shown below the help text of `convert`.
const CONVERT_EXIT_CODES: &str = "Exit codes: 0 converted, or already there · 2 wrong command line or configuration · \
                                  3 failed (network, disk, a broken model); of several models the gravest";

/// The two ways to call `run`.
const RUN_USAGE: &str = "gatecheck run [OPTIONS] --model <NAME|FOLDER|HUB_ID>\n       \
                         gatecheck run --resume <DIR> [--timeout <SECONDS>] [--json] [--quiet]";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a model against its baseline on a dataset, and judge it by the gates
    #[command(after_help = EXIT_CODES, override_usage = RUN_USAGE)]
    Run(Box<RunArgs>),
    /// Convert a model to a (quantized) MLX artefact
    #[command(after_help = CONVERT_EXIT_CODES)]
    Convert(ConvertArgs),
    /// Convert, measure and judge many models on many datasets, and put the verdicts into one report
    #[command(after_help = EXIT_CODES)]
    Pipeline(Box<PipelineArgs>),
    /// Find the smallest recipe that keeps the quality gate: bits for each part of each layer
    #[command(after_help = EXIT_CODES)]
    Tune(Box<TuneArgs>),
    /// Show how far runs and pipelines have come, from any shell, while they run or after
    Monitor(MonitorArgs),
    /// List what is left over from killed processes and outdated recipes; remove it with `--yes`
    Clean(CleanArgs),
    /// Run the embedded model on the embedded dataset; needs no network
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArgs),
    /// List the configured models: what they need, what is cached, what is converted
    Models(ModelsArgs),
    /// List the configured datasets: what they ask, what they hold, what is cached
    Datasets(ListArgs),
    /// Put a converted model on the Hub, with the record of a run that it passed
    #[command(after_help = EXIT_CODES_OF_UPLOAD)]
    Upload(UploadArgs),
    /// Check a converted model of any tool: checksums, configuration, weights, a few texts on the arm
    #[command(after_help = EXIT_CODES_OF_VERIFY)]
    Verify(VerifyArgs),
    /// Render the reports of a run again, from what was measured
    #[command(after_help = EXIT_CODES)]
    Report(ReportArgs),
    /// Show what this machine and this build can do
    Doctor,
    /// One arm of a run (started by the program itself)
    #[command(name = "__worker", hide = true)]
    Worker,
}

/// What makes no sense beside `--resume`: all that says what is measured, and how.
const BEGIN_A_RUN: [&str; 26] = [
    "model",
    "dataset",
    "data",
    "split",
    "limit",
    "arms",
    "candidate",
    "any_weights",
    "bits",
    "group_size",
    "embedding_bits",
    "batch_size",
    "threads",
    "seed",
    "latency_queries",
    "mock",
    "max_accuracy_drop",
    "min_speedup",
    "speed_on",
    "target_size_mb",
    "size_tolerance",
    "strict",
    "out",
    "output_dir",
    "config",
    "no_convert",
];

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Model: a configured name, a folder, or a Hub id such as `org/name`
    #[arg(
        long,
        value_name = "NAME|FOLDER|HUB_ID",
        required_unless_present = "resume",
        default_value_if("resume", clap::builder::ArgPredicate::IsPresent, "")
    )]
    pub(crate) model: String,
    /// Go on with the run in this folder that was killed, crashed or stopped; its own arguments hold
    #[arg(long, value_name = "DIR", conflicts_with_all = BEGIN_A_RUN)]
    pub(crate) resume: Option<PathBuf>,
    /// Dataset: a configured name or a file; may be given several times [default: the model's benchmarks]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) dataset: Vec<String>,
    /// Take the dataset's rows from this file (jsonl, csv, tsv, parquet) instead of the Hub
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Split of the dataset [default: the configured one]
    #[arg(long)]
    pub(crate) split: Option<String>,
    /// Only the first N labelled rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Arms to measure, two or three of candle, mlx, mlx-qN; the first is the baseline
    /// [default: candle,mlx-q<BITS>; candle with --candidate]
    #[arg(long, value_delimiter = ',', value_name = "ARM,ARM")]
    pub(crate) arms: Vec<String>,
    /// Converted model that is there already, made by any tool, to be measured; may be given several times
    /// [default: the model's]
    #[arg(long, value_name = "FOLDER|HUB_ID")]
    pub(crate) candidate: Vec<String>,
    /// Measure a candidate even if its weights are not those of the model
    #[arg(long)]
    pub(crate) any_weights: bool,
    #[command(flatten)]
    pub(crate) quantization: QuantizationArgs,
    #[command(flatten)]
    pub(crate) measuring: MeasuringArgs,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    #[arg(long, value_name = "DIR",
          help = format!("Folder for the reports [default: {}/<model>-<dataset>]", defaults::REPORTS))]
    pub(crate) out: Option<PathBuf>,
    /// Folder of the converted models
    #[arg(long, value_name = "DIR", default_value = defaults::ARTEFACTS)]
    pub(crate) output_dir: PathBuf,
    /// Configuration files with models and datasets, beside the built-in ones
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) config: Vec<String>,
    /// Fail if the artefact is not there yet instead of converting
    #[arg(long)]
    pub(crate) no_convert: bool,
    /// Print report.json to standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Model: a configured name, a folder, or a Hub id; all configured models if absent
    #[arg(long, alias = "hf-path", value_name = "NAME|FOLDER|HUB_ID")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) quantization: QuantizationArgs,
    /// What a code stands for: affine, mxfp4, mxfp8 or nvfp4; all but affine have their own bits and group size
    /// [default: affine]
    #[arg(long, alias = "q-mode", value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// A recipe that treats some modules apart: a file (docs/conversion.md), or one of mlx-lm's mixed_2_6, mixed_3_4,
    /// mixed_3_6, mixed_4_6
    #[arg(long, alias = "quant-predicate", value_name = "FILE|NAME")]
    pub(crate) recipe: Option<String>,
    /// Element type of what is not quantized: float32, float16 or bfloat16 [default: as stored, float32 as float16]
    #[arg(long)]
    pub(crate) dtype: Option<String>,
    /// Folder in which the artefact's folder is made
    #[arg(long, value_name = "DIR", default_value = defaults::ARTEFACTS)]
    pub(crate) output_dir: PathBuf,
    /// The artefact's folder itself, in place of one named after model and recipe
    #[arg(long, value_name = "DIR", requires = "model", conflicts_with = "output_dir")]
    pub(crate) mlx_path: Option<PathBuf>,
    /// Configuration files with models, beside the built-in ones
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) config: Vec<String>,
    /// Print the plan with the computed size; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Convert again even if the artefact is there
    #[arg(long)]
    pub(crate) no_skip: bool,
}

/// Arguments of `pipeline`.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    /// Configuration files with models and datasets, beside the built-in ones
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) config: Vec<String>,
    /// Models: configured names, folders or Hub ids, set apart by commas or spaces [default: those of the files
    /// given with `--config`, else all built-in ones]
    #[arg(long, value_name = "MODELS", num_args = 1..)]
    pub(crate) models: Vec<String>,
    /// Datasets: configured names or files. Models named with `--models` are measured on all of these, others on those
    /// of their benchmarks that are among them [default: the benchmarks of each model]
    #[arg(long, value_name = "DATASETS", num_args = 1..)]
    pub(crate) datasets: Vec<String>,
    /// Downloads and conversions at once; measurements are always alone
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) jobs: u32,
    /// Print the plan; do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Upload this artefact, such as `minilm:q8`, when its model has passed on all its datasets; may be given several times
    #[arg(long, value_name = "MODEL:QUANT", requires = "upload_to")]
    pub(crate) upload: Vec<String>,
    /// User or organisation of the Hub that it goes to, in a repository named like the artefact's folder
    #[arg(long, value_name = "OWNER", requires = "upload")]
    pub(crate) upload_to: Option<String>,
    /// Go on with what was begun before; that is done in any case
    #[arg(long, conflicts_with = "no_skip")]
    pub(crate) resume: bool,
    /// Measure again what was measured already
    #[arg(long)]
    pub(crate) no_skip: bool,
    /// Only the first N labelled rows of each dataset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Arms to measure, two or three of candle, mlx, mlx-qN; the first is the baseline
    /// [default: candle,mlx-q<BITS>]
    #[arg(long, value_delimiter = ',', value_name = "ARM,ARM")]
    pub(crate) arms: Vec<String>,
    #[command(flatten)]
    pub(crate) quantization: QuantizationArgs,
    #[command(flatten)]
    pub(crate) measuring: MeasuringArgs,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    /// Folder for the matrix, and for a folder of reports for each cell
    #[arg(long, value_name = "DIR", default_value = defaults::REPORTS)]
    pub(crate) out: PathBuf,
    /// Folder of the converted models
    #[arg(long, value_name = "DIR", default_value = defaults::ARTEFACTS)]
    pub(crate) output_dir: PathBuf,
    /// Print matrix.json (with `--dry-run` the plan as JSON) to standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) quantization: QuantizationArgs,
    #[command(flatten)]
    pub(crate) measuring: MeasuringArgs,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    /// Arms to measure [default: candle,mlx-q<BITS>]
    #[arg(long, value_delimiter = ',', value_name = "ARM,ARM")]
    pub(crate) arms: Vec<String>,
    /// Only the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Folder for the reports
    #[arg(long, value_name = "DIR", default_value = defaults::DEMO_REPORTS)]
    pub(crate) out: PathBuf,
    /// Print report.json to standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Folder of the converted models
    #[arg(long, value_name = "DIR", default_value = defaults::ARTEFACTS)]
    pub(crate) output_dir: PathBuf,
}

/// Arguments of `models` and `datasets`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Configuration files, beside the built-in ones
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) config: Vec<String>,
    /// Print JSON instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder of a run, finished or not
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) gates: GateArgs,
    /// Print report.json to standard output instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use gatecheck_model::convert::Recipe;

    use crate::app::{arms, defaults, settings::Measuring};

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn whatever_begins_a_run_is_refused_beside_resume() {
        let mut command = super::Cli::command();
        command.build();
        let arguments = command.find_subcommand("run").unwrap().get_arguments();
        let stand_beside = ["resume", "timeout", "json", "quiet", "help"];
        let begin: Vec<_> =
            arguments.map(|it| it.get_id().as_str()).filter(|id| !stand_beside.contains(id)).collect();
        assert_eq!(begin, super::BEGIN_A_RUN);
    }

    #[test]
    fn help_texts_show_the_defaults() {
        let mut command = super::Cli::command();
        command.build();
        let run = command.find_subcommand("run").unwrap();
        // What is shown is what is taken where the argument is left out.
        for (name, value) in [
            ("bits", arms::choose(&[], None, None, 0).unwrap()[1].name().replace("mlx-q", "")),
            ("group_size", defaults::GROUP_SIZE.to_string()),
            ("embedding_bits", Recipe::try_from(2).unwrap().embedding().unwrap().bits().to_string()),
            ("max_accuracy_drop", defaults::policy().max_accuracy_drop.to_string()),
            ("min_speedup", defaults::policy().min_speedup.to_string()),
            ("size_tolerance", defaults::policy().size_tolerance.to_string()),
            ("speed_on", "accelerator".to_owned()),
            ("batch_size", Measuring::default().batch_size.to_string()),
            ("seed", Measuring::default().seed.to_string()),
            ("latency_queries", Measuring::default().latency_queries.to_string()),
            ("timeout", Measuring::default().timeout_s.to_string()),
        ] {
            let argument = run.get_arguments().find(|argument| argument.get_id() == name).unwrap();
            let help = argument.get_help().unwrap().to_string();
            let shown = match argument.get_default_values() {
                [] => help.rsplit_once("[default: ").unwrap().1.trim_end_matches(']').to_owned(),
                [value] => value.to_str().unwrap().to_owned(),
                several => panic!("{several:?}"),
            };
            let shown = shown.trim_end_matches(", or BITS if more").trim_start_matches("the model's, else ");
            let shown = shown.trim_end_matches("; of a resumed run its own");
            assert_eq!(shown, value, "{name}");
        }
    }
}
