//! Where a film is cut: at changes of shot, and at the longest window.

use crate::Rgb;

/// A frame's small likeness: mean colours of a grid of cells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likeness(Vec<f32>);

const CELLS: usize = 8;
/// A new shot differs from the frame before by more than this mean difference of 0 to 255.
const CUT: f32 = 22.0;
/// And by this many times the median difference of the frames before it (a pan is no cut).
const CUT_OVER_MEDIAN: f32 = 3.0;
const MEMORY: usize = 8;
/// A frame whose cells all lie within this much of each other is blank.
const BLANK: f32 = 6.0;

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
                if let (Some(pixel), Some(count)) = (frame.pixels.get(start..start + 3), counts.get_mut(cell)) {
                    *count += 1.0;
                    for (sum, value) in sums.iter_mut().skip(cell * 3).zip(pixel) {
                        *sum += f32::from(*value);
                    }
                }
            }
        }
        for (sum, index) in sums.iter_mut().zip(0..) {
            *sum /= counts.get(index / 3).copied().unwrap_or(1.0).max(1.0);
        }
        Self(sums)
    }

    /// Mean difference of the cells, 0 to 255.
    pub(super) fn difference(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b).abs()).sum::<f32>() / self.0.len().max(1) as f32
    }

    /// Whether nothing is to be seen: one flat colour.
    pub(super) fn is_blank(&self) -> bool {
        (0..3).all(|channel| {
            let values = self.0.iter().skip(channel).step_by(3);
            let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
            high - low < BLANK
        })
    }
}

/// Finds cuts in a stream of frames.
#[derive(Debug, Default)]
pub(super) struct CutFinder {
    last: Option<Likeness>,
    differences: Vec<f32>,
}

impl CutFinder {
    /// Whether this frame begins a new shot.
    pub(super) fn is_cut(&mut self, likeness: &Likeness) -> bool {
        let Some(last) = self.last.replace(likeness.clone()) else { return false };
        let difference = last.difference(likeness);
        let mut before = self.differences.clone();
        before.sort_by(f32::total_cmp);
        let median = before.get(before.len() / 2).copied().unwrap_or(0.0);
        let cut = difference > CUT && difference > CUT_OVER_MEDIAN * median;
        if cut {
            self.differences.clear();
        } else {
            self.differences.push(difference);
            if self.differences.len() > MEMORY {
                self.differences.remove(0);
            }
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
        let pixels = (0..32 * 18 * 3).map(|at| u8::try_from((at / 3 % 32 * 7 + shift) % 256).expect("a byte")).collect();
        Rgb { width: 32, height: 18, pixels }
    }

    #[test]
    fn a_flat_frame_is_blank_and_a_picture_is_not() {
        assert!(Likeness::of(&flat(0)).is_blank());
        assert!(Likeness::of(&flat(255)).is_blank());
        assert!(!Likeness::of(&ramp(0)).is_blank());
    }

    #[test]
    fn a_change_of_scene_is_a_cut_and_a_drift_is_not() {
        let mut finder = CutFinder::default();
        for shift in 0..10 {
            assert!(!finder.is_cut(&Likeness::of(&ramp(shift * 2))), "drift {shift}");
        }
        assert!(finder.is_cut(&Likeness::of(&flat(250))));
        assert!(!finder.is_cut(&Likeness::of(&flat(250))));
    }
}
