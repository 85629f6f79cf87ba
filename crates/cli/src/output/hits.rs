//! The table of a search: rank, score, modality, path, moment.

use std::path::Path;

use sensorium_types::Hit;

use super::paint::Paint;
use super::words;

/// Width of the names of modalities.
const MODALITY_WIDTH: usize = 5;

/// One line for each hit.
pub(crate) fn table(hits: &[Hit], here: Option<&Path>, paint: Paint) -> Vec<String> {
    let rank_width = hits.last().map_or(1, |hit| hit.rank.to_string().len());
    let scores: Vec<String> = hits.iter().map(score).collect();
    let score_width = scores.iter().map(String::len).max().unwrap_or_default();
    hits.iter()
        .zip(scores)
        .map(|(hit, score)| {
            let rank = format!("{:>rank_width$}", hit.rank);
            let score = format!("{score:>score_width$}");
            let modality = format!("{:<MODALITY_WIDTH$}", hit.modality.name());
            let mut line = format!(
                "{}  {}  {}  {}",
                paint.dim(&rank),
                paint.bold(&score),
                paint.cyan(&modality),
                name(hit, here)
            );
            if let Some(place) = place(hit) {
                line.push_str("  ");
                line.push_str(&paint.dim(&place));
            }
            if hit.bridged {
                line.push_str("  ");
                line.push_str(&paint.dim("by texts"));
            }
            if let Some(caption) = caption(hit) {
                line.push_str("  ");
                line.push_str(&paint.dim(&words::printable(caption)));
            }
            line
        })
        .collect()
}

/// The calibrated score, or the cosine where there is none.
fn score(hit: &Hit) -> String {
    match hit.score {
        Some(score) => format!("{score:.1}"),
        None => format!("{:.3}", hit.cosine),
    }
}

fn name(hit: &Hit, here: Option<&Path>) -> String {
    match hit.path.as_deref().or_else(|| hit.paths.first().map(std::path::PathBuf::as_path)) {
        Some(path) => words::path(path, here),
        None => words::printable(&format!("asset:{}", hit.asset)),
    }
}

/// What a caption decoder said of the place, where the collection keeps captions.
fn caption(hit: &Hit) -> Option<&str> {
    hit.payload.get("_caption")?.get("text")?.as_str()
}

/// The moment of a video or an audio clip, the range of a text.
pub(crate) fn place(hit: &Hit) -> Option<String> {
    match (&hit.moment, hit.range) {
        (Some(moment), _) => Some(words::moment(moment, hit.modality)),
        (None, Some(range)) => Some(words::range(range)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetId, Modality, Moment, Payload, PointInfo, Track};

    use super::*;

    fn hit(rank: usize, modality: Modality, path: Option<&str>) -> Hit {
        Hit {
            rank,
            asset: AssetId::new("abc").expect("valid"),
            score: Some(12.34),
            cosine: 0.25,
            modality,
            path: path.map(Into::into),
            paths: Vec::new(),
            moment: None,
            range: None,
            payload: Payload::new(),
            point: PointInfo { track: modality.main_track(), ordinal: 0, span: None },
            bridged: false,
        }
    }

    #[test]
    fn columns_stand_below_one_another() {
        let mut video = hit(10, Modality::Video, Some("/home/me/b.mp4"));
        video.score = Some(3.0);
        video.moment = Some(Moment { start_ms: 0, end_ms: 1_000, peak_ms: 500, tracks: vec![Track::Video] });
        let mut text = hit(11, Modality::Text, None);
        text.range = Some((0, 90));
        let hits = [hit(9, Modality::Image, Some("/home/me/a.jpg")), video, text];
        assert_eq!(
            table(&hits, Some(Path::new("/home/me")), Paint::new(false)),
            [
                " 9  12.3  image  a.jpg",
                "10   3.0  video  b.mp4  00:00.0-00:01.0 (peak 00:00.5) video",
                "11  12.3  text   asset:abc  characters 0-90",
            ]
        );
    }

    #[test]
    fn without_a_score_the_cosine_is_shown() {
        let mut one = hit(1, Modality::Image, Some("/a.jpg"));
        one.score = None;
        assert_eq!(table(&[one], None, Paint::new(false)), ["1  0.250  image  /a.jpg"]);
    }
}
