//! From a model, a dataset and what is asked for to a [`Cell`](super::cell::Cell): brings labels together,
//! tokenises once, works out the arms. Downloads nothing, converts nothing, starts nothing.
//!
//! In order: [`arms`] says which artefacts are needed, [`ask`] whether a dataset can be put to the model and
//! how, and [`cell`] puts both together once the artefacts are there.

mod arm;
mod ask;
mod build;
mod error;
mod inference;
mod labels;
mod original;
mod question;
mod tokens;
mod zero_shot;

pub use self::{
    arm::{Arm, Files, Weights, arms},
    ask::{Asked, ask},
    build::cell,
    error::PlanError,
    labels::LabelError,
    original::{Original, baseline_bytes},
    tokens::tokenizer_finding,
};
