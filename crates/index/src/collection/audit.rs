//! The auditor: how many of the nearest assets a search through graphs finds, measured by queries that were really asked, and the beam
//! that finds enough of them.
//!
//! ```text
//! search through a graph ─ one in 16 ─► waiting ─ while nobody searches ─► exact, and walked with the same beam ─► recall
//!                                                                                          below the target: a wider beam ◄─┘
//! ```
//!
//! Queries of one content against points of another lie apart from them, and graphs find less of what is near; how much less is not
//! known before they are asked. So figures and beams are kept for each pair of contents, in memory and in a row of their own (`meta/recall`),
//! which the next start takes up.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sensorium_types::{AssetHit, Cancel, Plan, SearchRequest, SubQuery, Track};

use super::auditor::NEAREST;
use super::core::Core;
use super::query;
use super::segments::SegmentKind;
use super::task::{Task, start};
use super::view::View;
use crate::error::IndexError;
use crate::storage::{Batch, Family, RECALL_KEY, RecallRow, Row as _};

/// One in so many sub-queries through a graph is audited.
const ONE_IN: usize = 16;
/// Sub-queries that wait for the auditor; more are not taken.
const MAX_WAITING: usize = 32;
/// How long nobody must have searched before the auditor does.
const QUIET: Duration = Duration::from_millis(50);
/// How long it waits for that before it lets a query go.
const PATIENCE: Duration = Duration::from_secs(10);

static TASK: Task = Task {
    name: "index-audit",
    job: |core| &core.auditor.job,
    run,
    is_due: |core| !core.auditor.waiting.lock().is_empty(),
};

/// Takes up what was measured before the collection was opened.
pub(super) fn restore(core: &Core) -> Result<(), IndexError> {
    let row = core.rocks.get(Family::Meta, RECALL_KEY)?;
    // One that cannot be read is named by `verify`; it is measured again.
    if let Some(row) = row.and_then(|bytes| RecallRow::decode(&bytes).ok()) {
        core.auditor.take_up(row);
    }
    Ok(())
}

/// Keeps what was measured since, where this process writes. It is on disk with the next change, or when the collection closes.
pub(super) fn keep(core: &Core) -> Result<(), IndexError> {
    if core.read_only || core.lenient || !core.auditor.is_new.swap(false, Ordering::AcqRel) {
        return Ok(());
    }
    let mut writer = core.writer.lock();
    core.check_writable("keep what was measured of searches")?;
    let mut batch = Batch::default();
    core.rocks.put(&mut batch, Family::Meta, RECALL_KEY, &core.auditor.row().encode()?)?;
    core.rocks.write(batch).inspect_err(|error| core.poison(error))?;
    writer.written = true;
    Ok(())
}

/// Takes note of a search by the way that people ask: of everything, with the beam of the settings. Some are audited.
pub(super) fn note(core: &Core, query: &SubQuery) {
    let auditor = &core.auditor;
    let since = u64::try_from(auditor.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    auditor.latest.store(since, Ordering::Relaxed);
    if !(auditor.asked.fetch_add(1, Ordering::Relaxed) + ONE_IN / 2).is_multiple_of(ONE_IN) {
        return;
    }
    let mut waiting = auditor.waiting.lock();
    if waiting.len() < MAX_WAITING {
        waiting.push_back(query.clone());
        drop(waiting);
        start(core, &TASK);
    }
}

fn run(core: &Core) {
    'queries: loop {
        let patient = Instant::now();
        while core.auditor.quiet_for() < QUIET && patient.elapsed() < PATIENCE {
            if core.closing.load(Ordering::Relaxed) {
                break 'queries;
            }
            std::thread::sleep(QUIET / 2);
        }
        let next = core.auditor.waiting.lock().pop_front();
        let Some(query) = next.filter(|_| !core.closing.load(Ordering::Relaxed)) else { break };
        if core.auditor.quiet_for() >= QUIET
            && let Err(error) = audit(core, &query)
        {
            tracing::debug!(collection = %core.name, %error, "audit a search");
        }
    }
    if let Err(error) = keep(core) {
        tracing::debug!(collection = %core.name, %error, "keep what was measured of searches");
    }
}

/// Audits everything that waits, whoever searches meanwhile.
pub(super) fn audit_waiting(core: &Core) -> Result<(), IndexError> {
    loop {
        let next = core.auditor.waiting.lock().pop_front();
        match next {
            Some(query) => audit(core, &query)?,
            None => return keep(core),
        }
    }
}

/// Asks each kind of segments once more, exactly and through its graphs.
fn audit(core: &Core, query: &SubQuery) -> Result<(), IndexError> {
    let view = core.view();
    let default = core.tuning.graph.ef;
    for kind in SegmentKind::ALL {
        let asked = |track: &Track| query.tracks.is_empty() || query.tracks.contains(track);
        let tracks: Vec<_> =
            Track::ALL.into_iter().filter(|track| SegmentKind::of(*track) == kind && asked(track)).collect();
        if tracks.is_empty() {
            continue;
        }
        let ef = core.auditor.ef(query.from, kind, default);
        let query = SubQuery { tracks, ..query.clone() };
        let until = Instant::now() + PATIENCE;
        let Some(walked) = ask(core, &view, &query, (NEAREST, Some(ef)), until)? else { continue };
        let nearest = ask(core, &view, &query, (NEAREST, None), until)?.unwrap_or_default();
        let figure = (nearest.len(), found(&nearest, &walked));
        core.auditor.take((query.from, kind), figure, ef, default);
    }
    Ok(())
}

/// So many of the nearest: through graphs with this beam, `None` where a scan was chosen; without one, exactly.
pub(super) fn ask(
    core: &Core,
    view: &View,
    query: &SubQuery,
    (limit, ef): (usize, Option<usize>),
    until: Instant,
) -> Result<Option<Vec<AssetHit>>, IndexError> {
    let request = SearchRequest {
        queries: vec![query.clone()],
        limit,
        exact: ef.is_none(),
        ef,
        cancel: Cancel::new().until(until),
        ..SearchRequest::default()
    };
    let reply = query::search(core, view, &request)?.pop();
    let reply = reply.filter(|reply| ef.is_none() || reply.plan == Plan::Graph);
    Ok(reply.map(|reply| reply.hits))
}

/// How many of the nearest were found. One that is as near as the last of them is as good.
pub(super) fn found(nearest: &[AssetHit], hits: &[AssetHit]) -> usize {
    let Some(last) = nearest.last() else { return 0 };
    let known: HashSet<_> = nearest.iter().map(|hit| &hit.asset).collect();
    let is_near = |hit: &&AssetHit| known.contains(&hit.asset) || hit.corrected >= last.corrected;
    hits.iter().filter(is_near).count().min(nearest.len())
}
