//! Linear layers and norms as MLX graphs.

use mlx_rs::{Array, error::Exception, fast, ops};

/// A weight matrix `[outputs, inputs]`.
pub(crate) enum Weight {
    Dense(Array),
    Packed { words: Array, scales: Array, biases: Array, group_size: i32, bits: i32 },
}

impl Weight {
    /// Puts matrices of the same inputs one below the other. Where they are packed differently, they
    /// are unpacked.
    pub(crate) fn stack(mut weights: Vec<Self>) -> Result<Self, Exception> {
        if weights.len() == 1 {
            return Ok(weights.remove(0));
        }
        if let Self::Packed { group_size, bits, .. } = weights[0] {
            let same = |weight: &Self| match weight {
                Self::Packed { group_size: size, bits: width, .. } => (*size, *width) == (group_size, bits),
                Self::Dense(_) => false,
            };
            if weights.iter().all(same) {
                let part = |pick: fn(&Self) -> Option<&Array>| {
                    ops::concatenate(&weights.iter().filter_map(pick).collect::<Vec<_>>(), 0)
                };
                return Ok(Self::Packed {
                    words: part(|weight| weight.packed().map(|parts| parts[0]))?,
                    scales: part(|weight| weight.packed().map(|parts| parts[1]))?,
                    biases: part(|weight| weight.packed().map(|parts| parts[2]))?,
                    group_size,
                    bits,
                });
            }
        }
        let dense: Vec<Array> = weights.into_iter().map(Self::unpacked).collect::<Result<_, _>>()?;
        Ok(Self::Dense(ops::concatenate(&dense, 0)?))
    }

    fn packed(&self) -> Option<[&Array; 3]> {
        match self {
            Self::Packed { words, scales, biases, .. } => Some([words, scales, biases]),
            Self::Dense(_) => None,
        }
    }

    /// Plain floats.
    pub(crate) fn unpacked(self) -> Result<Array, Exception> {
        match self {
            Self::Dense(weight) => Ok(weight),
            Self::Packed { words, scales, biases, group_size, bits } => {
                ops::dequantize(&words, &scales, &biases, group_size, bits)
            }
        }
    }
}

/// `x·Wᵀ + b`.
pub(crate) struct Linear {
    weight: Weight,
    bias: Option<Array>,
}

impl Linear {
    /// Dense weights are transposed here, once.
    pub(crate) fn new(weight: Weight, bias: Option<Array>) -> Result<Self, Exception> {
        let weight = match weight {
            Weight::Dense(weight) => {
                let transposed = weight.transpose()?;
                transposed.eval()?;
                Weight::Dense(transposed)
            }
            packed => packed,
        };
        if let Some(parts) = weight.packed() {
            mlx_rs::transforms::eval(parts)?;
        }
        if let Some(bias) = &bias {
            bias.eval()?;
        }
        Ok(Self { weight, bias })
    }

    pub(crate) fn forward(&self, x: &Array) -> Result<Array, Exception> {
        match (&self.weight, &self.bias) {
            (Weight::Dense(transposed), Some(bias)) => ops::addmm(bias, x, transposed, None, None),
            (Weight::Dense(transposed), None) => ops::matmul(x, transposed),
            (Weight::Packed { words, scales, biases, group_size, bits }, bias) => {
                let product = ops::quantized_matmul(x, words, scales, biases, true, *group_size, *bits)?;
                bias.as_ref().map_or(Ok(product.clone()), |bias| product.add(bias))
            }
        }
    }
}

/// A norm.
pub(crate) struct Norm {
    pub(crate) scale: Array,
    pub(crate) shift: Option<Array>,
    /// Added to the variance. Without it nothing is normed, only scaled and shifted.
    pub(crate) epsilon: Option<f32>,
}

impl Norm {
    pub(crate) fn forward(&self, x: &Array) -> Result<Array, Exception> {
        if let Some(epsilon) = self.epsilon {
            return fast::layer_norm(x, &self.scale, self.shift.as_ref(), epsilon);
        }
        let scaled = x.multiply(&self.scale)?;
        self.shift.as_ref().map_or(Ok(scaled.clone()), |shift| scaled.add(shift))
    }
}
