//! Which tensors are quantized, by their canonical names.

use super::Recipe;
use crate::quant::Affine;

/// Last parts of module paths that are word-embedding tables.
const WORD_TABLES: &[&str] = &["word_embeddings", "tok_embeddings", "embed_tokens", "shared"];
/// Parts of module paths that belong to what sits on top of the encoder.
const HEADS: &[&str] =
    &["classifier", "pre_classifier", "classification_head", "pooler", "head", "score", "cls", "lm_head"];

/// How a tensor is treated, or why it is left unquantized.
pub(super) fn treatment(name: &str, shape: &[usize], recipe: &Recipe) -> Result<Affine, String> {
    let linear = recipe.linear().ok_or("the recipe leaves all weights unquantized")?;
    let module = match shape {
        [_] => return Err("one-dimensional (norm or bias)".to_owned()),
        [_, _] => name.strip_suffix(".weight").ok_or("not the weight of a module")?,
        _ => return Err(format!("{}-dimensional, not a matrix", shape.len())),
    };
    let affine = match kept(module) {
        Some(reason) => return Err(reason.to_owned()),
        None if is_word_table(module) => {
            recipe.embedding().ok_or("the recipe leaves the word embeddings unquantized")?
        }
        None => linear,
    };
    let columns = shape[1];
    if affine.divides(columns) {
        return Ok(affine);
    }
    Err(format!("last dimension {columns} not divisible by group size {}", affine.group_size()))
}

fn is_word_table(module: &str) -> bool {
    module.rsplit('.').next().is_some_and(|last| WORD_TABLES.contains(&last))
}

/// The small parts whose errors weigh more than their bytes.
fn kept(module: &str) -> Option<&'static str> {
    let any = |matches: fn(&str) -> bool| module.split('.').any(matches);
    if any(|part| part.contains("position") || part.starts_with("rel_") || part.starts_with("relative_")) {
        return Some("position embeddings");
    }
    if any(|part| part.contains("token_type")) {
        return Some("token-type embeddings");
    }
    if any(|part| part == "pooler") {
        return Some("pooler");
    }
    if any(|part| HEADS.contains(&part)) {
        return Some("classification head");
    }
    let table = !is_word_table(module) && module.rsplit('.').next()?.ends_with("embeddings");
    table.then_some("embedding table that is not the word embeddings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_of_every_family() {
        let recipe = Recipe::try_from(4).unwrap();
        for (name, columns, expected) in [
            ("bert.encoder.layer.0.attention.self.query.weight", 384, Ok(4)),
            ("bert.embeddings.word_embeddings.weight", 384, Ok(8)),
            ("model.embeddings.tok_embeddings.weight", 768, Ok(8)),
            ("model.shared.weight", 1024, Ok(8)),
            ("mobilebert.embeddings.embedding_transformation.weight", 384, Ok(4)),
            ("mobilebert.encoder.layer.0.bottleneck.input.dense.weight", 512, Ok(4)),
            ("model.layers.3.attn.Wqkv.weight", 768, Ok(4)),
            ("model.layers.3.mlp.Wi.weight", 768, Ok(4)),
            ("model.layers.3.mlp.Wo.weight", 1152, Ok(4)),
            ("bert.embeddings.position_embeddings.weight", 384, Err("position embeddings")),
            ("model.encoder.embed_positions.weight", 1024, Err("position embeddings")),
            ("deberta.encoder.rel_embeddings.weight", 768, Err("position embeddings")),
            ("deberta.encoder.layer.0.attention.self.pos_key_proj.weight", 768, Ok(4)),
            ("deberta.embeddings.embed_proj.weight", 512, Ok(4)),
            ("mpnet.encoder.relative_attention_bias.weight", 12, Err("position embeddings")),
            ("bert.embeddings.token_type_embeddings.weight", 384, Err("token-type embeddings")),
            ("bert.pooler.dense.weight", 384, Err("pooler")),
            ("classifier.weight", 384, Err("classification head")),
            ("classification_head.dense.weight", 1024, Err("classification head")),
            ("head.dense.weight", 768, Err("classification head")),
            ("a.weight", 100, Err("last dimension 100 not divisible by group size 64")),
        ] {
            let treated = treatment(name, &[8, columns], &recipe).map(Affine::bits);
            assert_eq!(treated, expected.map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn shapes_and_recipes() {
        let recipe = Recipe::try_from(8).unwrap();
        let reason = |shape: &[usize], recipe| treatment("a.weight", shape, recipe).unwrap_err();
        assert_eq!(reason(&[64], &recipe), "one-dimensional (norm or bias)");
        assert_eq!(reason(&[64, 64, 3], &recipe), "3-dimensional, not a matrix");
        assert_eq!(treatment("a.bias", &[64, 64], &recipe).unwrap_err(), "not the weight of a module");
        let half = Recipe::try_from(16).unwrap();
        assert_eq!(reason(&[64, 64], &half), "the recipe leaves all weights unquantized");
        let words = Recipe::new(4, None, Some(16), None).unwrap();
        assert!(treatment("word_embeddings.weight", &[64, 64], &words).unwrap_err().contains("unquantized"));
    }
}
