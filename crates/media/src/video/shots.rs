//! Where a video changes from one shot to the next.

use super::SCAN_STEP_MS;
use crate::Rgb;

/// A frame's small likeness: mean colours of a grid of cells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likeness(Vec<f32>);

const CELLS: usize = 8;
/// A new shot differs from the frame before by more than this mean difference of 0 to 255.
const CUT: f32 = 18.0;
/// And by this many times the median difference of the frames before it (a pan is no cut).
const CUT_OVER_MEDIAN: f32 = 3.0;
/// Differences that the median is taken over.
const MEMORY: usize = 8;
/// Shortest shot in milliseconds: flashes and fades are one cut, not many.
const SHORTEST_MS: u64 = 700;

impl Likeness {
    pub(super) fn of(frame: &Rgb) -> Self {
        let (w, h) = (frame.width as usize, frame.height as usize);
        let mut sums = vec![0_f32; CELLS * CELLS * 3];
        let mut counts = vec![0_f32; CELLS * CELLS];
        // Every third pixel of every second row tells as much as all of them.
        for y in (0..h).step_by(2) {
            let cell_row = y * CELLS / h.max(1);
            for x in (0..w).step_by(3) {
                let cell = cell_row * CELLS + x * CELLS / w.max(1);
                let start = (y * w + x) * 3;
                if let (Some(pixel), Some(count)) = (frame.pixels.get(start..start + 3), counts.get_mut(cell))
                {
                    *count += 1.0;
                    for (sum, value) in sums.iter_mut().skip(cell * 3).zip(pixel) {
                        *sum += f32::from(*value);
                    }
                }
            }
        }
        for (cell, count) in sums.chunks_exact_mut(3).zip(counts) {
            for sum in cell {
                *sum /= count.max(1.0);
            }
        }
        Self(sums)
    }

    /// Mean difference of the cells, 0 to 255.
    fn difference(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b).abs()).sum::<f32>() / self.0.len().max(1) as f32
    }
}

/// Finds cuts in a stream of frames.
#[derive(Debug, Default)]
pub(super) struct CutFinder {
    /// The frame before, and when it began to be shown.
    last: Option<(Likeness, u64)>,
    differences: Vec<f32>,
    /// When the shot began.
    shot_ms: u64,
}

impl CutFinder {
    /// Whether the frame that is shown from this moment on begins a new shot. A frame that stood for several scan steps
    /// is as many frames without a difference: slides that follow each other are no pan.
    pub(super) fn is_cut(&mut self, likeness: Likeness, at_ms: u64) -> bool {
        let Some((last, last_ms)) = self.last.take() else {
            (self.last, self.shot_ms) = (Some((likeness, at_ms)), at_ms);
            return false;
        };
        let difference = last.difference(&likeness);
        self.last = Some((likeness, at_ms));
        let stood = at_ms.saturating_sub(last_ms) / SCAN_STEP_MS;
        for _ in 1..stood.min(MEMORY as u64 + 1) {
            self.remember(0.0);
        }
        let mut before = self.differences.clone();
        before.sort_by(f32::total_cmp);
        let median = before.get(before.len() / 2).copied().unwrap_or(0.0);
        self.remember(difference);
        let cut = difference > CUT
            && difference > CUT_OVER_MEDIAN * median
            && at_ms.saturating_sub(self.shot_ms) >= SHORTEST_MS;
        if cut {
            self.shot_ms = at_ms;
        }
        cut
    }

    fn remember(&mut self, difference: f32) {
        self.differences.push(difference);
        if self.differences.len() > MEMORY {
            self.differences.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: u8) -> Rgb {
        Rgb { width: 32, height: 18, pixels: vec![value; 32 * 18 * 3] }
    }

    fn step(place: usize) -> u64 {
        place as u64 * SCAN_STEP_MS
    }

    fn ramp(shift: usize) -> Rgb {
        let pixels = (0..32 * 18 * 3)
            .map(|at| u8::try_from((at / 3 % 32 * 7 + shift) % 256).expect("a byte"))
            .collect();
        Rgb { width: 32, height: 18, pixels }
    }

    #[test]
    fn a_change_of_scene_is_a_cut_and_a_drift_is_not() {
        let mut finder = CutFinder::default();
        for shift in 0..10 {
            assert!(!finder.is_cut(Likeness::of(&ramp(shift * 2)), step(shift)), "drift {shift}");
        }
        assert!(finder.is_cut(Likeness::of(&flat(250)), step(10)));
        assert!(!finder.is_cut(Likeness::of(&flat(250)), step(11)));
    }

    #[test]
    fn slides_are_cuts_however_many_follow() {
        let mut finder = CutFinder::default();
        let cuts = (0..10)
            .filter(|slide| {
                finder.is_cut(Likeness::of(&flat([20, 120, 220][slide % 3])), *slide as u64 * 5_000)
            })
            .count();
        assert_eq!(cuts, 9);
    }

    #[test]
    fn a_fast_pan_is_no_cut() {
        let mut finder = CutFinder::default();
        let cuts =
            (0..30).filter(|shift| finder.is_cut(Likeness::of(&ramp(shift * 25)), step(*shift))).count();
        assert!(cuts <= 1, "{cuts}");
        let mut flash = CutFinder::default();
        let shades = [40, 40, 40, 40, 250, 40, 40, 40];
        let is_cut = |(at, shade): &(usize, u8)| flash.is_cut(Likeness::of(&flat(*shade)), step(*at));
        assert_eq!(shades.into_iter().enumerate().filter(is_cut).count(), 1);
    }
}
