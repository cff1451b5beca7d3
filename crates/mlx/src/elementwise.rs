//! The element-wise functions of an encoder, as MLX graphs.

use gatecheck_model::activation::Activation;
use mlx_rs::{Array, error::Exception, ops};

/// An activation function.
pub(crate) fn activate(x: &Array, activation: Activation) -> Result<Array, Exception> {
    let constant = |value: f32| Array::from_f32(value).as_dtype(x.dtype());
    match activation {
        Activation::Gelu => {
            let erf = ops::erf(&x.multiply(constant(std::f32::consts::FRAC_1_SQRT_2)?)?)?;
            x.multiply(constant(0.5)?)?.multiply(erf.add(constant(1.0)?)?)
        }
        Activation::GeluNew => {
            let cube = x.multiply(x)?.multiply(x)?.multiply(constant(0.044_715)?)?;
            let inner = x.add(&cube)?.multiply(constant(0.797_884_6)?)?;
            x.multiply(constant(0.5)?)?.multiply(ops::tanh(&inner)?.add(constant(1.0)?)?)
        }
        Activation::QuickGelu => x.multiply(ops::sigmoid(&x.multiply(constant(1.702)?)?)?),
        Activation::Relu => ops::maximum(x, constant(0.0)?),
        Activation::Silu => x.multiply(ops::sigmoid(x)?),
        Activation::Tanh => ops::tanh(x),
    }
}
