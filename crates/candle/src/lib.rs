//! The baseline: the original weights on candle tensors, on the CPU, in 32-bit floats.
//!
//! candle's tensors carry the data; the operations between them are fused custom operations, since
//! a baseline slower than PyTorch would flatter every candidate. Nothing is padded.

mod attention;
mod bart;
#[doc(hidden)]
pub mod cases;
mod convolution;
mod deberta_v2;
mod dense;
mod disentangled;
mod elementwise;
mod embeddings;
mod facts;
mod floor;
mod gemm;
mod head;
mod linear;
mod mobilebert;
mod modernbert;
mod packed;
mod parts;
mod post_norm;
mod product;
mod rope;
mod scores;
mod threads;
mod tile;
mod work;

use std::sync::Arc;

use candle_core::Tensor;
use gatecheck_backend::{
    Arm, BackendError, Diagnose, Encode, Facts, Floor, LoadOptions, Model, Trace, check, required_head,
};
use gatecheck_model::{
    batch::Batch,
    blueprint::Limits,
    load::{Graph, LoadedModel},
};

use self::{parts::Candle, work::Recorder};

gatecheck_backend::failure!("candle", candle_core::Error);

/// Token states `[real tokens, hidden]` of the last layer.
fn states(
    graph: &Graph<Candle>,
    batch: &Batch,
    recorder: &Recorder,
    trace: Option<&mut Trace>,
) -> candle_core::Result<Tensor> {
    match graph {
        Graph::PostNorm(encoder) => post_norm::forward(encoder, batch, recorder, trace),
        Graph::Bart(bart) => bart::forward(bart, batch, recorder, trace),
        Graph::DebertaV2(encoder) => deberta_v2::forward(encoder, batch, recorder, trace),
        Graph::MobileBert(encoder) => mobilebert::forward(encoder, batch, recorder, trace),
        Graph::ModernBert(encoder) => modernbert::forward(encoder, batch, recorder, trace),
    }
}

/// Keeps the states of one stage, if they are asked for.
fn trace_stage(trace: &mut Option<&mut Trace>, stage: &str, x: &Tensor) -> candle_core::Result<()> {
    if let Some(trace) = trace {
        trace.stages.push((stage.to_owned(), x.flatten_all()?.to_vec1()?));
    }
    Ok(())
}

/// A model loaded for the CPU.
pub struct CandleBackend {
    model: LoadedModel<Candle>,
    limits: Limits,
    recorder: Arc<Recorder>,
    pool: rayon::ThreadPool,
}

impl CandleBackend {
    /// Loads the model of a folder.
    pub fn load(options: &LoadOptions) -> Result<Self, BackendError> {
        gemm::one_thread();
        let (config, checkpoint) = options.open()?;
        let head = required_head(&config, options)?;
        let parts = Candle::default();
        let model = LoadedModel::load(&parts, &checkpoint, &config, &head)?;
        let pool = threads::pool(options.threads)
            .map_err(|error| BackendError::Threads { threads: options.threads, reason: error.to_string() })?;
        Ok(Self { model, limits: config.limits, recorder: parts.recorder, pool })
    }

    fn run(&self, batch: &Batch, trace: Option<&mut Trace>) -> candle_core::Result<Vec<Vec<f32>>> {
        let states = states(&self.model.graph, batch, &self.recorder, trace)?;
        head::forward(&self.model.head, &states, batch)
    }
}

impl Model for CandleBackend {
    fn facts(&self) -> Facts {
        facts::facts()
    }

    fn peak_memory(&self) -> Option<u64> {
        None
    }
}

impl Encode for CandleBackend {
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError> {
        check(&self.limits, batch)?;
        Ok(self.pool.install(|| self.run(batch, None)).map_err(Failure::from)?)
    }
}

impl Diagnose for CandleBackend {
    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError> {
        check(&self.limits, batch)?;
        let mut trace = Trace::default();
        trace.outputs = self.pool.install(|| self.run(batch, Some(&mut trace))).map_err(Failure::from)?;
        Ok(trace)
    }

    fn floor(&mut self, batch: &Batch) -> Result<Option<Floor>, BackendError> {
        check(&self.limits, batch)?;
        let pass = || self.pool.install(|| self.run(batch, None)).map(drop);
        let work = self.recorder.listen(pass).map_err(Failure::from)?;
        Ok(Some(self.pool.install(|| floor::floor(&work))))
    }

    fn highest_rate(&mut self) -> Option<f64> {
        Some(self.pool.install(floor::highest_rate))
    }
}

impl Arm for CandleBackend {
    fn as_encode(&mut self) -> Option<&mut dyn Encode> {
        Some(self)
    }

    fn as_diagnose(&mut self) -> Option<&mut dyn Diagnose> {
        Some(self)
    }
}
