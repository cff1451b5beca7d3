//! Statistics: `&[f64]` in, numbers out, with an explicit seed. Imports nothing of the crate.

pub mod binomial;
pub mod bootstrap;
pub mod correlation;
pub mod distribution;
pub mod interval;
pub mod order;
pub mod paired;
pub mod proportion;
pub mod quantile;
pub mod rng;

pub use bootstrap::Resampling;
pub use interval::Interval;
pub use rng::Rng;
