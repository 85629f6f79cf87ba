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

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use sensorium_types::{AssetHit, Cancel, Content, MeasuredRecall, Plan, SearchRequest, SubQuery, Track};

use super::core::Core;
use super::job::Job;
use super::query;
use super::segments::SegmentKind;
use super::task::{Task, start};
use crate::error::IndexError;
use crate::storage::{Batch, Family, RECALL_KEY, RecallPair, RecallRow, Row as _, content_code};

/// One in so many sub-queries through a graph is audited.
const ONE_IN: usize = 16;
/// Sub-queries that wait for the auditor; more are not taken.
const MAX_WAITING: usize = 32;
/// Nearest assets that are compared.
const NEAREST: usize = 10;
/// Sub-queries that a figure is of, at most; older ones are left out.
const WINDOW: usize = 64;
/// Sub-queries before a beam is widened for them.
const LEAST: usize = 16;
/// The share of the nearest that a search is to find, in thousandths.
const TARGET: usize = 980;
/// The widest beam that the auditor chooses.
const WIDEST: usize = 1024;
/// How long nobody must have searched before the auditor does.
const QUIET: Duration = Duration::from_millis(50);
/// How long it waits for that before it lets a query go.
const PATIENCE: Duration = Duration::from_secs(10);

/// What asks, where that is one content, and what is asked.
type Pair = (Option<Content>, SegmentKind);

/// What was measured of a pair.
#[derive(Debug)]
struct Measured {
    pair: Pair,
    /// The beam, where it is another than that of the settings.
    ef: Option<usize>,
    /// Of each sub-query, how many of the nearest there were and how many were found.
    of: VecDeque<(usize, usize)>,
}

impl Measured {
    fn sums(&self) -> (usize, usize) {
        self.of.iter().fold((0, 0), |sums, one| (sums.0 + one.0, sums.1 + one.1))
    }
}

/// What a collection keeps for its auditor.
#[derive(Debug)]
pub(crate) struct Auditor {
    asked: AtomicUsize,
    begun: Instant,
    /// Milliseconds from `begun` to the latest search.
    latest: AtomicU64,
    waiting: Mutex<VecDeque<SubQuery>>,
    measured: RwLock<Vec<Measured>>,
    /// Whether something was measured that is not in the row.
    is_new: AtomicBool,
    /// Asks once more while nobody searches.
    pub(super) job: Job,
}

static TASK: Task = Task {
    name: "index-audit",
    job: |core| &core.auditor.job,
    run,
    is_due: |core| !core.auditor.waiting.lock().is_empty(),
};

impl Default for Auditor {
    fn default() -> Self {
        Self {
            asked: AtomicUsize::new(0),
            begun: Instant::now(),
            latest: AtomicU64::new(0),
            waiting: Mutex::default(),
            measured: RwLock::default(),
            is_new: AtomicBool::new(false),
            job: Job::default(),
        }
    }
}

impl Auditor {
    /// The beam for a pair: that of the settings, or a wider one.
    pub(super) fn ef(&self, from: Option<Content>, kind: SegmentKind, default: usize) -> usize {
        let measured = self.measured.read();
        let known = measured.iter().find(|known| known.pair == (from, kind));
        known.and_then(|known| known.ef).map_or(default, |ef| ef.max(default))
    }

    /// What was measured of each pair.
    pub(super) fn figures(&self, default: usize) -> Vec<MeasuredRecall> {
        let measured = self.measured.read();
        let figures = measured.iter().map(|known| {
            let (from, of) = names(known.pair);
            let (nearest, found) = known.sums();
            MeasuredRecall {
                from: from.to_owned(),
                of: of.to_owned(),
                queries: known.of.len() as u64,
                nearest: nearest as u64,
                found: found as u64,
                ef: known.ef.unwrap_or(default) as u64,
            }
        });
        figures.collect()
    }

