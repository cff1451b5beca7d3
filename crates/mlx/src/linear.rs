//! Linear layers and norms as MLX graphs.

use gatecheck_model::quant::Scheme;
use mlx_rs::{Array, Dtype, error::Exception, fast, ops};

use crate::packed::Packed;

/// A weight matrix `[outputs, inputs]`.
pub(crate) enum Weight {
    Dense(Array),
    Packed(Packed),
}

impl Weight {
    /// Puts matrices of the same inputs one below the other. Where they are packed differently, they
    /// are unpacked to `dtype`.
    pub(crate) fn stack(mut weights: Vec<Self>, dtype: Dtype) -> Result<Self, Exception> {
        if weights.len() == 1 {
            return Ok(weights.remove(0));
        }
        let schemes: Vec<_> = weights.iter().map(Self::scheme).collect();
        if schemes[0].is_some() && schemes.iter().all(|scheme| *scheme == schemes[0]) {
            let packed = weights.into_iter().filter_map(|weight| match weight {
                Self::Packed(packed) => Some(packed),
                Self::Dense(_) => None,
            });
            return Ok(Self::Packed(Packed::stack(&packed.collect::<Vec<_>>())?));
        }
        let dense: Vec<Array> =
            weights.into_iter().map(|weight| weight.unpacked(dtype)).collect::<Result<_, _>>()?;
        Ok(Self::Dense(ops::concatenate(&dense, 0)?))
    }

    fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Packed(packed) => Some(packed.scheme),
            Self::Dense(_) => None,
        }
    }

    /// Plain floats of type `dtype`, unless they are plain already.
    pub(crate) fn unpacked(self, dtype: Dtype) -> Result<Array, Exception> {
        match self {
            Self::Dense(weight) => Ok(weight),
            Self::Packed(packed) => packed.dequantize(dtype),
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
        if let Weight::Packed(packed) = &weight {
            mlx_rs::transforms::eval(packed.arrays())?;
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
            (Weight::Packed(packed), bias) => {
                let product = packed.product(x)?;
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
