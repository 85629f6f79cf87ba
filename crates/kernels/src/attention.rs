//! Attention of several heads: `softmax(Q K^T / sqrt(size)) V`.
//!
//! ```text
//! keys and values of a head -> panels, once
//! 16 queries x all keys -> scores -> softmax -> x values -> the head's columns of the result
//! ```
//! Scores are never more than those of a block of queries; of a causal item only the panels that a block may see are
//! multiplied. Heads are the parts that threads take one by one.

#![expect(unsafe_code, reason = "calls the kernel with lengths that are checked at entry")]

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gemm::PANEL_VECTORS;
use crate::gemm::kernel::{Tile, even_tile_rows, run_tile};
use crate::level::{Level, dispatch};
use crate::rows::softmax;
use crate::simd::Vector;

/// Queries whose scores are at hand at once; a multiple of every tile's rows.
const QUERY_ROWS: usize = 16;

/// Rows of which each holds all heads side by side.
#[derive(Debug, Clone, Copy)]
pub struct HeadRows<'a> {
    /// The first row's first head begins here.
    pub values: &'a [f32],
    /// From a row to the next.
    pub stride: usize,
}

/// Attention of some rows of queries over keys and values of the same or other rows.
///
/// # Source
/// arXiv:1706.03762, section 3.2
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// What asks.
    pub queries: HeadRows<'a>,
    /// What is asked; as many rows as of values.
    pub keys: HeadRows<'a>,
    /// What is mixed.
    pub values: HeadRows<'a>,
    /// Rows of keys and of values.
    pub places: usize,
    /// Heads.
    pub heads: usize,
    /// Numbers of a head.
    pub size: usize,
    /// Each query sees the places up to its own only; there are as many places as queries.
    pub causal: bool,
}

