//! Single deeds: negation, voice and roles, general and particular nouns, added circumstances.

use super::Draft;
use super::generator::Generator;
use super::phrase::{Deed, indefinite};
use crate::pair::Label;

/// A deed affirmed or denied: "Anna never sold a car" against "Anna sold a car".
pub(crate) fn negation(g: &mut Generator, label: Label) -> Draft {
    let (person, deed, affirmed) = (g.person(), g.any_deed(), g.coin());
    let deed = deed.with_extra(&g.maybe_circumstance(0.3));
    let claim = format!("{person} {}", polar(g, &deed, affirmed));
    let hypothesis = match label {
        Label::Entailment => format!("{person} {}", polar(g, &deed, affirmed)),
        Label::Contradiction => format!("{person} {}", polar(g, &deed, !affirmed)),
        Label::Neutral => {
            let holds = g.coin();
            if g.rng.chance(0.3) {
                let other = g.person();
                format!("{other} {}", polar(g, &deed, holds))
            } else {
                let other = g.other_deed(&deed).with_extra(&deed.extra);
                format!("{person} {}", polar(g, &other, holds))
            }
        }
    };
    Draft::new(claim, hypothesis)
}

/// One of several ways to affirm or deny.
fn polar(g: &mut Generator, deed: &Deed, affirmed: bool) -> String {
    match (affirmed, g.rng.below(4)) {
        (true, 0) => format!("really did {}", deed.base()),
        (true, _) => deed.past(),
        (false, 0) => format!("never {}", deed.past()),
        (false, _) => deed.denied(),
    }
}

/// Circumstances dropped or added, under affirmation and denial.
pub(crate) fn circumstances(g: &mut Generator, label: Label) -> Draft {
    let (person, bare) = (g.person(), g.any_deed());
    let full = bare.with_extra(&g.circumstance());
    let affirmed = g.coin();
    // What follows narrows when affirmed and widens when denied.
    let (strong, weak) = if affirmed { (&full, &bare) } else { (&bare, &full) };
    let (premise, hypothesis, holds) = match label {
        Label::Entailment => (strong.past_if(affirmed), weak, affirmed),
        Label::Contradiction if affirmed => (full.past(), &bare, false),
        Label::Contradiction => (bare.denied(), &full, true),
        Label::Neutral => {
            let holds = g.coin();
            (weak.past_if(affirmed), strong, holds)
        }
    };
    Draft::new(format!("{person} {premise}"), format!("{person} {}", hypothesis.past_if(holds)))
}

/// Active and passive, with the two people in their places or exchanged.
pub(crate) fn roles(g: &mut Generator, label: Label) -> Draft {
    let (agent, patient) = (g.person(), g.person());
    let forward = g.meeting(&patient);
    let backward = Deed { object: agent.clone(), ..forward.clone() };
    let extra = g.maybe_circumstance(0.3);
    let affirmed = g.rng.chance(0.7);
    let claim = voiced(g, &forward.with_extra(&extra), &agent, affirmed);
    // A denial keeps its circumstances, or it would claim more than the premise.
    let kept = if affirmed { String::new() } else { extra };
    let (forward, backward) = (forward.with_extra(&kept), backward.with_extra(&kept));
    let hypothesis = match label {
        Label::Entailment => voiced(g, &forward, &agent, affirmed),
        Label::Contradiction => voiced(g, &forward, &agent, !affirmed),
        Label::Neutral => {
            let holds = g.rng.chance(0.6);
            voiced(g, &backward, &patient, holds)
        }
    };
    Draft::new(claim, hypothesis)
}

fn voiced(g: &mut Generator, deed: &Deed, agent: &str, holds: bool) -> String {
    if g.coin() { deed.passive(agent, holds) } else { format!("{agent} {}", deed.past_if(holds)) }
}

/// A thing and its kind: who bought a rose bought a flower, but not the other way round.
pub(crate) fn kinds(g: &mut Generator, label: Label) -> Draft {
    let person = g.person();
    let kind = g.kind();
    let (verb, noun) = g.verb_and_noun(kind);
    let sibling = loop {
        let other = *g.rng.pick_skewed(kind.members);
        if other != noun {
            break other;
        }
    };
    let deed = |noun: &str| Deed { verb, object: indefinite(noun), extra: String::new() };
    let (member, general, sibling) = (deed(noun), deed(kind.name), deed(sibling));
    let options: &[(&Deed, bool, &Deed, bool)] = match label {
        Label::Entailment => &[
            (&member, true, &general, true),
            (&general, false, &member, false),
            (&member, true, &member, true),
            (&general, false, &general, false),
        ],
        Label::Contradiction => &[
            (&member, true, &general, false),
            (&general, false, &member, true),
            (&member, true, &member, false),
            (&general, false, &general, true),
        ],
        Label::Neutral => &[
            (&general, true, &member, true),
            (&general, true, &member, false),
            (&member, false, &general, true),
            (&member, false, &general, false),
            (&member, false, &sibling, true),
            (&member, true, &sibling, false),
        ],
    };
    let (premise, affirmed, hypothesis, holds) = options[g.rng.below(options.len())];
    Draft::new(
        format!("{person} {}", premise.past_if(affirmed)),
        format!("{person} {}", hypothesis.past_if(holds)),
    )
}
