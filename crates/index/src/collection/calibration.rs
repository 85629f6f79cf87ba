//! Beams before anybody asks: when a large segment was built, points of each content that the collection holds are asked of it, and
//! reference queries of its bundle, exactly and through its graphs, and the beam of that pair of contents is widened until enough is found.
//! What is really asked is measured by the auditor, which goes on from there.
//!
//! Stored texts are often of one kind where people's questions are of many, and most collections hold none; the reference queries, by
//! which hub values are made, are questions.
//!
//! # Cost
//! For each pair up to twice [`QUERIES`] scans of the points asked, and some walks: a hundredth of building the graph.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sensorium_types::{AssetHit, AssetId, Content, HubWeights, SubQuery, Track};

use super::audit::{self, found};
use super::auditor::{NEAREST, WIDEST, is_enough};
use super::core::Core;
use super::segments::SegmentKind;
use super::tail::RowRef;
use super::view::View;
use crate::error::IndexError;

/// Points of a kind from which on it is done: fewer are soon compared one by one.
const LEAST_POINTS: usize = 2_000;
/// Points of a content that ask, and reference queries.
const QUERIES: usize = 32;
/// How long it may take for a pair.
const PATIENCE: Duration = Duration::from_secs(20);

/// Widens the beams for what asks points of this kind, where stored points of that content or reference queries find too little.
pub(super) fn calibrate(core: &Core, kind: SegmentKind) -> Result<(), IndexError> {
    let view = core.view();
    if view.segments(kind).sealed_rows() < LEAST_POINTS {
        return Ok(());
    }
    for from in Content::ALL {
        for queries in [stored(core, &view, (from, kind)), references(core, (from, kind))] {
            if queries.len() < QUERIES {
                continue;
            }
            let until = Instant::now() + PATIENCE;
            match calibrate_pair(core, &view, (from, kind), &queries, until) {
                Err(_) if Instant::now() >= until || core.closing.load(Ordering::Relaxed) => {}
                ended => ended?,
            }
        }
    }
    Ok(())
}

/// What asks: a stored point, with the asset that it is of, or a reference query.
struct Asking {
    asset: Option<AssetId>,
    vector: Vec<f32>,
    hubs: HubWeights,
}

/// Points of a content, one in so many, as they ask points of a kind: in the spaces in which both lie. None where there is no such space.
fn stored(core: &Core, view: &View, (content, kind): (Content, SegmentKind)) -> Vec<Asking> {
    let kinds: &[SegmentKind] = match content {
        Content::Image => &[SegmentKind::Image],
        Content::Audio => &[SegmentKind::Audio],
        Content::Text => &[SegmentKind::Text, SegmentKind::Caption],
    };
    let points = kinds.iter().map(|kind| view.segments(*kind).rows()).sum::<usize>();
    let step = (points / QUERIES).max(1);
    let rows = kinds.iter().flat_map(|kind| rows(view, *kind));
    let asking = rows.step_by(step).filter(|row| !view.is_dead(row.point)).filter_map(|row| {
        let asset = AssetId::new(view.assets.get(row.asset)?.id()).ok()?;
        let said = core.space.split(Some(content), &row.vector.decoded());
        let mut vector = core.space.join(kind.content(), &said)?;
        // Of several spaces it is longer than 1.
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
        let hubs = HubWeights::default();
        (length > 0.0).then_some(Asking { asset: Some(asset), vector, hubs })
    });
    asking.take(QUERIES).collect()
}

/// Reference queries of a content, as people ask: corrected. None where the bundle has none.
fn references(core: &Core, (from, kind): (Content, SegmentKind)) -> Vec<Asking> {
    let Some(bank) = &core.hubs else { return Vec::new() };
    let known = bank.queries(from, kind.content(), QUERIES).unwrap_or_else(|error| {
        tracing::debug!(collection = %core.name, %error, "read reference queries");
        Vec::new()
    });
    let hubs = HubWeights::of_sum(&[(1.0, Some(from))], 1.0);
    known.into_iter().map(|vector| Asking { asset: None, vector, hubs }).collect()
}

fn rows(view: &View, kind: SegmentKind) -> impl Iterator<Item = RowRef<'_>> {
    let segments = view.segments(kind);
    segments.parts.iter().flat_map(|part| part.sealed.rows()).chain(segments.tail.rows())
}

fn calibrate_pair(
    core: &Core,
    view: &View,
    (from, kind): (Content, SegmentKind),
    queries: &[Asking],
    until: Instant,
) -> Result<(), IndexError> {
    let tracks: Vec<_> = Track::ALL.into_iter().filter(|track| SegmentKind::of(*track) == kind).collect();
    // A point's own asset says nothing: it is found whatever the beam is.
    let ask = |asking: &Asking, ef: Option<usize>| -> Result<Option<Vec<AssetHit>>, IndexError> {
        let Asking { asset: own, vector, hubs } = asking;
        let (tracks, hubs) = (tracks.clone(), *hubs);
        let query = SubQuery { tracks, hubs, from: Some(from), ..SubQuery::of(vector.clone()) };
        let hits = audit::ask(core, view, &query, (NEAREST + 1, ef), until)?;
        Ok(hits.map(|hits| {
            hits.into_iter().filter(|hit| Some(&hit.asset) != own.as_ref()).take(NEAREST).collect()
        }))
    };
    let default = core.tuning.graph.ef;
    let begun_at = core.auditor.ef(Some(from), kind, default);
    let mut nearest = Vec::with_capacity(queries.len());
    let mut ef = begun_at;
    'beams: loop {
        let mut sums = (0, 0);
        for (number, asking) in queries.iter().enumerate() {
            if core.closing.load(Ordering::Relaxed) {
                return Ok(());
            }
            // With this beam points are compared one by one, and everything is found.
            let Some(walked) = ask(asking, Some(ef))? else { break 'beams };
            if nearest.len() == number {
                nearest.push(ask(asking, None)?.unwrap_or_default());
            }
            let Some(nearest) = nearest.get(number) else { continue };
            sums = (sums.0 + nearest.len(), sums.1 + found(nearest, &walked));
        }
        if is_enough(sums) || ef >= WIDEST {
            break;
        }
        ef = (ef * 2).min(WIDEST);
    }
    if ef > begun_at {
        core.auditor.widen((Some(from), kind), ef);
    }
    Ok(())
}
