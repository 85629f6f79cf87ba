//! `fields`: payload fields with an index.

use sensorium_engine::Access;
use sensorium_types::{FieldIndex, FieldIndexState};

use super::Context;
use crate::args::high::Place;
use crate::args::low::Fields;
use crate::backend::Backend;
use crate::failure::{CliError, Exit};
use crate::output::{json, note, words};

/// Lists the indexes, after it made and dropped those that are named.
pub(super) async fn run(args: Fields, context: &mut Context) -> anyhow::Result<Exit> {
    let Fields { index, drop } = args;
    let changes = !(index.is_empty() && drop.is_empty());
    if changes && matches!(context.setting.place(), Place::Folder) {
        // A writer would make the collection.
        check_there(context).await?;
    }
    let access = if changes { Access::Write } else { Access::Read };
    let backend = Backend::open(&context.setting, access, None).await?;
    for field in &index {
        if !backend.index_field(field, true).await? {
            note(&format!("{field:?} is indexed already"));
        }
    }
    for field in &drop {
        if !backend.index_field(field, false).await? {
            note(&format!("{field:?} is not indexed"));
        }
    }
    let listed = backend.field_indexes().await?;
    let out = &mut context.out;
    for index in &listed {
        if out.is_json() {
            out.object(&json::field_index(index))?;
        } else {
            out.line(&line(index))?;
        }
    }
    if listed.is_empty() {
        note("no field is indexed");
    }
    Ok(Exit::Done)
}

fn line(index: &FieldIndex) -> String {
    let FieldIndex { field, asked, state, bytes } = index;
    let state = match state {
        FieldIndexState::Ready => words::size(*bytes),
        FieldIndexState::Waiting => "not made yet".to_owned(),
        FieldIndexState::TooLarge => "too large to be made: assets are asked one by one".to_owned(),
    };
    let by_itself = if *asked { "" } else { ", because filters named it" };
    format!("{}  {state}{by_itself}", words::printable(field))
}

async fn check_there(context: &Context) -> anyhow::Result<()> {
    let setting = &context.setting;
    let name = setting.collection.clone();
    let engine = setting.open(Access::Read, None).await?;
    let is_there = engine.collections().await?.iter().any(|collection| collection.name == name);
    if is_there { Ok(()) } else { Err(CliError::NoCollection { name }.into()) }
}
