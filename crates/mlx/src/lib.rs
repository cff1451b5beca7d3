//! The candidate: MLX on whatever device it finds: Metal, CUDA or the CPU.
//!
//! MLX is not thread-safe as mlx-rs binds it: one backend per process, used from one thread.

mod attention;
mod bart;
mod convolution;
mod deberta_v2;
mod dense;
mod disentangled;
mod elementwise;
mod embeddings;
mod facts;
mod head;
mod input;
mod linear;
mod mobilebert;
mod modernbert;
mod packed;
mod parts;
mod post_norm;
mod relative;
mod split;
mod window;

use gatecheck_backend::{
    Arm, BackendError, Diagnose, Encode, Facts, LoadOptions, Model, Trace, blas, check, required_head,
};
use gatecheck_model::{
    batch::Batch,
    blueprint::Limits,
    load::{Graph, LoadedModel},
};
use mlx_rs::{Array, Device, DeviceType, Dtype, Stream, error::Exception, transforms, with_stream};

use self::{input::Input, parts::Mlx};

gatecheck_backend::failure!("MLX", Exception);

/// Token states `[rows, length, hidden]` of the last layer.
fn states(graph: &Graph<Mlx>, input: &Input, trace: Option<&mut Trace>) -> Result<Array, Exception> {
    match graph {
        Graph::PostNorm(encoder) => post_norm::forward(encoder, input, trace),
        Graph::Bart(bart) => bart::forward(bart, input, trace),
        Graph::DebertaV2(encoder) => deberta_v2::forward(encoder, input, trace),
        Graph::MobileBert(encoder) => mobilebert::forward(encoder, input, trace),
        Graph::ModernBert(encoder) => modernbert::forward(encoder, input, trace),
    }
}

/// How the weights are held and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    /// Unpack quantized weights to floats once, at load. MLX's CPU backend has no vector code for
    /// quantized products: they run a hundred times slower there than the same product of floats.
    pub dequantize: bool,
    /// Element type of activations and unquantized weights; `None` takes the one stored, or the
    /// widest of several.
    pub dtype: Option<Dtype>,
}

impl Execution {
    /// What suits the device.
    fn of(device: DeviceType) -> Self {
        match device {
            DeviceType::Cpu => Self { dequantize: true, dtype: Some(Dtype::Float32) },
            DeviceType::Gpu => Self { dequantize: false, dtype: None },
        }
    }
}

/// A model loaded into MLX.
pub struct MlxBackend {
    model: LoadedModel<Mlx>,
    limits: Limits,
    dtype: Dtype,
    facts: Facts,
    threads: usize,
    /// One for each thread on the CPU; none where the default stream does everything.
    streams: Vec<Stream>,
}

impl MlxBackend {
    /// Loads a model folder or an artefact onto MLX's default device.
    pub fn load(options: &LoadOptions) -> Result<Self, BackendError> {
        let device = default_device()?;
        Self::load_as(options, Execution::of(device))
    }

    /// As [`MlxBackend::load`], executed as told. For tests of what the device would not choose.
    pub fn load_as(options: &LoadOptions, execution: Execution) -> Result<Self, BackendError> {
        let device = default_device()?;
        let (config, checkpoint) = options.open()?;
        let head = required_head(&config, options)?;
        let mlx = Mlx::new(&checkpoint, execution);
        let model = LoadedModel::load(&mlx, &checkpoint, &config, &head)?;
        let facts = facts::facts(device, config.quantization.is_some(), execution.dequantize, mlx.dtype());
        let streams = match device {
            DeviceType::Cpu if options.threads > 1 => {
                (0..options.threads).map(|_| Stream::new_with_device(&Device::cpu())).collect()
            }
            _ => Vec::new(),
        };
        let (limits, threads) = (config.limits, options.threads);
        Ok(Self { model, limits, dtype: mlx.dtype(), facts, threads, streams })
    }

    /// All rows in one graph on the default stream.
    fn whole(&self, batch: &Batch, trace: Option<&mut Trace>) -> Result<Vec<Vec<f32>>, Exception> {
        blas::limit_threads(self.threads);
        rows(&self.graph(batch, trace)?, batch.rows())
    }

    /// One graph for each part, as many at a time as there are streams.
    fn in_parts(&self, batch: &Batch, parts: &[Vec<usize>]) -> Result<Vec<Vec<f32>>, Exception> {
        // Each stream has a thread; more in the products would only get in the way.
        blas::limit_threads(1);
        let mut outputs = Vec::with_capacity(parts.len());
        for round in parts.chunks(self.streams.len()) {
            let graphs = round
                .iter()
                .zip(&self.streams)
                .map(|(rows, stream)| with_stream(stream, || self.graph(&split::take(batch, rows), None)));
            let graphs = graphs.collect::<Result<Vec<_>, _>>()?;
            transforms::async_eval(&graphs)?;
            outputs.extend(graphs);
        }
        let mut all = vec![Vec::new(); batch.rows()];
        for (numbers, output) in parts.iter().zip(&outputs) {
            for (number, row) in numbers.iter().zip(rows(output, numbers.len())?) {
                all[*number] = row;
            }
        }
        Ok(all)
    }

    /// The outputs of a batch as 32-bit floats, row after row, not yet evaluated.
    fn graph(&self, batch: &Batch, trace: Option<&mut Trace>) -> Result<Array, Exception> {
        let input = Input::new(batch, self.dtype)?;
        let states = states(&self.model.graph, &input, trace)?;
        let output = head::forward(&self.model.head, &states, &input)?;
        output.as_dtype(Dtype::Float32)?.reshape(&[-1])
    }
}

/// Copies the outputs of `rows` rows to the host.
fn rows(output: &Array, rows: usize) -> Result<Vec<Vec<f32>>, Exception> {
    output.eval()?;
    let width = (output.size() / rows.max(1)).max(1);
    Ok(output.as_slice::<f32>().chunks_exact(width).map(<[f32]>::to_vec).collect())
}

/// The kind of device that MLX takes by itself.
fn default_device() -> Result<DeviceType, Failure> {
    Ok(Device::try_default()?.get_type()?)
}

impl Model for MlxBackend {
    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn peak_memory(&self) -> Option<u64> {
        mlx_rs::memory::peak_memory().ok().map(|bytes| bytes as u64)
    }
}

impl Encode for MlxBackend {
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError> {
        check(&self.limits, batch)?;
        let parts = split::parts(batch, self.streams.len());
        if parts.len() < 2 {
            return Ok(self.whole(batch, None).map_err(Failure::from)?);
        }
        Ok(self.in_parts(batch, &parts).map_err(Failure::from)?)
    }
}

impl Diagnose for MlxBackend {
    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError> {
        check(&self.limits, batch)?;
        let mut trace = Trace::default();
        trace.outputs = self.whole(batch, Some(&mut trace)).map_err(Failure::from)?;
        Ok(trace)
    }
}

impl Arm for MlxBackend {
    fn as_encode(&mut self) -> Option<&mut dyn Encode> {
        Some(self)
    }

    fn as_diagnose(&mut self) -> Option<&mut dyn Diagnose> {
        Some(self)
    }
}
