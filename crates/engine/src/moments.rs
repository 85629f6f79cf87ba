//! Which neighbouring points of an asset make a moment (CONTRACTS.md section 6).
//!
//! A point's bar is `min((m + p) / 2, p - 0.5)`: `m` the median score of its track in the asset, `p` the asset's best
//! score on any track. So the best point always passes, and the more a track varies the more must a point stand out
//! of it. Points at or above their bar on one track join to a run; runs of two tracks that mostly overlap are one
//! moment, seen and heard.
//!
//! ```text
//! video    ░░░▓▓▓▓▓▓░░░░░░░░▓▓▓░░     ▓ at or above the bar, ░ below
//! audio    ░░░░▓▓▓▓▓▓▓░░░░░░░░░░░
//!             └──────┘      └─┘        two moments: the first of both tracks, the second of one
//! ```
//!
//! A gap is time that points below the bar cover. Parts that were dropped when the asset was cut (blank frames,
//! silence) have no point, so they cover nothing and do not break a run.

use std::cmp::Ordering;

use sensorium_types::{Moment, PointInfo, Track};

/// Largest gap between points that join, in milliseconds.
const MAX_GAP_MS: u64 = 1000;
/// How far below the asset's best score a point may lie at least, in deviations.
const BAR_MARGIN: f32 = 0.5;

/// A point beside its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    /// The point.
    pub(crate) point: PointInfo,
    /// Its score, in deviations.
    pub(crate) score: f32,
    /// Cosine of the query and the point.
    pub(crate) cosine: f32,
    /// The cosine that made the score.
    pub(crate) corrected: f32,
}

/// A moment with the point that carries it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The moment.
    pub(crate) moment: Moment,
    /// Its best point.
    pub(crate) best: Scored,
}

/// A stretch of one track.
#[derive(Debug, Clone, Copy)]
struct Run {
    start_ms: u64,
    end_ms: u64,
    track: Track,
    best: Scored,
}

/// The moments of one asset, best first. Points without a stretch of time make none.
pub(crate) fn moments(points: &[Scored]) -> Vec<Found> {
    let Some(best) = points.iter().map(|scored| scored.score).max_by(f32::total_cmp) else {
        return Vec::new();
    };
    let mut runs = Vec::new();
    for track in Track::ALL {
        runs.extend(runs_of_track(track, points, best));
    }
    let mut found = merged(runs);
    found.sort_by(|a, b| {
        b.best.score.total_cmp(&a.best.score).then_with(|| a.moment.start_ms.cmp(&b.moment.start_ms))
    });
    found
}

fn runs_of_track(track: Track, points: &[Scored], best: f32) -> Vec<Run> {
    let mut scored_spans: Vec<(u64, u64, Scored)> = points
        .iter()
        .filter(|scored| scored.point.track == track)
        .filter_map(|scored| scored.point.span?.time().map(|(start, end)| (start, end, *scored)))
        .collect();
    let bar = bar(&scored_spans.iter().map(|(_, _, scored)| scored.score).collect::<Vec<_>>(), best);
    scored_spans.sort_by_key(|(start, end, scored)| (*start, *end, scored.point.ordinal));
    let mut runs: Vec<Run> = Vec::new();
    let mut below: Vec<(u64, u64)> = Vec::new();
    for (start_ms, end_ms, scored) in scored_spans {
        if scored.score < bar {
            below.push((start_ms, end_ms));
            continue;
        }
        match runs.last_mut() {
            Some(run) if covered(run.end_ms, start_ms, &below) <= MAX_GAP_MS => {
                run.end_ms = run.end_ms.max(end_ms);
                if scored.score > run.best.score {
                    run.best = scored;
                }
            }
            Some(_) | None => runs.push(Run { start_ms, end_ms, track, best: scored }),
        }
        below.clear();
    }
    runs
}

/// The score that a point of a track with these scores must reach.
fn bar(track: &[f32], best: f32) -> f32 {
    (f32::midpoint(median(track), best)).min(best - BAR_MARGIN)
}

/// The median; of an even number, the mean of the middle two; of none, 0.
fn median(scores: &[f32]) -> f32 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f32::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(upper), 0) => {
            let lower = middle.checked_sub(1).and_then(|at| sorted.get(at)).unwrap_or(upper);
            f32::midpoint(*lower, *upper)
        }
        (Some(only), _) => *only,
        (None, _) => 0.0,
    }
}

/// How much of `from..to` the stretches cover; they are in order of start.
fn covered(from: u64, to: u64, stretches: &[(u64, u64)]) -> u64 {
    let mut cursor = from;
    let mut total = 0;
    for (start, end) in stretches {
        let start = (*start).max(cursor);
        let end = (*end).min(to);
        if end > start {
            total += end - start;
            cursor = end;
        }
    }
    total
}

/// Joins runs of two tracks that overlap by at least half of the shorter, and all that hang together so.
fn merged(runs: Vec<Run>) -> Vec<Found> {
    let mut groups: Vec<Vec<Run>> = Vec::new();
    for run in runs {
        let (together, mut apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|other| belong_together(&run, other)));
        let mut group: Vec<Run> = together.into_iter().flatten().collect();
        group.push(run);
        apart.push(group);
        groups = apart;
    }
    groups.into_iter().filter_map(found).collect()
}

fn belong_together(left: &Run, right: &Run) -> bool {
    if left.track == right.track {
        return false;
    }
    let overlap = left.end_ms.min(right.end_ms).saturating_sub(left.start_ms.max(right.start_ms));
    let shorter = (left.end_ms - left.start_ms).min(right.end_ms - right.start_ms);
    overlap > 0 && overlap * 2 >= shorter
}

fn found(mut group: Vec<Run>) -> Option<Found> {
    group.sort_by(|a, b| match b.best.score.total_cmp(&a.best.score) {
        Ordering::Equal => a.track.code().cmp(&b.track.code()).then_with(|| a.start_ms.cmp(&b.start_ms)),
        order @ (Ordering::Less | Ordering::Greater) => order,
    });
    let best = group.first()?.best;
    let (start, end) = best.point.span?.time()?;
    let mut tracks = Vec::new();
    for run in &group {
        if !tracks.contains(&run.track) {
            tracks.push(run.track);
        }
    }
    let moment = Moment {
        start_ms: group.iter().map(|run| run.start_ms).min()?,
        end_ms: group.iter().map(|run| run.end_ms).max()?,
        peak_ms: u64::midpoint(start, end),
        tracks,
    };
    Some(Found { moment, best })
}

#[cfg(test)]
mod tests;
