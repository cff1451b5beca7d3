//! Orderings: before and after, clock times, comparatives.

use super::Draft;
use super::generator::Generator;
use super::lexicon::{COMPARATIVES, NUMBERS};
use crate::pair::Label;

/// Two events, told in either order.
pub(crate) fn time(g: &mut Generator, label: Label) -> Draft {
    let (a, b) = (g.person(), g.person());
    let deed = g.any_deed();
    let other = g.other_deed(&deed);
    let (first, second) = (format!("{a} {}", deed.past()), format!("{b} {}", other.past()));
    let claim = match label {
        Label::Neutral if g.coin() => format!("on the same day {first} and {second}"),
        Label::Neutral => format!("{first} on the day when {second}"),
        _ => before(g, &first, &second),
    };
    let forward = match label {
        Label::Neutral => g.coin(),
        wanted => wanted == Label::Entailment,
    };
    let (first, second) = if forward { (first, second) } else { (second, first) };
    let hypothesis =
        if g.coin() { format!("{first} before {second}") } else { format!("{second} after {first}") };
    Draft::new(claim, hypothesis)
}

fn before(g: &mut Generator, first: &str, second: &str) -> String {
    match g.rng.below(4) {
        0 => format!("{first} before {second}"),
        1 => format!("{second} after {first}"),
        2 => format!("before {second}, {first}"),
        _ => format!("after {first}, {second}"),
    }
}

/// Arrivals by the clock; a missing hour leaves the order open.
pub(crate) fn clock(g: &mut Generator, label: Label) -> Draft {
    let (early, late) = (g.person(), g.person());
    let verb = *g.rng.pick(&["arrived", "left", "woke up", "called"]);
    let from = 1 + g.rng.below(11);
    let to = from + 1 + g.rng.below(12 - from);
    let (known, unknown) = (format!("at {} o'clock", NUMBERS[from]), format!("at {} o'clock", NUMBERS[to]));
    let (mut one, mut two) = (format!("{early} {verb} {known}"), format!("{late} {verb} {unknown}"));
    if label == Label::Neutral {
        // Hides one of the hours.
        let vague = *g.rng.pick(&["that day", "at some point", "too"]);
        if g.coin() {
            one = format!("{early} {verb} {vague}");
        } else {
            two = format!("{late} {verb} {vague}");
        }
    }
    let claim = if g.coin() { format!("{one} and {two}") } else { format!("{two} and {one}") };
    let forward = match label {
        Label::Neutral => g.coin(),
        wanted => wanted == Label::Entailment,
    };
    let (x, y) = if forward { (&early, &late) } else { (&late, &early) };
    let hypothesis =
        if g.coin() { format!("{x} {verb} before {y}") } else { format!("{y} {verb} after {x}") };
    Draft::new(claim, hypothesis)
}

/// Comparatives: converses, chains of two, and forks, which decide nothing between their ends.
pub(crate) fn comparison(g: &mut Generator, label: Label) -> Draft {
    let (a, b, c) = (g.person(), g.person(), g.person());
    let words = *g.rng.pick_skewed(COMPARATIVES);
    let first = compared(g, words, &a, &b);
    let simple = g.rng.chance(0.6);
    let (second, high, low) = match (label, simple, g.coin()) {
        (Label::Neutral, true, true) => (None, &a, &c),
        (Label::Neutral, true, false) => (None, &c, &b),
        (Label::Neutral, false, true) => (Some(compared(g, words, &c, &b)), &a, &c),
        (Label::Neutral, false, false) => (Some(compared(g, words, &a, &c)), &b, &c),
        (_, true, _) => (None, &a, &b),
        (_, false, true) => (Some(compared(g, words, &b, &c)), &a, &b),
        (_, false, false) => (Some(compared(g, words, &b, &c)), &a, &c),
    };
    let claim = match second {
        None => first,
        Some(second) if g.coin() => format!("{first} and {second}"),
        Some(second) => format!("{second} and {first}"),
    };
    let forward = match label {
        Label::Neutral => g.coin(),
        wanted => wanted == Label::Entailment,
    };
    let (high, low) = if forward { (high, low) } else { (low, high) };
    Draft::new(claim, compared(g, words, high, low))
}

fn compared(g: &mut Generator, [more, less]: [&str; 2], high: &str, low: &str) -> String {
    if g.coin() { format!("{high} is {more} than {low}") } else { format!("{low} is {less} than {high}") }
}
