//! A graph as a whole: built, stored, damaged, walked.

use std::sync::atomic::AtomicBool;

use sensorium_kernels::{BeamBuffers, BeamEnd, CodeMatrix, CodeQuery, Compared, Scored, VectorMatrix};

use super::build::Built;
use super::flat::{FlatGraph, Level};
use super::relink::relink;
use super::{BuildError, GraphParams, StoredGraph, Walk, Walked, assemble, build, chunks, decode, encode};
use crate::distance::dot;

const DIM: usize = 12;
const PARAMS: GraphParams = GraphParams { m: 6, ef_construct: 48, ef: 32 };

fn vectors(rows: u32, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 32768.0 - 1.0
    };
    (0..rows)
        .flat_map(|_| {
            let row: Vec<f32> = (0..DIM).map(|_| next()).collect();
            let norm = dot(&row, &row).sqrt();
            row.into_iter().map(move |value| value / norm)
        })
        .collect()
}

fn matrix(rows: u32, seed: u64) -> VectorMatrix {
    VectorMatrix::of(&vectors(rows, seed), DIM)
}

fn built(rows: u32, threads: usize) -> Built {
    build(&matrix(rows, 5), PARAMS, threads, &AtomicBool::new(false)).expect("builds")
}

fn stored(rows: u32) -> StoredGraph {
    let built = built(rows, 1);
    StoredGraph { dim: 12, m: 6, points: built.order, graph: built.graph }
}

#[test]
fn every_size_is_built_whole() {
    for rows in [0, 1, 2, 3, 10, 500] {
        for threads in [1, 2] {
            let Built { order, vectors: ordered, graph } = built(rows, threads);
            assert_eq!(graph.len(), rows as usize);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..rows));
            let input = matrix(rows, 5);
            for (place, row) in (0..).zip(order) {
                assert_eq!(ordered.decoded(place), input.decoded(row));
            }
            if rows > 0 {
                assert_eq!(graph.check_structure(), Ok(()));
                assert_eq!(graph.check_quality(PARAMS.m), Ok(()));
            }
        }
    }
}

#[test]
fn a_cancelled_build_stops() {
    let cancelled = build(&matrix(50, 1), PARAMS, 1, &AtomicBool::new(true));
    assert!(matches!(cancelled, Err(BuildError::Cancelled)));
}

/// Walks a graph for a vector: what was found, and how it ended.
fn walk(
    graph: &FlatGraph,
    codes: &CodeMatrix,
    query: &[f32],
    (ef, budget): (usize, usize),
    counts: impl Fn(u32) -> bool,
) -> (Vec<Scored>, Walked) {
    let query = CodeQuery::new(query);
    let walk = Walk { rows: Compared::Codes(&query, codes), ef, budget, least: 0.0, narrow: None };
    let mut found = Vec::new();
    let ended = walk.run(graph, &mut BeamBuffers::default(), counts, |_| 0.0, || false, &mut found);
    (found, ended)
}

#[test]
fn a_wide_beam_gives_the_order_of_the_codes() {
    let Built { vectors: rows, graph, .. } = built(400, 1);
    let codes = rows.codes();
    for query in vectors(20, 77).chunks_exact(DIM) {
        for share in [1, 3] {
            let counts = |row: u32| row.is_multiple_of(share);
            let (found, ended) = walk(&graph, codes, query, (400, usize::MAX), counts);
            let code = CodeQuery::new(query);
            let mut right: Vec<f32> =
                (0..400_u32).filter(|row| counts(*row)).map(|row| code.dot(codes, row)).collect();
            right.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(found.iter().map(|met| met.score).collect::<Vec<_>>(), right);
            assert!(ended.end == BeamEnd::Found && ended.compared >= 400);
        }
        let (_, ended) = walk(&graph, codes, query, (400, 10), |_| true);
        assert_eq!(ended.end, BeamEnd::OverBudget);
    }
}

/// The share of the nearest ten that a beam finds, and the comparisons that it makes, over many queries.
fn recall(graph: &FlatGraph, codes: &CodeMatrix, ef: usize) -> (f64, usize) {
    let (mut right, mut compared, mut wanted) = (0_u32, 0, 0_u32);
    for query in vectors(200, 991).chunks_exact(DIM) {
        let (found, walked) = walk(graph, codes, query, (ef, usize::MAX), |_| true);
        let code = CodeQuery::new(query);
        let mut all: Vec<(f32, u32)> =
            (0..).take(codes.len()).map(|row| (code.dot(codes, row), row)).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let nearest: Vec<u32> = all.iter().take(10).map(|(_, row)| *row).collect();
        right += found.iter().take(10).map(|met| u32::from(nearest.contains(&met.row))).sum::<u32>();
        compared += walked.compared;
        wanted += 10;
    }
    (f64::from(right) / f64::from(wanted), compared)
}

