//! Where a film changes from one shot to the next.

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
/// Fewest frames of a shot: flashes and fades are one cut, not many.
const SHORTEST: usize = 3;

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
    last: Option<Likeness>,
    differences: Vec<f32>,
    /// Frames since the last cut.
    since_cut: usize,
}

impl CutFinder {
    /// Whether this frame begins a new shot.
    pub(super) fn is_cut(&mut self, likeness: Likeness) -> bool {
        let difference = self.last.as_ref().map(|last| last.difference(&likeness));
        self.last = Some(likeness);
        let Some(difference) = difference else { return false };
        let mut before = self.differences.clone();
        before.sort_by(f32::total_cmp);
        let median = before.get(before.len() / 2).copied().unwrap_or(0.0);
        self.differences.push(difference);
        if self.differences.len() > MEMORY {
            self.differences.remove(0);
        }
        self.since_cut += 1;
        let cut = difference > CUT && difference > CUT_OVER_MEDIAN * median && self.since_cut >= SHORTEST;
        if cut {
            self.since_cut = 0;
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: u8) -> Rgb {
        Rgb { width: 32, height: 18, pixels: vec![value; 32 * 18 * 3] }
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
            assert!(!finder.is_cut(Likeness::of(&ramp(shift * 2))), "drift {shift}");
        }
        assert!(finder.is_cut(Likeness::of(&flat(250))));
        assert!(!finder.is_cut(Likeness::of(&flat(250))));
    }

    #[test]
    fn a_fast_pan_is_no_cut() {
        let mut finder = CutFinder::default();
        let cuts = (0..30).filter(|shift| finder.is_cut(Likeness::of(&ramp(shift * 25)))).count();
        assert!(cuts <= 1, "{cuts}");
        let mut flash = CutFinder::default();
        let shades = [40, 40, 40, 40, 250, 40, 40, 40];
        assert_eq!(shades.into_iter().filter(|shade| flash.is_cut(Likeness::of(&flat(*shade)))).count(), 1);
    }
}
