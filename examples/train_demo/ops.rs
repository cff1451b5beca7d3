//! The four operations that candle has no fast differentiable form of on the CPU: adding a bias,
//! layer norm, softmax and exact GELU, each with its gradient.
//!
//! Every one of them works on contiguous f32 rows.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// `x + b`, the bias repeated for every row.
pub(crate) fn add_bias(x: &Tensor, b: &Tensor) -> Result<Tensor> {
    x.apply_op2(b, AddBias)
}

/// Layer norm over the last dimension with scale and shift.
pub(crate) fn layer_norm(x: &Tensor, scale: &Tensor, shift: &Tensor, eps: f32) -> Result<Tensor> {
    x.apply_op3(scale, shift, LayerNorm { eps })
}

/// Softmax over the last dimension.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    x.apply_op1(Softmax)
}

/// `x Φ(x)`, with the error function good to 1.5e-7.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    x.apply_op1(Gelu)
}

fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("the operation needs contiguous values"),
    }
}

fn host(x: &Tensor) -> Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}

fn last(layout: &Layout) -> Result<usize> {
    layout
        .shape()
        .dims()
        .last()
        .copied()
        .ok_or_else(|| candle_core::Error::Msg("a scalar has no rows".into()))
}

struct AddBias;

impl CustomOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, b) = (values(x, lx)?, values(b, lb)?);
        let mut out = Vec::with_capacity(x.len());
        for row in x.chunks_exact(b.len()) {
            out.extend(row.iter().zip(b).map(|(x, b)| x + b));
        }
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let n = b.elem_count();
        let mut sum = vec![0f32; n];
        for row in host(grad)?.chunks_exact(n) {
            sum.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
        }
        Ok((Some(grad.clone()), Some(Tensor::from_vec(sum, n, grad.device())?)))
    }
}

struct LayerNorm {
    eps: f32,
}

impl LayerNorm {
    /// Mean and inverse deviation of a row.
    fn moments(&self, row: &[f32]) -> (f32, f32) {
        let n = row.len() as f32;
        let mean = row.iter().sum::<f32>() / n;
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
        (mean, 1.0 / (variance + self.eps).sqrt())
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        scale: &CpuStorage,
        lscale: &Layout,
        shift: &CpuStorage,
        lshift: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, scale, shift) = (values(x, lx)?, values(scale, lscale)?, values(shift, lshift)?);
        let mut out = Vec::with_capacity(x.len());
        for row in x.chunks_exact(scale.len()) {
            let (mean, inverse) = self.moments(row);
            out.extend(row.iter().zip(scale).zip(shift).map(|((x, s), b)| (x - mean) * inverse * s + b));
        }
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (xs, scales, grads) = (host(x)?, host(scale)?, host(grad)?);
        let n = scales.len();
        let (mut dx, mut dscale, mut dshift) = (vec![0f32; xs.len()], vec![0f32; n], vec![0f32; n]);
        let mut unit = vec![0f32; n];
        for ((row, g), dx) in xs.chunks_exact(n).zip(grads.chunks_exact(n)).zip(dx.chunks_exact_mut(n)) {
            let (mean, inverse) = self.moments(row);
            let (mut sum, mut dot) = (0f32, 0f32);
            for i in 0..n {
                unit[i] = (row[i] - mean) * inverse;
                let scaled = g[i] * scales[i];
                sum += scaled;
                dot += scaled * unit[i];
                dscale[i] += g[i] * unit[i];
                dshift[i] += g[i];
            }
            let (sum, dot) = (sum / n as f32, dot / n as f32);
            for i in 0..n {
                dx[i] = inverse * (g[i] * scales[i] - sum - unit[i] * dot);
            }
        }
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), device)?),
            Some(Tensor::from_vec(dscale, n, device)?),
            Some(Tensor::from_vec(dshift, n, device)?),
        ))
    }
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let n = last(layout)?;
        let mut out = values(x, layout)?.to_vec();
        for row in out.chunks_exact_mut(n) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - top).exp());
            let scale = 1.0 / row.iter().sum::<f32>();
            row.iter_mut().for_each(|x| *x *= scale);
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let n = y.dim(candle_core::D::Minus1)?;
        let (ys, mut dx) = (host(y)?, host(grad)?);
        for (y, g) in ys.chunks_exact(n).zip(dx.chunks_exact_mut(n)) {
            let dot: f32 = y.iter().zip(g.iter()).map(|(y, g)| y * g).sum();
            g.iter_mut().zip(y).for_each(|(g, y)| *g = y * (*g - dot));
        }
        Ok(Some(Tensor::from_vec(dx, y.shape(), y.device())?))
    }
}

