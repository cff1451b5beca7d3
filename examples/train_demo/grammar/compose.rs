//! From a draft to a pair: distracting clauses around the claim, capitals and full stops.

use super::generator::Generator;
use super::lexicon::OPENINGS;
use super::phrase::sentence;
use super::{Draft, actions, arrangement, logic, measures, order, reports, states};
use crate::{
    pair::{Label, Pair},
    rng::Rng,
};

/// Draws a claim and a hypothesis that stand in the given relation.
type Phenomenon = fn(&mut Generator, Label) -> Draft;

/// The phenomena, in the order in which the data sets go round them.
pub(crate) const PHENOMENA: &[(&str, Phenomenon)] = &[
    ("negation", actions::negation),
    ("circumstances", actions::circumstances),
    ("roles", actions::roles),
    ("kinds", actions::kinds),
    ("quantifiers", logic::quantifiers),
    ("coordination", logic::coordination),
    ("numbers", measures::numbers),
    ("time", order::time),
    ("clock", order::clock),
    ("comparison", order::comparison),
    ("attempts", reports::attempts),
    ("reports", reports::reports),
    ("conditions", reports::conditions),
    ("binding", arrangement::binding),
    ("relative", arrangement::relative),
    ("states", states::states),
    ("qualities", states::qualities),
];

/// Premises outside this range of words are drawn again.
const PREMISE_WORDS: std::ops::RangeInclusive<usize> = 6..=40;

/// A pair of the phenomenon numbered `which`; `distraction` in `[0, 1]` scales the clauses around it.
pub(crate) fn compose(g: &mut Generator, which: usize, label: Label, distraction: f64) -> Pair {
    let (name, draw) = PHENOMENA[which];
    loop {
        g.clear();
        let around = Rng::new(g.rng.next());
        let Draft { claim, hypothesis } = draw(g, label);
        // The surroundings have a stream of their own, so that labels drawn from one seed share them.
        let inner = std::mem::replace(&mut g.rng, around);
        let premise = surround(g, claim, distraction);
        g.rng = inner;
        if PREMISE_WORDS.contains(&premise.split(' ').count()) {
            return Pair {
                premise,
                hypothesis: sentence(&hypothesis),
                label: label.id(),
                idx: 0,
                phenomenon: name.to_owned(),
            };
        }
    }
}

/// The claim among up to three clauses about others, as one or several sentences.
fn surround(g: &mut Generator, claim: String, distraction: f64) -> String {
    let mut clauses = vec![claim];
    while clauses.len() < 4 && g.rng.chance(distraction * 0.62) {
        clauses.push(distractor(g));
    }
    g.rng.shuffle(&mut clauses);
    if g.rng.chance(distraction * 0.2) {
        clauses[0] = format!("{} {}", g.rng.pick(OPENINGS), clauses[0]);
    }
    let mut sentences = vec![clauses[0].clone()];
    for clause in &clauses[1..] {
        let last = sentences.len() - 1;
        if g.rng.chance(0.55) {
            let link = *g.rng.pick(&[", and", ", while", ", but", ";"]);
            sentences[last] = format!("{}{link} {clause}", sentences[last]);
        } else {
            sentences.push(clause.clone());
        }
    }
    sentences.iter().map(|clause| sentence(clause)).collect::<Vec<_>>().join(" ")
}

/// A clause about people whom the claim does not name, or about nobody.
fn distractor(g: &mut Generator) -> String {
    if g.rng.chance(0.2) {
        return g.scene();
    }
    let person = g.person();
    let circumstance = g.maybe_circumstance(0.4);
    if g.rng.chance(0.2) {
        let other = g.person();
        let deed = g.meeting(&other).with_extra(&circumstance);
        return format!("{person} {}", deed.past());
    }
    let holds = g.rng.chance(0.8);
    let deed = g.any_deed().with_extra(&circumstance);
    format!("{person} {}", deed.past_if(holds))
}
