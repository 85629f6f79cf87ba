//! Products at every level against f64.

use super::{Epilogue, Grid, PackedMatrix};
use crate::testing::Random;
use crate::{Activation, Level};

struct Case {
    m: usize,
    n: usize,
    k: usize,
    stride: usize,
}

fn cases() -> Vec<Case> {
    let sizes =
        [(1, 1, 1), (2, 3, 5), (8, 48, 16), (9, 47, 7), (7, 49, 33), (13, 97, 64), (33, 16, 1), (5, 144, 24)];
    let mut cases: Vec<Case> = sizes.map(|(m, n, k)| Case { m, n, k, stride: k }).into();
    cases.push(Case { m: 6, n: 20, k: 9, stride: 13 });
    // Several blocks of k, the last one shorter; rows far apart, which are copied together.
    cases.push(Case { m: 19, n: 160, k: 515, stride: 600 });
    // More rows than stay in the cache at once.
    cases.push(Case { m: 270, n: 50, k: 600, stride: 600 });
    cases
}

#[test]
fn halves_are_the_rounded_matrix() {
    let mut random = Random::new(8);
    for level in Level::available() {
        for Case { m, n, k, stride } in cases() {
            let (weights, input) = (random.floats(n * k), random.floats(m * stride));
            let rounded: Vec<f32> =
                weights.iter().map(|weight| half::f16::from_f32(*weight).to_f32()).collect();
            let (mut halved, mut exact) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
            let epilogue = Epilogue::default();
            PackedMatrix::new_at(level, &weights, n, k).halved().multiply(
                &input,
                stride,
                epilogue,
                &mut halved,
            );
            PackedMatrix::new_at(level, &rounded, n, k).multiply(&input, stride, epilogue, &mut exact);
            assert_eq!(halved, exact, "{level:?} {m}x{n}x{k}");
        }
    }
}

