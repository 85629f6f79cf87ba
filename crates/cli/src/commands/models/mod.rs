//! `models`: the bundles of models.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | what is here: shown, listed, tried, joined, removed |
//! | `add.rs` | a folder as the hub lays it out is added |
//! | `pull.rs` | one of a hub or an index of packages, or several joined |
//! | `coming.rs` | a model on its way from elsewhere |
//! | `hub.rs` | what a hub has: judged by its headers, pulled |
//! | `package.rs` | what is in packages of an index |

mod add;
mod coming;
mod hub;
mod package;
mod pull;

use std::path::Path;

use anyhow::Context as _;
use sensorium_embed::{BundleFiles as _, BundleInfo, FolderFiles, HubModel, HubsInfo};
use sensorium_engine::{BUILT_IN, JoinModel, JoinedModel, ListedModel, Models as Library, READY, ReadyModel};
use serde_json::{Value, json};

use crate::args::high::{Setting, load_bundle};
use crate::args::models::{self, Models};
use crate::failure::{CliError, Exit};
use crate::output::words::{printable, size as bytes};
use crate::output::{Out, json};

/// Shows the bundle in use, lists those that are here, tries, adds and removes them.
pub(super) fn run(command: Models, setting: &Setting, out: &mut Out) -> anyhow::Result<Exit> {
    match command {
        Models::Info => info(setting, out)?,
        Models::List => list(setting, out)?,
        Models::Check { model, revision } => return check(&model, revision.as_deref(), setting, out),
        Models::Pull(args) => return pull::pull(args, setting, out),
        Models::Add(args) => add::add(&args, setting, out)?,
        Models::Join(args) => join(args, setting, out)?,
        Models::Rm { name } => {
            setting.models().remove(&name)?;
            told(out, &json!({ "removed": name }), &format!("{name} is removed"))?;
        }
        Models::Default { name } => default(name, setting, out)?,
    }
    Ok(Exit::Done)
}

fn info(setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let folder = setting.bundle_place()?;
    let bundle = load_bundle(folder.clone())?;
    let BundleInfo { id, revision, licences, spaces, encoders, generators, hubs } = bundle.info();
    let notice = folder.is_none().then_some(sensorium_mini::NOTICE);
    if out.is_json() {
        let spaces: Vec<Value> = spaces.iter().map(json::space).collect();
        out.object(&json!({
            "id": id,
            "revision": revision,
            "built_in": folder.is_none(),
            "spaces": spaces,
            "encoders": encoders,
            "generators": generators,
            "hubs": hubs,
            "licences": licences,
            "notice": notice,
        }))?;
        return Ok(());
    }
    out.line(&out.paint().bold(&printable(&format!("{id}@{revision}"))))?;
    for space in spaces {
        out.line(&printable(&format!("space {}: {} dimensions", space.id, space.dim)))?;
    }
    for encoder in encoders {
        let languages: Vec<&str> = encoder.languages.iter().map(|language| language.name()).collect();
        let read = if languages.is_empty() { String::new() } else { format!(" in {}", languages.join(", ")) };
        out.line(&printable(&format!(
            "encoder {}: {}{read}, {}",
            encoder.id, encoder.modality, encoder.family
        )))?;
    }
    for generator in generators {
        out.line(&printable(&format!(
            "generator {}: {}, {}",
            generator.id, generator.modality, generator.family
        )))?;
    }
    for HubsInfo { query, content, k, share } in hubs {
        out.line(&printable(&format!(
            "correction of {query} against {content}: {share} of the mean cosine with the nearest {k} of its queries"
        )))?;
    }
    for licence in licences {
        out.line(&printable(&format!("licence of {}: {} ({})", licence.part, licence.spdx, licence.source)))?;
    }
    if let Some(notice) = notice {
        out.line(notice)?;
    }
    Ok(())
}

fn list(setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let library = setting.models();
    let in_use = setting.bundle_place()?;
    let built_in = load_bundle(None)?;
    let BundleInfo { id, revision, licences, .. } = built_in.info();
    let licences: Vec<&str> = licences.iter().map(|licence| licence.spdx.as_str()).collect();
    let row = Row {
        name: BUILT_IN,
        id: Some(id),
        revision: Some(revision),
        place: Some("built in"),
        licence: Some(licences.join(", ")),
        in_use: in_use.is_none(),
        bytes: None,
        fault: None,
    };
    tell_row(&row, out)?;
    let listed = library.list()?;
    for ListedModel { name, folder, bytes, info } in &listed {
        let place = folder.display().to_string();
        let fault = info.as_ref().err().map(ToString::to_string);
        let info = info.as_ref().ok();
        let licence = info.and_then(|info| info.licences.first()).map(|licence| licence.spdx.clone());
        let row = Row {
            name,
            id: info.map(|info| info.id.as_str()),
            revision: info.map(|info| info.revision.as_str()),
            place: Some(&place),
            licence,
            in_use: in_use.as_deref() == Some(folder),
            bytes: Some(*bytes),
            fault,
        };
        tell_row(&row, out)?;
    }
    let named = in_use.filter(|place| listed.iter().all(|model| model.folder != *place));
    if let Some(folder) = named {
        let bundle = load_bundle(Some(folder.clone()))?;
        let BundleInfo { id, revision, .. } = bundle.info();
        let place = folder.display().to_string();
        let row = Row {
            name: &place,
            id: Some(id),
            revision: Some(revision),
            place: Some(&place),
            licence: None,
            in_use: true,
            bytes: None,
            fault: None,
        };
        tell_row(&row, out)?;
    }
    for ready in READY.iter().filter(|ready| listed.iter().all(|model| model.name != ready.name)) {
        tell_ready(ready, out)?;
    }
    Ok(())
}