#[test]
fn the_builder_of_large_graphs_is_as_good_as_the_reference() {
    let input = matrix(8_500, 5);
    let params = GraphParams { m: 8, ef_construct: 64, ef: 32 };
    let never = AtomicBool::new(false);
    let reference = build(&input.pick(0..7_999), params, 2, &never).expect("builds");
    let (reference, effort) = recall(&reference.graph, reference.vectors.codes(), 24);
    for threads in [1, 2] {
        let own = build(&input, params, threads, &never).expect("builds");
        assert_eq!(own.graph.check_structure(), Ok(()));
        assert_eq!(own.graph.check_quality(params.m), Ok(()));
        assert!(own.graph.levels.len() > 2, "levels above 0");
        // With so many comparisons as the reference makes: our lists are shorter.
        let beams = (24..100).map(|ef| recall(&own.graph, own.vectors.codes(), ef));
        let (recall, _) = beams.take_while(|(_, compared)| *compared <= effort).last().expect("a beam");
        println!("recall@10 of {threads} threads {recall:.4}, of the reference {reference:.4}");
        assert!(recall >= reference - 0.01, "{recall} {reference}");
    }
    let one = build(&input, params, 1, &never).expect("builds");
    let again = build(&input, params, 1, &never).expect("builds");
    assert_eq!(
        (one.order, one.graph),
        (again.order, again.graph),
        "one thread builds the same graph each time"
    );
    assert!(matches!(build(&input, params, 2, &AtomicBool::new(true)), Err(BuildError::Cancelled)));
}

#[test]
fn rows_without_a_way_get_one() {
    let rows = 60_u32;
    // A graph in which only the first ten know each other.
    let lists: Vec<Vec<u32>> =
        (0..rows).map(|row| if row < 10 { vec![(row + 1) % 10] } else { Vec::new() }).collect();
    let mut graph = FlatGraph { entry: 0, levels: vec![Level::from_lists(Vec::new(), &lists)] };
    assert!(graph.check_quality(4).is_err());
    relink(&mut graph, &matrix(rows, 3), 8);
    assert_eq!(graph.check_structure(), Ok(()));
    assert_eq!(graph.check_quality(4), Ok(()));
}

#[test]
fn a_stored_graph_comes_back_and_damage_is_refused() {
    let stored = stored(300);
    let bytes = encode(&stored);
    assert_eq!(decode(&bytes), Ok(stored));
    let mut joined = Vec::new();
    for value in chunks(&bytes) {
        assemble(&value, &mut joined).expect("whole");
        let mut damaged = value.clone();
        damaged[9] ^= 1;
        assert!(assemble(&damaged, &mut Vec::new()).is_err());
    }
    assert_eq!(joined, bytes);
}

#[test]
fn whatever_is_decoded_is_safe_to_walk() {
    let bytes = encode(&stored(40));
    let (rows, matrix) = (vectors(40, 5), matrix(40, 5));
    let (query, codes) = (&rows[..DIM], matrix.codes());
    let mut walked = 0;
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(stored) = decode(&damaged) {
                walk(&stored.graph, codes, query, (10, usize::MAX), |_| true);
                let _ = stored.graph.check_quality(6);
                walked += 1;
            }
        }
        assert!(decode(&bytes[..at]).is_err());
    }
    assert!(walked > 0);
}

#[test]
fn rows_of_the_same_vector_share_a_node() {
    // Of either builder: rows of which many are the seventh once more, and few the ninth.
    for distinct in [300, 8_100] {
        let input = matrix(distinct, 5).pick((0..distinct + 200).map(|row| {
            if row < distinct {
                row
            } else if row % 50 == 0 {
                9
            } else {
                7
            }
        }));
        let built = build(&input, PARAMS, 2, &AtomicBool::new(false)).expect("builds");
        let Built { order, vectors: ordered, graph } = &built;
        assert_eq!((graph.check_structure(), graph.check_quality(PARAMS.m)), (Ok(()), Ok(())));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..distinct + 200));
        assert!((0..).zip(order).all(|(place, row)| ordered.decoded(place) == input.decoded(*row)));
        let nodes: Vec<Vec<u32>> = (0..distinct + 200)
            .filter(|row| !graph.is_twin(*row))
            .map(|row| graph.node(row).collect())
            .collect();
        assert_eq!(nodes.len(), distinct as usize);
        let mut sizes: Vec<usize> = nodes.iter().map(Vec::len).filter(|size| *size > 1).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [5, 197]);
        // A narrow beam is not filled by one vector.
        let query = input.decoded(7).expect("a row");
        let (found, _) = walk(graph, ordered.codes(), &query, (20, usize::MAX), |_| true);
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|scored| !graph.is_twin(scored.row)));
        assert_eq!(found.first().map(|scored| graph.node(scored.row).count()), Some(197));
    }
    let same = build(&matrix(1, 5).pick([0; 40].into_iter()), PARAMS, 1, &AtomicBool::new(false));
    let graph = same.expect("builds").graph;
    assert!(graph.check_quality(PARAMS.m).is_ok() && graph.has_twins() && graph.node(0).count() == 40);
}
