//! Products of seven bits: whole sums against plain ones, and the error against f64.

use super::{MAX_K, QuantizedMatrix};
use crate::gemm::Epilogue;
use crate::testing::Random;
use crate::{Activation, Level};

const SIZES: [(usize, usize, usize); 10] = [
    (1, 1, 1),
    (2, 3, 5),
    (3, 16, 8),
    (4, 17, 9),
    (5, 33, 64),
    (6, 15, 7),
    (13, 48, 31),
    (50, 40, 96),
    (11, 24, 770),
    (300, 20, 900),
];

#[test]
fn every_level_makes_the_same_and_parts_are_the_whole() {
    let mut random = Random::new(21);
    for (m, n, k) in SIZES {
        let (weights, input) = (random.floats(n * k), random.floats(m * k));
        let (bias, residual) = (random.floats(n), random.floats(m * n));
        let plain = Epilogue { bias: None, activation: Activation::Identity, residual: None };
        let mut expected = vec![f32::NAN; m * n];
        QuantizedMatrix::new_at(Level::Portable, &weights, n, k).multiply(&input, plain, &mut expected);
        for level in Level::available() {
            let matrix = QuantizedMatrix::new_at(level, &weights, n, k);
            let mut out = vec![f32::NAN; m * n];
            matrix.multiply(&input, plain, &mut out);
            for (value, expected) in out.iter().zip(&expected) {
                // The scales of a row are found in another order of roundings.
                assert!((value - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{level:?} {m}x{n}x{k}");
            }
            let full =
                Epilogue { bias: Some(&bias), activation: Activation::QuickGelu, residual: Some(&residual) };
            let mut whole = vec![f32::NAN; m * n];
            matrix.multiply(&input, full, &mut whole);
            for (workers, threads) in [(2, 2), (3, 1), (20, 4)] {
                let mut parts = vec![f32::NAN; m * n];
                matrix.multiply_in_parts(&input, full, &mut parts, workers, |part| {
                    std::thread::scope(|scope| {
                        for _ in 0..threads {
                            scope.spawn(part);
                        }
                    });
                });
                assert_eq!(parts, whole, "{level:?} {m}x{n}x{k} for {workers}");
            }
        }
    }
}

#[test]
fn a_product_is_within_the_error_of_its_roundings() {
    let mut random = Random::new(22);
    for level in Level::available() {
        for (m, n, k) in SIZES {
            let (weights, mut input) = (random.floats(n * k), random.floats(m * k));
            // Rows of all kinds: around 0, positive, and with one number far from the others.
            for (number, row) in input.chunks_mut(k).enumerate() {
                match number % 3 {
                    0 => {}
                    1 => row.iter_mut().for_each(|x| *x = x.abs() + 3.0),
                    _ => row[k / 2] *= 50.0,
                }
            }
            let bias = random.floats(n);
            let epilogue = Epilogue { bias: Some(&bias), activation: Activation::Relu, residual: None };
            let mut out = vec![f32::NAN; m * n];
            QuantizedMatrix::new_at(level, &weights, n, k).multiply(&input, epilogue, &mut out);
            for (row, line) in input.chunks(k).zip(out.chunks(n)) {
                let least = row.iter().copied().fold(0.0, f32::min);
                let most = row.iter().copied().fold(0.0, f32::max);
                let step = f64::from(most - least) / 127.0;
                for ((value, weights), bias) in line.iter().zip(weights.chunks(k)).zip(&bias) {
                    let largest = weights.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
                    // Half of a step each, and the zero of a row is rounded as well.
                    let (of_input, of_weight) = (step, f64::from(largest) / 128.0);
                    let (mut sum, mut bound) = (f64::from(*bias), 1e-4);
                    for (x, w) in row.iter().zip(weights) {
                        let (x, w) = (f64::from(*x), f64::from(*w));
                        sum += x * w;
                        bound += of_input * (w.abs() + of_weight) + x.abs() * of_weight;
                    }
                    let error = (f64::from(*value) - sum.max(0.0)).abs();
                    assert!(error <= bound, "{level:?} {m}x{n}x{k}: {value}, not {sum} within {bound}");
                }
            }
        }
    }
}

#[test]
fn the_largest_numbers_do_not_saturate() {
    // All of one sign, and signs by turns: sums of four are as large as they can be.
    let k = 3072;
    for level in Level::available() {
        for sign in [1.0, -1.0] {
            let weights: Vec<f32> = (0..2 * k).map(|at| if at < k { sign } else { 1.0 }).collect();
            let input = vec![1.0; 5 * k];
            let mut out = vec![0.0; 10];
            QuantizedMatrix::new_at(level, &weights, 2, k).multiply(&input, Epilogue::default(), &mut out);
            for pair in out.chunks(2) {
                assert!((pair[0] - sign * k as f32).abs() < 0.01, "{level:?}: {}", pair[0]);
                assert!((pair[1] - k as f32).abs() < 0.01, "{level:?}: {}", pair[1]);
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let mut random = Random::new(23);
    for level in Level::available() {
        let (n, k) = (37, 50);
        let matrix = QuantizedMatrix::new_at(level, &random.floats(n * k), n, k);
        let input = random.floats(13 * k);
        let mut all = vec![0.0; 13 * n];
        matrix.multiply(&input, Epilogue::default(), &mut all);
        for (row, expected) in input.chunks(k).zip(all.chunks(n)) {
            let mut one = vec![0.0; n];
            matrix.multiply(row, Epilogue::default(), &mut one);
            assert_eq!(one, expected, "{level:?}");
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for level in Level::available() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 7, 8, 18] {
                let (mut weights, mut input) = (vec![0.5; 2 * 19], vec![1.0; 2 * 19]);
                input[at] = bad;
                let mut out = [0.0; 4];
                QuantizedMatrix::new_at(level, &weights, 2, 19).multiply(
                    &input,
                    Epilogue::default(),
                    &mut out,
                );
                assert!(out[..2].iter().all(|x| !x.is_finite()), "{level:?} {bad} at {at}: {out:?}");
                assert!(out[2..].iter().all(|x| x.is_finite()), "{level:?} {bad} at {at}: {out:?}");
                weights[at] = bad;
                QuantizedMatrix::new_at(level, &weights, 2, 19).multiply(
                    &[1.0; 19],
                    Epilogue::default(),
                    &mut out[..2],
                );
                assert!(!out[0].is_finite() && out[1].is_finite(), "{level:?} {bad} at {at}: {out:?}");
            }
        }
    }
}

#[test]
fn nothing_is_a_product_of_nothing() {
    QuantizedMatrix::new(&[], 0, 4).multiply(&[1.0; 4], Epilogue::default(), &mut []);
    let mut out = [9.0; 2];
    QuantizedMatrix::new(&[], 2, 0).multiply(
        &[],
        Epilogue { bias: Some(&[1.0, 2.0]), ..Epilogue::default() },
        &mut out,
    );
    assert_eq!(out, [1.0, 2.0]);
    // Rows of nothing but 0.
    let mut out = [9.0; 2];
    QuantizedMatrix::new(&[0.0; 6], 2, 3).multiply(&[0.0; 3], Epilogue::default(), &mut out);
    assert_eq!(out, [0.0, 0.0]);
}

#[test]
#[should_panic(expected = "131073 weights")]
fn a_row_whose_sums_could_overflow_is_refused() {
    QuantizedMatrix::new(&vec![0.0; MAX_K + 1], 1, MAX_K + 1);
}
