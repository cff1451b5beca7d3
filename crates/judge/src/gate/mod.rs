//! The gates: may the candidate ship? A pure function of the analysis and the policy.
//!
//! `docs/gates.md` states the rules in prose.

mod accuracy;
mod evaluate;
pub mod exit_code;
mod outcome;
mod size;
mod speed;
mod verdict;

pub use evaluate::{Judgement, evaluate};
pub use outcome::{Gate, GateResult};
pub use verdict::Verdict;
