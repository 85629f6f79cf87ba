use sensorium_types::Span;

use super::*;

fn scored(track: Track, ordinal: u32, start_ms: u64, end_ms: u64, score: f32) -> Scored {
    let span = Some(Span::Time { start_ms, end_ms });
    Scored { point: PointInfo { track, ordinal, span }, score, cosine: score / 10.0, corrected: score / 10.0 }
}

/// Shots of 10 s, one after the other.
fn video(scores: &[f32]) -> Vec<Scored> {
    (0_u32..)
        .zip(scores)
        .map(|(ordinal, score)| {
            let start = u64::from(ordinal) * 10_000;
            scored(Track::Video, ordinal, start, start + 10_000, *score)
        })
        .collect()
}

/// Windows of 5 s, a new one each 2.5 s.
fn audio(scores: &[f32]) -> Vec<Scored> {
    (0_u32..)
        .zip(scores)
        .map(|(ordinal, score)| {
            let start = u64::from(ordinal) * 2500;
            scored(Track::Audio, ordinal, start, start + 5000, *score)
        })
        .collect()
}

fn stretches(points: &[Scored]) -> Vec<(u64, u64)> {
    moments(points).iter().map(|found| (found.moment.start_ms, found.moment.end_ms)).collect()
}

#[test]
fn nothing_makes_no_moment() {
    assert!(moments(&[]).is_empty());
    let image = Scored {
        point: PointInfo { track: Track::Image, ordinal: 0, span: None },
        score: 9.0,
        cosine: 0.9,
        corrected: 0.9,
    };
    assert!(moments(&[image]).is_empty());
    let text = Span::Chars { from: 0, to: 10 };
    let passage = Scored { point: PointInfo { track: Track::Text, ordinal: 0, span: Some(text) }, ..image };
    assert!(moments(&[passage]).is_empty());
}

#[test]
fn one_point_is_a_moment_of_its_own_length() {
    let found = moments(&[scored(Track::Audio, 0, 2000, 7001, 4.0)]);
    assert_eq!(found.len(), 1);
    let moment = &found[0].moment;
    assert_eq!((moment.start_ms, moment.end_ms, moment.peak_ms), (2000, 7001, 4500));
    assert_eq!(moment.tracks, [Track::Audio]);
}

#[test]
fn the_bar_lies_between_median_and_best_and_half_a_deviation_below_the_best() {
    assert!((bar(&[0.0, 1.0, 2.0], 8.0) - 4.5).abs() < 1e-6, "halfway from 1 to 8");
    assert!((bar(&[7.8, 8.0, 8.0], 8.0) - 7.5).abs() < 1e-6, "never nearer than 0.5");
    assert!((median(&[3.0, 1.0]) - 2.0).abs() < 1e-6);
    assert!((median(&[3.0, 1.0, 9.0]) - 3.0).abs() < 1e-6);
    assert!(median(&[]).abs() < 1e-6);
}

#[test]
fn a_point_on_its_bar_matches() {
    // Median 2, best 6: the bar is 4.
    assert_eq!(stretches(&video(&[6.0, 2.0, 2.0, 4.0, 2.0])), [(0, 10_000), (30_000, 40_000)]);
    assert_eq!(stretches(&video(&[6.0, 2.0, 2.0, 3.99, 2.0])), [(0, 10_000)]);
}

#[test]
fn neighbours_join_and_the_best_point_gives_peak_and_score() {
    let found = moments(&video(&[0.0, 0.0, 5.0, 7.0, 6.0, 0.0, 0.0]));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].moment.start_ms, found[0].moment.end_ms), (20_000, 50_000));
    assert_eq!(found[0].moment.peak_ms, 35_000);
    assert!((found[0].best.score - 7.0).abs() < 1e-6);
    assert_eq!(found[0].best.point.ordinal, 3);
}

#[test]
fn an_even_video_is_one_moment() {
    assert_eq!(stretches(&video(&[3.0, 3.1, 2.9, 3.2])), [(0, 40_000)]);
}

#[test]
fn overlapping_windows_join_across_a_short_gap_only() {
    // Windows 0 and 2 touch at 5 s: the window between them covers nothing that lies outside both.
    assert_eq!(stretches(&audio(&[8.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0])), [(0, 10_000)]);
    // Windows 0 and 3 have 2.5 s between them that windows below the bar cover.
    assert_eq!(stretches(&audio(&[8.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0])), [(0, 5000), (7500, 12_500)]);
}

