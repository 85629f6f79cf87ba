//! Building a graph: `hnsw_rs` for small ones, [`insert_all`] for large ones, and the order of rows that follows the graph.
//!
//! This is the one place that calls `hnsw_rs`.
//! The builder panics or exits on input that breaks its rules, so everything it is given is made safe first: unit
//! vectors, a distance that is never negative (its own `DistDot` panics above 1, and is slower), one dimension, bounds that fit a byte, 16 layers, the first point alone. Its
//! points are read layer by layer, never through the iterator over all (which deadlocks beside inserts), and only
//! when no insert runs. Its dumps are never written or loaded.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use hnsw_rs::prelude::{Distance, Hnsw};
use sensorium_kernels::VectorMatrix;

use super::draft::{BuildError, Draft};
use super::flat::{FlatGraph, Level};
use super::insert::insert_all;
use super::params::GraphParams;
use super::relink::relink;
use crate::distance::dot;

/// The builder wants exactly this many.
const LAYERS: usize = 16;
/// Rows from which on a graph is built by our own builder, which is several times as fast.
const OWN_BUILDER_ROWS: usize = 8_000;
/// Points inserted between two looks at the cancel flag.
const SLICE: usize = 256;

/// One less the cosine of unit vectors.
#[derive(Debug, Clone, Copy)]
struct UnitDot;

impl Distance<f32> for UnitDot {
    fn eval(&self, left: &[f32], right: &[f32]) -> f32 {
        (1.0 - dot(left, right)).max(0.0)
    }
}

/// A graph over rows in an order of its own.
#[derive(Debug)]
pub(crate) struct Built {
    /// For each row of the graph, which row of the input it is.
    pub(crate) order: Vec<u32>,
    /// The vectors in the graph's order.
    pub(crate) vectors: VectorMatrix,
    /// The graph.
    pub(crate) graph: FlatGraph,
}

/// Builds a graph over vectors, of which the same share a node. Rows are reordered so that neighbours lie close in memory.
///
/// # Cost
/// About 3 kB a point while a small one is built; two bytes a number and some 200 bytes a point for a large one.
pub(crate) fn build(
    vectors: &VectorMatrix,
    params: GraphParams,
    threads: usize,
    cancel: &AtomicBool,
) -> Result<Built, BuildError> {
    let params = params.clamped();
    let firsts = vectors.firsts();
    let nodes: Vec<u32> =
        (0..).zip(&firsts).filter(|(row, first)| row == *first).map(|(row, _)| row).collect();
    if nodes.len() == vectors.len() {
        return build_nodes(vectors, params, threads, cancel);
    }
    let built = build_nodes(&vectors.pick(nodes.iter().copied()), params, threads, cancel)?;
    let (order, graph) = with_twins(&built, &nodes, &firsts);
    let vectors = vectors.pick(order.iter().copied());
    Ok(Built { order, vectors, graph })
}

/// Builds a graph over vectors that all differ.
fn build_nodes(
    vectors: &VectorMatrix,
    params: GraphParams,
    threads: usize,
    cancel: &AtomicBool,
) -> Result<Built, BuildError> {
    let draft = if vectors.len() < OWN_BUILDER_ROWS {
        let unit = normalized(vectors);
        let drafted = catch_unwind(AssertUnwindSafe(|| draft(&unit, vectors.dim(), params, threads, cancel)));
        drafted.map_err(|panic| BuildError::Failed { message: panic_message(panic.as_ref()) })??
    } else {
        insert_all(vectors.codes(), params, threads, cancel)?
    };
    let order = walk_order(&draft);
    let mut graph = reorder(&draft, &order);
    let ordered = vectors.pick(order.iter().copied());
    relink(&mut graph, &ordered, params.m0());
    Ok(Built { order, vectors: ordered, graph })
}

/// The graph of nodes as one of all rows: those that share a node follow its first, each linked to itself. `nodes` are the rows that the
/// graph was built of, `firsts` tells of each row the first of its node. Gives the order of the rows as well.
fn with_twins(built: &Built, nodes: &[u32], firsts: &[u32]) -> (Vec<u32>, FlatGraph) {
    let mut twins: HashMap<u32, Vec<u32>> = HashMap::new();
    for (row, first) in (0..).zip(firsts).filter(|(row, first)| row != *first) {
        twins.entry(*first).or_default().push(row);
    }
    let (mut order, mut places) = (Vec::with_capacity(firsts.len()), Vec::with_capacity(nodes.len()));
    for node in &built.order {
        let Some(first) = nodes.get(*node as usize).copied() else { continue };
        places.push(u32::try_from(order.len()).unwrap_or(u32::MAX));
        order.push(first);
        order.extend(twins.get(&first).into_iter().flatten());
    }
    let moved = |rows: &[u32]| -> Vec<u32> {
        rows.iter().filter_map(|row| places.get(*row as usize).copied()).collect()
    };
    let levels = built.graph.levels.iter().enumerate().map(|(number, level)| {
        if number > 0 {
            let lists: Vec<_> = (0..level.rows.len()).map(|place| moved(level.at(place))).collect();
            return Level::from_lists(moved(&level.rows), &lists);
        }
        // Each linked to itself, but for the first of a node.
        let mut lists: Vec<Vec<u32>> = (0..).take(order.len()).map(|row| vec![row]).collect();
        for (node, place) in places.iter().enumerate() {
            if let Some(list) = lists.get_mut(*place as usize) {
                *list = moved(level.at(node));
            }
        }
        Level::from_lists(Vec::new(), &lists)
    });
    let entry = places.get(built.graph.entry as usize).copied().unwrap_or(0);
    let levels = levels.collect();
    (order, FlatGraph { entry, levels })
}

