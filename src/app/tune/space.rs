//! What there is to choose: groups of matrices, and the bits that each may get.

use std::collections::BTreeMap;

use gatecheck_model::{
    convert::{Action, Choices, ConvertError, Plan, PlannedTensor, Recipe, Rule},
    quant::Scheme,
};

use super::error::TuneError;
use crate::app::{
    prepare::{self, PrepareError},
    recipe::UNQUANTIZED,
    source::ModelSource,
};

/// For each group a position in the options.
pub(super) type Picks = Vec<usize>;

/// The matrices of one part of one layer, or one matrix outside the layers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// What their names begin with.
    pub name: String,
    /// Patterns that match them and no other matrix.
    pub patterns: Vec<String>,
    /// How many weights they have.
    pub weights: u64,
    /// Bytes for each option.
    pub bytes: Vec<u64>,
}

/// The options of every group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Space {
    options: Vec<u32>,
    group_size: u32,
    groups: Vec<Group>,
    /// What `convert --bits` makes of each option that quantizes.
    uniform: Vec<Picks>,
}

impl Space {
    /// That of a model. `bits` are those of the options, in any order; unquantized weights are always one.
    pub(super) fn of(model: &ModelSource, bits: &[u32], group_size: u32) -> Result<Self, TuneError> {
        let mut options = bits.to_vec();
        options.push(UNQUANTIZED);
        options.sort_unstable();
        options.dedup();
        if options.len() < 2 {
            return Err(TuneError::NoBits);
        }
        let plan = |bits: &u32, embedding_bits: Option<u32>| {
            let recipe = Recipe::new(*bits, Some(group_size), embedding_bits, None);
            prepare::conversion(model, &recipe.map_err(PrepareError::from)?)
        };
        let alike = |bits: &u32| plan(bits, Some(*bits));
        let plans: Vec<Plan> = options.iter().map(alike).collect::<Result<_, _>>()?;
        let members = members(&plans[0]);
        let groups: Vec<Group> = members.iter().map(|(place, names)| group(place, names, &plans)).collect();
        let mut uniform = Vec::new();
        for (option, bits) in options.iter().enumerate().take(options.len() - 1) {
            let usual = plan(bits, None)?;
            let pick = |names: &Vec<String>| {
                let bits = names.first().and_then(|name| bits_of(&usual, name));
                options.iter().position(|one| Some(*one) == bits).unwrap_or(option)
            };
            uniform.push(members.values().map(pick).collect());
        }
        Ok(Self { options, group_size, groups, uniform })
    }

    #[cfg(test)]
    pub(super) fn known(options: Vec<u32>, group_size: u32, groups: Vec<Group>) -> Self {
        let uniform = (0..options.len() - 1).map(|option| vec![option; groups.len()]).collect();
        Self { options, group_size, groups, uniform }
    }

    /// Bits of the options, from few to many; the last leaves weights unquantized.
    pub(super) fn options(&self) -> &[u32] {
        &self.options
    }

    /// The groups.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Weights per scale.
    pub(super) fn group_size(&self) -> u32 {
        self.group_size
    }

    /// Bits of each group.
    pub(super) fn bits(&self, picks: &Picks) -> Vec<u32> {
        picks.iter().map(|pick| self.options[*pick]).collect()
    }

    /// The picks that give each group these bits.
    pub(super) fn picks(&self, bits: &[u32]) -> Option<Picks> {
        bits.iter().map(|bits| self.options.iter().position(|option| option == bits)).collect()
    }

    /// Bytes of all groups.
    pub(super) fn bytes(&self, picks: &Picks) -> u64 {
        picks.iter().zip(&self.groups).map(|(pick, group)| group.bytes[*pick]).sum()
    }

    /// Everything unquantized.
    pub(super) fn widest(&self) -> Picks {
        vec![self.options.len() - 1; self.groups.len()]
    }