#[test]
fn a_gap_of_one_second_joins_and_a_longer_one_parts() {
    let with_gap = |gap: u64| {
        let mut points = vec![
            scored(Track::Video, 0, 0, 4000, 8.0),
            scored(Track::Video, 1, 4000, 4000 + gap, 0.0),
            scored(Track::Video, 2, 4000 + gap, 9000, 8.0),
        ];
        points.extend((0_u32..4).map(|i| {
            scored(Track::Video, 3 + i, 9000 + u64::from(i) * 1000, 10_000 + u64::from(i) * 1000, 0.0)
        }));
        stretches(&points)
    };
    assert_eq!(with_gap(1000), [(0, 9000)]);
    assert_eq!(with_gap(1001), [(0, 4000), (5001, 9000)]);
}

#[test]
fn dropped_parts_do_not_break_a_run() {
    let mut points =
        vec![scored(Track::Audio, 0, 0, 5000, 8.0), scored(Track::Audio, 9, 22_500, 27_500, 7.5)];
    points.extend((0_u32..3).map(|i| scored(Track::Audio, 20 + i, 50_000, 55_000, 0.0)));
    assert_eq!(stretches(&points), [(0, 27_500)], "silence between them has no points");
}

#[test]
fn video_and_audio_that_overlap_are_one_moment() {
    let mut points = video(&[0.0, 6.0, 0.0, 0.0]);
    // Audio at 12.5-17.5 s: wholly within the shot at 10-20 s.
    points.extend(audio(&[0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0]));
    let found = moments(&points);
    assert_eq!(found.len(), 1);
    let moment = &found[0].moment;
    assert_eq!((moment.start_ms, moment.end_ms, moment.peak_ms), (10_000, 20_000, 15_000));
    assert_eq!(moment.tracks, [Track::Audio, Track::Video], "the better track first");
    assert_eq!(found[0].best.point.track, Track::Audio);
}

#[test]
fn half_of_the_shorter_is_enough_and_less_is_not() {
    let with_audio_at = |start| {
        let mut points = video(&[0.0, 8.0, 0.0, 0.0]);
        points.push(scored(Track::Audio, 0, start, start + 4000, 8.0));
        stretches(&points)
    };
    assert_eq!(with_audio_at(18_000), [(10_000, 22_000)], "2 of 4 s overlap");
    assert_eq!(with_audio_at(18_001), [(10_000, 20_000), (18_001, 22_001)]);
}

#[test]
fn moments_of_one_track_never_merge() {
    let mut points = video(&[8.0, 0.0, 0.0, 7.0, 0.0, 0.0]);
    points.push(scored(Track::Audio, 0, 0, 2000, 0.0));
    let found = moments(&points);
    assert_eq!(found.len(), 2);
    assert!(found[0].best.score > found[1].best.score, "best first");
}

#[test]
fn a_track_far_below_the_other_makes_no_moment() {
    // The best score on any track sets both bars: audio at 3 does not pass beside an image at 9.
    let mut points = video(&[9.0, 0.0, 0.0]);
    points.extend(audio(&[3.0, 0.0, 0.0, 0.0]));
    let found = moments(&points);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].moment.tracks, [Track::Video]);
}

#[test]
fn a_long_run_joins_two_moments_of_the_other_track() {
    let mut points = video(&[8.0, 8.0, 8.0, 0.0, 0.0, 0.0, 0.0]);
    points.push(scored(Track::Audio, 0, 0, 5000, 8.0));
    points.push(scored(Track::Audio, 1, 5000, 15_000, 0.0));
    points.push(scored(Track::Audio, 2, 15_000, 20_000, 8.5));
    points.push(scored(Track::Audio, 3, 20_000, 25_000, 0.0));
    points.push(scored(Track::Audio, 4, 25_000, 30_000, 0.0));
    assert_eq!(stretches(&points), [(0, 30_000)]);
}

#[test]
fn points_need_not_come_in_order() {
    let mut points = video(&[0.0, 0.0, 5.0, 7.0, 6.0, 0.0, 0.0]);
    points.reverse();
    assert_eq!(stretches(&points), [(20_000, 50_000)]);
}
