//! What follows a matrix product: bias and activation, in place.

#![expect(unsafe_code, reason = "vector loads within bounds that are checked at entry")]

use crate::level::{Level, dispatch};
use crate::simd::{Vector, exp};

/// A function of each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// The number itself.
    #[default]
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x * Phi(x)` by the error function.
    ///
    /// # Source
    /// arXiv:1606.08415; erf by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7.
    Gelu,
    /// `x * Phi(x)` with the tanh approximation.
    ///
    /// # Source
    /// arXiv:1606.08415, section 2.
    GeluTanh,
    /// `x / (1 + e^(-1.702 x))`.
    ///
    /// # Source
    /// arXiv:1606.08415, section 2: the sigmoid approximation; OpenAI's CLIP calls it QuickGELU.
    QuickGelu,
}

/// Adds a bias to each row and applies an activation.
///
/// # Shapes
/// values (rows, n), bias (n)
///
/// # Panics
/// If the values are no whole number of rows.
pub fn add_bias_activate(values: &mut [f32], bias: &[f32], activation: Activation) {
    add_bias_activate_at(Level::best(), values, bias, activation);
}

pub(crate) fn add_bias_activate_at(level: Level, values: &mut [f32], bias: &[f32], activation: Activation) {
    if bias.is_empty() {
        assert!(values.is_empty(), "rows of no number");
        return;
    }
    assert!(values.len().is_multiple_of(bias.len()), "whole rows of the bias's length");
    dispatch!(level, [values: &mut [f32], bias: &[f32], activation: Activation] -> (), |V| match activation {
        Activation::Identity => rows_with::<V>(values, bias, |x| x),
        Activation::Relu => rows_with::<V>(values, bias, |x| activate(Activation::Relu, x)),
        Activation::Relu6 => rows_with::<V>(values, bias, |x| activate(Activation::Relu6, x)),
        Activation::Gelu => rows_with::<V>(values, bias, |x| activate(Activation::Gelu, x)),
        Activation::GeluTanh => rows_with::<V>(values, bias, |x| activate(Activation::GeluTanh, x)),
        Activation::QuickGelu => rows_with::<V>(values, bias, |x| activate(Activation::QuickGelu, x)),
    });
}

/// An activation of each number of a vector.
///
/// # Safety
/// The machine has the vector.
#[inline(always)]
pub(crate) unsafe fn activate<V: Vector>(activation: Activation, x: V) -> V {
    // SAFETY: only arithmetic of the vector, whose instruction set the caller has.
    unsafe {
        match activation {
            Activation::Identity => x,
            Activation::Relu => x.max(V::splat(0.0)),
            Activation::Relu6 => x.max(V::splat(0.0)).min(V::splat(6.0)),
            Activation::Gelu => gelu(x),
            Activation::GeluTanh => gelu_tanh(x),
            Activation::QuickGelu => quick_gelu(x),
        }
    }
}

/// # Safety
/// `values` are whole rows of the bias's length, which is not 0.
#[inline(always)]
unsafe fn rows_with<V: Vector>(values: &mut [f32], bias: &[f32], apply: impl Fn(V) -> V) {
    let (len, lanes) = (bias.len(), V::LANES);
    for row in values.chunks_exact_mut(len) {
        let (row, bias) = (row.as_mut_ptr(), bias.as_ptr());
        let mut at = 0;
        // SAFETY: each load and store ends at or before `len`.
        unsafe {
            while at + lanes <= len {
                apply(V::load(row.add(at)).add(V::load(bias.add(at)))).store(row.add(at));
                at += lanes;
            }
            if at < len {
                let rest = len - at;
                let sum = V::load_first(row.add(at), rest).add(V::load_first(bias.add(at), rest));
                apply(sum).store_first(row.add(at), rest);
            }
        }
    }
}

/// `x / (1 + e^(-2u))`, which is `x (1 + tanh u) / 2`.
#[inline(always)]
unsafe fn gelu_tanh<V: Vector>(x: V) -> V {
    const ROOT: f32 = 0.797_884_6; // sqrt(2 / pi)
    // SAFETY: only arithmetic of the vector, whose instruction set the caller has.
    unsafe {
        let cubic = x.mul(x).mul_add(V::splat(0.044_715 * ROOT), V::splat(ROOT));
        let u = x.mul(cubic);
        x.div(V::splat(1.0).add(exp(u.mul(V::splat(-2.0)))))
    }
}

#[inline(always)]
unsafe fn quick_gelu<V: Vector>(x: V) -> V {
    // SAFETY: only arithmetic of the vector, whose instruction set the caller has.
    unsafe { x.div(V::splat(1.0).add(exp(x.mul(V::splat(-1.702))))) }
}

#[inline(always)]
unsafe fn gelu<V: Vector>(x: V) -> V {
    // SAFETY: only arithmetic of the vector, whose instruction set the caller has.
    unsafe {
        let z = x.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2)).copy_sign(V::splat(1.0));
        let t = V::splat(1.0).div(z.mul_add(V::splat(0.327_591_1), V::splat(1.0)));
        let mut p = V::splat(1.061_405_4);
        for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = p.mul_add(t, V::splat(coefficient));
        }
        let tail = p.mul(t).mul(exp(z.mul(z).mul(V::splat(-1.0))));
        let erf = V::splat(1.0).sub(tail).copy_sign(x);
        x.mul(V::splat(0.5)).mul(erf.add(V::splat(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    /// The reference in f64. erf by its series, which converges for the |x| used here.
    fn exact(x: f64, activation: Activation) -> f64 {
        match activation {
            Activation::Identity => x,
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::GeluTanh => {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
                0.5 * x * (1.0 + u.tanh())
            }
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Activation::Gelu => {
                let z = x / 2f64.sqrt();
                let (mut term, mut sum) = (z, z);
                for n in 1..200 {
                    term *= -z * z / f64::from(n);
                    sum += term / f64::from(2 * n + 1);
                }
                0.5 * x * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
            }
        }
    }

    #[test]
    fn activations_are_near_their_definitions() {
        let all = [
            Activation::Identity,
            Activation::Relu,
            Activation::Relu6,
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::QuickGelu,
        ];
        let mut random = Random::new(5);
        for level in Level::available() {
            for activation in all {
                for n in [1, 7, 8, 15, 16, 17, 96] {
                    let inputs: Vec<f32> = random.floats(n * 4).iter().map(|x| x * 5.0).collect();
                    let bias = random.floats(n);
                    let mut values = inputs.clone();
                    add_bias_activate_at(level, &mut values, &bias, activation);
                    for (i, value) in values.iter().enumerate() {
                        let sum = inputs[i] + bias[i % n];
                        let expected = exact(f64::from(sum), activation);
                        // The tabled erf is good to 1.5e-7, halved and times |x|; exp and its argument to some 1e-6.
                        let bound = 1.5e-6 * (1.0 + f64::from(sum.abs()));
                        let error = (f64::from(*value) - expected).abs();
                        assert!(error <= bound, "{level:?} {activation:?} of {sum}: {value}, not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn large_inputs_stay_finite() {
        for level in Level::available() {
            for activation in [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu] {
                let mut values = [-1e4, -100.0, 100.0, 1e4];
                add_bias_activate_at(level, &mut values, &[0.0], activation);
                assert_eq!(values.map(|x| x.abs() < 1e-3), [true, true, false, false], "{values:?}");
                assert_eq!(values[2..], [100.0, 1e4]);
            }
        }
    }
}