#[test]
fn parts_are_the_whole() {
    let mut random = Random::new(7);
    for level in Level::available() {
        for Case { m, n, k, stride } in cases() {
            let (weights, input) = (random.floats(n * k), random.floats(m * stride));
            let (bias, residual) = (random.floats(n), random.floats(m * n));
            let matrix = PackedMatrix::new_at(level, &weights, n, k);
            let epilogue =
                Epilogue { bias: Some(&bias), activation: Activation::Gelu, residual: Some(&residual) };
            let mut whole = vec![f32::NAN; m * n];
            matrix.multiply(&input, stride, epilogue, &mut whole);
            // As many threads as workers, or fewer that make all the parts.
            for (workers, threads) in [(2, 2), (3, 1), (20, 4)] {
                let mut out = vec![f32::NAN; m * n];
                matrix.multiply_in_parts(&input, stride, epilogue, &mut out, workers, |part| {
                    std::thread::scope(|scope| {
                        for _ in 0..threads {
                            scope.spawn(part);
                        }
                    });
                });
                assert_eq!(out, whole, "{level:?} {m}x{n}x{k} for {workers}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "every part of the product was made")]
fn a_product_that_nobody_made_is_not_given_back() {
    PackedMatrix::new(&[1.0; 6], 2, 3).multiply_in_parts(
        &[1.0; 3],
        3,
        Epilogue::default(),
        &mut [0.0; 2],
        2,
        |_| (),
    );
}

#[test]
fn a_grid_covers_every_place_once_and_has_work_for_all() {
    for (m, n) in [(1, 1), (1, 3072), (12, 512), (50, 768), (50, 17), (400, 16), (12_544, 96), (0, 40)] {
        for panel in [24, 48] {
            for workers in [1, 2, 3, 16] {
                let grid = Grid::new(m, n, panel, workers);
                let mut made = vec![0; m * n];
                let mut largest = 0;
                for index in 0..grid.count() {
                    let part = grid.part(index).unwrap();
                    assert!(part.columns.0.is_multiple_of(panel), "a part begins a panel");
                    largest = largest.max((part.rows.1 - part.rows.0) * (part.columns.1 - part.columns.0));
                    for row in part.rows.0..part.rows.1 {
                        made[row * n + part.columns.0..row * n + part.columns.1]
                            .iter_mut()
                            .for_each(|x| *x += 1);
                    }
                }
                assert!(grid.part(grid.count()).is_none() && made.iter().all(|count| *count == 1));
                // Where there are tiles and panels enough, nobody waits for one that has much more than its share.
                if workers == 2 && m * n >= 8 * 8 * panel {
                    assert!(largest <= m * n * 6 / 10, "{m}x{n}: a part of {largest}");
                }
            }
        }
    }
}

#[test]
fn a_product_is_within_its_error_bound() {
    let mut random = Random::new(6);
    for level in Level::available() {
        for Case { m, n, k, stride } in cases() {
            let (weights, input) = (random.floats(n * k), random.floats(m * stride));
            let (bias, residual) = (random.floats(n), random.floats(m * n));
            let matrix = PackedMatrix::new_at(level, &weights, n, k);
            for activation in [
                Activation::Identity,
                Activation::Relu6,
                Activation::Gelu,
                Activation::GeluTanh,
                Activation::QuickGelu,
            ] {
                let epilogue = Epilogue { bias: Some(&bias), activation, residual: Some(&residual) };
                let mut out = vec![f32::NAN; m * n];
                matrix.multiply(&input, stride, epilogue, &mut out);
                for (i, value) in out.iter().enumerate() {
                    let (row, column) = (i / n, i % n);
                    let products = (0..k)
                        .map(|j| f64::from(input[row * stride + j]) * f64::from(weights[column * k + j]));
                    let (sum, magnitude) =
                        products.fold((0.0, 0.0), |(sum, all), x| (sum + x, all + x.abs()));
                    let sum = sum + f64::from(bias[column]);
                    let activated = match activation {
                        Activation::Relu6 => sum.clamp(0.0, 6.0),
                        Activation::GeluTanh => {
                            let u = (2.0 / std::f64::consts::PI).sqrt() * (sum + 0.044_715 * sum.powi(3));
                            0.5 * sum * (1.0 + u.tanh())
                        }
                        Activation::QuickGelu => sum / (1.0 + (-1.702 * sum).exp()),
                        Activation::Gelu => 0.5 * sum * (1.0 + erf(sum / 2f64.sqrt())),
                        Activation::Relu => sum.max(0.0),
                        Activation::Identity => sum,
                    };
                    let expected = activated + f64::from(residual[i]);
                    // k roundings of the products' magnitudes, some more for bias, activation and residual.
                    let bound = (k as f64 * magnitude + 8.0 * (1.0 + sum.abs())) * f64::from(f32::EPSILON);
                    let error = (f64::from(*value) - expected).abs();
                    assert!(
                        error <= bound,
                        "{level:?} {m}x{n}x{k} {activation:?} at {i}: {value}, not {expected}"
                    );
                }
            }
        }
    }
}

/// By its series while that converges in f64; 1 behind it.
fn erf(z: f64) -> f64 {
    if z.abs() > 5.0 {
        return z.signum();
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let mut random = Random::new(7);
    for level in Level::available() {
        let (n, k) = (53, 40);
        let matrix = PackedMatrix::new_at(level, &random.floats(n * k), n, k);
        let input = random.floats(11 * k);
        let mut all = vec![0.0; 11 * n];
        matrix.multiply(&input, k, Epilogue::default(), &mut all);
        for (row, expected) in input.chunks(k).zip(all.chunks(n)) {
            let mut one = vec![0.0; n];
            matrix.multiply(row, k, Epilogue::default(), &mut one);
            assert_eq!(one, expected, "{level:?}");
        }
    }
}

#[test]
fn a_transposed_view_is_packed_like_its_copy() {
    let mut random = Random::new(8);
    let (n, k) = (19, 23);
    let weights = random.floats(n * k);
    let transposed: Vec<f32> = (0..k * n).map(|i| weights[(i % n) * k + i / n]).collect();
    let input = random.floats(3 * k);
    let (mut plain, mut viewed) = (vec![0.0; 3 * n], vec![0.0; 3 * n]);
    PackedMatrix::new(&weights, n, k).multiply(&input, k, Epilogue::default(), &mut plain);
    let mut matrix = PackedMatrix::empty();
    matrix.repack(&random.floats(200 * 100), (200, 100), (100, 1));
    matrix.repack(&transposed, (n, k), (1, n));
    matrix.multiply(&input, k, Epilogue::default(), &mut viewed);
    assert_eq!(plain, viewed);
}

#[test]
#[should_panic(expected = "within the weights")]
fn a_view_past_its_weights_is_refused() {
    PackedMatrix::empty().repack(&[0.0; 5], (2, 3), (3, 1));
}
