//! BERT for sequence classification, named and shaped as in Hugging Face's `BertForSequenceClassification`.

use candle_core::{Device, Result, Tensor, Var};

use crate::{
    config::{EPS, HEADS, HIDDEN, INTERMEDIATE, LAYERS, POSITIONS},
    init::{Lookup, Source},
    ops,
    pair::Label,
};

/// Token ids of pairs padded to one length.
pub(crate) struct Batch {
    pub(crate) ids: Tensor,
    pub(crate) types: Tensor,
    /// 0 for tokens and -1e4 for padding, or nothing if there is none.
    pub(crate) mask: Option<Tensor>,
    pub(crate) labels: Tensor,
    pub(crate) rows: usize,
    pub(crate) length: usize,
}

/// A weight and a bias.
pub(crate) struct Affine {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
}

impl Affine {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::add_bias(&x.matmul(&self.weight.t()?)?, &self.bias)
    }

    fn norm(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, EPS)
    }
}

struct Layer {
    query: Affine,
    key: Affine,
    value: Affine,
    attention: Affine,
    attention_norm: Affine,
    intermediate: Affine,
    output: Affine,
    output_norm: Affine,
}

/// The model's parts, and its variables under their names for the optimizer and the file.
pub(crate) struct Bert {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Affine,
    layers: Vec<Layer>,
    pooler: Affine,
    classifier: Affine,
    pub(crate) variables: Vec<(String, Var)>,
}

impl Bert {
    /// A model with random weights.
    pub(crate) fn new(vocabulary: usize, seed: u64) -> Result<Self> {
        Self::build(vocabulary, Source::random(seed))
    }

    /// A model with the weights that `given` returns for their names.
    pub(crate) fn load(vocabulary: usize, given: Lookup<'_>) -> Result<Self> {
        Self::build(vocabulary, Source::given(given))
    }

    fn build(vocabulary: usize, mut source: Source) -> Result<Self> {
        let mut table = |name: &str, rows: usize, deviation: f64| {
            source.variable(
                format!("bert.embeddings.{name}_embeddings.weight"),
                &[rows, HIDDEN],
                deviation,
                0.0,
            )
        };
        let words = table("word", vocabulary, 0.1)?;
        let positions = table("position", POSITIONS, 0.0)?;
        let types = table("token_type", 2, 0.05)?;
        let norm = source.norm("bert.embeddings.LayerNorm")?;
        let layers = (0..LAYERS).map(|index| Layer::build(&mut source, index)).collect::<Result<_>>()?;
        let pooler = source.affine("bert.pooler.dense", HIDDEN, HIDDEN)?;
        let classifier = source.affine("classifier", HIDDEN, Label::ALL.len())?;
        let variables = source.finish()?;
        Ok(Self { words, positions, types, norm, layers, pooler, classifier, variables })
    }

    /// Logits, one row for each pair.
    pub(crate) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let first = self.encode(batch, 1)?;
        self.classifier.forward(&self.pooler.forward(&first)?.tanh()?)
    }

    /// Scores of every word piece at the given places of the batch, by likeness to its embedding.
    pub(crate) fn restore(&self, batch: &Batch, places: &Tensor) -> Result<Tensor> {
        self.encode(batch, batch.length)?.index_select(places, 0)?.matmul(&self.words.t()?)
    }

    /// The first `wanted` tokens of each row after the last layer, as rows of a matrix.
    fn encode(&self, batch: &Batch, wanted: usize) -> Result<Tensor> {
        let Batch { ids, types, mask, rows, length, .. } = batch;
        let places: Vec<u32> = (0..*rows).flat_map(|_| 0..*length as u32).collect();
        let places = Tensor::from_vec(places, rows * length, &Device::Cpu)?;
        let words = self.words.index_select(ids, 0)?;
        let sum = (words + self.positions.index_select(&places, 0)?)?;
        let mut x = self.norm.norm(&(sum + self.types.index_select(types, 0)?)?)?;
        for (index, layer) in self.layers.iter().enumerate() {
            // The last layer computes only the tokens that are read.
            let seen = if index + 1 == self.layers.len() { wanted } else { *length };
            x = layer.forward(&x, mask.as_ref(), *rows, *length, seen)?;
        }
        Ok(x)
    }
}

impl Layer {
    fn build(source: &mut Source, index: usize) -> Result<Self> {
        let mut affine = |name: &str, from: usize, to: usize| {
            source.affine(&format!("bert.encoder.layer.{index}.{name}"), from, to)
        };
        let query = affine("attention.self.query", HIDDEN, HIDDEN)?;
        let key = affine("attention.self.key", HIDDEN, HIDDEN)?;
        let value = affine("attention.self.value", HIDDEN, HIDDEN)?;
        let attention = affine("attention.output.dense", HIDDEN, HIDDEN)?;
        let intermediate = affine("intermediate.dense", HIDDEN, INTERMEDIATE)?;
        let output = affine("output.dense", INTERMEDIATE, HIDDEN)?;
        let attention_norm =
            source.norm(&format!("bert.encoder.layer.{index}.attention.output.LayerNorm"))?;
        let output_norm = source.norm(&format!("bert.encoder.layer.{index}.output.LayerNorm"))?;
        Ok(Self { query, key, value, attention, attention_norm, intermediate, output, output_norm })
    }

    /// The first `seen` tokens of each row after this layer, as rows of a matrix.
    fn forward(
        &self,
        x: &Tensor,
        mask: Option<&Tensor>,
        rows: usize,
        length: usize,
        seen: usize,
    ) -> Result<Tensor> {
        let size = HIDDEN / HEADS;
        let split =
            |x: Tensor, length: usize| x.reshape((rows, length, HEADS, size))?.transpose(1, 2)?.contiguous();
        let (key, value) = (split(self.key.forward(x)?, length)?, split(self.value.forward(x)?, length)?);
        let x = match seen == length {
            true => x.clone(),
            false => x.reshape((rows, length, HIDDEN))?.narrow(1, 0, seen)?.reshape((rows * seen, HIDDEN))?,
        };
        let query = split((self.query.forward(&x)? * (1.0 / (size as f64).sqrt()))?, seen)?;
        let mut scores = query.matmul(&key.t()?)?;
        if let Some(mask) = mask {
            scores = scores.broadcast_add(mask)?;
        }
        let context =
            ops::softmax(&scores)?.matmul(&value)?.transpose(1, 2)?.reshape((rows * seen, HIDDEN))?;
        let x = self.attention_norm.norm(&(self.attention.forward(&context)? + x)?)?;
        let wide = ops::gelu(&self.intermediate.forward(&x)?)?;
        self.output_norm.norm(&(self.output.forward(&wide)? + x)?)
    }
}
