//! `get` and `delete`: assets by id or filter.

use sensorium_engine::Access;
use sensorium_types::{Asset, DeleteOutcome, DeleteSelector, Filter, Page, PointKey};
use serde_json::json;

use super::{Context, filter, ids};
use crate::args::low::{Delete, Get};
use crate::backend::Backend;
use crate::failure::Exit;
use crate::output::{Out, json, note, words};

/// Most ids asked for in one call.
const IDS_A_CALL: usize = 256;

/// Shows assets.
pub(super) async fn get(args: Get, context: &mut Context) -> anyhow::Result<Exit> {
    let (ids, filter) = (ids(&args.ids)?, filter(args.filter.as_deref())?);
    let backend = Backend::open(&context.setting, Access::Read, None).await?;
    if let Some(filter) = filter {
        return all(&backend, &filter, args.vectors, &mut context.out).await;
    }
    let mut exit = Exit::Done;
    for batch in ids.chunks(IDS_A_CALL) {
        let found = backend.get(batch, args.vectors).await?;
        for (id, asset) in batch.iter().zip(found) {
            match asset {
                Some(asset) => show(&asset, &mut context.out)?,
                None => {
                    note(&format!("there is no asset {id}"));
                    exit = Exit::Error;
                }
            }
        }
    }
    Ok(exit)
}

async fn all(backend: &Backend, filter: &Filter, vectors: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let mut after = None;
    loop {
        let Page { items, next } = backend.page(filter, after.as_ref(), vectors).await?;
        for asset in &items {
            show(asset, out)?;
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(Exit::Done),
        }
    }
}

fn show(asset: &Asset, out: &mut Out) -> std::io::Result<()> {
    if out.is_json() {
        return out.object(&json::asset(asset));
    }
    let paint = out.paint();
    out.line(&format!(
        "{}  {}",
        paint.bold(&words::printable(asset.id.as_str())),
        paint.cyan(asset.modality.name())
    ))?;
    for path in &asset.paths {
        out.line(&format!("  {}", words::path(path, None)))?;
    }
    for (name, value) in &asset.payload.0 {
        let (name, value) = (words::printable(name), words::printable(&value.to_string()));
        out.line(&format!("  {} {value}", paint.dim(&format!("{name}:"))))?;
    }
    for (place, info) in asset.points.iter().enumerate() {
        let key = PointKey { asset: asset.id.clone(), track: info.track, ordinal: info.ordinal };
        out.line(&format!("  {}", words::point(&key, info, asset.modality)))?;
        if let Some(vector) = asset.vectors.get(place) {
            let numbers: Vec<String> = vector.iter().map(ToString::to_string).collect();
            out.line(&format!("    {}", numbers.join(" ")))?;
        }
    }
    Ok(())
}

/// Deletes assets.
pub(super) async fn delete(args: Delete, context: &mut Context) -> anyhow::Result<Exit> {
    let selector = match filter(args.filter.as_deref())? {
        Some(filter) => DeleteSelector::Filter(filter),
        None => DeleteSelector::Ids(ids(&args.ids)?),
    };
    let backend = Backend::open(&context.setting, Access::Write, None).await?;
    let DeleteOutcome { deleted, missing } = backend.delete(selector).await?;
    let out = &mut context.out;
    if out.is_json() {
        for (ids, state) in [(&deleted, "deleted"), (&missing, "missing")] {
            for id in ids {
                out.object(&json!({ "asset": id.as_str(), "state": state }))?;
            }
        }
    } else {
        out.line(&format!("{} deleted", words::count(deleted.len() as u64, "asset", "assets")))?;
    }
    for id in &missing {
        note(&format!("there is no asset {id}"));
    }
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Error })
}
