//! Verdicts, and how several become one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of a gate, or of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The limit is kept.
    Pass,
    /// The limit is broken.
    Fail,
    /// Too little evidence either way.
    Inconclusive,
    /// The environment cannot support the judgement.
    NotJudged,
    /// It could not be measured.
    Error,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::Inconclusive, Self::NotJudged, Self::Error];

    /// The verdict of a run from those of its gates.
    ///
    /// An error outweighs a failure, which outweighs an inconclusive gate. A gate that was not
    /// judged weighs nothing beside one that passed, but where none passed nothing was judged.
    /// `strict` turns inconclusive and not judged into failures.
    pub fn overall(verdicts: &[Self], strict: bool) -> Self {
        let any = |verdict| verdicts.contains(&verdict);
        let doubtful = any(Self::Inconclusive) || any(Self::NotJudged) || verdicts.is_empty();
        if any(Self::Error) {
            Self::Error
        } else if any(Self::Fail) || strict && doubtful {
            Self::Fail
        } else if any(Self::Inconclusive) {
            Self::Inconclusive
        } else if any(Self::Pass) {
            Self::Pass
        } else {
            Self::NotJudged
        }
    }

    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotJudged => "not judged",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict::*, *};

    /// Every choice of three verdicts, and the shorter ones that repeat.
    fn triples() -> impl Iterator<Item = [Verdict; 3]> {
        let all = || Verdict::ALL.into_iter();
        all().flat_map(move |a| all().flat_map(move |b| all().map(move |c| [a, b, c])))
    }

    #[test]
    fn the_table_holds() {
        let table: &[(&[Verdict], Verdict, Verdict)] = &[
            (&[], NotJudged, Fail),
            (&[Pass], Pass, Pass),
            (&[NotJudged], NotJudged, Fail),
            (&[Pass, NotJudged], Pass, Fail),
            (&[Pass, Inconclusive], Inconclusive, Fail),
            (&[NotJudged, Inconclusive], Inconclusive, Fail),
            (&[Inconclusive, Fail], Fail, Fail),
            (&[Fail, Error], Error, Error),
        ];
        for (verdicts, lenient, strict) in table {
            assert_eq!(Verdict::overall(verdicts, false), *lenient, "{verdicts:?}");
            assert_eq!(Verdict::overall(verdicts, true), *strict, "{verdicts:?} strict");
        }
    }

    #[test]
    fn a_pass_needs_a_pass_and_nothing_against_it() {
        for verdicts in triples() {
            let harmless = verdicts.iter().all(|verdict| [Pass, NotJudged].contains(verdict));
            let expected = verdicts.contains(&Pass) && harmless;
            assert_eq!(Verdict::overall(&verdicts, false) == Pass, expected, "{verdicts:?}");
            let all_pass = verdicts.iter().all(|verdict| *verdict == Pass);
            assert_eq!(Verdict::overall(&verdicts, true) == Pass, all_pass, "{verdicts:?} strict");
        }
    }

    #[test]
    fn order_does_not_matter() {
        for [a, b, c] in triples() {
            for strict in [false, true] {
                let overall = Verdict::overall(&[a, b, c], strict);
                assert_eq!(Verdict::overall(&[c, a, b], strict), overall);
                assert_eq!(Verdict::overall(&[b, a, c], strict), overall);
            }
        }
    }
}
