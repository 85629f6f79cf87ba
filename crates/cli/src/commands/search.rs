//! `search`: terms to hits.

use std::path::Path;

use sensorium_engine::{Access, Hit};

use super::{Context, filter};
use crate::args::low::Search;
use crate::backend::{Answer, Ask, Backend};
use crate::contact;
use crate::failure::Exit;
use crate::output::{hits, json, note, words};
use crate::query;

/// Hits where neither a limit nor all are asked for.
const DEFAULT_LIMIT: u32 = 10;

/// Answers a query.
pub(super) async fn run(args: Search, context: &mut Context) -> anyhow::Result<Exit> {
    let terms = query::terms(&args.terms, context.setting.home.as_deref())?;
    for hint in query::hints(&terms, Path::exists) {
        note(&hint);
    }
    let filter = filter(args.filter.as_deref())?;
    let sheet = args.contact_sheet.as_deref().map(contact::Sheet::new).transpose()?;
    let backend = Backend::open(&context.setting, Access::Read, None).await?;
    let limit = match (args.limit, args.all) {
        (Some(limit), _) => limit,
        (None, false) => DEFAULT_LIMIT,
        // A moment has at least one point.
        (None, true) if args.moments => u32::try_from(backend.stats().await?.counts.points)?.max(1),
        (None, true) => u32::try_from(backend.count(filter.as_ref()).await?)?.max(1),
    };
    let ask = Ask {
        modalities: args.modality,
        filter,
        limit,
        all: args.all,
        min_score: args.min_score,
        moments: args.moments,
        late: args.late,
        rerank: args.rerank.unwrap_or(0),
        raw: args.raw,
        explain: args.explain,
        language: args.lang,
    };
    let Answer { hits, weak, explain } = backend.search(terms, ask).await?;
    show(&hits, context)?;
    if let Some(explain) = explain {
        if context.out.is_json() {
            context.out.object(&explain.object())?;
        } else {
            for line in explain.lines() {
                context.out.line(&words::printable(&line))?;
            }
        }
    }
    if hits.is_empty() {
        note("no hits");
    } else if weak {
        note("even the best hit is weak: its score is within what chance reaches");
    }
    if let Some(sheet) = sheet {
        let title = title(&args.terms);
        if let Some(error) = contact::write(&sheet, &title, &hits, &backend).await? {
            note(&format!("hits without images, for they cannot be had: {error:#}"));
        }
        note(&format!("wrote {}", sheet.path().display()));
    }
    Ok(Exit::Done)
}

fn show(found: &[Hit], context: &mut Context) -> anyhow::Result<()> {
    if context.out.is_json() {
        for hit in found {
            context.out.object(&json::hit(hit))?;
        }
        return Ok(());
    }
    let here = std::env::current_dir().ok();
    for line in hits::table(found, here.as_deref(), context.out.paint()) {
        context.out.line(&line)?;
    }
    Ok(())
}

fn title(terms: &[std::ffi::OsString]) -> String {
    let typed: Vec<_> = terms.iter().map(|term| term.to_string_lossy()).collect();
    words::printable(&typed.join(" "))
}
