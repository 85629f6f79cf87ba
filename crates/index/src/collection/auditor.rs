//! [`Auditor`]: what is known of the recall of a collection's searches, and the beams that follow from it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use sensorium_types::{Content, MeasuredRecall, SubQuery};

use super::job::Job;
use super::segments::SegmentKind;
use crate::storage::{RecallPair, RecallRow, content_code};

/// Nearest assets that are compared.
pub(super) const NEAREST: usize = 10;
/// Sub-queries that a figure is of, at most; older ones are left out.
const WINDOW: usize = 64;
/// Sub-queries before a beam is widened for them.
const LEAST: usize = 16;
/// The share of the nearest that a search is to find, in thousandths.
const TARGET: usize = 980;
/// The widest beam that the auditor chooses.
pub(super) const WIDEST: usize = 1024;

/// What asks, where that is one content, and what is asked.
pub(super) type Pair = (Option<Content>, SegmentKind);

/// Whether of so many of the nearest (the first) enough were found (the second).
pub(super) const fn is_enough((nearest, found): (usize, usize)) -> bool {
    found * 1000 >= nearest * TARGET
}

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
    fn widen(&mut self, ef: usize) {
        let (from, of) = names(self.pair);
        let (nearest, found) = self.sums();
        tracing::info!(from, of, found, nearest, ef, "widen the beam of searches that find too little");
        self.ef = Some(ef);
        self.of.clear();
    }

    fn sums(&self) -> (usize, usize) {
        self.of.iter().fold((0, 0), |sums, one| (sums.0 + one.0, sums.1 + one.1))
    }
}

/// What a collection keeps for its auditor.
#[derive(Debug)]
pub(crate) struct Auditor {
    pub(super) asked: AtomicUsize,
    pub(super) begun: Instant,
    /// Milliseconds from `begun` to the latest search.
    pub(super) latest: AtomicU64,
    pub(super) waiting: Mutex<VecDeque<SubQuery>>,
    measured: RwLock<Vec<Measured>>,
    /// Whether something was measured that is not in the row.
    pub(super) is_new: AtomicBool,
    /// Asks once more while nobody searches.
    pub(super) job: Job,
}

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

    pub(super) fn quiet_for(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.latest.load(Ordering::Relaxed)))
    }

    /// Takes a figure of a pair, and widens its beam where too little was found. `ef` is the beam that found it.
    pub(super) fn take(&self, pair: Pair, figure: (usize, usize), ef: usize, default: usize) {
        let mut measured = self.measured.write();
        let Some(known) = of_pair(&mut measured, pair) else { return };
        if known.ef.unwrap_or(default) != ef {
            return;
        }
        self.is_new.store(true, Ordering::Release);
        known.of.push_back(figure);
        if known.of.len() > WINDOW {
            known.of.pop_front();
        }
        let (nearest, found) = known.sums();
        if known.of.len() >= LEAST && !is_enough((nearest, found)) && ef < WIDEST {
            known.widen((ef * 2).min(WIDEST));
        }
    }

    /// Widens the beam for a pair; what was measured with the one before says nothing of it.
    pub(super) fn widen(&self, pair: Pair, ef: usize) {
        let mut measured = self.measured.write();
        if let Some(known) = of_pair(&mut measured, pair) {
            self.is_new.store(true, Ordering::Release);
            known.widen(ef);
        }
    }

    /// What was measured, as it is kept.
    pub(super) fn row(&self) -> RecallRow {
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
    pub(super) fn take_up(&self, row: RecallRow) {
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

/// What is known of a pair, which may be nothing yet.
fn of_pair(measured: &mut Vec<Measured>, pair: Pair) -> Option<&mut Measured> {
    let at = measured.iter().position(|known| known.pair == pair).unwrap_or_else(|| {
        measured.push(Measured { pair, ef: None, of: VecDeque::new() });
        measured.len() - 1
    });
    measured.get_mut(at)
}

fn names((from, kind): Pair) -> (&'static str, &'static str) {
    (from.map_or("mixed", Content::name), kind.name())
}
