//! One arm of a record.

use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::engine::Engine;

/// The part an arm plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// What the others are compared with.
    Baseline,
    /// What is judged.
    Candidate,
    /// Measured beside them (the unquantized candidate backend), not judged.
    Reference,
}

/// One arm, as measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmRecord {
    /// Name as given to `--arms`, such as `candle` or `mlx-q8`.
    pub name: String,
    /// Its part.
    pub role: Role,
    /// `candle`, `mlx` or `mock`.
    pub backend: String,
    /// Quantization of the weights; `None` for an unquantized arm.
    pub quantization: Option<Quantization>,
    /// Where the weights come from, for an artefact that was given and not converted for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// Folder the weights were read from.
    pub weights: String,
    /// Size on disk of the files needed to run it.
    pub size_bytes: u64,
    /// The size computed from the recipe, for converted artefacts.
    pub expected_size_bytes: Option<u64>,
    /// SHA-256 of the conversion recipe, for converted artefacts.
    pub recipe_sha256: Option<String>,
    /// Its processes, in order.
    pub sessions: Vec<Session>,
    /// Latency phase: one query a call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<Call>,
    /// Throughput phase: whole batches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throughput: Vec<Call>,
    /// Outputs of the throughput phase in dataset order, `output_width` numbers per example, never NaN;
    /// zeros where `measured` says that the example was not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<f32>,
    /// Numbers per example in `outputs`: classes, candidate labels, or 1 for similarity.
    pub output_width: u32,
    /// Whether example `i` was measured. All true unless the arm failed or the run was stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<bool>,
    /// Why the arm could not be measured to the end.
    pub failure: Option<Failure>,
}

impl ArmRecord {
    /// Device as the backend names it, of several each once (`metal, cpu`); empty where it never said.
    pub fn device(&self) -> String {
        self.each_once(|session| &session.device)
    }

    /// What computed; `None` where the arm never said.
    pub fn engine(&self) -> Option<&Engine> {
        self.sessions.iter().find_map(|session| session.engine.as_ref())
    }

    /// How the weights were computed with, in the same way.
    pub fn execution(&self) -> String {
        self.each_once(|session| &session.execution)
    }

    fn each_once(&self, word: impl Fn(&Session) -> &String) -> String {
        let mut words: Vec<&str> = Vec::new();
        for word in self.sessions.iter().map(|session| word(session).as_str()) {
            if !word.is_empty() && !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(", ")
    }
}

/// An artefact as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Folder or Hub id.
    pub source: String,
    /// Commit on the Hub, when it came from there.
    pub revision: Option<String>,
    /// The tool that made it, as far as can be told.
    pub tool: String,
    /// SHA-256 over the checksums of its files.
    pub sha256: String,
}

/// Group quantization of the weights, as of most modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantization {
    /// Bits per weight.
    pub bits: u32,
    /// Weights per scale.
    pub group_size: u32,
    /// MLX's mode: `affine`, `mxfp4`, `mxfp8` or `nvfp4`.
    #[serde(default = "affine")]
    pub mode: String,
    /// Whether some modules are quantized otherwise.
    #[serde(default)]
    pub mixed: bool,
}

fn affine() -> String {
    "affine".to_owned()
}

/// One timed call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Block of the interleaving schedule. The same number in two arms is the same work,
    /// done one after the other: a pair.
    pub block: u32,
    /// Latency phase: the example. Throughput phase: the batch.
    pub item: u32,
    /// Examples in the call.
    pub examples: u32,
    /// Real tokens in the call.
    pub tokens: u32,
    /// Duration.
    pub ns: u64,
    /// The arm's session, counted from 0.
    #[serde(default)]
    pub session: u32,
}

/// Why an arm could not be measured to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What it was doing: `launch`, `load`, `warm-up`, `latency`, `throughput`.
    pub phase: String,
    /// What happened.
    pub message: String,
    /// The last lines of the worker's standard error.
    pub stderr: String,
}

#[cfg(test)]
mod tests {
    use crate::fixture;

    #[test]
    fn what_sessions_say_is_told_once() {
        let mut arm = fixture::record().arms.swap_remove(0);
        let session = arm.sessions[0].clone();
        let devices = ["metal", "", "cpu", "metal", ""];
        arm.sessions = devices.iter().map(|_| session.clone()).collect();
        for (session, device) in arm.sessions.iter_mut().zip(devices) {
            session.device = device.to_owned();
        }
        assert_eq!(arm.device(), "metal, cpu");
    }
}
