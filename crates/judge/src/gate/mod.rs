//! The gates: may the candidate ship? A pure function of the analysis and the policy.
//!
//! `docs/gates.md` states the rules in prose.

mod evaluate;
pub mod exit_code;
mod outcome;
mod quality;
mod size;
mod speed;
mod verdict;

pub use evaluate::{Judgement, evaluate};
pub use outcome::{Gate, GateResult};
pub use verdict::Verdict;
