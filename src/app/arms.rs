//! The arms of a run, by their words.

use gatecheck_judge::record::Role;
use serde::{Deserialize, Serialize};

use super::{defaults, unknown::Unknown};

/// The words that there are.
const WORDS: [&str; 8] = ["candle", "mlx", "mlx-q2", "mlx-q3", "mlx-q4", "mlx-q5", "mlx-q6", "mlx-q8"];

/// Why arms cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// A word that is none.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// Bits that no arm has.
    #[error("{0} bits cannot be packed")]
    Bits(u32),
    /// Too few, or too many.
    #[error("`--arms` has {0}; a run compares two or three")]
    Count(usize),
    /// Too many candidates.
    #[error("{0} candidates at once; a run compares up to {MOST_CANDIDATES}")]
    Candidates(usize),
    /// Bits and arms that contradict each other.
    #[error("`--bits {bits}` is that of no arm in `--arms {arms}`")]
    Contradiction {
        /// The bits.
        bits: u32,
        /// The arms as given.
        arms: String,
    },
}

impl ArmError {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(error) => error.hint(),
            Self::Bits(_) => "take 2, 3, 4, 5, 6 or 8".to_owned(),
            Self::Candidates(_) => "measure them in several runs".to_owned(),
            Self::Count(_) => "for example `--arms candle,mlx,mlx-q8`".to_owned(),
            Self::Contradiction { .. } => "leave one of the two out".to_owned(),
        }
    }
}

/// Most candidates that are there already.
const MOST_CANDIDATES: usize = 4;

/// The arms asked for, or the baseline and a candidate of so many bits: those asked for, or else those
/// configured for the model. With `candidates` that are there already none has to be made.
pub fn choose(
    words: &[String],
    bits: Option<u32>,
    configured: Option<u32>,
    candidates: usize,
) -> Result<Vec<ArmKind>, ArmError> {
    if candidates > MOST_CANDIDATES {
        return Err(ArmError::Candidates(candidates));
    }
    if words.is_empty() && bits.is_none() && candidates > 0 {
        return Ok(vec![ArmKind::Candle]);
    }
    if words.is_empty() {
        let bits = bits.or(configured).unwrap_or(defaults::BITS);
        let word = if matches!(bits, 16 | 32) { "mlx".to_owned() } else { format!("mlx-q{bits}") };
        let candidate = ArmKind::parse(&word).ok_or(ArmError::Bits(bits))?;
        return Ok(vec![ArmKind::Candle, candidate]);
    }
    let fewest = if candidates > 0 { 1 } else { 2 };
    if !(fewest..=3).contains(&words.len()) {
        return Err(ArmError::Count(words.len()));
    }
    let known = || WORDS.map(str::to_owned).into();
    let arm = |word: &String| ArmKind::parse(word).ok_or_else(|| Unknown::new("arm", word, known()));
    let arms: Vec<_> = words.iter().map(arm).collect::<Result<_, _>>()?;
    match bits {
        Some(bits) if !arms.iter().any(|arm| arm.has_bits(bits)) => {
            Err(ArmError::Contradiction { bits, arms: words.join(",") })
        }
        _ => Ok(arms),
    }
}

/// One arm as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArmKind {
    /// `candle`: the original weights on the CPU.
    Candle,
    /// `mlx`: the original weights on MLX.
    Mlx,
    /// `mlx-qN`: the artefact of N bits on MLX.
    Quantized {
        /// N.
        bits: u32,
    },
}

impl ArmKind {
    /// Reads one word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "candle" => Some(Self::Candle),
            "mlx" => Some(Self::Mlx),
            _ => {
                let bits: u32 = word.strip_prefix("mlx-q")?.parse().ok()?;
                matches!(bits, 2 | 3 | 4 | 5 | 6 | 8).then_some(Self::Quantized { bits })
            }
        }
    }

    /// Whether `--bits` may mean this arm: 16 and 32 leave weights unquantized.
    pub fn has_bits(self, bits: u32) -> bool {
        match self {
            Self::Candle => false,
            Self::Mlx => matches!(bits, 16 | 32),
            Self::Quantized { bits: own } => own == bits,
        }
    }

    /// The word.
    pub fn name(self) -> String {
        match self {
            Self::Candle => "candle".to_owned(),
            Self::Mlx => "mlx".to_owned(),
            Self::Quantized { bits } => format!("mlx-q{bits}"),
        }
    }
}

/// Names and parts of the arms in order: the first is the baseline; unquantized MLX beside quantized
/// MLX is only a reference; a word used twice gets a number, so that `candle,candle` can be told apart.
/// So it is beside a candidate that is given.
pub fn roles(kinds: &[ArmKind], has_candidates: bool) -> Vec<(String, Role)> {
    let is_quantized = |kind: &ArmKind| matches!(kind, ArmKind::Quantized { .. });
    let quantized = has_candidates || kinds.iter().skip(1).any(is_quantized);
    let named = kinds.iter().enumerate().map(|(index, kind)| {
        let earlier = kinds[..index].iter().filter(|other| *other == kind).count();
        let name = if earlier == 0 { kind.name() } else { format!("{}-{}", kind.name(), earlier + 1) };
        let role = match kind {
            _ if index == 0 => Role::Baseline,
            ArmKind::Mlx if quantized => Role::Reference,
            _ => Role::Candidate,
        };
        (name, role)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for word in WORDS {
            assert_eq!(ArmKind::parse(word).unwrap().name(), word);
        }
        for word in ["", "torch", "mlx-q7", "mlx-q", "mlx-q16", "MLX"] {
            assert_eq!(ArmKind::parse(word), None, "{word}");
        }
    }

    #[test]
    fn the_first_is_the_baseline() {
        let roles_of = |words: &[&str]| {
            let kinds: Vec<_> = words.iter().map(|word| ArmKind::parse(word).unwrap()).collect();
            roles(&kinds, false)
        };
        let three = roles_of(&["candle", "mlx", "mlx-q8"]);
        assert_eq!(three.map_roles(), [Role::Baseline, Role::Reference, Role::Candidate]);
        assert_eq!(roles_of(&["candle", "mlx"]).map_roles(), [Role::Baseline, Role::Candidate]);
        assert_eq!(
            roles_of(&["mlx", "mlx-q4", "mlx-q8"]).map_roles()[1..],
            [Role::Candidate, Role::Candidate]
        );
        let same = roles_of(&["candle", "candle"]);
        assert_eq!(same[1], ("candle-2".to_owned(), Role::Candidate));
    }

    trait Roles {
        fn map_roles(&self) -> Vec<Role>;
    }

    impl Roles for Vec<(String, Role)> {
        fn map_roles(&self) -> Vec<Role> {
            self.iter().map(|(_, role)| *role).collect()
        }
    }
}
