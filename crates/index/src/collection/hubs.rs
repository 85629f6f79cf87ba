//! How cosines are corrected by hub values ([`Correction`]), and the job that makes those that are missing ([`fill`]).
//!
//! ```text
//! new points ─► Collection::apply ─► bank ─► written with the points
//! points of before, or of another bank ─► `lacking` ─► fill: bank ─► batches of their own ─► view
//! ```
//!
//! Values are written for one bank; those of another are not looked at. As long as one live point lacks its values
//! nothing is corrected: corrected and raw cosines are not to be compared.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sensorium_types::{Change, Content, HubValues, HubWeights, PointRecord, Track};

use super::core::Core;
use super::hub_table::{HubTable, Range};
use super::sealed::Sealed;
use super::segments::SegmentKind;
use super::view::View;
use super::writer::ValuedChange;
use crate::error::IndexError;
use crate::storage::PointOffset;

/// Points whose values are made and written in one go.
const FILL_POINTS: usize = 256;

/// How the cosines of one query are corrected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction<'a> {
    weights: HubWeights,
    table: &'a HubTable,
}

impl<'a> Correction<'a> {
    /// The correction of a query; `None` where nothing is to be corrected, or points lack values.
    pub(super) fn new(core: &Core, view: &'a View, weights: HubWeights) -> Option<Self> {
        let applies = !weights.is_none() && is_complete(core, view);
        applies.then_some(Self { weights, table: &view.hubs })
    }

    /// What is taken off the cosine with a point.
    pub(super) fn amount(self, point: PointOffset) -> f32 {
        self.weights.amount(self.table.get(point))
    }

    /// The least that is taken off the cosine with a point of a kind.
    pub(super) fn least(self, kind: SegmentKind) -> f32 {
        let Some(Range { low, high }) = self.table.range(kind) else { return 0.0 };
        let ends = self.weights.0.iter().zip(low.0.iter().zip(high.0));
        ends.map(|(weight, (low, high))| (weight * low).min(weight * high)).sum()
    }
}

/// What the cosines with the rows of a segment are lowered by: hub values in the order of the rows take one look instead of three. By
/// nothing, where there are no values.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowsLowered<'a> {
    weights: HubWeights,
    values: &'a [HubValues],
}

impl<'a> RowsLowered<'a> {
    /// Those of the rows of a segment; nothing where nothing is corrected.
    pub(super) fn of(correction: Option<Correction<'a>>, sealed: &'a Sealed) -> Self {
        match correction {
            Some(Correction { weights, table }) => {
                Self { weights, values: sealed.hubs(|point| table.get(point)) }
            }
            None => Self { weights: HubWeights([0.0; 3]), values: &[] },
        }
    }

    /// What is taken off the cosine with a row.
    pub(super) fn amount(self, place: u32) -> f32 {
        self.values.get(place as usize).map_or(0.0, |values| self.weights.amount(*values))
    }
}

/// What the cosines with rows of any stretch are lowered by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lowering<'a> {
    /// By the values of their points, one by one.
    Points(Option<Correction<'a>>),
    /// By those of a segment's rows.
    Rows(RowsLowered<'a>),
}

impl Lowering<'_> {
    /// What is taken off the cosine with a row, of its place and its point.
    pub(super) fn amount(self, place: u32, point: PointOffset) -> f32 {
        match self {
            Self::Points(correction) => correction.map_or(0.0, |correction| correction.amount(point)),
            Self::Rows(rows) => rows.amount(place),
        }
    }
}

/// Whether there is a bank and every live point has its values of it.
pub(super) fn is_complete(core: &Core, view: &View) -> bool {
    core.hubs.is_some() && view.hubs.lacking().is_empty()
}

/// The points that a change brings.
fn points_of(change: &Change) -> &[PointRecord] {
    match change {
        Change::Upsert { points, .. } | Change::PutCaptions { points, .. } => points,
        Change::PutSource { .. }
        | Change::RemoveSources { .. }
        | Change::MergeMetadata { .. }
        | Change::DropMetadata { .. }
        | Change::KeepCaptions { .. }
        | Change::Delete { .. } => &[],
    }
}

/// Changes, each with the values of its points in their order; without values where there is no bank.
pub(super) fn with_values(core: &Core, changes: Vec<Change>) -> Result<Vec<ValuedChange>, IndexError> {
    let Some(bank) = &core.hubs else {
        return Ok(changes.into_iter().map(|change| (change, Vec::new())).collect());
    };
    let points: Vec<(Content, &[f32])> = changes
        .iter()
        .flat_map(points_of)
        .map(|point| (point.track.content(), point.vector.as_slice()))
        .collect();
    let mut values = make(bank.as_ref(), &points)?.into_iter();
    let counts: Vec<usize> = changes.iter().map(|change| points_of(change).len()).collect();
    let own = counts.into_iter().map(|count| values.by_ref().take(count).collect());
    Ok(changes.into_iter().zip(own.collect::<Vec<_>>()).collect())
}

