//! Deeds inside other sentences: trying and failing, knowing and believing, reasons and conditions.

use super::Draft;
use super::generator::Generator;
use crate::pair::Label;

/// Verbs that tell whether the deed under them was done.
pub(crate) fn attempts(g: &mut Generator, label: Label) -> Draft {
    const DONE: &[&str] =
        &["managed to", "did not fail to", "did not forget to", "remembered to", "was forced to"];
    const OPEN: &[&str] =
        &["hoped to", "planned to", "promised to", "was ready to", "did not plan to", "wanted to"];
    const UNDONE: &[&str] =
        &["failed to", "forgot to", "refused to", "did not manage to", "was too tired to"];
    let (person, deed) = (g.person(), g.any_deed());
    let holds = g.coin();
    let verbs = match (label, holds) {
        (Label::Neutral, _) => OPEN,
        (Label::Entailment, true) | (Label::Contradiction, false) => DONE,
        (Label::Entailment, false) | (Label::Contradiction, true) => UNDONE,
    };
    let verb = g.rng.pick(verbs);
    Draft::new(format!("{person} {verb} {}", deed.base()), format!("{person} {}", deed.past_if(holds)))
}

/// Knowledge, opinion and error about somebody else's deed.
pub(crate) fn reports(g: &mut Generator, label: Label) -> Draft {
    const TRUE: &[&str] =
        &["knew that", "noticed that", "was glad that", "found out that", "did not know that"];
    const OPEN: &[&str] =
        &["believed that", "said that", "hoped that", "was told that", "did not believe that"];
    const FALSE: &[&str] =
        &["wrongly believed that", "falsely claimed that", "only pretended that", "invented the story that"];
    let (speaker, person, deed) = (g.person(), g.person(), g.any_deed());
    let (said, holds) = (g.rng.chance(0.75), g.coin());
    let verbs = match (label, said == holds) {
        (Label::Neutral, _) => OPEN,
        (Label::Entailment, true) | (Label::Contradiction, false) => TRUE,
        (Label::Entailment, false) | (Label::Contradiction, true) => FALSE,
    };
    let verb = g.rng.pick(verbs);
    Draft::new(
        format!("{speaker} {verb} {person} {}", deed.past_if(said)),
        format!("{person} {}", deed.past_if(holds)),
    )
}

/// Reasons assert both of their halves, conditions neither.
pub(crate) fn conditions(g: &mut Generator, label: Label) -> Draft {
    let (a, b) = (g.person(), g.person());
    let deed = g.any_deed();
    let other = g.other_deed(&deed);
    let (holds_a, holds_b) = (g.rng.chance(0.7), g.rng.chance(0.7));
    let (one, two) = (format!("{a} {}", deed.past_if(holds_a)), format!("{b} {}", other.past_if(holds_b)));
    let claim = match (label, g.rng.below(3)) {
        (Label::Neutral, 0) => format!("if {one}, {two}"),
        (Label::Neutral, 1) => format!("{one}, unless {two}"),
        (Label::Neutral, _) => format!("perhaps {one}, and perhaps {two}"),
        (_, 0) => format!("because {one}, {two}"),
        (_, 1) => format!("{one}, although {two}"),
        (_, _) => format!("since {one}, {two}"),
    };
    let (person, deed, said) = if g.coin() { (a, deed, holds_a) } else { (b, other, holds_b) };
    let holds = match label {
        Label::Entailment => said,
        Label::Contradiction => !said,
        Label::Neutral => g.rng.chance(0.6),
    };
    Draft::new(claim, format!("{person} {}", deed.past_if(holds)))
}
