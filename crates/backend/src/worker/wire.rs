//! Messages as bytes: length-prefixed frames, each a JSON header and a payload of 32-bit words.

use std::io::{self, Read, Write};

use gatecheck_model::batch::Batch;
use serde::{Deserialize, Serialize};

use super::protocol::{Loaded, Request, Response, Share, WorkerSpec};
use crate::{CallKind, Continuation, Ending, GenerateOptions, Phase, TokenScore};

/// A frame larger than this is a mistake (1 GiB).
const LARGEST_FRAME: u32 = 1 << 30;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Header {
    Load(WorkerSpec),
    EnterPhase(Phase),
    Encode { rows: u32 },
    Score { continuations: u32 },
    Generate(GenerateOptions),
    AskMemory,
    AskShare { rows: u32 },
    Hello { magic: String, protocol: u32, version: String },
    Loaded(Loaded),
    Noted,
    Encoded { ns: u64, width: u32 },
    Scored,
    Token { kind: CallKind, id: u32, ns: u64 },
    End { ns: u64, ending: Option<Ending> },
    Memory { current: u64, peak: u64, backend_peak: Option<u64> },
    Share(Option<Share>),
    Failed { message: String },
}

/// Sends a request.
pub fn send_request(writer: &mut impl Write, request: &Request) -> io::Result<()> {
    match request {
        Request::Load(spec) => send(writer, &Header::Load(spec.clone()), []),
        Request::Phase(phase) => send(writer, &Header::EnterPhase(*phase), []),
        Request::Memory => send(writer, &Header::AskMemory, []),
        Request::Encode { batch } => {
            send(writer, &Header::Encode { rows: batch.lengths.len() as u32 }, batch_words(batch))
        }
        Request::Share { batch } => {
            send(writer, &Header::AskShare { rows: batch.lengths.len() as u32 }, batch_words(batch))
        }
        Request::Score { continuations } => {
            let header = Header::Score { continuations: continuations.len() as u32 };
            send(writer, &header, continuation_words(continuations))
        }
        Request::Generate { prompt, options } => {
            send(writer, &Header::Generate(options.clone()), prompt.iter().copied())
        }
    }
}

/// Sends a response.
pub fn send_response(writer: &mut impl Write, response: &Response) -> io::Result<()> {
    match response.clone() {
        Response::Hello { magic, protocol, version } => {
            send(writer, &Header::Hello { magic, protocol, version }, [])
        }
        Response::Loaded(loaded) => send(writer, &Header::Loaded(loaded), []),
        Response::Noted => send(writer, &Header::Noted, []),
        Response::Encoded { ns, width, values } => {
            send(writer, &Header::Encoded { ns, width }, values.into_iter().map(f32::to_bits))
        }
        Response::Scored { scores } => {
            let words = |score: TokenScore| [score.log_probability.to_bits(), u32::from(score.greedy)];
            send(writer, &Header::Scored, scores.into_iter().flat_map(words))
        }
        Response::Token { kind, id, ns } => send(writer, &Header::Token { kind, id, ns }, []),
        Response::End { ns, ending } => send(writer, &Header::End { ns, ending }, []),
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
    Ok(Some(match header {
        Header::Load(spec) => Request::Load(spec),
        Header::EnterPhase(phase) => Request::Phase(phase),
        Header::AskMemory => Request::Memory,
        Header::Encode { rows } => Request::Encode { batch: batch(rows, &words)? },
        Header::AskShare { rows } => Request::Share { batch: batch(rows, &words)? },
        Header::Score { continuations } => {
            Request::Score { continuations: unpack_continuations(continuations, &words)? }
        }
        Header::Generate(options) => Request::Generate { prompt: words, options },
        _ => return Err(invalid("a response where a request should be")),
    }))
}

/// Receives a response; `None` at the end of the stream.
pub fn receive_response(reader: &mut impl Read) -> io::Result<Option<Response>> {
    let Some((header, words)) = receive(reader)? else { return Ok(None) };
    Ok(Some(match header {
        Header::Hello { magic, protocol, version } => Response::Hello { magic, protocol, version },
        Header::Loaded(loaded) => Response::Loaded(loaded),
        Header::Noted => Response::Noted,
        Header::Encoded { ns, width } => {
            Response::Encoded { ns, width, values: words.into_iter().map(f32::from_bits).collect() }
        }
        Header::Scored => Response::Scored { scores: scores(&words)? },
        Header::Token { kind, id, ns } => Response::Token { kind, id, ns },
        Header::End { ns, ending } => Response::End { ns, ending },
        Header::Memory { current, peak, backend_peak } => Response::Memory { current, peak, backend_peak },
        Header::Share(share) => Response::Share(share),
        Header::Failed { message } => Response::Failed { message },
        _ => return Err(invalid("a request where a response should be")),
    }))
}

fn batch_words(batch: &Batch) -> impl Iterator<Item = u32> {
    batch.lengths.iter().chain(&batch.ids).chain(&batch.type_ids).copied()
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

/// The two lengths of each, then the ids of each.
fn continuation_words(continuations: &[Continuation]) -> impl Iterator<Item = u32> {
    let parts = |one: &Continuation| [one.context.len() as u32, one.tokens.len() as u32];
    let ids = continuations.iter().flat_map(|one| one.context.iter().chain(&one.tokens).copied());
    continuations.iter().flat_map(parts).chain(ids)
}

fn unpack_continuations(count: u32, words: &[u32]) -> io::Result<Vec<Continuation>> {
    let short = || invalid("continuations cut short");
    let (lengths, mut rest) = words.split_at_checked(2 * count as usize).ok_or_else(short)?;
    let mut take = |length: u32| {
        let (taken, left) = rest.split_at_checked(length as usize).ok_or_else(short)?;
        rest = left;
        Ok::<_, io::Error>(taken.to_vec())
    };
    let continuations = lengths
        .as_chunks()
        .0
        .iter()
        .map(|[context, tokens]| Ok(Continuation { context: take(*context)?, tokens: take(*tokens)? }))
        .collect::<io::Result<_>>()?;
    if rest.is_empty() { Ok(continuations) } else { Err(invalid("more ids than continuations")) }
}

fn scores(words: &[u32]) -> io::Result<Vec<TokenScore>> {
    let (pairs, []) = words.as_chunks() else { return Err(invalid("scores cut short")) };
    let score = |[bits, greedy]: &[u32; 2]| TokenScore {
        log_probability: f32::from_bits(*bits),
        greedy: *greedy != 0,
    };
    Ok(pairs.iter().map(score).collect())
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
#[path = "wire_tests.rs"]
mod tests;
