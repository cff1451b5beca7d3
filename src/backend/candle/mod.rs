//! The baseline: the original weights on candle tensors, on the CPU, in 32-bit floats.
//!
//! candle's tensors carry the data; the operations between them are fused custom operations, since
//! a baseline slower than PyTorch would flatter every candidate. Nothing is padded.

mod attention;
mod bert;
#[doc(hidden)]
pub mod cases;
mod elementwise;
mod embeddings;
mod gemm;
mod linear;
mod packed;
mod pooling;
mod product;
mod simd;
mod tile;
mod weights;

use candle_core::Tensor;

use self::{bert::Bert, linear::Linear, weights::Loader};
use super::{Backend, BackendError, Facts, LoadOptions, Trace, input::Tables, required_head};
use crate::model::{
    activation::Activation,
    batch::Batch,
    checkpoint::Checkpoint,
    config::{Graph, Head, ModelConfig},
    pooling::Pooling,
};

enum Output {
    Classifier { pooler: Linear, classifier: Linear },
    Embedding(Pooling),
}

/// A model loaded for the CPU.
pub struct CandleBackend {
    encoder: Bert,
    output: Output,
    tables: Tables,
    pool: rayon::ThreadPool,
}

impl CandleBackend {
    /// Loads the model of a folder.
    pub fn load(options: &LoadOptions) -> Result<Self, BackendError> {
        gemm::one_thread();
        let config = ModelConfig::open(&options.folder)?;
        let head = required_head(&config, options)?;
        let checkpoint = Checkpoint::open(&options.folder, &config)?;
        let loader = Loader { checkpoint: &checkpoint };
        let Graph::Bert(bert) = &config.graph;
        let encoder = Bert::load(&loader, bert)?;
        let hidden = bert.hidden_size;
        let output = match head {
            Head::Classification => Output::Classifier {
                pooler: loader.linear("bert.pooler.dense", hidden, hidden)?,
                classifier: loader.linear("classifier", config.labels.len(), hidden)?,
            },
            Head::Embedding(pooling) => {
                for unused in ["bert.pooler.", "classifier."] {
                    checkpoint.leave(unused);
                }
                Output::Embedding(pooling)
            }
        };
        checkpoint.finish()?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .build()
            .map_err(|error| BackendError::Threads { threads: options.threads, reason: error.to_string() })?;
        Ok(Self { encoder, output, tables: Tables::of(&config), pool })
    }

    fn run(&self, batch: &Batch, trace: Option<&mut Trace>) -> candle_core::Result<Vec<Vec<f32>>> {
        let states = self.encoder.forward(batch, trace)?;
        match &self.output {
            Output::Classifier { pooler, classifier } => {
                let first: Vec<u32> = batch.ranges().map(|range| range.start as u32).collect();
                let first = Tensor::new(first, states.device())?;
                let pooled = pooler.activate(&states.index_select(&first, 0)?, Activation::Tanh)?;
                classifier.forward(&pooled)?.to_vec2()
            }
            Output::Embedding(pooling) => pooling::pool(&states, batch, pooling),
        }
    }
}

impl Backend for CandleBackend {
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError> {
        self.tables.check(batch)?;
        Ok(self.pool.install(|| self.run(batch, None))?)
    }

    fn peak_memory(&self) -> Option<u64> {
        None
    }

    fn facts(&self) -> Facts {
        Facts {
            device: "cpu".to_owned(),
            execution: "float32".to_owned(),
            library: format!("candle 0.11.1, {}", gemm::library_name()),
        }
    }

    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError> {
        self.tables.check(batch)?;
        let mut trace = Trace::default();
        trace.outputs = self.pool.install(|| self.run(batch, Some(&mut trace)))?;
        Ok(trace)
    }
}
