//! `collections`: what there is in a data folder.

use sensorium_engine::{Access, DEFAULT_COLLECTION};
use serde_json::json;

use super::Context;
use crate::args::low::Collections;
use crate::failure::{CliError, Exit};
use crate::output::{json, note, words};

/// Lists the collections, or drops one.
pub(super) async fn run(args: Collections, context: &mut Context) -> anyhow::Result<Exit> {
    context.setting.folder_only("collections")?;
    let folder = context.setting.data_dir.clone();
    if let Some(name) = args.drop {
        context.setting.not_served()?;
        if !folder.exists() {
            return Err(CliError::NoCollection { name }.into());
        }
        let engine = context.setting.open_at(&folder, &name, Access::Read, None).await?;
        let is_there = engine.collections().await?.iter().any(|collection| collection.name == name);
        drop(engine);
        if !is_there {
            return Err(CliError::NoCollection { name }.into());
        }
        let engine = context.setting.open_at(&folder, &name, Access::Write, None).await?;
        engine.drop_collection(&name).await?;
        note(&format!("dropped {name:?}"));
        return Ok(Exit::Done);
    }
    let engine = context.setting.open_at(&folder, DEFAULT_COLLECTION, Access::Read, None).await?;
    let collections = engine.collections().await?;
    let out = &mut context.out;
    for collection in &collections {
        if out.is_json() {
            let space = json::space(&collection.space);
            out.object(&json!({ "collection": collection.name, "space": space }))?;
        } else {
            let space = out.paint().dim(&words::printable(&collection.space.revision));
            out.line(&format!("{}  {space}", words::printable(&collection.name)))?;
        }
    }
    if collections.is_empty() {
        note("the database is empty: it has no collections");
    }
    Ok(Exit::Done)
}
