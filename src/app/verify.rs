//! Whether an artefact of any tool is what it says it is, and works: checksums, configuration against what is stored, a
//! few texts on the arm; and how far it is from its original, stage by stage.

use std::path::{Path, PathBuf};

use gatecheck_backend::{
    Arm, BackendError, LoadOptions, Trace, measure::machine::cores, worker::protocol::BackendKind,
};
use gatecheck_base::kind::ErrorKind;
use gatecheck_model::{
    batch::Batch,
    candidate::{Candidate, CandidateError},
    config::{ConfigError, ModelConfig},
    convert::{Artefact, ConvertError, holdings},
    holdings::Holding,
    tokenizer::{TextEncoder, TokenizerError, Truncation},
};

use super::backends;

/// Texts that are put through the model.
const TEXTS: [&str; 3] = [
    "A man inspects the uniform of a figure in some East Asian country.",
    "The weather in Z\u{fc}rich is 21 \u{b0}C, and it stays dry.",
    "no",
];
/// A stage has parted from the original's where the root mean square of the difference is more than this share of that of
/// the states themselves: beyond, they have more to do with the error than with the text.
pub const PARTED: f64 = 0.5;

/// Why an artefact could not be verified, or is not whole.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// What is on disk.
    #[error(transparent)]
    Artefact(#[from] ConvertError),
    /// It does not fit its original.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The arm.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The full test needs the original.
    #[error("the full test compares `{}` with its original, and that is not here", .0.display())]
    NoOriginal(PathBuf),
    /// What comes out is no number.
    #[error("the outputs of `{}` are not all finite", .0.display())]
    NotFinite(PathBuf),
}

impl VerifyError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Artefact(error) => error.hint(),
            Self::Candidate(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Tokenizer(error) => error.hint(),
            Self::Backend(error) => error.hint(),
            Self::NoOriginal(_) => Some("give it with `--model`".to_owned()),
            Self::NotFinite(_) => Some("try another float type, or more bits".to_owned()),
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Artefact(error) => error.kind(),
            Self::Candidate(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Tokenizer(error) => error.kind(),
            Self::NoOriginal(_) => ErrorKind::Usage,
            Self::Backend(_) | Self::NotFinite(_) => ErrorKind::Model,
        }
    }
}

/// An artefact, looked at on disk.
#[derive(Debug)]
pub struct Verified {
    /// The folder.
    pub folder: PathBuf,
    /// Its original, where it is known and here.
    pub original: Option<PathBuf>,
    /// The architecture.
    pub architecture: &'static str,
    /// Which tool made it, as far as can be told.
    pub tool: String,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Bytes that its recipe comes to, where it can be told.
    pub expected_bytes: Option<u64>,
    /// Files whose checksums held; none were recorded where it is 0.
    pub checked_files: usize,
    /// How its matrices are stored.
    pub holdings: Vec<Holding>,
    /// Whether its weights are those of the original, as far as that is known.
    pub is_conversion: bool,
    /// What is odd about it.
    pub findings: Vec<String>,
    config: ModelConfig,
}

/// What an arm makes of one text.
#[derive(Debug)]
pub struct Answer {
    /// The text.
    pub text: &'static str,
    /// Its tokens.
    pub tokens: usize,
    /// Logits, or an embedding.
    pub output: Vec<f32>,
}

/// A stage of the model on both sides.
#[derive(Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Root mean square of the difference by that of the original's states.
    pub drift: f64,
}

/// Checks what is on disk: files by their checksums, the configuration against the weights; beside the original, whether the
/// weights are its.
pub fn verify(folder: &Path, original: Option<&Path>) -> Result<Verified, VerifyError> {
    let made_of = |artefact: &Artefact| {
        let source = artefact.metadata.as_ref().map(|metadata| PathBuf::from(&metadata.source))?;
        source.is_dir().then_some(source)
    };
    let original = match original {
        Some(original) => Some(original.to_owned()),
        None => Artefact::open(folder).ok().as_ref().and_then(made_of),
    };
    let (artefact, config, tool, expected_bytes, (is_conversion, findings)) = match &original {
        Some(original) => {
            let found = Candidate::open(folder, original, true)?;
            let weights = (found.is_conversion, found.findings);
            (found.artefact, found.config, found.tool, Some(found.expected_bytes), weights)
        }
        None => {
            let (artefact, config) = (Artefact::open(folder)?, ModelConfig::open(folder)?);
            let tool = Candidate::tool(&artefact);
            let expected = artefact.computed_bytes();
            (artefact, config, tool, expected, (true, Vec::new()))
        }
    };
    artefact.check_sums()?;
    let holdings = holdings(folder, original.as_deref().unwrap_or(folder), &config)?;
    Ok(Verified {
        folder: folder.to_owned(),
        original,
        architecture: config.architecture.name(),
        tool,
        size_bytes: artefact.size_bytes,
        expected_bytes,
        checked_files: artefact.metadata.as_ref().map_or(0, |metadata| metadata.outputs.len()),
        holdings,
        is_conversion,
        findings,
        config,
    })
}

