//! Quantifiers and coordination.

use super::Draft;
use super::generator::Generator;
use super::lexicon::GROUP_ADJECTIVES;
use super::phrase::{Deed, join};
use crate::pair::Label;

/// How much of a group; the last two deny.
#[derive(Clone, Copy, PartialEq)]
enum Share {
    All,
    Most,
    Some,
    None,
    NotAll,
}

use Share::{All, Most, NotAll, Some as Few};

/// Quantifiers over a group and over a part of it.
pub(crate) fn quantifiers(g: &mut Generator, label: Label) -> Draft {
    let (group, deed) = (g.group(), g.any_deed());
    let adjective = *g.rng.pick(GROUP_ADJECTIVES);
    loop {
        let (from, to) = (share(g), share(g));
        // Whether each sentence speaks of the part that the adjective names.
        let (part_from, part_to) = (g.rng.chance(0.3), g.rng.chance(0.3));
        if relation(from, part_from, to, part_to) == label {
            let group_of = |part: bool| {
                if part { join(&[adjective, group]) } else { group.to_owned() }
            };
            let claim = quantified(g, from, &group_of(part_from), &deed);
            let hypothesis = quantified(g, to, &group_of(part_to), &deed);
            return Draft::new(claim, hypothesis);
        }
    }
}

fn share(g: &mut Generator) -> Share {
    [All, Most, Few, Share::None, NotAll][g.rng.below(5)]
}

/// What `from` says about `to`, by the square of opposition; groups and their parts are not empty.
fn relation(from: Share, part_from: bool, to: Share, part_to: bool) -> Label {
    use Label::{Contradiction, Entailment, Neutral};
    match (part_from, part_to) {
        (false, false) | (true, true) => match (from, to) {
            (All, All | Most | Few) | (Most, Most | Few) | (Few, Few) => Entailment,
            (Share::None, Share::None | NotAll) | (NotAll, NotAll) => Entailment,
            (All, Share::None | NotAll) | (Most | Few, Share::None) => Contradiction,
            (Share::None, All | Most | Few) | (NotAll, All) => Contradiction,
            _ => Neutral,
        },
        (false, true) => match (from, to) {
            (All, All | Most | Few) | (Share::None, Share::None | NotAll) => Entailment,
            (All, Share::None | NotAll) | (Share::None, All | Most | Few) => Contradiction,
            _ => Neutral,
        },
        (true, false) => match (from, to) {
            (All | Most | Few, Few) | (Share::None | NotAll, NotAll) => Entailment,
            (All | Most | Few, Share::None) | (Share::None | NotAll, All) => Contradiction,
            _ => Neutral,
        },
    }
}

fn quantified(g: &mut Generator, share: Share, group: &str, deed: &Deed) -> String {
    let past = deed.past();
    match (share, g.coin()) {
        (All, true) => format!("all of the {group} {past}"),
        (All, false) => format!("all the {group} {past}"),
        (Most, _) => format!("most of the {group} {past}"),
        (Few, true) => format!("some of the {group} {past}"),
        (Few, false) => format!("at least one of the {group} {past}"),
        (Share::None, true) => format!("none of the {group} {past}"),
        (Share::None, false) => format!("not a single one of the {group} {past}"),
        (NotAll, true) => format!("not all of the {group} {past}"),
        (NotAll, false) => format!("some of the {group} {}", deed.denied()),
    }
}

/// "And", "or", "neither" and "but not", over people and over deeds.
pub(crate) fn coordination(g: &mut Generator, label: Label) -> Draft {
    let (first, second) = (g.person(), g.person());
    let deed = g.any_deed();
    if g.coin() {
        return people(g, label, first, second, &deed);
    }
    let other = g.other_deed(&deed);
    let (a, b) = (&deed, &other);
    let both = format!("{first} {} and {}", a.past(), b.past());
    let either = format!("{first} either {} or {}", a.past(), b.past());
    let neither = format!("{first} neither {} nor {}", a.past(), b.past());
    let instead = format!("rather than {}, {first} {}", b.base(), a.past());
    let chosen = if g.coin() { a } else { b };
    let coin = g.coin();
    let (claim, deed, holds) = match (label, g.rng.below(3)) {
        (Label::Neutral, _) => (either, chosen, coin),
        (wanted, 0) => (both, chosen, wanted == Label::Entailment),
        (wanted, 1) => (neither, chosen, wanted == Label::Contradiction),
        (wanted, _) if coin => (instead, a, wanted == Label::Entailment),
        (wanted, _) => (instead, b, wanted == Label::Contradiction),
    };
    Draft::new(claim, format!("{first} {}", deed.past_if(holds)))
}

fn people(g: &mut Generator, label: Label, first: String, second: String, deed: &Deed) -> Draft {
    let past = deed.past();
    let coin = g.coin();
    let chosen = if g.coin() { &first } else { &second };
    let (claim, person, holds) = match (label, g.rng.below(3)) {
        (Label::Neutral, _) => (format!("either {first} or {second} {past}"), chosen, coin),
        (wanted, 0) => (format!("both {first} and {second} {past}"), chosen, wanted == Label::Entailment),
        (wanted, 1) => {
            (format!("neither {first} nor {second} {past}"), chosen, wanted == Label::Contradiction)
        }
        (wanted, _) if coin => {
            (format!("{first}, but not {second}, {past}"), &first, wanted == Label::Entailment)
        }
        (wanted, _) => {
            (format!("{first}, but not {second}, {past}"), &second, wanted == Label::Contradiction)
        }
    };
    Draft::new(claim, format!("{person} {}", deed.past_if(holds)))
}
