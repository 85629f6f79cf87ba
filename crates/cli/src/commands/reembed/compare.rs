//! The vectors before and now, asked the same.

use std::collections::HashSet;
use std::sync::Arc;

use sensorium_engine::{Access, Cancel, Engine};
use sensorium_types::{AssetId, Hit, QueryRequest, Term, TermInput};
use serde_json::{Value, json};

use super::super::Context;
use crate::args::low::Reembed;
use crate::failure::{CliError, Exit};
use crate::output::words;

/// Hits of each query that are compared.
const DEPTH: usize = 10;
/// Hits that people are shown beside each other.
const SHOWN: usize = 3;

/// Asks every query of both, and says how many of the best hits they share.
pub(super) async fn run(args: &Reembed, context: &mut Context) -> anyhow::Result<Exit> {
    let setting = context.setting.clone();
    let queries = match &args.queries {
        Some(file) => fs_err::read_to_string(file).map_err(|source| CliError::Queries { source })?,
        None => String::new(),
    };
    let name = setting.collection.clone();
    let now = setting.open(Access::Read, args.jobs).await?;
    let Some(before) = now.beside().await? else { return Err(CliError::NothingKept { name }.into()) };
    let (mut shared, mut asked) = (0.0, 0_usize);
    for query in queries.lines().map(str::trim).filter(|query| !query.is_empty()) {
        let (old, new) = (ask(&before, query).await?, ask(&now, query).await?);
        let share = overlap(&old, &new);
        shared += share;
        asked += 1;
        let out = &mut context.out;
        if out.is_json() {
            out.object(
                &json!({ "query": query, "overlap": share, "before": rows(&old), "now": rows(&new) }),
            )?;
        } else {
            out.line(&words::printable(&format!("{query}: {:.0} % of the first {DEPTH}", share * 100.0)))?;
            out.line(&words::printable(&format!("  before  {}", names(&old))))?;
            out.line(&words::printable(&format!("  now     {}", names(&new))))?;
        }
    }
    let mean = if asked == 0 { None } else { Some(shared / asked as f64) };
    let (from, to) = (before.space().revision, now.space().revision);
    if context.out.is_json() {
        context.out.object(&json!({ "queries": asked, "overlap": mean, "before": from, "now": to }))?;
    } else if let Some(mean) = mean {
        let queries = words::count(asked as u64, "query", "queries");
        context.out.line(&words::printable(&format!(
            "{queries}: {:.0} % of the first {DEPTH} hits are the same by {from} and {to}",
            mean * 100.0
        )))?;
    }
    Ok(Exit::Done)
}

async fn ask(engine: &Arc<Engine>, text: &str) -> anyhow::Result<Vec<Hit>> {
    let terms = vec![Term { weight: 1.0, input: TermInput::Text(text.to_owned()) }];
    let request = QueryRequest { terms, limit: DEPTH, ..QueryRequest::default() };
    Ok(engine.query(request, Cancel::new()).await?.hits)
}

/// The part of the longer list that the other has as well; 1 of two empty ones.
fn overlap(old: &[Hit], new: &[Hit]) -> f64 {
    let ids = |hits: &[Hit]| hits.iter().map(|hit| hit.asset.clone()).collect::<HashSet<AssetId>>();
    let (old, new) = (ids(old), ids(new));
    let longest = old.len().max(new.len());
    if longest == 0 { 1.0 } else { old.intersection(&new).count() as f64 / longest as f64 }
}

fn rows(hits: &[Hit]) -> Vec<Value> {
    hits.iter().map(|hit| json!({ "asset": hit.asset.as_str(), "score": hit.score })).collect()
}

fn names(hits: &[Hit]) -> String {
    let name = |hit: &Hit| match &hit.path {
        Some(path) => words::path(path, None),
        None => format!("asset:{}", hit.asset),
    };
    hits.iter().take(SHOWN).map(name).collect::<Vec<_>>().join(", ")
}
