//! What parent and worker say to each other: length-prefixed frames, each a JSON header and a
//! payload of 32-bit words. The first frame is the worker's [`Response::Hello`].

use std::io::{self, Read, Write};

use gatecheck_model::batch::Batch;
use serde::{Deserialize, Serialize};

use crate::mock::MockScript;

/// Changes whenever a message does.
pub const PROTOCOL: u32 = 2;

/// The first word of the first frame.
pub const MAGIC: &str = "gatecheck-worker";

/// A frame larger than this is a mistake (1 GiB).
const LARGEST_FRAME: u32 = 1 << 30;

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
    /// With how many threads.
    pub threads: u32,
}

/// From the parent.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Load a model. Answered by [`Response::Loaded`].
    Load(WorkerSpec),
    /// Run a batch. Answered by [`Response::Encoded`].
    Encode {
        /// What the call belongs to: `warm-up`, `latency`, `throughput`.
        phase: String,
        /// The rows.
        batch: Batch,
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
    /// See [`crate::Facts`].
    pub device: String,
    /// See [`crate::Facts`].
    pub execution: String,
    /// See [`crate::Facts`].
    pub library: String,
    /// Resident bytes before loading.
    pub before: u64,
    /// Resident bytes after loading.
    pub after: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Header {
    Load(WorkerSpec),
    Encode { phase: String, rows: u32 },
    AskMemory,
    AskShare { rows: u32 },
    Hello { magic: String, protocol: u32, version: String },
    Loaded(Loaded),
    Encoded { ns: u64, width: u32 },
    Memory { current: u64, peak: u64, backend_peak: Option<u64> },
    Share(Option<Share>),
    Failed { message: String },
}

/// Sends a request.
pub fn send_request(writer: &mut impl Write, request: &Request) -> io::Result<()> {
    match request {
        Request::Load(spec) => send(writer, &Header::Load(spec.clone()), []),
        Request::Memory => send(writer, &Header::AskMemory, []),
        Request::Encode { phase, batch } => {
            let (phase, rows) = (phase.clone(), batch.lengths.len() as u32);
            send(writer, &Header::Encode { phase, rows }, words(batch))
        }
        Request::Share { batch } => {
            send(writer, &Header::AskShare { rows: batch.lengths.len() as u32 }, words(batch))
        }
    }
}

fn words(batch: &Batch) -> impl Iterator<Item = u32> {
    batch.lengths.iter().chain(&batch.ids).chain(&batch.type_ids).copied()
}

/// Sends a response.
pub fn send_response(writer: &mut impl Write, response: &Response) -> io::Result<()> {
    match response.clone() {
        Response::Hello { magic, protocol, version } => {
            send(writer, &Header::Hello { magic, protocol, version }, [])
        }
        Response::Loaded(loaded) => send(writer, &Header::Loaded(loaded), []),
        Response::Encoded { ns, width, values } => {
            send(writer, &Header::Encoded { ns, width }, values.into_iter().map(f32::to_bits))
        }
        Response::Memory { current, peak, backend_peak } => {
            send(writer, &Header::Memory { current, peak, backend_peak }, [])
        }
        Response::Share(share) => send(writer, &Header::Share(share), []),
        Response::Failed { message } => send(writer, &Header::Failed { message }, []),
    }
}

/// Receives a request; `None` at the end of the stream.
pub fn receive_request(reader: &mut impl Read) -> io::Result<Option<Request>> {
    let Some((header, words)) = receive(reader)? else { return Ok(None) };
    match header {
        Header::Load(spec) => Ok(Some(Request::Load(spec))),
        Header::AskMemory => Ok(Some(Request::Memory)),
        Header::Encode { phase, rows } => Ok(Some(Request::Encode { phase, batch: batch(rows, &words)? })),
        Header::AskShare { rows } => Ok(Some(Request::Share { batch: batch(rows, &words)? })),
        _ => Err(invalid("a response where a request should be")),
    }
}

/// Receives a response; `None` at the end of the stream.
pub fn receive_response(reader: &mut impl Read) -> io::Result<Option<Response>> {
    let Some((header, words)) = receive(reader)? else { return Ok(None) };
    Ok(Some(match header {
        Header::Hello { magic, protocol, version } => Response::Hello { magic, protocol, version },
        Header::Loaded(loaded) => Response::Loaded(loaded),
        Header::Encoded { ns, width } => {
            Response::Encoded { ns, width, values: words.into_iter().map(f32::from_bits).collect() }
        }
        Header::Memory { current, peak, backend_peak } => Response::Memory { current, peak, backend_peak },
        Header::Share(share) => Response::Share(share),
        Header::Failed { message } => Response::Failed { message },
        _ => return Err(invalid("a request where a response should be")),
    }))
}

fn batch(rows: u32, words: &[u32]) -> io::Result<Batch> {
    let (lengths, rest) =
        words.split_at_checked(rows as usize).ok_or_else(|| invalid("a batch cut short"))?;
    let tokens: usize = lengths.iter().map(|length| *length as usize).sum();
    if rest.len() != 2 * tokens {
        return Err(invalid("a batch whose lengths do not add up"));
    }
    let (ids, type_ids) = rest.split_at(tokens);
    Ok(Batch { ids: ids.to_vec(), type_ids: type_ids.to_vec(), lengths: lengths.to_vec() })
}

fn send(writer: &mut impl Write, header: &Header, words: impl IntoIterator<Item = u32>) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let payload: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let mut frame = Vec::with_capacity(8 + header.len() + payload.len());
    for part in [&header, &payload] {
        let length = u32::try_from(part.len()).ok().filter(|length| *length <= LARGEST_FRAME);
        frame.extend(length.ok_or_else(|| invalid("a frame too large"))?.to_le_bytes());
    }
    frame.extend(header);
    frame.extend(payload);
    writer.write_all(&frame)?;
    writer.flush()
}