impl Verified {
    /// Loads the artefact on the candidate's arm and puts a few texts through it.
    pub fn try_out(&self) -> Result<Vec<Answer>, VerifyError> {
        let (mut arm, batch) =
            (self.load(BackendKind::Mlx, &self.folder, self.original.clone())?, self.batch()?);
        let encode = arm.as_encode().ok_or(BackendError::Unable("encode"))?;
        let outputs = encode.encode(&batch)?;
        if outputs.iter().flatten().any(|value| !value.is_finite()) {
            return Err(VerifyError::NotFinite(self.folder.clone()));
        }
        let tokens = batch.ranges().map(|range| range.len());
        let answers = TEXTS.into_iter().zip(tokens).zip(outputs);
        Ok(answers.map(|((text, tokens), output)| Answer { text, tokens, output }).collect())
    }

    /// How far every stage is from the original's on the baseline, with the same tokens.
    pub fn compare(&self) -> Result<Vec<Stage>, VerifyError> {
        let original = self.original.clone().ok_or_else(|| VerifyError::NoOriginal(self.folder.clone()))?;
        let batch = self.batch()?;
        let own = trace(self.load(BackendKind::Mlx, &self.folder, Some(original.clone()))?.as_mut(), &batch)?;
        let theirs = trace(self.load(BackendKind::Candle, &original, None)?.as_mut(), &batch)?;
        let outputs = |trace: &Trace| ("outputs".to_owned(), trace.outputs.concat());
        let own: Vec<_> = own.stages.iter().cloned().chain([outputs(&own)]).collect();
        let mut stages = Vec::new();
        for (name, exact) in theirs.stages.iter().cloned().chain([outputs(&theirs)]) {
            // A stage that one arm has and the other not is no stage of the model.
            if let Some((_, found)) = own.iter().find(|(own, _)| *own == name) {
                stages.push(Stage { drift: drift(&exact, found), name });
            }
        }
        Ok(stages)
    }

    fn load(
        &self,
        kind: BackendKind,
        folder: &Path,
        original: Option<PathBuf>,
    ) -> Result<Box<dyn Arm>, VerifyError> {
        let options = LoadOptions { folder: folder.to_owned(), original, threads: cores() as usize };
        Ok(backends::load(&kind, &options)?)
    }

    /// The texts by the artefact's own tokenizer, or the original's where it has none.
    fn batch(&self) -> Result<Batch, VerifyError> {
        let has = |name: &str| self.folder.join(name).is_file();
        let own = has("tokenizer.json") || has("vocab.txt");
        let folder = self.original.as_ref().filter(|_| !own).unwrap_or(&self.folder);
        let encoder = TextEncoder::open(folder, &self.config, Truncation::LongestFirst, None, None)?;
        let texts: Vec<_> = TEXTS.iter().map(|text| (*text, None)).collect();
        Ok(Batch::new(&encoder.encode(&texts)?))
    }
}

fn trace(arm: &mut dyn Arm, batch: &Batch) -> Result<Trace, BackendError> {
    arm.as_diagnose().ok_or(BackendError::Unable("show its stages"))?.trace(batch)
}

/// Root mean square of the difference by that of what it should be. What is no number, or of another length, is as far away
/// as can be.
fn drift(exact: &[f32], found: &[f32]) -> f64 {
    if exact.len() != found.len() {
        return f64::INFINITY;
    }
    let square = |value: f32| f64::from(value).powi(2);
    let difference: f64 = exact.iter().zip(found).map(|(exact, found)| square(exact - found)).sum();
    let whole: f64 = exact.iter().map(|value| square(*value)).sum();
    let share = (difference / whole.max(f64::MIN_POSITIVE)).sqrt();
    if share.is_nan() { f64::INFINITY } else { share }
}

/// The first stage that has parted from the original's.
pub fn first_parted(stages: &[Stage]) -> Option<&Stage> {
    stages.iter().find(|stage| stage.drift > PARTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_a_share_of_what_should_be() {
        assert_eq!(drift(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert!((drift(&[3.0, 4.0], &[3.0, 4.5]) - 0.1).abs() < 1e-9);
        assert_eq!(drift(&[0.0], &[0.0]), 0.0);
        for wrong in [&[3.0][..], &[3.0, f32::NAN]] {
            assert_eq!(drift(&[3.0, 4.0], wrong), f64::INFINITY);
        }
    }

    #[test]
    fn the_first_that_parts_is_named() {
        let stage = |name: &str, drift| Stage { name: name.to_owned(), drift };
        let stages = [stage("embeddings", 0.1), stage("layer.0", 0.6), stage("layer.1", 0.9)];
        assert_eq!(first_parted(&stages).map(|stage| stage.name.as_str()), Some("layer.0"));
        assert!(first_parted(&stages[..1]).is_none());
    }
}