/// One bundle of the list.
#[derive(Debug)]
struct Row<'a> {
    name: &'a str,
    id: Option<&'a str>,
    revision: Option<&'a str>,
    place: Option<&'a str>,
    licence: Option<String>,
    in_use: bool,
    bytes: Option<u64>,
    fault: Option<String>,
}

fn tell_row(row: &Row<'_>, out: &mut Out) -> anyhow::Result<()> {
    let Row { name, id, revision, place, licence, in_use, bytes: size, fault } = row;
    if out.is_json() {
        out.object(&json!({
            "name": name, "id": id, "revision": revision, "place": place, "licence": licence, "in_use": in_use,
            "bytes": size, "error": fault, "source": null, "note": null,
        }))?;
        return Ok(());
    }
    let shown = match (id, revision) {
        (Some(id), Some(revision)) => format!("{id}@{revision}"),
        _ => (*name).to_owned(),
    };
    let licence = licence.as_ref().map_or_else(String::new, |licence| format!(", {licence}"));
    let size = size.map_or_else(String::new, |size| format!(", {}", bytes(size)));
    let used = if *in_use { ", in use" } else { "" };
    let fault = fault.as_ref().map_or_else(String::new, |fault| format!(": {fault}"));
    out.line(&printable(&format!(
        "{name}  {shown}  {}{licence}{size}{used}{fault}",
        place.unwrap_or_default()
    )))?;
    Ok(())
}

fn tell_ready(ready: &ReadyModel, out: &mut Out) -> anyhow::Result<()> {
    let ReadyModel { name, source, revision: _, licence, dim, note } = *ready;
    if out.is_json() {
        out.object(&json!({
            "name": name, "id": null, "revision": null, "place": null, "licence": licence, "in_use": false,
            "bytes": null, "error": null, "source": source, "note": Some(note).filter(|note| !note.is_empty()),
        }))?;
        return Ok(());
    }
    let note = if note.is_empty() { String::new() } else { format!("; {note}") };
    out.line(&format!(
        "{name}  not here: {source}, {licence}, {dim} dimensions; `sensorium models pull {name}` fetches it{note}"
    ))?;
    Ok(())
}

fn check(model: &Path, revision: Option<&str>, setting: &Setting, out: &mut Out) -> anyhow::Result<Exit> {
    let library = setting.models();
    let here = |name: &&str| revision.is_none() && library.find(name).is_some();
    if let Some(name) = model.to_str().filter(here) {
        let bundle = library.check(name)?;
        let revision = bundle.space().revision;
        let row = json!({ "name": name, "revision": revision, "ok": true });
        let said = format!("{revision}: its files are those that were added, its numbers are right");
        told(out, &row, &said)?;
        return Ok(Exit::Done);
    }
    if revision.is_some() || !model.is_dir() {
        let Some(asked) = model.to_str().and_then(hub::Asked::by) else {
            return Err(CliError::UnknownBundle { named: model.to_owned() }.into());
        };
        return hub::check(&asked, revision, setting, out);
    }
    check_folder(model, out)?;
    Ok(Exit::Done)
}

/// A folder as the hub lays it out.
fn check_folder(model: &Path, out: &mut Out) -> anyhow::Result<()> {
    let files = FolderFiles(model.to_owned());
    let in_folder = || model.display().to_string();
    let read = HubModel::read(&files).and_then(|read| read.check(&files).map(|()| read));
    let read = read.with_context(in_folder)?;
    let judged = read.judged();
    let HubModel { family, dim, licence, files: named, .. } = read;
    let mut size = 0;
    for file in &named {
        size += files.open(file)?.len();
    }
    let row = json!({ "family": family, "dim": dim, "licence": licence, "bytes": size, "files": named });
    let licence = licence.unwrap_or_else(|| "unknown".to_owned());
    let said = format!(
        "{family} of {dim} dimensions, {}, licence {licence}; {judged}: `sensorium models add` loads and tries it",
        bytes(size)
    );
    told(out, &row, &said)
}

fn join(args: models::JoinModels, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let members: Vec<JoinModel> = args
        .models
        .into_iter()
        .map(|models::Member { name, contents }| JoinModel { name, contents })
        .collect();
    let joined = setting.models().join(&args.name, &members, sensorium_mini::files())?;
    let JoinedModel { name, info, folder } = joined;
    let place = folder.display().to_string();
    let row = json!({ "name": name, "revision": info.revision, "spaces": info.spaces, "place": place });
    let spaces: Vec<String> =
        info.spaces.iter().map(|space| format!("{} ({} dimensions)", space.id, space.dim)).collect();
    told(out, &row, &format!("{name} has {} spaces: {}", spaces.len(), spaces.join(", ")))
}

fn default(name: Option<String>, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let library: Library = setting.models();
    if let Some(name) = name {
        library.set_default(&name)?;
    }
    let name = library.default_name().unwrap_or_else(|| BUILT_IN.to_owned());
    told(out, &json!({ "default": name }), &format!("new collections get {name}"))
}

/// One sentence, or one object.
fn told(out: &mut Out, row: &Value, sentence: &str) -> anyhow::Result<()> {
    if out.is_json() {
        out.object(row)?;
    } else {
        out.line(&printable(sentence))?;
    }
    Ok(())
}