fn draft(
    unit: &[f32],
    dim: usize,
    params: GraphParams,
    threads: usize,
    cancel: &AtomicBool,
) -> Result<Draft, BuildError> {
    let rows: Vec<(&[f32], usize)> =
        unit.chunks_exact(dim.max(1)).enumerate().map(|(id, row)| (row, id)).collect();
    let Some((first, rest)) = rows.split_first() else {
        return Ok(Draft { entry: 0, lists: Vec::new() });
    };
    let builder = Hnsw::<f32, UnitDot>::new(params.m, rows.len(), LAYERS, params.ef_construct, UnitDot);
    builder.insert_slice(*first);
    if threads <= 1 {
        for (count, row) in rest.iter().enumerate() {
            if count % SLICE == 0 && cancel.load(Ordering::Relaxed) {
                return Err(BuildError::Cancelled);
            }
            builder.insert_slice(*row);
        }
    } else {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("graph-{number}"))
            .build()
            .map_err(|error| BuildError::Failed { message: error.to_string() })?;
        for slice in rest.chunks(SLICE * threads) {
            if cancel.load(Ordering::Relaxed) {
                return Err(BuildError::Cancelled);
            }
            let slice = slice.to_vec();
            pool.install(|| builder.parallel_insert_slice(&slice));
        }
    }
    Ok(read_out(&builder, rows.len()))
}

/// Copies the links out of the builder.
fn read_out(builder: &Hnsw<'_, f32, UnitDot>, rows: usize) -> Draft {
    let points = builder.get_point_indexation();
    let mut draft = Draft { entry: 0, lists: vec![Vec::new(); rows] };
    for layer in 0..LAYERS {
        for point in points.get_layer_iterator(layer) {
            let id = point.get_origin_id();
            let mut lists = point.get_neighborhood_id();
            lists.truncate(layer + 1);
            draft.entry = u32::try_from(id).unwrap_or(0);
            if let Some(kept) = draft.lists.get_mut(id) {
                *kept = lists
                    .iter()
                    .map(|list| {
                        let links = list.iter().filter_map(|link| u32::try_from(link.d_id).ok());
                        let mut links: Vec<u32> = links.filter(|link| *link as usize != id).collect();
                        let mut seen = std::collections::HashSet::new();
                        links.retain(|link| seen.insert(*link));
                        links
                    })
                    .collect();
            }
        }
    }
    // A link to a row that is not on the level would end every greedy step there.
    let heights: Vec<usize> = draft.lists.iter().map(Vec::len).collect();
    for lists in &mut draft.lists {
        for (level, links) in lists.iter_mut().enumerate() {
            links.retain(|link| heights.get(*link as usize).is_some_and(|height| *height > level));
        }
    }
    draft
}

/// An order in which rows that are linked lie close: each row's neighbours follow it at once, and the walk goes on from the last of
/// them, so that it leaves a cluster when all of it is placed. Rows of higher levels come before all others, so that those that
/// every search descends over lie together.
fn walk_order(draft: &Draft) -> Vec<u32> {
    let rows = u32::try_from(draft.lists.len()).unwrap_or(u32::MAX);
    let mut order = Vec::with_capacity(draft.lists.len());
    let mut met = vec![false; draft.lists.len()];
    let mut place = |row: u32| {
        let is_new = met.get_mut(row as usize).is_some_and(|mark| !std::mem::replace(mark, true));
        if is_new {
            order.push(row);
        }
        is_new
    };
    let mut open = Vec::new();
    for start in std::iter::once(draft.entry).chain(0..rows) {
        if place(start) {
            open.push(start);
        }
        while let Some(row) = open.pop() {
            let links = draft.lists.get(row as usize).and_then(|lists| lists.first()).into_iter().flatten();
            let first = open.len();
            open.extend(links.copied().filter(|link| place(*link)));
            // The nearest is the first of the links: go on from it.
            open.get_mut(first..).unwrap_or_default().reverse();
        }
    }
    let height = |row: &u32| draft.lists.get(*row as usize).map_or(0, Vec::len);
    order.sort_by_key(|row| std::cmp::Reverse(height(row)));
    order
}

fn reorder(draft: &Draft, order: &[u32]) -> FlatGraph {
    let mut places = vec![0_u32; order.len()];
    for (place, row) in (0_u32..).zip(order) {
        if let Some(slot) = places.get_mut(*row as usize) {
            *slot = place;
        }
    }
    let moved = |links: &Vec<u32>| -> Vec<u32> {
        links.iter().filter_map(|link| places.get(*link as usize).copied()).collect()
    };
    let height = draft.lists.iter().map(Vec::len).max().unwrap_or(0);
    let levels = (0..height).map(|level| {
        let (rows, lists): (Vec<u32>, Vec<Vec<u32>>) = (0_u32..)
            .zip(order)
            .filter_map(|(place, row)| {
                let links = draft.lists.get(*row as usize)?.get(level)?;
                Some((place, moved(links)))
            })
            .unzip();
        Level::from_lists(if level == 0 { Vec::new() } else { rows }, &lists)
    });
    FlatGraph { entry: places.get(draft.entry as usize).copied().unwrap_or(0), levels: levels.collect() }
}

/// Copies of the rows, of length 1 within rounding and never above.
fn normalized(vectors: &VectorMatrix) -> Vec<f32> {
    let mut unit = Vec::with_capacity(vectors.len() * vectors.dim());
    for row in (0..).map_while(|row| vectors.decoded(row)) {
        let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { (1.0 - 1e-6) / norm } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "a number of size at most 1, rounded to f32")]
        unit.extend(row.iter().map(|value| (f64::from(*value) * scale) as f32));
    }
    unit
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
