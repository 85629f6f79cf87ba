//! The builder of large graphs: parallel insertion over int8 codes.
//!
//! Every row's level is drawn beforehand, so that all links lie in two arrays that do not move: fixed places for each row
//! on level 0, and on the levels above for the few rows that reach them. Links are atomic numbers. Whoever walks reads them as
//! they are, and may see a list half-way between two states: each number in it is a row, and that is all that a walk asks.
//! Whoever writes a list holds its row's lock.
//!
//! # Source
//! arXiv:1603.09320, algorithms 1 and 4.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use sensorium_kernels::{Beam, BeamBuffers, CodeMatrix, Compared, Neighbours, RowPairs, Scored};

use super::draft::{BuildError, Draft};
use super::params::GraphParams;

/// Highest level; one more has one row in the square of all that memory holds.
const MAX_LEVEL: usize = 15;
/// Rows inserted by one thread before the others begin: they need something to walk.
const FIRST_ROWS: u32 = 256;
/// Rows inserted between two looks at the cancel flag.
const SLICE: u32 = 4096;

/// Links of a graph that is being built.
struct Links {
    /// Places of a list.
    most: usize,
    /// For each list its length, then its places.
    numbers: Vec<AtomicU32>,
}

impl Links {
    fn new(lists: usize, most: usize) -> Self {
        Self { most, numbers: std::iter::repeat_with(AtomicU32::default).take(lists * (most + 1)).collect() }
    }

    fn list(&self, list: usize) -> Option<(&AtomicU32, &[AtomicU32])> {
        let from = list * (self.most + 1);
        self.numbers.get(from..=from + self.most)?.split_first()
    }

    fn each(&self, list: usize, each: impl FnMut(u32)) {
        if let Some((count, places)) = self.list(list) {
            let count = count.load(Ordering::Relaxed) as usize;
            places.iter().take(count).map(|place| place.load(Ordering::Relaxed)).for_each(each);
        }
    }

    fn set(&self, list: usize, rows: &[u32]) {
        if let Some((count, places)) = self.list(list) {
            for (place, row) in places.iter().zip(rows) {
                place.store(*row, Ordering::Relaxed);
            }
            count.store(u32::try_from(rows.len().min(self.most)).unwrap_or(0), Ordering::Relaxed);
        }
    }
}

/// A graph in the making.
struct Growing<'a> {
    pairs: RowPairs<'a>,
    params: GraphParams,
    base: Links,
    upper: Links,
    /// For each row its level, and its first list among those of the levels above 0.
    levels: Vec<(u8, u32)>,
    locks: Vec<Mutex<()>>,
    /// Where every walk begins, and its level.
    entry: Mutex<(u32, usize)>,
}

/// One level of it.
#[derive(Clone, Copy)]
struct LevelOf<'a> {
    growing: &'a Growing<'a>,
    level: usize,
}

impl Neighbours for LevelOf<'_> {
    #[inline]
    fn each(&self, row: u32, each: impl FnMut(u32)) {
        if let Some((links, list)) = self.growing.list(row, self.level) {
            links.each(list, each);
        }
    }
}

/// What a thread uses again.
#[derive(Default)]
struct Desk {
    buffers: BeamBuffers,
    found: Vec<Scored>,
    chosen: Vec<u32>,
    others: Vec<u32>,
    scored: Vec<Scored>,
    kept: Vec<u32>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Builds a graph over rows of codes.
///
/// # Cost
/// For each row some 20 numbers of 4 bytes for each `m`; a beam of `ef_construct`, and up to `m` lists chosen anew.
pub(super) fn insert_all(
    codes: &CodeMatrix,
    params: GraphParams,
    threads: usize,
    cancel: &AtomicBool,
) -> Result<Draft, BuildError> {
    let rows = u32::try_from(codes.len()).unwrap_or(u32::MAX);
    let growing = Growing::new(codes, params);
    let mut desk = Desk::default();
    for row in 0..rows.min(FIRST_ROWS) {
        growing.insert(row, &mut desk);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|number| format!("graph-{number}"))
        .build()
        .map_err(|error| BuildError::Failed { message: error.to_string() })?;
    for start in (FIRST_ROWS..rows).step_by(SLICE as usize) {
        if cancel.load(Ordering::Relaxed) {
            return Err(BuildError::Cancelled);
        }
        let slice = start..rows.min(start.saturating_add(SLICE));
        pool.install(|| {
            slice.into_par_iter().for_each(|row| DESK.with_borrow_mut(|desk| growing.insert(row, desk)));
        });
    }
    Ok(growing.read_out(rows))
}

impl<'a> Growing<'a> {
    fn new(codes: &'a CodeMatrix, params: GraphParams) -> Self {
        let mut levels = Vec::with_capacity(codes.len());
        let mut lists = 0_u32;
        for row in 0..codes.len() {
            let level = draw_level(row as u64, params.m);
            levels.push((level, lists));
            lists += u32::from(level);
        }
        let highest = levels.first().map_or(0, |(level, _)| usize::from(*level));
        Self {
            pairs: RowPairs::new(codes),
            params,
            base: Links::new(codes.len(), params.m0()),
            upper: Links::new(lists as usize, params.m),
            locks: std::iter::repeat_with(Mutex::default).take(codes.len()).collect(),
            levels,
            entry: Mutex::new((0, highest)),
        }
    }

