//! `models`: the bundles of models.

use std::path::Path;
use std::sync::Arc;

use sensorium_embed::{Bundle, BundleInfo, FolderFiles, HubsInfo, LoadOptions, StaticFiles};
use serde_json::{Value, json};

use crate::args::low::Models;
use crate::output::words::printable;
use crate::output::{Out, json};

/// Shows the bundle in use, or lists those that are here.
pub(super) fn run(command: Models, folder: Option<&Path>, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Models::Info => info(folder, out),
        Models::List => list(folder, out),
    }
}

/// The bundle in a folder, else the one built in.
pub(super) fn load(folder: Option<&Path>) -> anyhow::Result<Arc<Bundle>> {
    let options = LoadOptions::default();
    Ok(match folder {
        Some(folder) => Bundle::load(FolderFiles(folder.to_path_buf()), options)?,
        None => Bundle::load(StaticFiles(sensorium_mini::files()), options)?,
    })
}

fn info(folder: Option<&Path>, out: &mut Out) -> anyhow::Result<()> {
    let bundle = load(folder)?;
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

fn list(folder: Option<&Path>, out: &mut Out) -> anyhow::Result<()> {
    let mut bundles = vec![(load(None)?, "built in".to_owned(), folder.is_none())];
    if let Some(folder) = folder {
        bundles.push((load(Some(folder))?, folder.display().to_string(), true));
    }
    for (bundle, place, in_use) in bundles {
        let BundleInfo { id, revision, .. } = bundle.info();
        if out.is_json() {
            out.object(&json!({ "id": id, "revision": revision, "place": place, "in_use": in_use }))?;
        } else {
            let used = if in_use { ", in use" } else { "" };
            out.line(&printable(&format!("{id}@{revision}  {place}{used}")))?;
        }
    }
    Ok(())
}
