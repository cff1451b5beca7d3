//! What a record says: a pure function of the record, its seed included. Measures nothing.

mod answers;
mod class_drop;
mod compare;
mod drift;
mod drop;
mod latency;
mod overview;
mod pair;
mod quality;
mod slices;
mod speed;
mod summary;
mod value;

pub use compare::{Comparison, Divergence, Flips};
pub use drift::{DriftMeasure, drift};
pub use overview::{Analysis, Gains, analyse};
pub use pair::MetricDrop;
pub use slices::{Slice, SliceKind};
pub use speed::MetricRatio;
pub use summary::ArmSummary;
pub use value::MetricValue;