    fn quiet_for(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.latest.load(Ordering::Relaxed)))
    }

    /// Takes a figure of a pair, and widens its beam where too little was found. `ef` is the beam that found it.
    fn take(&self, pair: Pair, figure: (usize, usize), ef: usize, default: usize) {
        let mut measured = self.measured.write();
        let at = measured.iter().position(|known| known.pair == pair).unwrap_or_else(|| {
            measured.push(Measured { pair, ef: None, of: VecDeque::new() });
            measured.len() - 1
        });
        let Some(known) = measured.get_mut(at) else { return };
        if known.ef.unwrap_or(default) != ef {
            return;
        }
        self.is_new.store(true, Ordering::Release);
        known.of.push_back(figure);
        if known.of.len() > WINDOW {
            known.of.pop_front();
        }
        let (nearest, found) = known.sums();
        if known.of.len() >= LEAST && found * 1000 < nearest * TARGET && ef < WIDEST {
            known.ef = Some((ef * 2).min(WIDEST));
            known.of.clear();
            let (from, of) = names(pair);
            tracing::info!(
                from,
                of,
                found,
                nearest,
                ef,
                wider = known.ef,
                "widen the beam of searches that find too little"
            );
        }
    }

    /// What was measured, as it is kept.
    fn row(&self) -> RecallRow {
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        let measured = self.measured.read();
        let pairs = measured.iter().map(|known| RecallPair {
            from: known.pair.0.map(content_code),
            of: known.pair.1.code(),
            ef: known.ef.and_then(|ef| u32::try_from(ef).ok()),
            found: known.of.iter().map(|(nearest, found)| (small(*nearest), small(*found))).collect(),
        });
        RecallRow { pairs: pairs.collect() }
    }

    /// Takes up what was kept; what could not have been measured is passed over.
    fn take_up(&self, row: RecallRow) {
        let known = row.pairs.into_iter().filter_map(|RecallPair { from, of, ef, found }| {
            let content = |code| Content::ALL.into_iter().find(|content| content_code(*content) == code);
            let from = match from {
                Some(code) => Some(content(code)?),
                None => None,
            };
            let is_one = |(nearest, found): &(usize, usize)| found <= nearest && *nearest <= NEAREST;
            let found = found.into_iter().take(WINDOW).map(|(nearest, found)| (nearest.into(), found.into()));
            let ef = ef.and_then(|ef| usize::try_from(ef).ok()).map(|ef| ef.min(WIDEST));
            Some(Measured {
                pair: (from, SegmentKind::from_code(of)?),
                ef,
                of: found.filter(is_one).collect(),
            })
        });
        let mut measured = self.measured.write();
        for known in known {
            if measured.iter().all(|other| other.pair != known.pair) {
                measured.push(known);
            }
        }
    }
}

fn names((from, kind): Pair) -> (&'static str, &'static str) {
    (from.map_or("mixed", Content::name), kind.name())
}

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
fn keep(core: &Core) -> Result<(), IndexError> {
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
        let request = |exact| SearchRequest {
            queries: vec![SubQuery { tracks: tracks.clone(), ..query.clone() }],
            limit: NEAREST,
            exact,
            ef: Some(ef),
            cancel: Cancel::new().until(Instant::now() + PATIENCE),
            ..SearchRequest::default()
        };
        let walked = query::search(core, &view, &request(false))?.pop();
        let Some(walked) = walked.filter(|reply| reply.plan == Plan::Graph) else { continue };
        let exact = query::search(core, &view, &request(true))?.pop();
        let nearest = exact.map(|reply| reply.hits).unwrap_or_default();
        let figure = (nearest.len(), found(&nearest, &walked.hits));
        core.auditor.take((query.from, kind), figure, ef, default);
    }
    Ok(())
}

/// How many of the nearest were found. One that is as near as the last of them is as good.
fn found(nearest: &[AssetHit], hits: &[AssetHit]) -> usize {
    let Some(last) = nearest.last() else { return 0 };
    let known: HashSet<_> = nearest.iter().map(|hit| &hit.asset).collect();
    let is_near = |hit: &&AssetHit| known.contains(&hit.asset) || hit.corrected >= last.corrected;
    hits.iter().filter(is_near).count().min(nearest.len())
}