    /// For each option that quantizes, what `convert --bits` makes of it: word embeddings have 8 bits at least, if that
    /// is an option.
    pub(super) fn uniform(&self) -> &[Picks] {
        &self.uniform
    }

    /// An option with those next to it.
    pub(super) fn around(&self, option: usize) -> Vec<usize> {
        (option.saturating_sub(1)..=(option + 1).min(self.options.len() - 1)).collect()
    }

    /// Bits that a weight of the groups takes in the mean, scales and biases included.
    pub(super) fn bits_per_weight(&self, picks: &Picks) -> f64 {
        let weights: u64 = self.groups.iter().map(|group| group.weights).sum();
        8.0 * self.bytes(picks) as f64 / weights.max(1) as f64
    }

    /// The recipe: the bits that most groups have, and rules for the others.
    pub(super) fn choices(&self, picks: &Picks) -> Result<Choices, TuneError> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        picks.iter().for_each(|pick| *counts.entry(*pick).or_default() += 1);
        let base = counts.iter().max_by_key(|(_, count)| **count).map_or(0, |(pick, _)| *pick);
        let bits = self.options[base];
        let mut rules = Vec::new();
        for (group, pick) in self.groups.iter().zip(picks).filter(|(_, pick)| **pick != base) {
            let scheme = match self.options[*pick] {
                UNQUANTIZED => None,
                bits => {
                    let scheme = Scheme::affine(bits, self.group_size).map_err(ConvertError::from);
                    Some(scheme.map_err(PrepareError::from)?)
                }
            };
            for pattern in &group.patterns {
                rules.push(Rule::new(pattern, scheme).map_err(PrepareError::from)?);
            }
        }
        Ok(Choices {
            bits: Some(bits),
            group_size: Some(self.group_size),
            embedding_bits: Some(bits).filter(|bits| *bits != UNQUANTIZED),
            rules,
            ..Choices::default()
        })
    }
}

/// The names of the tensors of each group.
type Members = BTreeMap<Place, Vec<String>>;

/// The groups, of a plan that quantizes whatever can be.
fn members(plan: &Plan) -> Members {
    let mut members = Members::new();
    for tensor in plan.tensors.iter().filter(|tensor| matches!(tensor.action, Action::Quantize { .. })) {
        members.entry(Place::of(module(tensor))).or_default().push(tensor.name.clone());
    }
    members
}

/// A group, with its bytes by the plans of all options.
fn group(place: &Place, names: &[String], plans: &[Plan]) -> Group {
    let tensors = |plan: &Plan| -> Vec<PlannedTensor> {
        plan.tensors.iter().filter(|tensor| names.contains(&tensor.name)).cloned().collect()
    };
    let of_any = plans.first().map(tensors).unwrap_or_default();
    let all = plans.first().map_or(&[][..], |plan| plan.tensors.as_slice());
    let matrices: Vec<&str> = all.iter().filter(|tensor| tensor.shape.len() == 2).map(module).collect();
    let modules: Vec<&str> = of_any.iter().map(module).collect();
    Group {
        name: place.name.clone(),
        patterns: patterns(&place.name, &modules, &matrices),
        weights: of_any.iter().map(PlannedTensor::elements).sum(),
        bytes: plans.iter().map(|plan| tensors(plan).iter().map(PlannedTensor::target_bytes).sum()).collect(),
    }
}

/// The bits that a plan gives a tensor.
fn bits_of(plan: &Plan, name: &str) -> Option<u32> {
    match plan.tensors.iter().find(|tensor| tensor.name == name)?.action {
        Action::Quantize { scheme, .. } => Some(scheme.bits()),
        Action::Store { .. } => Some(UNQUANTIZED),
    }
}

fn module(tensor: &PlannedTensor) -> &str {
    tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name)
}

/// Where a module belongs: the name up to the part behind the last number, which is that of its layer. Ordered by the
/// numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    numbers: Vec<u64>,
    name: String,
}

