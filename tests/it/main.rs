//! Tests across modules, in one binary.
#![expect(clippy::unwrap_used, reason = "in the helpers of tests a panic is a failed test")]

mod alone;
mod arms;
mod bad_input;
mod bad_model;
mod candidate_cli;
mod clean;
mod cli;
mod completeness;
mod convert_cli;
mod convert_faults;
mod damage;
mod damaged_models;
mod damaged_runs;
mod evidence;
mod failures;
mod golden;
#[cfg(feature = "mlx")]
mod golden_run;
mod harness;
mod hub_cli;
mod hub_faults;
mod labels;
mod layering;
#[cfg(feature = "mlx")]
mod mlx_threads;
mod model_folder;
mod monitor;
mod native;
mod pipeline;
#[cfg(feature = "mlx")]
mod quant_mlx;
#[cfg(feature = "mlx")]
mod quantized;
mod refusals;
mod report_cli;
mod resume;
mod run;
mod run_faults;
mod seams;
mod second_reference;
mod text_to_logits;
mod tiny_model;
mod tokenizing;
#[cfg(feature = "mlx")]
mod tune_cli;
mod upload_cli;
mod within;
mod zero_shot;
