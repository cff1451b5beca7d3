//! The baseline: the original weights on candle tensors, on the CPU, in 32-bit floats.
//!
//! candle's tensors carry the data; the operations between them are fused custom operations, since
//! a baseline slower than PyTorch would flatter every candidate. Nothing is padded.

mod attention;
mod bart;
mod block;
#[doc(hidden)]
pub mod cases;
mod convolution;
mod deberta_v2;
mod disentangled;
mod elementwise;
mod embeddings;
mod error;
mod facts;
mod floor;
mod gemm;
mod head;
mod linear;
mod mobilebert;
mod modernbert;
mod packed;
mod post_norm;
mod product;
mod simd;
mod tile;
mod weights;
mod work;

use std::sync::Arc;

use candle_core::Tensor;
use gatecheck_backend::{
    Arm, BackendError, Diagnose, Encode, Facts, Floor, LoadOptions, Model, Trace, check, required_head,
};
use gatecheck_model::{
    architecture::Limits,
    batch::Batch,
    checkpoint::Checkpoint,
    config::{Graph, ModelConfig},
};

use self::{
    bart::Bart, deberta_v2::DebertaV2, error::Failure, head::Head, mobilebert::MobileBert,
    modernbert::ModernBert, post_norm::PostNorm, weights::Loader, work::Recorder,
};

/// A loaded encoder.
trait Encoder {
    /// Token states `[real tokens, hidden]` of the last layer.
    fn forward(
        &self,
        batch: &Batch,
        recorder: &Recorder,
        trace: Option<&mut Trace>,
    ) -> candle_core::Result<Tensor>;
}

fn encoder(
    loader: &Loader<'_>,
    config: &ModelConfig,
) -> Result<Box<dyn Encoder + Send + Sync>, BackendError> {
    Ok(match &config.graph {
        Graph::PostNorm(graph) => Box::new(PostNorm::load(loader, graph, config.limits.positions)?),
        Graph::Bart(graph) => Box::new(Bart::load(loader, graph, config.limits.positions)?),
        Graph::DebertaV2(graph) => Box::new(DebertaV2::load(loader, graph, config.limits.positions)?),
        Graph::MobileBert(graph) => Box::new(MobileBert::load(loader, graph)?),
        Graph::ModernBert(graph) => Box::new(ModernBert::load(loader, graph)?),
    })
}

/// Keeps the states of one stage, if they are asked for.
fn record(trace: &mut Option<&mut Trace>, stage: &str, x: &Tensor) -> candle_core::Result<()> {
    if let Some(trace) = trace {
        trace.stages.push((stage.to_owned(), x.flatten_all()?.to_vec1()?));
    }
    Ok(())
}

/// A model loaded for the CPU.
pub struct CandleBackend {
    encoder: Box<dyn Encoder + Send + Sync>,
    head: Head,
    limits: Limits,
    recorder: Arc<Recorder>,
    pool: rayon::ThreadPool,
}

impl CandleBackend {
    /// Loads the model of a folder.
    pub fn load(options: &LoadOptions) -> Result<Self, BackendError> {
        gemm::one_thread();
        let config = ModelConfig::open(&options.folder)?;
        let head = required_head(&config, options)?;
        let checkpoint = Checkpoint::open(&options.folder, &config)?;
        let recorder = Arc::default();
        let loader = Loader { checkpoint: &checkpoint, recorder: Arc::clone(&recorder) };
        let encoder = encoder(&loader, &config)?;
        let head = Head::load(&loader, &config, &head)?;
        checkpoint.finish(config.architecture.heads())?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .build()
            .map_err(|error| BackendError::Threads { threads: options.threads, reason: error.to_string() })?;
        Ok(Self { encoder, head, limits: config.limits, recorder, pool })
    }

    fn run(&self, batch: &Batch, trace: Option<&mut Trace>) -> candle_core::Result<Vec<Vec<f32>>> {
        let states = self.encoder.forward(batch, &self.recorder, trace)?;
        self.head.forward(&states, batch)
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
