//! Points, spans and moments.

use sensorium_types::{AssetId, Moment, PointInfo, Span, Track};

use super::{asset_id, track};
use crate::{ConvertError, v1};

impl From<&PointInfo> for v1::Point {
    fn from(point: &PointInfo) -> Self {
        let PointInfo { track, ordinal, span } = *point;
        let span = span.map(|span| match span {
            Span::Time { start_ms, end_ms } => v1::point::Span::Time(v1::TimeSpan { start_ms, end_ms }),
            Span::Chars { from, to } => v1::point::Span::Chars(v1::CharSpan { from, to }),
        });
        Self { track: v1::Track::from(track).into(), ordinal, span, vector: None }
    }
}

impl TryFrom<&v1::Point> for PointInfo {
    type Error = ConvertError;

    fn try_from(message: &v1::Point) -> Result<Self, ConvertError> {
        let span = message.span.map(|span| match span {
            v1::point::Span::Time(v1::TimeSpan { start_ms, end_ms }) => Span::Time { start_ms, end_ms },
            v1::point::Span::Chars(v1::CharSpan { from, to }) => Span::Chars { from, to },
        });
        let track = track(message.track)?.ok_or(ConvertError::Missing { field: "point.track" })?;
        Ok(Self { track, ordinal: message.ordinal, span })
    }
}

impl From<&Moment> for v1::Moment {
    fn from(moment: &Moment) -> Self {
        let Moment { start_ms, end_ms, peak_ms, tracks } = moment;
        Self {
            start_ms: *start_ms,
            end_ms: *end_ms,
            peak_ms: *peak_ms,
            tracks: tracks.iter().map(|track| v1::Track::from(*track).into()).collect(),
        }
    }
}

impl TryFrom<v1::Moment> for Moment {
    type Error = ConvertError;

    fn try_from(message: v1::Moment) -> Result<Self, ConvertError> {
        let v1::Moment { start_ms, end_ms, peak_ms, tracks } = message;
        let tracks =
            tracks.into_iter().filter_map(|number| track(number).transpose()).collect::<Result<_, _>>()?;
        Ok(Self { start_ms, end_ms, peak_ms, tracks })
    }
}

/// The asset, track (`None`: its main one) and ordinal of a point that a request names.
///
/// # Errors
/// [`ConvertError`] where the id or the track breaks a rule.
pub fn point_ref(message: &v1::PointRef) -> Result<(AssetId, Option<Track>, u32), ConvertError> {
    Ok((asset_id("point.asset_id", &message.asset_id)?, track(message.track)?, message.ordinal))
}

/// The numbers of a vector.
///
/// # Errors
/// [`ConvertError::Number`] if one is not finite.
pub fn vector(message: v1::Vector) -> Result<Vec<f32>, ConvertError> {
    match message.values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(ConvertError::Number {
            field: "vector.values",
            expected: "finite numbers",
            received: value.to_string(),
        }),
        None => Ok(message.values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_moments_come_back_equal() {
        let spans = [None, Some(Span::Time { start_ms: 1, end_ms: 2 }), Some(Span::Chars { from: 3, to: 4 })];
        for span in spans {
            let before = PointInfo { track: Track::Audio, ordinal: 7, span };
            assert_eq!(PointInfo::try_from(&v1::Point::from(&before)), Ok(before));
        }
        let before = Moment { start_ms: 1, end_ms: 9, peak_ms: 4, tracks: vec![Track::Video, Track::Audio] };
        assert_eq!(Moment::try_from(v1::Moment::from(&before)), Ok(before));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert!(vector(v1::Vector { values: vec![0.5, f32::NAN] }).is_err());
        assert_eq!(vector(v1::Vector { values: vec![0.5] }), Ok(vec![0.5]));
    }
}
