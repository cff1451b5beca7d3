//! The state behind one pair: the random stream, the split, and who has been named already.

use super::lexicon::{self as words, Kind, Verb};
use super::phrase::{Deed, indefinite};
use crate::rng::{Rng, mix};

/// Which half of the language may be spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// Never joins a verb to an object that is held out for validation.
    Train,
    /// Prefers the held-out joins.
    Validation,
}

/// Draws words and phrases for one pair at a time.
pub(crate) struct Generator {
    pub(crate) rng: Rng,
    split: Split,
    used: Vec<String>,
}

impl Generator {
    pub(crate) fn new(seed: u64, split: Split) -> Self {
        Self { rng: Rng::new(seed), split, used: Vec::new() }
    }

    /// Forgets who was named, before the next pair.
    pub(crate) fn clear(&mut self) {
        self.used.clear();
    }

    /// Somebody not yet named in this pair.
    pub(crate) fn person(&mut self) -> String {
        loop {
            let person = if self.rng.chance(0.7) {
                format!("the {}", self.rng.pick_skewed(words::OCCUPATIONS))
            } else {
                (*self.rng.pick_skewed(words::NAMES)).to_owned()
            };
            if !self.used.contains(&person) {
                self.used.push(person.clone());
                return person;
            }
        }
    }

    /// A group not yet named in this pair, in the plural.
    pub(crate) fn group(&mut self) -> &'static str {
        loop {
            let group = *self.rng.pick_skewed(words::GROUPS);
            if !self.used.iter().any(|used| used == group) {
                self.used.push(group.to_owned());
                return group;
            }
        }
    }

    /// A scene not yet set in this pair.
    pub(crate) fn scene(&mut self) -> String {
        loop {
            let scene = *self.rng.pick(words::SCENES);
            if !self.used.iter().any(|used| used == scene) {
                self.used.push(scene.to_owned());
                return scene.to_owned();
            }
        }
    }

    pub(crate) fn kind(&mut self) -> &'static Kind {
        &words::KINDS[self.rng.below(words::KINDS.len())]
    }

    /// A verb and a member of `kind` whose join this split may use.
    pub(crate) fn verb_and_noun(&mut self, kind: &'static Kind) -> (Verb, &'static str) {
        let wants_reserved = self.split == Split::Validation && self.rng.chance(0.5);
        loop {
            let noun = *self.rng.pick_skewed(kind.members);
            let list = if self.rng.chance(0.4) { kind.verbs } else { words::HANDLE };
            let verb = *self.rng.pick_skewed(list);
            if self.admits(verb[0], noun, wants_reserved) {
                return (verb, noun);
            }
        }
    }

    /// Whether the join of two words may appear; every eighth is kept from training.
    fn admits(&self, verb: &str, noun: &str, wants_reserved: bool) -> bool {
        let hash = verb.bytes().chain(noun.bytes()).fold(7, |hash, byte| mix(hash ^ u64::from(byte)));
        let reserved = hash.is_multiple_of(8);
        match self.split {
            Split::Train => !reserved,
            Split::Validation => reserved || !wants_reserved,
        }
    }

    /// Doing something to a thing, without circumstances: "bought a red car".
    pub(crate) fn deed(&mut self) -> Deed {
        let kind = self.kind();
        let (verb, noun) = self.verb_and_noun(kind);
        let noun = if self.rng.chance(0.25) { self.described(noun) } else { noun.to_owned() };
        Deed { verb, object: indefinite(&noun), extra: String::new() }
    }

    /// Something done, with or without an object.
    pub(crate) fn any_deed(&mut self) -> Deed {
        if self.rng.chance(0.25) {
            let verb = *self.rng.pick_skewed(words::ALONE);
            return Deed { verb, object: String::new(), extra: String::new() };
        }
        self.deed()
    }

    /// A deed that shares neither verb nor object with `other`.
    pub(crate) fn other_deed(&mut self, other: &Deed) -> Deed {
        loop {
            let deed = self.any_deed();
            if deed.verb[0] != other.verb[0] && deed.object != other.object {
                return deed;
            }
        }
    }

    /// Doing something to another person.
    pub(crate) fn meeting(&mut self, object: &str) -> Deed {
        let verb = *self.rng.pick_skewed(words::MEETINGS);
        Deed { verb, object: object.to_owned(), extra: String::new() }
    }

    /// The noun with an adjective before it.
    pub(crate) fn described(&mut self, noun: &str) -> String {
        let adjective = if self.rng.chance(0.5) {
            *self.rng.pick(words::COLORS)
        } else {
            self.rng.pick_skewed(words::QUALITIES)[0]
        };
        format!("{adjective} {noun}")
    }

    /// "in the garden" or "on Monday".
    pub(crate) fn circumstance(&mut self) -> String {
        if self.rng.chance(0.6) { self.place() } else { format!("on {}", self.rng.pick(words::DAYS)) }
    }

    /// "in the garden".
    pub(crate) fn place(&mut self) -> String {
        format!("in the {}", self.rng.pick_skewed(words::PLACES))
    }

    /// A circumstance, or nothing.
    pub(crate) fn maybe_circumstance(&mut self, probability: f64) -> String {
        if self.rng.chance(probability) { self.circumstance() } else { String::new() }
    }

    /// True half of the time.
    pub(crate) fn coin(&mut self) -> bool {
        self.rng.chance(0.5)
    }
}
