//! What a reader must know before the numbers: how labels were brought together, how candidates were
//! asked, whether a version of transformers would feed other token types, and which arms were given.

use gatecheck_base::text;

use super::Report;
use crate::analysis::ArmSummary;
use crate::record::{Given, LabelMeaning, LabelRule, Labels, TokenTypes, ZeroShot};

/// One sentence per matter; foreign text in it is not escaped.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let labels = report.dataset.labels.as_ref().and_then(fold);
    let zero_shot = report.dataset.zero_shot.as_ref().map(zero_shot);
    let token_types = report.dataset.token_types.as_ref().and_then(token_types);
    let given = report.arms.iter().filter_map(given);
    labels.into_iter().chain(zero_shot).chain(token_types).chain(given).collect()
}

fn given(arm: &ArmSummary) -> Option<String> {
    let Given { source, revision, tool, .. } = arm.given.as_ref()?;
    let revision = revision.as_ref().map(|revision| format!(" at {revision}")).unwrap_or_default();
    Some(format!("`{}` was given as it is: {source}{revision}, made by {tool}", arm.name))
}

fn fold(labels: &Labels) -> Option<String> {
    match labels.rule {
        LabelRule::ByName | LabelRule::ZeroShot => None,
        LabelRule::LabelMap => {
            Some(format!("labels count as `label_map` says: {}", counts(&labels.dataset, &labels.names)))
        }
        LabelRule::FoldedGold => Some(format!(
            "the model tells two relations, the dataset three; its labels count so: {}",
            counts(&labels.dataset, &labels.names)
        )),
        LabelRule::FoldedPredictions => Some(format!(
            "the dataset tells two relations, the model three; the class with the largest logit counts so: {}",
            counts(&labels.model, &labels.names)
        )),
    }
}

/// `neutral` and `contradiction` as `not_entailment`; what keeps its name is left out.
fn counts(meanings: &[LabelMeaning], names: &[String]) -> String {
    let each = names.iter().enumerate().filter_map(|(class, name)| {
        let counts = |meaning: &&LabelMeaning| meaning.class as usize == class && meaning.label != *name;
        let labels: Vec<&str> =
            meanings.iter().filter(counts).map(|meaning| meaning.label.as_str()).collect();
        (!labels.is_empty()).then(|| format!("{} as `{name}`", text::list(&labels, 12)))
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "all by their names".to_owned() } else { each.join(", ") }
}

fn zero_shot(zero_shot: &ZeroShot) -> String {
    let ZeroShot { hypothesis_template, candidate_labels, multi_label, entailment, against } = zero_shot;
    let scored = if *multi_label {
        format!("each by the logit of `{entailment}` less that of `{against}`")
    } else {
        format!("by the logit of `{entailment}`")
    };
    let candidates = text::list(candidate_labels, 12);
    format!("zero-shot: \u{201c}{hypothesis_template}\u{201d} with {candidates}, scored {scored}")
}

fn token_types(TokenTypes { fed, rule, unlike }: &TokenTypes) -> Option<String> {
    let (are, would) = if *fed { ("", "would not") } else { ("no ", "would") };
    let others = unlike.join(" and ");
    (!unlike.is_empty()).then(|| format!("{are}token types are fed ({rule}); {others} {would} feed them"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::record::RunRecord;

    fn of(record: &RunRecord) -> Vec<String> {
        notes(&Report::new(record, &record.policy))
    }

    #[test]
    fn names_that_meet_need_no_word() {
        assert!(of(&fixture::record()).is_empty() && of(&fixture::similarity()).is_empty());
    }

    #[test]
    fn an_arm_that_was_given_is_told() {
        let mut record = fixture::record();
        let given = Given {
            source: "org/model-4bit".to_owned(),
            revision: Some("abc".to_owned()),
            tool: "mlx-lm".to_owned(),
            sha256: "00".to_owned(),
        };
        record.arms[2].given = Some(given);
        assert_eq!(of(&record), ["`mlx-q8` was given as it is: org/model-4bit at abc, made by mlx-lm"]);
    }

    #[test]
    fn a_fold_is_told() {
        let expected = "the dataset tells two relations, the model three; the class with the largest logit counts \
                        so: `neutral` and `contradiction` as `not_entailment`";
        assert_eq!(of(&fixture::folded()), [expected]);
    }

    #[test]
    fn other_token_types_are_told() {
        let mut record = fixture::record();
        let mut with = |fed, rule: &str, unlike: &[&str]| {
            let unlike = unlike.iter().copied().map(str::to_owned).collect();
            record.dataset.token_types = Some(TokenTypes { fed, rule: rule.to_owned(), unlike });
            of(&record)
        };
        assert!(with(true, "tokenizer class `BertTokenizer`", &[]).is_empty());
        let expected =
            "no token types are fed (tokenizer class `AlbertTokenizer`); transformers 4 would feed them";
        assert_eq!(with(false, "tokenizer class `AlbertTokenizer`", &["transformers 4"]), [expected]);
        let expected = "token types are fed (`token_types` of the configuration); transformers 5 and \
                        transformers 4 would not feed them";
        let both = ["transformers 5", "transformers 4"];
        assert_eq!(with(true, "`token_types` of the configuration", &both), [expected]);
    }

    #[test]
    fn a_zero_shot_question_is_told() {
        let mut record = fixture::zero_shot();
        let expected = "zero-shot: \u{201c}This example is {}.\u{201d} with `politics`, `sports` and `science`, \
                        scored by the logit of `entailment`";
        assert_eq!(of(&record), [expected]);
        record.dataset.zero_shot.as_mut().unwrap().multi_label = true;
        assert!(
            of(&record)[0].ends_with("scored each by the logit of `entailment` less that of `contradiction`")
        );
    }
}
