//! `stats`: counts and sizes.

use sensorium_engine::Access;
use sensorium_types::{CaptionCounts, CollectionStats, MeasuredRecall, SpaceInfo, StatsReply};

use super::Context;
use crate::backend::Backend;
use crate::failure::Exit;
use crate::output::{json, words};

/// Shows counts and sizes.
pub(super) async fn run(context: &mut Context) -> anyhow::Result<Exit> {
    let backend = Backend::open(&context.setting, Access::Read, None).await?;
    let StatsReply { collection, space, counts, captions } = backend.stats().await?;
    let out = &mut context.out;
    if out.is_json() {
        out.object(&json::stats(&collection, &space, &counts, captions))?;
        return Ok(Exit::Done);
    }
    let mut rows = rows(&collection, &space, &counts);
    if let Some(CaptionCounts { made, missing }) = captions {
        rows.push(("captions", format!("of {}, {missing} missing", words::count(made, "asset", "assets"))));
    }
    for (name, value) in rows {
        let name = format!("{name:<12}");
        let line = format!("{}  {}", out.paint().dim(&name), words::printable(&value));
        out.line(&line)?;
    }
    Ok(Exit::Done)
}

fn rows(collection: &str, space: &SpaceInfo, counts: &CollectionStats) -> Vec<(&'static str, String)> {
    let CollectionStats {
        assets,
        points,
        sources_indexed,
        sources_failed,
        points_in_graph,
        points_without_hubs,
        bytes_on_disk,
        bytes_in_memory,
        recall,
        change: _,
    } = counts;
    let in_graph = |in_graph: u64| format!("{points}, {in_graph} of them in the graph");
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), words::size);
    let mut rows = vec![
        ("collection", collection.to_owned()),
        ("assets", assets.to_string()),
        ("points", points_in_graph.map_or_else(|| points.to_string(), in_graph)),
        ("files", format!("{sources_indexed} indexed, {sources_failed} failed")),
        ("on disk", size(*bytes_on_disk)),
        ("in memory", size(*bytes_in_memory)),
        ("space", format!("{}, {} dimensions, {}", space.id, space.dim, space.revision)),
    ];
    if *points_without_hubs > 0 {
        let missing = words::count(*points_without_hubs, "point lacks values", "points lack values");
        rows.push(("correction", format!("not yet in use: {missing}")));
    }
    for MeasuredRecall { from, of, queries, nearest, found, ef } in recall {
        let asked = words::count(*queries, "query", "queries");
        let told = format!("{found} of the {nearest} nearest found by {asked} of {from} to {of}, beam {ef}");
        rows.push(("recall", told));
    }
    rows
}