fn make(
    bank: &dyn sensorium_types::HubBank,
    points: &[(Content, &[f32])],
) -> Result<Vec<HubValues>, IndexError> {
    if points.is_empty() {
        return Ok(Vec::new());
    }
    let values = bank.values(points).map_err(|source| IndexError::Hubs { source })?;
    if values.len() == points.len() && values.iter().all(|values| values.is_finite()) {
        return Ok(values);
    }
    Err(IndexError::Bug { what: "hub values are missing, or no numbers".to_owned() })
}

/// Makes some of the values that are missing; `true` if it did and there may be more. Each batch is durable, so that a run
/// that is cut off is taken up by the next.
pub(super) fn fill(core: &Core) -> Result<bool, IndexError> {
    let Some(bank) = &core.hubs else { return Ok(false) };
    core.check_writable("make hub values")?;
    let _one_at_a_time = core.filling.lock();
    let view = core.view();
    let rows = view.hubs.lacking().iter().take(FILL_POINTS).map(PointOffset);
    let rows: Vec<_> = rows.filter_map(|point| view.find_any(point)).collect();
    if rows.is_empty() {
        return Ok(false);
    }
    let vectors: Vec<Vec<f32>> = rows.iter().map(|row| row.vector.decoded()).collect();
    let mut points = Vec::with_capacity(rows.len());
    for (row, vector) in rows.iter().zip(&vectors) {
        let track = Track::from_code(row.track);
        let track = track.ok_or_else(|| IndexError::Bug { what: "a point has no track".to_owned() })?;
        points.push((track.content(), vector.as_slice()));
    }
    let values = make(bank.as_ref(), &points)?;
    let made = rows.iter().map(|row| row.point).zip(values).collect();
    let mut writer = core.writer.lock();
    writer.put_hubs(core, made)?;
    writer.mark(core)?;
    Ok(true)
}

/// [`fill`] until nothing is missing or the collection closes.
fn fill_all(core: &Core) -> Result<(), IndexError> {
    loop {
        if core.closing.load(Ordering::Relaxed) || !fill(core)? {
            return Ok(());
        }
    }
}

/// Starts [`fill_all`] in the background where values are missing.
pub(super) fn consider(core: &Arc<Core>) {
    let missing = core.hubs.is_some() && !core.view().hubs.lacking().is_empty();
    if !missing || core.lenient || core.check_writable("make hub values").is_err() {
        return;
    }
    let shared = Arc::clone(core);
    let spawned = std::thread::Builder::new().name("index-hubs".to_owned()).spawn(move || {
        if let Err(error) = fill_all(&shared) {
            tracing::warn!(collection = %shared.name, %error, "make hub values");
        }
    });
    match spawned {
        Ok(thread) => *core.filler.lock() = Some(thread),
        Err(error) => tracing::warn!(%error, "start the thread of hub values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_by_offset_and_a_copy_is_left_alone() {
        let mut table = HubTable::lacking_all((0..600).collect());
        for offset in 0..600_u16 {
            table.set(
                SegmentKind::Image,
                PointOffset(offset.into()),
                HubValues([f32::from(offset), 0.0, 1.0]),
            );
        }
        assert!(table.lacking().is_empty());
        let copy = table.clone();
        table.set(SegmentKind::Audio, PointOffset(300), HubValues([7.0; 3]));
        table.lack(PointOffset(601));
        assert_eq!(copy.get(PointOffset(300)), HubValues([300.0, 0.0, 1.0]));
        assert_eq!(table.get(PointOffset(300)), HubValues([7.0; 3]));
        assert_eq!(table.get(PointOffset(100_000)), HubValues::default());
        assert_eq!((copy.lacking().len(), table.lacking().len()), (0, 1));
        table.forget(PointOffset(601));
        assert!(table.lacking().is_empty());
        let least = |kind, weights| Correction { weights: HubWeights(weights), table: &table }.least(kind);
        assert_eq!(least(SegmentKind::Image, [1.0, 1.0, 0.5]), 0.5);
        assert_eq!(least(SegmentKind::Image, [-1.0, 0.0, 0.0]), -599.0);
        assert_eq!(least(SegmentKind::Audio, [1.0, 1.0, 0.0]), 14.0);
        assert_eq!(least(SegmentKind::Text, [1.0, 1.0, 1.0]), 0.0);
    }
}