struct Gelu;

/// Φ(x) and the normal density at x, by Abramowitz and Stegun, formula 7.1.26.
fn normal(x: f32) -> (f32, f32) {
    let bell = (-0.5 * x * x).exp();
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let poly =
        t * (0.254_829_6 + t * (-0.284_496_7 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * poly * bell;
    (if x < 0.0 { tail } else { 1.0 - tail }, bell * 0.398_942_3)
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = values(x, layout)?.iter().map(|&x| x * normal(x).0).collect();
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let mut dx = host(grad)?;
        for (g, x) in dx.iter_mut().zip(host(x)?) {
            let (below, density) = normal(x);
            *g *= below + x * density;
        }
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::rng::Rng;

    fn random(rng: &mut Rng, shape: (usize, usize)) -> Vec<f32> {
        (0..shape.0 * shape.1).map(|_| rng.normal() as f32).collect()
    }

    /// Compares the gradient of a weighted sum of the operation's values with finite differences.
    fn check(operation: impl Fn(&Tensor) -> Result<Tensor>) {
        let (mut rng, shape, step) = (Rng::new(5), (3, 4), 1e-2f32);
        let (start, weights) = (random(&mut rng, shape), random(&mut rng, shape));
        let weights = Tensor::from_vec(weights, shape, &Device::Cpu).unwrap();
        let value = |x: &Tensor| (operation(x).unwrap() * &weights).unwrap().sum_all().unwrap();
        let x = Var::from_vec(start.clone(), shape, &Device::Cpu).unwrap();
        let gradient = host(value(&x).backward().unwrap().get(&x).unwrap()).unwrap();
        for (place, slope) in gradient.into_iter().enumerate() {
            let moved = |by: f32| {
                let mut at = start.clone();
                at[place] += by;
                value(&Tensor::from_vec(at, shape, &Device::Cpu).unwrap()).to_scalar::<f32>().unwrap()
            };
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((slope - expected).abs() < 2e-3, "at {place}: {slope} is not {expected}");
        }
    }

    #[test]
    fn gradients_are_finite_differences() {
        let scale = Tensor::new(&[1f32, -0.5, 2.0, 0.3], &Device::Cpu).unwrap();
        let shift = Tensor::new(&[0.1f32, 0.2, -0.3, 0.0], &Device::Cpu).unwrap();
        check(softmax);
        check(gelu);
        check(|x| add_bias(x, &shift));
        check(|x| layer_norm(x, &scale, &shift, 1e-5));
        // As functions of their weights, which every row shares.
        let row = |x: &Tensor| x.get(0)?.contiguous();
        let fixed = Tensor::from_vec(random(&mut Rng::new(6), (3, 4)), (3, 4), &Device::Cpu).unwrap();
        check(|x| add_bias(&fixed, &row(x)?));
        check(|x| layer_norm(&fixed, &row(x)?, &shift, 1e-5));
        check(|x| layer_norm(&fixed, &scale, &row(x)?, 1e-5));
    }

    #[test]
    fn gelu_is_the_exact_one() {
        let x = Tensor::arange_step(-6f32, 6.0, 0.01, &Device::Cpu).unwrap();
        let difference = (gelu(&x).unwrap() - x.gelu_erf().unwrap()).unwrap();
        assert!(difference.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() < 2e-6);
    }
}
