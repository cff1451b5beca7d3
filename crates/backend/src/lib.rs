//! One loaded model on one device, behind seams of host types.
//!
//! [`Model`] says what it is; [`Encode`], [`Score`] and [`Generate`] are what one can be asked while the clock
//! runs; [`Diagnose`] is for looking inside. An [`Arm`] has some of them.

mod arm;
#[cfg(any(target_os = "macos", all(target_os = "linux", feature = "openblas")))]
pub mod blas;
mod diagnose;
mod error;
mod facts;
mod failure;
mod generate;
mod input;
pub mod measure;
pub mod mock;
mod model;
mod phase;
mod score;
pub mod worker;

pub use arm::Arm;
pub use diagnose::{Diagnose, Floor, Trace};
pub use error::BackendError;
pub use facts::{Facts, Kernel, Software};
pub use generate::{Ending, Generate, GenerateOptions, Sampling};
pub use input::{InputError, check};
pub use model::{Encode, LoadOptions, Model, required_head};
pub use phase::{CallKind, Phase};
pub use score::{Continuation, Score, TokenScore};