fn receive(reader: &mut impl Read) -> io::Result<Option<(Header, Vec<u32>)>> {
    let mut lengths = [0; 8];
    match reader.read_exact(&mut lengths) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length =
        |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]);
    let (header, payload) = (length(0), length(4));
    if header > LARGEST_FRAME || payload > LARGEST_FRAME || payload % 4 != 0 {
        return Err(invalid("a frame of impossible size"));
    }
    let mut bytes = vec![0; header as usize];
    reader.read_exact(&mut bytes)?;
    let header = serde_json::from_slice(&bytes)?;
    let mut bytes = vec![0; payload as usize];
    reader.read_exact(&mut bytes)?;
    Ok(Some((header, bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatecheck_model::batch::Encoded;

    fn batch_of(rows: &[&[u32]]) -> Batch {
        let rows: Vec<_> = rows
            .iter()
            .map(|ids| Encoded { ids: ids.to_vec(), type_ids: vec![1; ids.len()], truncated: false })
            .collect();
        Batch::new(&rows)
    }

    #[test]
    fn requests_and_responses_survive_the_pipe() {
        let requests = [
            Request::Load(WorkerSpec {
                backend: BackendKind::Mock(MockScript::default()),
                folder: "a b".into(),
                threads: 2,
            }),
            Request::Encode { phase: "latency".to_owned(), batch: batch_of(&[&[1, 2, 3], &[4]]) },
            Request::Memory,
            Request::Share { batch: batch_of(&[&[7]]) },
        ];
        let mut pipe = Vec::new();
        for request in &requests {
            send_request(&mut pipe, request).unwrap();
        }
        let mut reader = pipe.as_slice();
        for request in requests {
            assert_eq!(receive_request(&mut reader).unwrap(), Some(request));
        }
        assert_eq!(receive_request(&mut reader).unwrap(), None);

        let response = Response::Encoded { ns: 7, width: 2, values: vec![0.1, -1e-38, 3.4e38, 0.0] };
        let mut pipe = Vec::new();
        send_response(&mut pipe, &response).unwrap();
        assert_eq!(receive_response(&mut pipe.as_slice()).unwrap(), Some(response));
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [&b"Hello, I am another program"[..], &[255; 40], &[4, 0, 0, 0, 0, 0, 0, 0, b'{']] {
            assert!(receive_response(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
        let mut pipe = Vec::new();
        send(&mut pipe, &Header::Encode { phase: String::new(), rows: 1 }, [5, 1]).unwrap();
        assert!(receive_request(&mut pipe.as_slice()).is_err());
    }
}
