//! Where and what things are: one value at a time, out of many.

use super::Draft;
use super::generator::Generator;
use super::lexicon::{COLORS, DAYS, KINDS, PLACES, QUALITIES};
use super::phrase::{indefinite, join};
use crate::pair::Label;

/// The values that a sentence leaves possible.
#[derive(Clone, Copy)]
struct Claim<'a> {
    values: &'a [&'a str],
    /// The listed values are ruled out rather than left.
    negated: bool,
}

impl Claim<'_> {
    /// What `self` says about `other`, the range having more values than either lists.
    fn relation(self, other: Self) -> Label {
        let inside = |a: &[&str], b: &[&str]| a.iter().all(|value| b.contains(value));
        let apart = |a: &[&str], b: &[&str]| !a.iter().any(|value| b.contains(value));
        let (a, b) = (self.values, other.values);
        let (follows, excluded) = match (self.negated, other.negated) {
            (false, false) => (inside(a, b), apart(a, b)),
            (false, true) => (apart(a, b), inside(a, b)),
            (true, false) => (false, inside(b, a)),
            (true, true) => (inside(b, a), false),
        };
        match (follows, excluded) {
            (true, _) => Label::Entailment,
            (_, true) => Label::Contradiction,
            _ => Label::Neutral,
        }
    }

    fn said(self, subject: &str, preposition: &str) -> String {
        let value = |i: usize| join(&[preposition, self.values[i]]);
        match (self.values.len(), self.negated) {
            (1, false) => format!("{subject} was {}", value(0)),
            (1, true) => format!("{subject} was not {}", value(0)),
            (_, false) => format!("{subject} was either {} or {}", value(0), value(1)),
            (_, true) => format!("{subject} was neither {} nor {}", value(0), value(1)),
        }
    }
}

/// Places, colors and days exclude one another.
pub(crate) fn states(g: &mut Generator, label: Label) -> Draft {
    let (subject, preposition, range) = match g.rng.below(3) {
        0 => (g.person(), "in the", PLACES),
        1 => {
            let kind = &KINDS[2 + g.rng.below(3)];
            let noun = *g.rng.pick_skewed(kind.members);
            (join(&[&format!("{}'s", g.person()), noun]), "", COLORS)
        }
        _ => (format!("the {}", g.rng.pick(&["concert", "wedding", "meeting", "exam", "race"])), "on", DAYS),
    };
    let mut pool = [*g.rng.pick(range); 3];
    while pool[0] == pool[1] || pool[1] == pool[2] || pool[0] == pool[2] {
        pool = std::array::from_fn(|_| *g.rng.pick(range));
    }
    loop {
        let (mut from, mut to) = (pool, pool);
        g.rng.shuffle(&mut from);
        g.rng.shuffle(&mut to);
        let from =
            Claim { values: &from[..1 + usize::from(g.rng.chance(0.35))], negated: g.rng.chance(0.35) };
        let to = Claim { values: &to[..1 + usize::from(g.rng.chance(0.35))], negated: g.coin() };
        if from.relation(to) == label {
            return Draft::new(from.said(&subject, preposition), to.said(&subject, preposition));
        }
    }
}

/// Synonyms and opposites of qualities; opposites exclude each other without exhausting the range.
pub(crate) fn qualities(g: &mut Generator, label: Label) -> Draft {
    let person = g.person();
    let kind = g.kind();
    let (verb, noun) = g.verb_and_noun(kind);
    let [plain, synonym, opposite] = *g.rng.pick_skewed(QUALITIES);
    let unrelated = loop {
        let other = g.rng.pick_skewed(QUALITIES)[0];
        if ![plain, synonym, opposite].contains(&other)
            && !QUALITIES.iter().any(|q| q[0] == other && q.contains(&plain))
        {
            break other;
        }
    };
    let same = if g.coin() { plain } else { synonym };
    let (premise, quality, holds) = match (label, g.rng.below(3)) {
        (Label::Entailment, 0) => (true, opposite, false),
        (Label::Entailment, 1) => (false, same, false),
        (Label::Entailment, _) => (true, same, true),
        (Label::Contradiction, 0) => (true, opposite, true),
        (Label::Contradiction, 1) => (false, same, true),
        (Label::Contradiction, _) => (true, same, false),
        (Label::Neutral, 0) => (false, opposite, g.coin()),
        (Label::Neutral, _) => (g.coin(), unrelated, g.coin()),
    };
    let be = |holds: bool| if holds { "was" } else { "was not" };
    let past = verb[1];
    let claim = match (premise, g.coin()) {
        (true, true) => format!("{person} {past} {}", indefinite(&join(&[plain, noun]))),
        (holds, _) => format!("the {noun} that {person} {past} {} {plain}", be(holds)),
    };
    Draft::new(claim, format!("the {noun} that {person} {past} {} {quality}", be(holds)))
}
