//! What a record says: a pure function of the record, its seed included. Measures nothing.

mod answers;
mod compare;
mod drop;
mod estimate;
mod latency;
mod overview;
mod quality;
mod slices;
mod speed;
mod summary;

pub use compare::{Comparison, Divergence, Flips};
pub use drop::AccuracyDrop;
pub use estimate::Estimate;
pub use latency::{Latency, Percentile};
pub use overview::{Analysis, Gains, analyse};
pub use quality::Metric;
pub use slices::{Slice, SliceKind};
pub use speed::Speedup;
pub use summary::{ArmSummary, MemoryMb};
