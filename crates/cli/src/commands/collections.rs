//! `collections`: what there is in a data folder, or on a server.

use sensorium_engine::{Access, DEFAULT_COLLECTION};
use sensorium_types::CollectionSummary;
use serde_json::json;

use super::Context;
use crate::args::high::{Place, Setting};
use crate::args::low::Collections;
use crate::backend::connect;
use crate::failure::{CliError, Exit};
use crate::output::{json, note, words};

/// Lists the collections, or drops one.
pub(super) async fn run(args: Collections, context: &mut Context) -> anyhow::Result<Exit> {
    let setting = &context.setting;
    let client = match setting.place() {
        Place::Server { url, .. } => Some(connect(setting, &url).await?),
        Place::Folder => None,
    };
    if let Some(name) = args.drop {
        let dropped = match &client {
            Some(client) => client.drop_collection(&name).await?,
            None => drop_here(setting, &name).await?,
        };
        if !dropped {
            return Err(CliError::NoCollection { name }.into());
        }
        note(&format!("dropped {name:?}"));
        return Ok(Exit::Done);
    }
    let collections = match &client {
        Some(client) => client.list_collections().await?,
        None => listed_here(setting, DEFAULT_COLLECTION).await?,
    };
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

/// The collections of the data folder, looked at through one of them.
async fn listed_here(setting: &Setting, through: &str) -> anyhow::Result<Vec<CollectionSummary>> {
    let engine = setting.open_at(&setting.data_dir, through, Access::Read, None).await?;
    Ok(engine.collections().await?)
}

/// Drops a collection of the data folder; `false` if there is none. A writer would make it, so it is looked for first.
async fn drop_here(setting: &Setting, name: &str) -> anyhow::Result<bool> {
    let is_it = |collection: &CollectionSummary| collection.name == name;
    if !setting.data_dir.exists() || !listed_here(setting, name).await?.iter().any(is_it) {
        return Ok(false);
    }
    let engine = setting.open_at(&setting.data_dir, name, Access::Write, None).await?;
    Ok(engine.drop_collection(name).await?)
}
