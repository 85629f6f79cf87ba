//! `search`: terms to hits.

use std::path::Path;

use sensorium_engine::Access;
use sensorium_types::{DEFAULT_LIMIT, Hit, QueryReply, QueryRequest};

use super::{Context, filter};
use crate::args::low::Search;
use crate::backend::Backend;
use crate::contact;
use crate::export::Export;
use crate::failure::Exit;
use crate::output::{explain, hits, json, note, words};
use crate::query;

/// Answers a query.
pub(super) async fn run(args: Search, context: &mut Context) -> anyhow::Result<Exit> {
    let terms = query::terms(&args.terms, context.setting.home.as_deref())?;
    for hint in query::hints(&terms, Path::exists) {
        note(&hint);
    }
    let filter = filter(args.filter.as_deref())?;
    let sheet = args.contact_sheet.as_deref().map(contact::Sheet::new).transpose()?;
    let export = args.export.as_deref().map(Export::new).transpose()?;
    let backend = Backend::open(&context.setting, Access::Read, None).await?;
    let limit = match (args.limit, args.all) {
        (Some(limit), _) => limit as usize,
        (None, false) => DEFAULT_LIMIT,
        // A moment has at least one point.
        (None, true) if args.moments => usize::try_from(backend.stats().await?.counts.points)?.max(1),
        (None, true) => usize::try_from(backend.count(filter.as_ref()).await?)?.max(1),
    };
    let request = QueryRequest {
        terms: backend.terms(terms, args.lang)?,
        modalities: args.modality,
        filter,
        limit,
        all: args.all,
        exact: false,
        min_score: args.min_score,
        every_moment: args.moments,
        late: args.late,
        rerank: args.rerank.unwrap_or(0) as usize,
        raw: args.raw,
        explain: args.explain,
    };
    let QueryReply { hits, weak, steps, explain } = backend.search(request).await?;
    show(&hits, context)?;
    if let Some(told) = explain {
        if context.out.is_json() {
            context.out.object(&explain::object(&told, &steps))?;
        } else {
            for line in explain::lines(&told, &steps) {
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
    if let Some(export) = export {
        note(&export.write(&hits, &title(&args.terms))?);
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
