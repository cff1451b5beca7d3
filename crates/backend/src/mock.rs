//! A backend with scripted answers and times, reachable through the real program, so that
//! end-to-end tests can assert exact numbers and provoke every failure.

use std::{cell::Cell, ops::ControlFlow, rc::Rc};

use gatecheck_model::batch::Batch;
use serde::{Deserialize, Serialize};

use crate::{
    Arm, BackendError, Continuation, Diagnose, Encode, Ending, Facts, Generate, GenerateOptions, Kernel,
    Model, Phase, Sampling, Score, Software, TokenScore, Trace,
};

/// How a mock arm behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MockScript {
    /// Numbers per row, 1 to 65,536.
    pub width: usize,
    /// Number of tokens that it knows, at least 2.
    pub vocabulary: u32,
    /// Time that a call is said to take, or one more token of a text: this much,
    pub ns_per_call: u64,
    /// and this much for every real token.
    pub ns_per_token: u64,
    /// Every so many rows by token sum get another answer; 0 for never.
    pub flip_every: u32,
    /// The device it claims.
    pub device: String,
    /// When it fails.
    pub fail_in: Option<Phase>,
    /// How it fails: `kill`, `stop` (a signal that it sends itself), `abort`, `panic`, `hang`, `nan` or `error`.
    pub fail_by: String,
}

impl Default for MockScript {
    fn default() -> Self {
        Self {
            width: 3,
            vocabulary: 32,
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
    phase: Phase,
    /// Nanoseconds that its work is said to have taken so far.
    clock: Rc<Cell<u64>>,
}

impl MockBackend {
    /// Follows a script; fails here if the script says so, or if it cannot be followed.
    pub fn load(script: MockScript) -> Result<Self, BackendError> {
        let (width, vocabulary) = (script.width, script.vocabulary);
        if !(1..=1 << 16).contains(&width) || vocabulary < 2 {
            let reason = format!("its script cannot be followed: width {width}, {vocabulary} tokens");
            return Err(BackendError::framework("mock", reason));
        }
        let backend = Self { script, phase: Phase::Load, clock: Rc::default() };
        backend.misbehave()?;
        Ok(backend)
    }

    /// Goes by the script for this part of the run from now on.
    pub fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// What its work is said to have taken so far, in nanoseconds; goes on while it works.
    pub fn clock(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.clock)
    }

    fn work(&self, tokens: usize) {
        let ns = self.script.ns_per_call + self.script.ns_per_token * tokens as u64;
        self.clock.set(self.clock.get() + ns);
    }

    /// Fails if this is the phase for it. Returns whether the answer is to hold a NaN.
    fn misbehave(&self) -> Result<bool, BackendError> {
        let phase = self.phase;
        if self.script.fail_in != Some(phase) {
            return Ok(false);
        }
        match self.script.fail_by.as_str() {
            "nan" => return Ok(true),
            "abort" => std::process::abort(),
            "panic" => panic!("the script panics in {phase}"),
            "hang" => loop {
                std::thread::park();
            },
            signal @ ("kill" | "stop") => {
                let id = std::process::id().to_string();
                let _ = std::process::Command::new("kill").args(["-s", signal, &id]).status();
            }
            _ => {}
        }
        Err(BackendError::framework("mock", format!("the script fails in {phase}")))
    }

    /// The answer to these tokens, of so many.
    fn answer(&self, ids: &[u32], answers: u32) -> u32 {
        let sum: u32 = ids.iter().fold(0, |sum, id| sum.wrapping_mul(31).wrapping_add(*id));
        let flipped = self.script.flip_every > 0 && sum.is_multiple_of(self.script.flip_every);
        ((u64::from(sum) + u64::from(flipped)) % u64::from(answers)) as u32
    }

    fn row(&self, ids: &[u32]) -> Vec<f32> {
        let label = self.answer(ids, self.script.width as u32) as usize;
        (0..self.script.width).map(|index| if index == label { 2.0 } else { 0.0 }).collect()
    }

    /// The likely token has one half, all others share the rest.
    fn token(&self, before: &[u32], token: u32) -> TokenScore {
        let greedy = self.answer(before, self.script.vocabulary) == token;
        let probability = if greedy { 0.5 } else { 0.5 / (self.script.vocabulary - 1) as f32 };
        TokenScore { log_probability: probability.ln(), greedy }
    }
}

impl Model for MockBackend {
    fn facts(&self) -> Facts {
        Facts {
            device: self.script.device.clone(),
            execution: "scripted".to_owned(),
            engine: Software::named("mock"),
            kernels: vec![Kernel::new("everything", "a script")],
            libraries: Vec::new(),
        }
    }

    fn peak_memory(&self) -> Option<u64> {
        None
    }
}

impl Encode for MockBackend {
    fn encode(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, BackendError> {
        let broken = self.misbehave()?;
        self.work(batch.tokens());
        let mut rows: Vec<_> = batch.ranges().map(|range| self.row(&batch.ids[range])).collect();
        if broken {
            rows[0][0] = f32::NAN;
        }
        Ok(rows)
    }
}

impl Score for MockBackend {
    fn score(&mut self, continuations: &[Continuation]) -> Result<Vec<Vec<TokenScore>>, BackendError> {
        let broken = self.misbehave()?;
        self.work(continuations.iter().map(|one| one.context.len() + one.tokens.len()).sum());
        let scores = continuations.iter().map(|Continuation { context, tokens }| {
            let mut before = context.clone();
            let score = |token: &u32| {
                let mut score = self.token(&before, *token);
                before.push(*token);
                if broken {
                    score.log_probability = f32::NAN;
                }
                score
            };
            tokens.iter().map(score).collect()
        });
        Ok(scores.collect())
    }
}

impl Generate for MockBackend {
    fn generate(
        &mut self,
        prompt: &[u32],
        options: &GenerateOptions,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Ending, BackendError> {
        if self.misbehave()? {
            return Err(BackendError::framework("mock", "a text holds no numbers, so no NaN"));
        }
        let mut text = prompt.to_vec();
        if let Sampling::Random { seed, .. } = options.sampling {
            // Another text for another seed.
            text.insert(0, seed as u32);
        }
        for number in 0..options.most_tokens {
            self.work(if number == 0 { prompt.len() } else { 1 });
            let token = self.answer(&text, self.script.vocabulary);
            text.push(token);
            let enough = on_token(token).is_break();
            if options.stop.contains(&token) {
                return Ok(Ending::Stop);
            }
            if enough {
                return Ok(Ending::Taker);
            }
        }
        Ok(Ending::Length)
    }
}

impl Diagnose for MockBackend {
    fn trace(&mut self, batch: &Batch) -> Result<Trace, BackendError> {
        Ok(Trace { stages: Vec::new(), outputs: self.encode(batch)? })
    }
}

impl Arm for MockBackend {
    fn as_encode(&mut self) -> Option<&mut dyn Encode> {
        Some(self)
    }

    fn as_score(&mut self) -> Option<&mut dyn Score> {
        Some(self)
    }

    fn as_generate(&mut self) -> Option<&mut dyn Generate> {
        Some(self)
    }

    fn as_diagnose(&mut self) -> Option<&mut dyn Diagnose> {
        Some(self)
    }
}
