//! Who did what: several people and several deeds that must not be mixed up.

use super::Draft;
use super::generator::Generator;
use super::phrase::Deed;
use crate::pair::Label;

/// Two people with a deed each; exchanging them says nothing that is known.
pub(crate) fn binding(g: &mut Generator, label: Label) -> Draft {
    let (a, b) = (g.person(), g.person());
    let deed = g.any_deed();
    let other = g.other_deed(&deed);
    let (holds_a, holds_b) = (g.rng.chance(0.75), g.rng.chance(0.75));
    let link = *g.rng.pick(&["and", "while", "but", "whereas"]);
    let claim = format!("{a} {} {link} {b} {}", deed.past_if(holds_a), other.past_if(holds_b));
    let swapped = label == Label::Neutral;
    let (person, deed, said) = if g.coin() {
        (&a, if swapped { &other } else { &deed }, holds_a)
    } else {
        (&b, if swapped { &deed } else { &other }, holds_b)
    };
    let holds = match label {
        Label::Entailment => said,
        Label::Contradiction => !said,
        Label::Neutral => g.rng.chance(0.6),
    };
    Draft::new(claim, format!("{person} {}", deed.past_if(holds)))
}

/// A clause inside the subject: the last noun before the verb is not its subject.
pub(crate) fn relative(g: &mut Generator, label: Label) -> Draft {
    let (a, b) = (g.person(), g.person());
    let inner = g.meeting(&b);
    let outer: Deed = g.any_deed();
    let (by_a, holds) = (g.coin(), g.rng.chance(0.7));
    let met = inner.verb[1];
    let clause = if by_a { format!("who {met} {b}") } else { format!("whom {b} {met}") };
    let claim = format!("{a}, {clause}, {}", outer.past_if(holds));
    let (agent, patient) = if by_a { (&a, &b) } else { (&b, &a) };
    let inside = |agent: &str, patient: &str, holds: bool| {
        let deed = Deed { object: patient.to_owned(), ..inner.clone() };
        format!("{agent} {}", deed.past_if(holds))
    };
    let hypothesis = match (label, g.coin()) {
        (Label::Entailment, true) => format!("{a} {}", outer.past_if(holds)),
        (Label::Entailment, false) => inside(agent, patient, true),
        (Label::Contradiction, true) => format!("{a} {}", outer.past_if(!holds)),
        (Label::Contradiction, false) => inside(agent, patient, false),
        (Label::Neutral, true) => {
            let said = g.rng.chance(0.6);
            format!("{b} {}", outer.past_if(said))
        }
        (Label::Neutral, false) => {
            let said = g.coin();
            inside(patient, agent, said)
        }
    };
    Draft::new(claim, hypothesis)
}
