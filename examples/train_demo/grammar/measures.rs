//! Numbers, as intervals.

use super::Draft;
use super::generator::Generator;
use super::lexicon::NUMBERS;
use super::phrase::plural;
use crate::pair::Label;

/// An inclusive range of counts; `None` has no upper end.
#[derive(Clone, Copy)]
struct Range {
    low: usize,
    high: Option<usize>,
}

impl Range {
    /// What `self` says about `other`.
    fn relation(self, other: Self) -> Label {
        let below = |a: Option<usize>, b: Option<usize>| match (a, b) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(a), Some(b)) => a <= b,
        };
        if self.low >= other.low && below(self.high, other.high) {
            return Label::Entailment;
        }
        let apart =
            self.high.is_some_and(|high| high < other.low) || other.high.is_some_and(|high| high < self.low);
        if apart { Label::Contradiction } else { Label::Neutral }
    }
}

/// "More than two" against "exactly five".
pub(crate) fn numbers(g: &mut Generator, label: Label) -> Draft {
    let person = g.person();
    let kind = g.kind();
    let (verb, noun) = g.verb_and_noun(kind);
    let things = plural(noun);
    loop {
        let (from, said_from) = count(g);
        let (to, said_to) = count(g);
        if from.relation(to) == label {
            let [_, past, _] = verb;
            return Draft::new(
                format!("{person} {past} {said_from} {things}"),
                format!("{person} {past} {said_to} {things}"),
            );
        }
    }
}

/// A range and its wording.
fn count(g: &mut Generator) -> (Range, String) {
    let n = 2 + g.rng.below(9);
    let word = NUMBERS[n];
    let (low, high, said) = match g.rng.below(6) {
        0 => (n, Some(n), format!("exactly {word}")),
        1 => (n, Some(n), word.to_owned()),
        2 => (n + 1, None, format!("more than {word}")),
        3 => (n, None, format!("at least {word}")),
        4 => (0, Some(n - 1), format!("fewer than {word}")),
        _ => (0, Some(n), format!("at most {word}")),
    };
    (Range { low, high }, said)
}
