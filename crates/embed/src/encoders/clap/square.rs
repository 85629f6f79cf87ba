//! A spectrogram as a square image.

/// What a cubic of the reference bends by.
const BEND: f32 = -0.75;

/// Frames stretched to another number of them, the first and the last staying so.
///
/// # Shapes
/// (frames, bands) -> (wanted, bands)
///
/// # Source
/// torch `interpolate(mode="bicubic", align_corners=True)`: cubic with a = -0.75, in f32 as there
pub(super) fn stretched(frames: &[f32], bands: usize, wanted: usize) -> Vec<f32> {
    let count = frames.len() / bands.max(1);
    if count == wanted || count == 0 {
        return frames.to_vec();
    }
    let scale = (count - 1) as f32 / (wanted.max(2) - 1) as f32;
    let mut out = vec![0.0; wanted * bands];
    for (number, row) in out.chunks_exact_mut(bands).enumerate() {
        let at = scale * number as f32;
        #[expect(clippy::cast_possible_truncation, reason = "a frame's number")]
        let first = (at.floor() as usize).min(count - 1);
        let weights = cubic((at - first as f32).clamp(0.0, 1.0));
        for (step, weight) in weights.into_iter().enumerate() {
            let frame = (first + step).saturating_sub(1).min(count - 1);
            let from = frames.get(frame * bands..).unwrap_or_default();
            for (to, value) in row.iter_mut().zip(from) {
                *to += weight * value;
            }
        }
    }
    out
}

/// The weights of the frame before, the two around a place, and the one behind.
fn cubic(t: f32) -> [f32; 4] {
    let near = |x: f32| ((BEND + 2.0) * x - (BEND + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((BEND * x - 5.0 * BEND) * x + 8.0 * BEND) * x - 4.0 * BEND;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// The square's patches, each as the convolution's weight has it: row, column.
///
/// The frames are cut into `side / bands` stretches of equal length. Each is turned, bands down and frames along, and put below the
/// one before.
///
/// # Shapes
/// (side * side / bands, bands) -> ((side / patch)^2, patch^2)
pub(super) fn patches(frames: &[f32], bands: usize, (side, patch): (usize, usize)) -> Vec<f32> {
    let mut out = Vec::with_capacity(side * side);
    let places =
        (0..side).step_by(patch).flat_map(|top| (0..side).step_by(patch).map(move |left| (top, left)));
    for (top, left) in places {
        for row in top..top + patch {
            let first = row / bands * side + left;
            let column = frames.get(first * bands + row % bands..).unwrap_or_default();
            out.extend(column.iter().step_by(bands).take(patch));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_stay_and_what_is_as_long_is_not_touched() {
        let frames = [1.0, 10.0, 2.0, 20.0, 4.0, 40.0];
        let out = stretched(&frames, 2, 5);
        assert_eq!(out.len(), 10);
        assert_eq!((out[..2].to_vec(), out[8..].to_vec()), (vec![1.0, 10.0], vec![4.0, 40.0]));
        assert_eq!(out[4..6], [2.0, 20.0]);
        assert_eq!(stretched(&frames, 2, 3), frames);
        let sum: f32 = cubic(0.3).iter().sum();
        assert!((sum - 1.0).abs() < 1e-6);
    }

    #[test]
    fn stretches_lie_below_each_other_bands_down() {
        // Two bands, a square of four: eight frames in two stretches. A number is 10 times the frame, and the band.
        let frames: Vec<f32> =
            (0..8u8).flat_map(|frame| [f32::from(frame) * 10.0, f32::from(frame) * 10.0 + 1.0]).collect();
        let square = [
            [0.0, 10.0, 20.0, 30.0],
            [1.0, 11.0, 21.0, 31.0],
            [40.0, 50.0, 60.0, 70.0],
            [41.0, 51.0, 61.0, 71.0],
        ];
        assert_eq!(patches(&frames, 2, (4, 4)), square.concat());
        assert_eq!(patches(&frames, 2, (4, 2))[4..8], [20.0, 30.0, 21.0, 31.0]);
    }
}