impl Place {
    fn of(module: &str) -> Self {
        let parts: Vec<&str> = module.split('.').collect();
        let number = |part: &&str| part.parse::<u64>().ok();
        let numbers: Vec<u64> = parts.iter().filter_map(number).collect();
        let end = match parts.iter().rposition(|part| number(part).is_some()) {
            Some(last) => (last + 2).min(parts.len()),
            None => parts.len(),
        };
        Self { numbers, name: parts[..end].join(".") }
    }
}

/// What matches these modules and no other matrix.
fn patterns(name: &str, modules: &[&str], matrices: &[&str]) -> Vec<String> {
    let beneath = format!("{name}.");
    let is_all_beneath = modules.len() > 1
        && modules.iter().all(|module| module.starts_with(&beneath))
        && matrices.iter().filter(|matrix| matrix.starts_with(&beneath)).count() == modules.len();
    if is_all_beneath {
        vec![format!("{beneath}*")]
    } else {
        modules.iter().map(|module| (*module).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(module: &str) -> String {
        Place::of(module).name
    }

    #[test]
    fn groups_are_the_parts_of_a_layer() {
        assert_eq!(name("encoder.layer.3.attention.self.query"), "encoder.layer.3.attention");
        assert_eq!(name("encoder.layer.3.output.dense"), "encoder.layer.3.output");
        assert_eq!(name("model.layers.10.mlp.Wi"), "model.layers.10.mlp");
        assert_eq!(name("a.layers.0.fc1"), "a.layers.0.fc1");
        assert_eq!(name("b.layer.1.ffn.2.output.dense"), "b.layer.1.ffn.2.output");
        assert_eq!(name("embeddings.word_embeddings"), "embeddings.word_embeddings");
        let mut places = ["l.10.a", "l.9.a", "words"].map(Place::of);
        places.sort();
        assert_eq!(places.map(|place| place.name), ["words", "l.9.a", "l.10.a"]);
    }

    #[test]
    fn patterns_match_the_group_alone() {
        let two = ["l.1.a.query", "l.1.a.key"];
        assert_eq!(patterns("l.1.a", &two, &["l.1.a.query", "l.1.a.key", "l.1.ab.x"]), ["l.1.a.*"]);
        // One that cannot be quantized lies beside them.
        assert_eq!(patterns("l.1.a", &two, &["l.1.a.query", "l.1.a.key", "l.1.a.odd"]), two);
        assert_eq!(patterns("l.1.fc", &["l.1.fc"], &["l.1.fc"]), ["l.1.fc"]);
    }

    #[test]
    fn recipes_are_the_bits_of_most_groups_and_rules_for_the_others() {
        let group = |name: &str, weights: u64| Group {
            name: name.to_owned(),
            patterns: vec![format!("{name}.*")],
            weights,
            bytes: vec![weights / 2, weights, 2 * weights],
        };
        let groups = vec![group("a", 800), group("b", 100), group("c", 100)];
        let space = Space::known(vec![4, 8, 16], 32, groups);
        let choices = space.choices(&vec![2, 1, 1]).unwrap();
        assert_eq!((choices.bits, choices.group_size, choices.embedding_bits), (Some(8), Some(32), Some(8)));
        let told: Vec<_> = choices.rules.iter().map(|rule| (rule.pattern(), rule.scheme())).collect();
        assert_eq!(told, [("a.*", None)]);
        let choices = space.choices(&vec![2, 2, 0]).unwrap();
        assert_eq!((choices.bits, choices.embedding_bits), (Some(16), None));
        assert_eq!(choices.rules[0].scheme(), Scheme::affine(4, 32).ok());
        assert_eq!(space.bits_per_weight(&vec![0, 2, 0]), 5.2, "0.8 · 4 + 0.1 · 16 + 0.1 · 4");
        assert_eq!(
            (space.around(0), space.around(1), space.around(2)),
            (vec![0, 1], vec![0, 1, 2], vec![1, 2])
        );
    }
}
