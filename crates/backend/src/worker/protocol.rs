//! What parent and worker say to each other. The worker's [`Response::Hello`] comes first; then each request
//! has one answer, or several of a kind and a [`Response::End`].

use gatecheck_model::batch::Batch;
use serde::{Deserialize, Serialize};

use crate::{CallKind, Continuation, Ending, Facts, GenerateOptions, Phase, TokenScore, mock::MockScript};

/// Changes whenever a message does.
pub const PROTOCOL: u32 = 3;

/// The first word of the first frame.
pub const MAGIC: &str = "gatecheck-worker";

/// Which backend runs an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendKind {
    /// candle, on the CPU.
    Candle,
    /// MLX, on its default device.
    Mlx,
    /// Scripted answers.
    Mock(MockScript),
}

/// What a worker is to load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// With which backend.
    pub backend: BackendKind,
    /// From which folder.
    pub folder: std::path::PathBuf,
    /// The model that graph, head and labels are taken from, where the folder does not speak for itself.
    #[serde(default)]
    pub original: Option<std::path::PathBuf>,
    /// With how many threads.
    pub threads: u32,
}

/// From the parent.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Load a model. Answered by [`Response::Loaded`].
    Load(WorkerSpec),
    /// Another part of the run begins. Answered by [`Response::Noted`].
    Phase(Phase),
    /// Run a batch. Answered by [`Response::Encoded`].
    Encode {
        /// The rows.
        batch: Batch,
    },
    /// Tell how likely texts are. Answered by a [`Response::Scored`] for each, and a [`Response::End`].
    Score {
        /// The texts.
        continuations: Vec<Continuation>,
    },
    /// Go on with a text. Answered by a [`Response::Token`] for each new one, as it comes, and a
    /// [`Response::End`].
    Generate {
        /// Token ids of the text.
        prompt: Vec<u32>,
        /// How, and how far.
        options: GenerateOptions,
    },
    /// Tell memory use. Answered by [`Response::Memory`].
    Memory,
    /// Tell how near a batch comes to what its matrix products allow. Answered by [`Response::Share`].
    Share {
        /// The rows.
        batch: Batch,
    },
}

/// From the worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// First frame.
    Hello {
        /// [`MAGIC`].
        magic: String,
        /// [`PROTOCOL`].
        protocol: u32,
        /// Version of the program.
        version: String,
    },
    /// The model is ready.
    Loaded(Loaded),
    /// The rows' outputs.
    Encoded {
        /// Time of the backend's call alone.
        ns: u64,
        /// Numbers per row.
        width: u32,
        /// `rows × width` numbers, all finite.
        values: Vec<f32>,
    },
    /// What was said is noted.
    Noted,
    /// The tokens of one continuation.
    Scored {
        /// In their order; all log-probabilities are finite.
        scores: Vec<TokenScore>,
    },
    /// A new token.
    Token {
        /// Whether it came of the prompt or of the token before.
        kind: CallKind,
        /// Its id.
        id: u32,
        /// When it was known, in nanoseconds since the backend was called.
        ns: u64,
    },
    /// The last of several answers to one request.
    End {
        /// Time of the backend's call alone. What is sent while it goes on is part of it.
        ns: u64,
        /// Why the text ended, where one was generated.
        ending: Option<Ending>,
    },
    /// Memory now.
    Memory {
        /// Resident bytes now.
        current: u64,
        /// Highest resident bytes.
        peak: u64,
        /// Highest bytes of the backend's allocator.
        backend_peak: Option<u64>,
    },
    /// What was asked with [`Request::Share`]; nothing where the backend does not know.
    Share(Option<Share>),
    /// The request could not be fulfilled; the worker is of no more use.
    Failed {
        /// Why.
        message: String,
    },
}

impl Response {
    /// Whether more answers to the same request follow.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Scored { .. } | Self::Token { .. })
    }
}

/// How near a batch comes to what its matrix products allow. Times are the shortest of a few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Nanoseconds of the batch.
    pub ns: u64,
    /// Nanoseconds of its matrix products alone.
    pub floor_ns: u64,
    /// Floating-point operations of these.
    pub operations: u64,
    /// Floating-point operations per second of one large product.
    pub highest_rate: u64,
}

/// What a worker says when its model is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// What runs where.
    pub facts: Facts,
    /// Resident bytes before loading.
    pub before: u64,
    /// Resident bytes after loading.
    pub after: u64,
}