impl Attention<'_> {
    /// Mixes values for every query.
    ///
    /// # Shapes
    /// out (queries, heads size)
    ///
    /// # Panics
    /// If a length does not fit, or there is no place.
    pub fn attend(&self, out: &mut [f32]) {
        self.attend_in_parts(out, |all| all());
    }

    /// The same in parts. `each` calls what it is given at least once, from whatever threads; a call attends with one head
    /// after another until none is left.
    ///
    /// # Panics
    /// As [`Attention::attend`].
    pub fn attend_in_parts(&self, out: &mut [f32], each: impl FnOnce(&(dyn Fn() + Sync))) {
        self.attend_at(Level::best(), out, each);
    }

    fn attend_at(&self, level: Level, out: &mut [f32], each: impl FnOnce(&(dyn Fn() + Sync))) {
        let width = self.heads * self.size;
        if width == 0 {
            assert!(out.is_empty(), "attention of no width");
            return;
        }
        assert!(out.len().is_multiple_of(width), "whole rows of the result");
        let rows = out.len() / width;
        if rows == 0 {
            return;
        }
        assert!(self.places > 0, "a query that has nothing to attend to");
        assert!(!self.causal || self.places == rows, "a causal item has as many places as queries");
        let parts = [(self.queries, rows), (self.keys, self.places), (self.values, self.places)];
        for (HeadRows { values, stride }, rows) in parts {
            assert!(stride >= width && values.len() >= (rows - 1) * stride + width, "{rows} rows of {width}");
        }
        let place = Place(out.as_mut_ptr());
        // Handed out here, so that no two calls can ever write the same head.
        let (next, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        each(&|| {
            let mut scratch = Scratch::default();
            loop {
                let head = next.fetch_add(1, Ordering::Relaxed);
                if head >= self.heads {
                    return;
                }
                let (task, scratch) = (Task { attention: self, rows, head }, &mut scratch);
                dispatch!(
                    level,
                    [task: Task<'_>, scratch: &mut Scratch, place: Place] -> (),
                    |V| task.run::<V>(scratch, place.0)
                );
                made.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(made.into_inner(), self.heads, "every head attended");
    }
}

/// Where a result lies, for several threads that write heads of their own.
#[derive(Debug, Clone, Copy)]
struct Place(*mut f32);

// SAFETY: heads lie in columns of their own, and nothing else touches the result until all are done.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

/// What a head needs, kept for the next.
#[derive(Debug, Default)]
struct Scratch {
    /// Panels of places: `[size][3L]`.
    keys: Vec<f32>,
    /// Panels of a head's numbers: `[places][3L]`.
    values: Vec<f32>,
    scores: Vec<f32>,
}

/// One head, whose lengths were checked.
#[derive(Debug, Clone, Copy)]
struct Task<'a> {
    attention: &'a Attention<'a>,
    rows: usize,
    head: usize,
}

impl Task<'_> {
    /// # Safety
    /// The lengths were checked, `out` has room for all rows, nobody else touches this head of it meanwhile, and the machine
    /// has the vector.
    #[inline(always)]
    unsafe fn run<V: Vector>(self, scratch: &mut Scratch, out: *mut f32) {
        let Attention { queries, keys, values, places, heads, size, causal } = *self.attention;
        let (whole, width) = (PANEL_VECTORS * V::LANES, heads * size);
        let at = self.head * size;
        scratch.keys.resize(places.next_multiple_of(V::LANES) * size, 0.0);
        scratch.values.resize(size.next_multiple_of(V::LANES) * places, 0.0);
        scratch.scores.resize(QUERY_ROWS * places, 0.0);
        // SAFETY: every row holds `at + size` numbers, and the panels were given their room.
        unsafe {
            pack_keys::<V>(keys, at, (places, size), &mut scratch.keys);
            pack_values::<V>(values, at, (places, size), &mut scratch.values);
        }
        for top in (0..self.rows).step_by(QUERY_ROWS) {
            let bottom = (top + QUERY_ROWS).min(self.rows);
            let seen = if causal { bottom } else { places };
            let tile_rows = even_tile_rows::<V>(bottom - top);
            let scores = scratch.scores.as_mut_ptr();
            let scores_of = Tile {
                k: size,
                input: queries.values.as_ptr().wrapping_add(top * queries.stride + at),
                stride: queries.stride,
                panel: scratch.keys.as_ptr(),
                out: scores,
                out_stride: places,
                ..PLAIN
            };
            let mixed = Tile {
                k: seen,
                input: scores,
                stride: places,
                panel: scratch.values.as_ptr(),
                out: out.wrapping_add(top * width + at),
                out_stride: width,
                ..PLAIN
            };
            // One loop for both products: each place that tiles are made at becomes much code.
            let products = [(scores_of, size, places, seen), (mixed, places, size, size)];
            for (step, (corner, lines, columns, needed)) in products.into_iter().enumerate() {
                if step == 1 {
                    for (row, line) in (top..bottom).zip(scratch.scores.chunks_exact_mut(places)) {
                        let (own, hidden) = line.split_at_mut(if causal { row + 1 } else { places });
                        // SAFETY: the machine has the vector.
                        unsafe { softmax::<V>(own) };
                        hidden.fill(0.0);
                    }
                }
                for first in (0..needed).step_by(whole) {
                    for row in (0..bottom - top).step_by(tile_rows) {
                        let tile = Tile {
                            input: corner.input.wrapping_add(row * corner.stride),
                            panel: corner.panel.wrapping_add(first * lines),
                            out: corner.out.wrapping_add(row * corner.out_stride + first),
                            columns: (columns - first).min(whole),
                            ..corner
                        };
                        // SAFETY: tiles lie within queries, panels, scores and result.
                        unsafe { run_tile::<V>(&tile, (bottom - top - row).min(tile_rows)) };
                    }
                }
            }
        }
    }
}

/// A tile whose sums are written as they are.
const PLAIN: Tile = Tile {
    k: 0,
    input: std::ptr::null(),
    stride: 0,
    panel: std::ptr::null(),
    out: std::ptr::null_mut(),
    out_stride: 0,
    columns: 0,
    resumes: false,
    finish: None,
    next: std::ptr::null(),
    lines: 0,
};

/// Keys of one head as panels of places, times `1 / sqrt(size)`.
///
/// # Safety
/// There are so many places whose rows hold `at + size` numbers; `to` has room for their panels.
#[inline(always)]
unsafe fn pack_keys<V: Vector>(
    keys: HeadRows<'_>,
    at: usize,
    (places, size): (usize, usize),
    to: &mut [f32],
) {
    let scale = 1.0 / (size as f32).sqrt();
    let whole = PANEL_VECTORS * V::LANES;
    for first in (0..places).step_by(whole) {
        let used = (places - first).min(whole);
        let width = used.next_multiple_of(V::LANES);
        for place in 0..width {
            // SAFETY: as the caller says; a panel has `size` lines of its width.
            unsafe {
                let panel = to.as_mut_ptr().add(first * size + place);
                let from = keys.values.as_ptr().wrapping_add((first + place) * keys.stride + at);
                for number in 0..size {
                    *panel.add(number * width) = if place < used { *from.add(number) * scale } else { 0.0 };
                }
            }
        }
    }
}

/// Values of one head as panels of its numbers.
///
/// # Safety
/// As [`pack_keys`].
#[inline(always)]
unsafe fn pack_values<V: Vector>(
    values: HeadRows<'_>,
    at: usize,
    (places, size): (usize, usize),
    to: &mut [f32],
) {
    let whole = PANEL_VECTORS * V::LANES;
    for first in (0..size).step_by(whole) {
        let used = (size - first).min(whole);
        let width = used.next_multiple_of(V::LANES);
        for place in 0..places {
            // SAFETY: as the caller says; a panel has a line of its width for each place.
            unsafe {
                let line = to.as_mut_ptr().add(first * places + place * width);
                let from = values.values.as_ptr().add(place * values.stride + at + first);
                std::ptr::copy_nonoverlapping(from, line, used);
                std::ptr::write_bytes(line.add(used), 0, width - used);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    struct Case {
        rows: usize,
        places: usize,
        heads: usize,
        size: usize,
        causal: bool,
    }

    fn cases() -> Vec<Case> {
        let case = |rows, places, heads, size, causal| Case { rows, places, heads, size, causal };
        let mut cases = vec![
            case(1, 1, 1, 1, false),
            case(1, 50, 3, 8, false),
            case(5, 33, 2, 7, false),
            case(50, 50, 2, 64, false),
            case(70, 130, 1, 80, false),
        ];
        // Below, at and past the edges of tiles, panels and blocks of queries.
        cases.extend(
            [1, 2, 4, 7, 8, 15, 16, 17, 24, 25, 48, 49, 77].map(|rows| case(rows, rows, 2, 20, true)),
        );
        cases
    }

    /// In f64, one query after another.
    fn exact(a: &Attention<'_>, row: usize, head: usize) -> (Vec<f64>, f64) {
        let of = |rows: HeadRows<'_>, row: usize| {
            let from = row * rows.stride + head * a.size;
            rows.values[from..from + a.size].iter().map(|x| f64::from(*x)).collect::<Vec<_>>()
        };
        let query = of(a.queries, row);
        let seen = if a.causal { row + 1 } else { a.places };
        let scores: Vec<f64> = (0..seen)
            .map(|place| of(a.keys, place).iter().zip(&query).map(|(k, q)| k * q).sum::<f64>())
            .map(|score| score / (a.size as f64).sqrt())
            .collect();
        let most = scores.iter().copied().fold(f64::MIN, f64::max);
        let powers: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let mut mixed = vec![0.0; a.size];
        for (place, power) in powers.iter().enumerate() {
            for (to, value) in mixed.iter_mut().zip(of(a.values, place)) {
                *to += value * power / sum;
            }
        }
        // What a score may be off by: its products' roundings.
        let magnitude = (0..seen)
            .map(|place| of(a.keys, place).iter().zip(&query).map(|(k, q)| (k * q).abs()).sum::<f64>())
            .fold(0.0, f64::max);
        (mixed, magnitude / (a.size as f64).sqrt())
    }

    #[test]
    fn every_form_is_near_f64_and_its_parts_are_the_whole() {
        let mut random = Random::new(12);
        for level in Level::available() {
            for Case { rows, places, heads, size, causal } in cases() {
                let width = heads * size;
                let (own, pairs) = (random.floats(rows * (width + 3)), random.floats(places * 2 * width));
                let wide: Vec<f32> = own.iter().map(|x| x * 4.0).collect();
                let attention = Attention {
                    queries: HeadRows { values: &wide, stride: width + 3 },
                    keys: HeadRows { values: &pairs, stride: 2 * width },
                    values: HeadRows { values: &pairs[width..], stride: 2 * width },
                    places,
                    heads,
                    size,
                    causal,
                };
                let mut out = vec![f32::NAN; rows * width];
                attention.attend_at(level, &mut out, |all| all());
                for (row, line) in out.chunks(width).enumerate() {
                    for (head, mixed) in line.chunks(size).enumerate() {
                        let (expected, magnitude) = exact(&attention, row, head);
                        // Roundings of the scores move each share by that much of itself; values lie within -1..1.
                        let bound = (8.0 * size as f64 * (1.0 + magnitude) + 4.0 * places as f64)
                            * f64::from(f32::EPSILON);
                        for (value, expected) in mixed.iter().zip(expected) {
                            let error = (f64::from(*value) - expected).abs();
                            assert!(
                                error <= bound,
                                "{level:?} {rows}x{places}, {heads} of {size}, causal {causal}: {value}, not {expected}"
                            );
                        }
                    }
                }
                let mut parts = vec![f32::NAN; rows * width];
                attention.attend_at(level, &mut parts, |part| {
                    std::thread::scope(|scope| {
                        for _ in 0..3 {
                            scope.spawn(part);
                        }
                    });
                });
                assert_eq!(parts, out, "{level:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "nothing to attend to")]
    fn a_query_without_places_is_refused() {
        let none = HeadRows { values: &[], stride: 2 };
        let queries = HeadRows { values: &[1.0, 2.0], stride: 2 };
        let attention =
            Attention { queries, keys: none, values: none, places: 0, heads: 1, size: 2, causal: false };
        attention.attend(&mut [0.0; 2]);
    }
}
