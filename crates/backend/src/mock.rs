//! A backend with scripted answers and times, reachable through the real program, so that
//! end-to-end tests can assert exact numbers and provoke every failure.

use gatecheck_model::batch::Batch;
use serde::{Deserialize, Serialize};

use crate::{Backend, BackendError, Facts, Trace};

/// How a mock arm behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MockScript {
    /// Numbers per row.
    pub width: usize,
    /// Time that a call is said to take: this much,
    pub ns_per_call: u64,
    /// and this much for every real token.
    pub ns_per_token: u64,
    /// Every so many rows by token sum get another answer; 0 for never.
    pub flip_every: u32,
    /// The device it claims.
    pub device: String,
    /// When it fails.
    pub fail_in: Option<String>,
    /// How it fails: `kill`, `abort`, `panic`, `hang`, `nan` or `error`.
    pub fail_by: String,
}

impl Default for MockScript {
    fn default() -> Self {
        Self {
            width: 3,
            ns_per_call: 1_000_000,
            ns_per_token: 0,
            flip_every: 0,
            device: "cpu".to_owned(),
            fail_in: None,
            fail_by: "error".to_owned(),
        }
    }
}

/// A backend that computes its answers from the token ids alone.
#[derive(Debug)]
pub struct MockBackend {
    script: MockScript,
}

impl MockBackend {
    /// Follows a script; fails here if the script says so.
    pub fn load(script: MockScript) -> Result<Self, BackendError> {
        let mut backend = Self { script };
        backend.misbehave("load")?;
        Ok(backend)
    }

    /// The time that the script gives a call.
    pub fn duration_ns(&self, batch: &Batch) -> u64 {
        self.script.ns_per_call + self.script.ns_per_token * batch.tokens() as u64
    }

    /// Fails if this is the phase for it. Returns whether the answer is to hold a NaN.
    pub fn misbehave(&mut self, phase: &str) -> Result<bool, BackendError> {
        if self.script.fail_in.as_deref() != Some(phase) {
            return Ok(false);
        }
        match self.script.fail_by.as_str() {
            "nan" => return Ok(true),
            "abort" => std::process::abort(),
            "panic" => panic!("the script panics in {phase}"),
            "hang" => loop {
                std::thread::park();
            },
            "kill" => {
                let id = std::process::id().to_string();
                let _ = std::process::Command::new("kill").args(["-9", &id]).status();
            }
            _ => {}
        }
        Err(BackendError::framework("mock", format!("the script fails in {phase}")))
    }

    fn row(&self, ids: &[u32]) -> Vec<f32> {
        let sum: u32 = ids.iter().fold(0, |sum, id| sum.wrapping_mul(31).wrapping_add(*id));
        let flipped = self.script.flip_every > 0 && sum.is_multiple_of(self.script.flip_every);
        let label = (sum as usize + usize::from(flipped)) % self.script.width;
        (0..self.script.width).map(|index| if index == label { 2.0 } else { 0.0 }).collect()
    }
}

impl Backend for MockBackend {
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError> {
        Ok(batch.ranges().map(|range| self.row(&batch.ids[range])).collect())
    }

    fn peak_memory(&self) -> Option<u64> {
        None
    }

    fn facts(&self) -> Facts {
        Facts {
            device: self.script.device.clone(),
            execution: "scripted".to_owned(),
            library: "mock".to_owned(),
        }
    }

    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError> {
        Ok(Trace { stages: Vec::new(), outputs: self.encode(batch)? })
    }
}
