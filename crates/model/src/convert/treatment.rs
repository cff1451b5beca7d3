//! Which tensors are quantized, by the parts that their modules have in the architecture.

use std::collections::BTreeSet;

use gatecheck_base::text;

use super::{ConvertError, Recipe};
use crate::{
    architecture::{Architecture, Role},
    blueprint::Graph,
    quant::Scheme,
};

/// What a recipe does to the tensors of a model.
pub(super) struct Treatment<'a> {
    architecture: &'a Architecture,
    recipe: &'a Recipe,
    /// Canonical paths of the modules with more bits than the rest.
    sensitive: BTreeSet<String>,
}

impl<'a> Treatment<'a> {
    pub(super) fn new(architecture: &'a Architecture, graph: &Graph, recipe: &'a Recipe) -> Self {
        let sensitive = recipe.mixed().map(|mixed| mixed.modules(graph)).unwrap_or_default();
        Self { architecture, recipe, sensitive: sensitive.into_iter().collect() }
    }

    /// How a tensor is quantized, or why it is not. `name` is canonical, `stored` that in the artefact.
    pub(super) fn of(&self, name: &str, stored: &str, shape: &[usize]) -> Result<Scheme, String> {
        let recipe = self.recipe;
        if !recipe.quantizes() {
            return Err("the recipe leaves all weights unquantized".to_owned());
        }
        let module = matrix(name, shape)?;
        let stored = stored.strip_suffix(".weight").unwrap_or(stored);
        let scheme = match recipe.rules().iter().find(|rule| rule.matches(stored)) {
            Some(rule) => {
                rule.scheme().ok_or_else(|| format!("the rule `{}` leaves it unquantized", rule.pattern()))?
            }
            None => self.by_role(module)?,
        };
        if scheme.divides(shape[1]) { Ok(scheme) } else { Err(indivisible(shape[1], scheme)) }
    }

    fn by_role(&self, module: &str) -> Result<Scheme, String> {
        let recipe = self.recipe;
        let linear = recipe.linear().ok_or("the recipe leaves all other weights unquantized")?;
        match self.architecture.role(module) {
            None if self.sensitive.contains(module) => {
                Ok(recipe.mixed().and_then(|mixed| mixed.scheme(linear.group_size())).unwrap_or(linear))
            }
            None => Ok(linear),
            Some(Role::Words) => {
                Ok(recipe.embedding().ok_or("the recipe leaves the word embeddings unquantized")?)
            }
            // The small parts, whose errors weigh more than their bytes.
            Some(Role::Positions) => Err("position embeddings".to_owned()),
            Some(Role::TokenTypes) => Err("token-type embeddings".to_owned()),
            Some(Role::Pooler) => Err("pooler".to_owned()),
            Some(Role::Head) => Err("classification head".to_owned()),
        }
    }
}

/// The module whose weight a matrix is, or why the tensor is no such thing.
fn matrix<'n>(name: &'n str, shape: &[usize]) -> Result<&'n str, String> {
    match shape {
        [_] => Err("one-dimensional (norm or bias)".to_owned()),
        [_, _] => Ok(name.strip_suffix(".weight").ok_or("not the weight of a module")?),
        _ => Err(format!("{}-dimensional, not a matrix", shape.len())),
    }
}

fn indivisible(columns: usize, scheme: Scheme) -> String {
    format!("last dimension {columns} not divisible by group size {}", scheme.group_size())
}

