//! Which tensors are quantized, by the parts that their modules have in the architecture.

use super::Recipe;
use crate::{
    architecture::{Architecture, Role},
    quant::Affine,
};

/// How a tensor is treated, or why it is left unquantized.
pub(super) fn treatment(
    name: &str,
    shape: &[usize],
    architecture: &Architecture,
    recipe: &Recipe,
) -> Result<Affine, String> {
    let linear = recipe.linear().ok_or("the recipe leaves all weights unquantized")?;
    let module = match shape {
        [_] => return Err("one-dimensional (norm or bias)".to_owned()),
        [_, _] => name.strip_suffix(".weight").ok_or("not the weight of a module")?,
        _ => return Err(format!("{}-dimensional, not a matrix", shape.len())),
    };
    let affine = match architecture.role(module) {
        None => linear,
        Some(Role::Words) => recipe.embedding().ok_or("the recipe leaves the word embeddings unquantized")?,
        // The small parts, whose errors weigh more than their bytes.
        Some(Role::Positions) => return Err("position embeddings".to_owned()),
        Some(Role::TokenTypes) => return Err("token-type embeddings".to_owned()),
        Some(Role::Pooler) => return Err("pooler".to_owned()),
        Some(Role::Head) => return Err("classification head".to_owned()),
    };
    let columns = shape[1];
    if affine.divides(columns) {
        return Ok(affine);
    }
    Err(format!("last dimension {columns} not divisible by group size {}", affine.group_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let treated = treatment(name, &[8, columns], architecture, &recipe).map(Affine::bits);
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
