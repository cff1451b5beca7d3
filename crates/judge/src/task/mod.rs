//! What is asked of a model, what an example's outputs are, and by which metrics they are judged.
//!
//! [`Task`] and [`Metric`] are one enum each for configuration, planning, analysis, gates and reports: with a
//! new variant the compiler lists what to fill in.

mod asked;
mod metric;
mod outputs;

pub use self::{
    asked::{MetricError, Task},
    metric::{Compared, Direction, Metric, Unit},
    outputs::Outputs,
};
