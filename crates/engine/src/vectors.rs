//! Sums and means of unit vectors.

use sensorium_types::{Content, Modality, PointInfo, Track};

use crate::EngineError;

/// A sum shorter than this points nowhere.
pub(crate) const MIN_LENGTH: f32 = 0.001;

/// L2 norm.
pub(crate) fn length(vector: &[f32]) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a length needs no more than f32, its squares do")]
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt() as f32;
    length
}

/// Whether every number is finite and not all are 0.
pub(crate) fn is_usable(vector: &[f32]) -> bool {
    vector.iter().all(|x| x.is_finite()) && vector.iter().any(|x| *x != 0.0)
}

/// That all vectors that a model made can be searched with.
pub(crate) fn check_all(vectors: &[Vec<f32>]) -> Result<(), EngineError> {
    if vectors.iter().all(|vector| is_usable(vector)) { Ok(()) } else { Err(EngineError::NoDirection) }
}

/// Adds `weight * vector` to a sum, which takes the vector's length if it is empty.
pub(crate) fn add(sum: &mut Vec<f32>, weight: f32, vector: &[f32]) {
    if sum.len() < vector.len() {
        sum.resize(vector.len(), 0.0);
    }
    for (total, x) in sum.iter_mut().zip(vector) {
        *total += weight * x;
    }
}

/// Gives a vector L2 norm 1; returns the norm it had. A vector shorter than [`MIN_LENGTH`] is left as it is.
pub(crate) fn normalize(vector: &mut [f32]) -> f32 {
    let norm = length(vector);
    if norm >= MIN_LENGTH {
        for x in vector {
            *x /= norm;
        }
    }
    norm
}

/// A vector that a user gave, brought to L2 norm 1; `None` if it has another dimension, a number that is not finite, or only
/// zeros.
pub(crate) fn unit(mut vector: Vec<f32>, dim: usize) -> Option<Vec<f32>> {
    if vector.len() != dim || !is_usable(&vector) {
        return None;
    }
    // Scaled by its largest number first, so that no length over- or underflows.
    let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    for x in &mut vector {
        *x /= largest;
    }
    normalize(&mut vector);
    Some(vector)
}

/// The normalized mean of unit vectors, of one that vector as it is; `None` of none, or where they cancel out.
pub fn mean<'a>(vectors: impl IntoIterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    let (mut sum, mut count) = (Vec::new(), 0_usize);
    for vector in vectors {
        add(&mut sum, 1.0, vector);
        count += 1;
    }
    // Brought to length 1 once more, a vector would differ in its last bits.
    let norm = if count == 1 { length(&sum) } else { normalize(&mut sum) };
    (norm >= MIN_LENGTH).then_some(sum)
}

/// The track by which points ask: the modality's main track, or else the first there is, images before audio.
pub(crate) fn asking_track(
    modality: Modality,
    tracks: impl IntoIterator<Item = Track> + Clone,
) -> Option<Track> {
    let order = [modality.main_track(), Track::Video, Track::Image, Track::Fused, Track::Audio, Track::Text];
    order.into_iter().find(|track| tracks.clone().into_iter().any(|other| other == *track))
}

/// The vector by which points that were encoded or read elsewhere ask (CONTRACTS.md section 7): the normalized mean of the
/// main track, or the one at `place`, a track (`None`: the main one) and an ordinal; with what it contains. `None` where there is no
/// such point.
pub fn asking_vector(
    modality: Modality,
    points: &[(PointInfo, Vec<f32>)],
    place: Option<(Option<Track>, u32)>,
) -> Option<(Content, Vec<f32>)> {
    let main = || asking_track(modality, points.iter().map(|(point, _)| point.track));
    let track = place.and_then(|(track, _)| track).or_else(main)?;
    let is_asked =
        |point: &PointInfo| point.track == track && place.is_none_or(|(_, ordinal)| point.ordinal == ordinal);
    let vector =
        mean(points.iter().filter(|(point, _)| is_asked(point)).map(|(_, vector)| vector.as_slice()))?;
    Some((track.content(), vector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_ask_by_their_main_track_or_by_the_one_that_is_named() {
        let point =
            |track, ordinal, vector: [f32; 2]| (PointInfo { track, ordinal, span: None }, vector.to_vec());
        let points = [
            point(Track::Video, 0, [1.0, 0.0]),
            point(Track::Video, 1, [0.0, 1.0]),
            point(Track::Audio, 0, [-1.0, 0.0]),
        ];
        let of = |place| asking_vector(Modality::Video, &points, place);
        let half = 0.5_f32.sqrt();
        let close = of(None).is_some_and(|(_, mean)| mean.iter().all(|x| (x - half).abs() < 1e-6));
        assert!(close, "{:?}", of(None));
        assert_eq!(of(Some((None, 1))), Some((Content::Image, vec![0.0, 1.0])));
        assert_eq!(of(Some((Some(Track::Audio), 0))), Some((Content::Audio, vec![-1.0, 0.0])));
        assert_eq!(of(Some((Some(Track::Audio), 1))), None);
        assert_eq!(asking_vector(Modality::Image, &[], None), None);
    }

    #[test]
    fn a_mean_has_length_one_unless_it_cancels_out() {
        let mean = mean([[1.0, 0.0].as_slice(), [0.0, 1.0].as_slice()]).expect("a mean");
        assert!((length(&mean) - 1.0).abs() < 1e-6);
        assert!((mean[0] - mean[1]).abs() < 1e-6);
        assert_eq!(super::mean([[1.0, 0.0].as_slice(), [-1.0, 0.0].as_slice()]), None);
        assert_eq!(super::mean([]), None);
        let alone = [0.6_f32, 0.799_999_9];
        assert_eq!(super::mean([alone.as_slice()]), Some(alone.to_vec()), "to the last bit");
    }

    #[test]
    fn a_video_asks_by_its_frames_and_without_any_by_its_audio() {
        assert_eq!(asking_track(Modality::Video, [Track::Audio, Track::Video]), Some(Track::Video));
        assert_eq!(asking_track(Modality::Video, [Track::Audio]), Some(Track::Audio));
        assert_eq!(asking_track(Modality::Text, []), None);
    }
}
