//! Where the model's weights come from: a file, or a random start that knows a little already.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::{
    config::{HEADS, HIDDEN, LAYERS, POSITIONS},
    model::Affine,
    rng::Rng,
};

/// Width of one head.
const SIZE: usize = HIDDEN / HEADS;

/// Finds a tensor by its name.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<Tensor>;

/// Makes the variables, in order, and keeps them under their names.
pub(crate) struct Source<'a> {
    rng: Rng,
    given: Option<Lookup<'a>>,
    variables: Vec<(String, Var)>,
}

impl<'a> Source<'a> {
    /// Random weights.
    pub(crate) fn random(seed: u64) -> Self {
        Self { rng: Rng::new(seed), given: None, variables: Vec::new() }
    }

    /// The weights that `given` returns for their names.
    pub(crate) fn given(given: Lookup<'a>) -> Self {
        Self { rng: Rng::new(0), given: Some(given), variables: Vec::new() }
    }

    /// A normal variable, or the given one.
    pub(crate) fn variable(
        &mut self,
        name: String,
        shape: &[usize],
        deviation: f64,
        mean: f32,
    ) -> Result<Tensor> {
        let var = match self.given {
            Some(given) => Var::from_tensor(&given(&name)?.to_dtype(DType::F32)?.reshape(shape)?)?,
            None => {
                let count = shape.iter().product();
                let values =
                    (0..count).map(|_| mean + (deviation * self.rng.normal()) as f32).collect::<Vec<_>>();
                Var::from_vec(values, shape, &Device::Cpu)?
            }
        };
        let tensor = var.as_tensor().clone();
        self.variables.push((name, var));
        Ok(tensor)
    }

    /// A linear map with its bias.
    pub(crate) fn affine(&mut self, name: &str, from: usize, to: usize) -> Result<Affine> {
        let deviation = 0.7 / (from as f64).sqrt();
        let weight = self.variable(format!("{name}.weight"), &[to, from], deviation, 0.0)?;
        Ok(Affine { weight, bias: self.variable(format!("{name}.bias"), &[to], 0.0, 0.0)? })
    }

    /// The scale and shift of a layer norm.
    pub(crate) fn norm(&mut self, name: &str) -> Result<Affine> {
        let weight = self.variable(format!("{name}.weight"), &[HIDDEN], 0.0, 1.0)?;
        Ok(Affine { weight, bias: self.variable(format!("{name}.bias"), &[HIDDEN], 0.0, 0.0)? })
    }

    /// The variables, random ones with what they had better know from the start.
    pub(crate) fn finish(self) -> Result<Vec<(String, Var)>> {
        if self.given.is_none() {
            self.set("bert.embeddings.position_embeddings", waves()?)?;
            for index in 0..LAYERS {
                let part = |name: &str| format!("bert.encoder.layer.{index}.attention.self.{name}");
                let mut key = self.find(&part("key"))?.as_tensor().to_vec2::<f32>()?;
                // Queries that equal keys make equal words look at each other, which is what
                // comparing two sentences needs.
                let mut query = key.clone();
                if index == 0 {
                    neighbors(&mut query, &mut key, 0, -1.5);
                    neighbors(&mut query, &mut key, 1, 1.5);
                }
                self.set(&part("query"), Tensor::new(query, &Device::Cpu)?)?;
                self.set(&part("key"), Tensor::new(key, &Device::Cpu)?)?;
            }
        }
        Ok(self.variables)
    }

    fn find(&self, name: &str) -> Result<&Var> {
        let name = format!("{name}.weight");
        let found = self.variables.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, var)| var)
            .ok_or_else(|| candle_core::Error::Msg(format!("there is no variable `{name}`")))
    }

    fn set(&self, name: &str, value: Tensor) -> Result<()> {
        self.find(name)?.set(&value)
    }
}

/// Radians for each position, in the given pair of columns: one head's width of fast waves, which
/// tell neighbours apart, then ever slower ones.
fn frequency(pair: usize) -> f32 {
    const FAST: usize = SIZE / 2;
    if pair < FAST {
        return 1.5 * (pair as f32 + 0.5) / FAST as f32;
    }
    0.7 / 40f32.powf((pair - FAST) as f32 / (HIDDEN / 2 - FAST) as f32)
}

/// Sines and cosines of the positions (Vaswani et al., 2017); training moves them like any weight.
fn waves() -> Result<Tensor> {
    let value = |place: usize, column: usize| {
        let angle = place as f32 * frequency(column / 2);
        0.1 * if column.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let values =
        (0..POSITIONS).flat_map(|place| (0..HIDDEN).map(move |column| value(place, column))).collect();
    Tensor::from_vec(values, (POSITIONS, HIDDEN), &Device::Cpu)
}

/// Makes a head look at the words that stand about `shift` places away: its queries are the waves
/// of the fast columns turned by `shift`, its keys the waves themselves.
fn neighbors(query: &mut [Vec<f32>], key: &mut [Vec<f32>], head: usize, shift: f32) {
    const GAIN: f32 = 2.0;
    for pair in 0..SIZE / 2 {
        let (sine, cosine) = (2 * pair, 2 * pair + 1);
        let (turn_sine, turn_cosine) = (frequency(pair) * shift).sin_cos();
        for row in [head * SIZE + sine, head * SIZE + cosine] {
            query[row].fill(0.0);
            key[row].fill(0.0);
        }
        let (row, next) = (head * SIZE + sine, head * SIZE + cosine);
        query[row][sine] = GAIN * turn_cosine;
        query[row][cosine] = GAIN * turn_sine;
        query[next][sine] = -GAIN * turn_sine;
        query[next][cosine] = GAIN * turn_cosine;
        key[row][sine] = GAIN;
        key[next][cosine] = GAIN;
    }
}