/// Refuses rules that do nothing, or ask for what cannot be. `tensors` have the names of the artefact.
pub(super) fn check_rules<'t>(
    recipe: &Recipe,
    tensors: impl Iterator<Item = (&'t str, &'t [usize])> + Clone,
) -> Result<(), ConvertError> {
    let module = |name: &'t str| name.rsplit_once('.').map_or(name, |(module, _)| module);
    for rule in recipe.rules() {
        let pattern = rule.pattern().to_owned();
        let matched: Vec<_> = tensors.clone().filter(|(name, _)| rule.matches(module(name))).collect();
        if matched.is_empty() {
            let modules = tensors
                .clone()
                .filter(|(name, shape)| matrix(name, shape).is_ok())
                .map(|(name, _)| module(name));
            let nearest = text::nearest(&pattern, modules.clone()).or(modules.clone().next());
            return Err(ConvertError::NoMatch { pattern, nearest: nearest.map(str::to_owned) });
        }
        let Some(scheme) = rule.scheme() else { continue };
        let reason = |name: &str, shape: &[usize]| match matrix(name, shape) {
            Ok(_) if scheme.divides(shape[1]) => None,
            Ok(_) => Some((true, indivisible(shape[1], scheme))),
            Err(reason) => Some((false, reason)),
        };
        let refused: Vec<_> =
            matched.iter().filter_map(|(name, shape)| Some((module(name), reason(name, shape)?))).collect();
        // Norms and biases may be meant along; a matrix that cannot be quantized, or nothing but norms, may not.
        let all = refused.len() == matched.len();
        if let Some((module, (_, reason))) = refused.into_iter().find(|(_, (is_matrix, _))| all || *is_matrix)
        {
            return Err(ConvertError::Unquantizable { pattern, module: module.to_owned(), reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::Rule, *};

    fn treatment(
        name: &str,
        shape: &[usize],
        architecture: &Architecture,
        recipe: &Recipe,
    ) -> Result<Scheme, String> {
        Treatment { architecture, recipe, sensitive: BTreeSet::new() }.of(name, name, shape)
    }

    fn ruled(rules: &[(&str, Option<Scheme>)]) -> Recipe {
        let rules = rules.iter().map(|(pattern, scheme)| Rule::new(pattern, *scheme).unwrap()).collect();
        Recipe::of(super::super::Choices { bits: Some(4), rules, ..Default::default() }).unwrap()
    }

    #[test]
    fn the_first_rule_that_matches_holds() {
        let six = Scheme::affine(6, 32).unwrap();
        let recipe = ruled(&[("*.query", Some(six)), ("*.layer.0.*", None), ("classifier", Some(six))]);
        let bert = Architecture::from_model_type("bert").unwrap();
        let of = |name: &str| treatment(name, &[64, 64], bert, &recipe);
        assert_eq!(of("bert.encoder.layer.0.attention.self.query.weight"), Ok(six));
        assert_eq!(
            of("bert.encoder.layer.0.output.dense.weight").unwrap_err(),
            "the rule `*.layer.0.*` leaves it unquantized"
        );
        assert_eq!(of("bert.encoder.layer.1.output.dense.weight"), Ok(Scheme::affine(4, 64).unwrap()));
        assert_eq!(of("classifier.weight"), Ok(six), "a rule goes before the roles");
    }

    #[test]
    fn rules_that_cannot_be_are_refused() {
        let tensors: [(&str, &[usize]); 4] = [
            ("a.query.weight", &[8, 64]),
            ("a.query.bias", &[8]),
            ("a.norm.weight", &[8]),
            ("b.weight", &[8, 100]),
        ];
        let check = |pattern: &str, scheme| {
            check_rules(&ruled(&[(pattern, scheme)]), tensors.iter().copied())
                .map_err(|error| error.to_string())
        };
        let eight = Some(Scheme::affine(8, 64).unwrap());
        assert_eq!(check("a.*", eight), Ok(()));
        assert_eq!(check("b", None), Ok(()));
        assert_eq!(check("a.qeury", eight).unwrap_err(), "`a.qeury` matches no module of the model");
        assert_eq!(
            check("a.norm", eight).unwrap_err(),
            "`a.norm` matches `a.norm`, which cannot be quantized: one-dimensional (norm or bias)"
        );
        assert!(
            check("*", eight).unwrap_err().ends_with("last dimension 100 not divisible by group size 64")
        );
    }

    #[test]
    fn encoders_of_every_family() {
        let recipe = Recipe::try_from(4).unwrap();
        for (model_type, name, columns, expected) in [
            ("bert", "bert.encoder.layer.0.attention.self.query.weight", 384, Ok(4)),
            ("bert", "bert.embeddings.word_embeddings.weight", 384, Ok(8)),
            ("modernbert", "model.embeddings.tok_embeddings.weight", 768, Ok(8)),
            ("bart", "model.shared.weight", 1024, Ok(8)),
            ("mobilebert", "mobilebert.embeddings.embedding_transformation.weight", 384, Ok(4)),
            ("mobilebert", "mobilebert.encoder.layer.0.bottleneck.input.dense.weight", 512, Ok(4)),
            ("modernbert", "model.layers.3.attn.Wqkv.weight", 768, Ok(4)),
            ("modernbert", "model.layers.3.mlp.Wi.weight", 768, Ok(4)),
            ("modernbert", "model.layers.3.mlp.Wo.weight", 1152, Ok(4)),
            ("bert", "bert.embeddings.position_embeddings.weight", 384, Err("position embeddings")),
            ("bart", "model.encoder.embed_positions.weight", 1024, Err("position embeddings")),
            ("deberta-v2", "deberta.encoder.rel_embeddings.weight", 768, Err("position embeddings")),
            ("deberta-v2", "deberta.encoder.layer.0.attention.self.pos_key_proj.weight", 768, Ok(4)),
            ("deberta-v2", "deberta.embeddings.embed_proj.weight", 512, Ok(4)),
            ("mpnet", "mpnet.encoder.relative_attention_bias.weight", 12, Err("position embeddings")),
            ("bert", "bert.embeddings.token_type_embeddings.weight", 384, Err("token-type embeddings")),
            ("bert", "bert.pooler.dense.weight", 384, Err("pooler")),
            ("distilbert", "classifier.weight", 384, Err("classification head")),
            ("bart", "classification_head.dense.weight", 1024, Err("classification head")),
            ("modernbert", "head.dense.weight", 768, Err("classification head")),
            ("distilbert", "pre_classifier.weight", 384, Err("classification head")),
            ("roberta", "roberta.pooler.dense.weight", 384, Err("pooler")),
            ("deberta-v2", "deberta.embeddings.position_embeddings.weight", 384, Err("position embeddings")),
            ("electra", "electra.embeddings_project.weight", 128, Ok(4)),
            ("albert", "albert.encoder.embedding_hidden_mapping_in.weight", 128, Ok(4)),
            ("albert", "albert.pooler.weight", 384, Err("pooler")),
            ("bert", "a.weight", 100, Err("last dimension 100 not divisible by group size 64")),
        ] {
            let architecture = Architecture::from_model_type(model_type).unwrap();
            let treated = treatment(name, &[8, columns], architecture, &recipe).map(Scheme::bits);
            assert_eq!(treated, expected.map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn shapes_and_recipes() {
        let recipe = Recipe::try_from(8).unwrap();
        let treatment = |name, shape: &[usize], recipe| {
            treatment(name, shape, Architecture::from_model_type("bert").unwrap(), recipe)
        };
        let reason = |shape: &[usize], recipe| treatment("a.weight", shape, recipe).unwrap_err();
        assert_eq!(reason(&[64], &recipe), "one-dimensional (norm or bias)");
        assert_eq!(reason(&[64, 64, 3], &recipe), "3-dimensional, not a matrix");
        assert_eq!(treatment("a.bias", &[64, 64], &recipe).unwrap_err(), "not the weight of a module");
        let half = Recipe::try_from(16).unwrap();
        assert_eq!(reason(&[64, 64], &half), "the recipe leaves all weights unquantized");
        let words = Recipe::new(4, None, Some(16), None).unwrap();
        let table = "bert.embeddings.word_embeddings.weight";
        assert!(treatment(table, &[64, 64], &words).unwrap_err().contains("unquantized"));
    }
}