    /// The list of a row on a level; `None` if the row is not there.
    fn list(&self, row: u32, level: usize) -> Option<(&Links, usize)> {
        let Some(above) = level.checked_sub(1) else { return Some((&self.base, row as usize)) };
        let (highest, first) = self.levels.get(row as usize)?;
        (level <= usize::from(*highest)).then_some((&self.upper, *first as usize + above))
    }

    /// Links a row into the graph.
    fn insert(&self, row: u32, desk: &mut Desk) {
        let Some(query) = self.pairs.query(row) else { return };
        let (mut entry, top) = *self.entry.lock();
        if entry == row {
            return;
        }
        let rows = self.pairs.rows();
        let own = self.levels.get(row as usize).map_or(0, |(level, _)| usize::from(*level));
        for level in (own + 1..=top).rev() {
            let mut best = query.dot(rows, entry);
            loop {
                let before = entry;
                LevelOf { growing: self, level }.each(before, |next| {
                    let score = query.dot(rows, next);
                    if score > best {
                        (best, entry) = (score, next);
                    }
                });
                if entry == before {
                    break;
                }
            }
        }
        for level in (0..=own.min(top)).rev() {
            let beam = Beam {
                rows: Compared::Codes(&query, rows),
                links: LevelOf { growing: self, level },
                entry,
                ef: self.params.ef_construct,
                budget: usize::MAX,
                least: 0.0,
                narrow: None,
            };
            let Desk { buffers, found, .. } = desk;
            beam.walk(buffers, |met| met != row, |_| 0.0, || false, found);
            if let Some(nearest) = desk.found.first() {
                entry = nearest.row;
            }
            self.pairs.choose(&desk.found, self.params.m, &mut desk.chosen);
            if let Some((links, list)) = self.list(row, level) {
                let _written_by_one = self.lock(row);
                links.set(list, &desk.chosen);
            }
            let chosen = std::mem::take(&mut desk.chosen);
            for other in &chosen {
                self.link(*other, row, level, desk);
            }
            desk.chosen = chosen;
        }
        if own > top {
            let mut highest = self.entry.lock();
            if own > highest.1 {
                *highest = (row, own);
            }
        }
    }

    fn lock(&self, row: u32) -> Option<parking_lot::MutexGuard<'_, ()>> {
        self.locks.get(row as usize).map(Mutex::lock)
    }

    /// Links a row to a new one. A list that is full is chosen anew.
    fn link(&self, row: u32, new: u32, level: usize, desk: &mut Desk) {
        let Some((links, list)) = self.list(row, level) else { return };
        let _written_by_one = self.lock(row);
        let Desk { others, scored, kept, .. } = desk;
        others.clear();
        links.each(list, |other| others.push(other));
        if others.contains(&new) {
            return;
        }
        others.push(new);
        if others.len() <= links.most {
            links.set(list, others);
            return;
        }
        self.pairs.score(row, others, scored);
        self.pairs.choose(scored, links.most, kept);
        links.set(list, kept);
    }

    fn read_out(&self, rows: u32) -> Draft {
        let lists = (0..rows).map(|row| {
            let own = self.levels.get(row as usize).map_or(0, |(level, _)| usize::from(*level));
            let levels = (0..=own).map(|level| {
                let mut links = Vec::new();
                LevelOf { growing: self, level }.each(row, |link| links.push(link));
                links
            });
            levels.collect()
        });
        Draft { entry: self.entry.lock().0, lists: lists.collect() }
    }
}

/// The level of a row: one row in `m` reaches the next. Drawn from the row's number, so that a graph can be built again.
fn draw_level(row: u64, m: usize) -> u8 {
    // SplitMix64.
    let mut z = row.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    let mut level = 0;
    let m = m.max(2) as u64;
    while level < MAX_LEVEL && z.is_multiple_of(m) {
        z /= m;
        level += 1;
    }
    u8::try_from(level).unwrap_or(0)
}
