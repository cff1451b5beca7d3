//! Quality metrics: outputs and gold in, numbers out. A metric that cannot be had is `None`.

pub mod classification;
pub mod parity;
pub mod similarity;
