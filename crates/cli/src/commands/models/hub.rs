//! Models of a hub: judged by their headers, and pulled.

use std::path::PathBuf;

use sensorium_engine::{
    AddModel, AddedModel, BUILT_IN, FetchedModel, Models as Library, ReadyModel, accepted_licence, ready,
};
use sensorium_hub::{Event, Found, Hub, HubId, LOCK_FILE, Lock, LockedFile, Revision};
use serde_json::{Value, json};

use super::{join, of_added, told};
use crate::args::high::Setting;
use crate::args::models::{self, PullModel};
use crate::failure::{CliError, Exit};
use crate::interrupt::or_interrupt;
use crate::output::transfer::Transfer;
use crate::output::words::size;
use crate::output::{Out, note};

/// Threads of a pull: one for the transfer, one for the disk.
const THREADS: usize = 2;

/// A model that was named: by its name on the hub, or by one that `models list` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    id: HubId,
    ready: Option<&'static ReadyModel>,
}

impl Asked {
    /// The model of a name, if it may be one.
    pub(super) fn by(name: &str) -> Option<Self> {
        let known = ready(name);
        let id = HubId::parse(known.map_or(name, |ready| ready.source)).ok()?;
        Some(Self { id, ready: known })
    }

    fn revision(&self, named: Option<&str>) -> anyhow::Result<Revision> {
        let usual = self.ready.map_or(Revision::MAIN, |ready| ready.revision);
        Ok(Revision::parse(named.unwrap_or(usual))?)
    }

    /// What it is called here, where its user does not say.
    fn name(&self) -> String {
        self.ready.map_or_else(|| self.id.folder_name(), |ready| ready.name.to_owned())
    }

    fn licence(&self, found: &Found) -> Option<String> {
        found.licence.clone().or_else(|| self.ready.map(|ready| ready.licence.to_owned()))
    }
}

/// Says whether a model of the hub will load.
pub(super) fn check(
    asked: &Asked,
    revision: Option<&str>,
    setting: &Setting,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let hub = setting.model_hub()?;
    let revision = asked.revision(revision)?;
    let runtime = runtime()?;
    let looked = runtime.block_on(or_interrupt(Box::pin(hub.look(&asked.id, &revision))));
    runtime.shutdown_background();
    let Some(looked) = looked else { return Ok(Exit::Interrupted) };
    let found = looked?;
    let licence = asked.licence(&found);
    told(out, &of_found(&found, licence.as_deref()), &sentence(&found, licence.as_deref()))?;
    Ok(Exit::Done)
}

fn of_found(found: &Found, licence: Option<&str>) -> Value {
    json!({
        "id": found.id.as_str(), "asked": found.revision.as_str(), "commit": found.commit,
        "family": found.model.family, "dim": found.model.dim, "licence": licence, "bytes": found.bytes(),
        "files": found.model.files,
    })
}

fn sentence(found: &Found, licence: Option<&str>) -> String {
    format!(
        "{} at {}: {} of {} dimensions, {}, licence {}; every weight that it needs is there",
        found.id,
        found.commit,
        found.model.family,
        found.model.dim,
        size(found.bytes()),
        licence.unwrap_or("unknown")
    )
}

/// Fetches a model and adds it; of `A+B` those that are not here, and joins them.
pub(super) fn pull(args: PullModel, setting: &Setting, out: &mut Out) -> anyhow::Result<Exit> {
    if !args.model.contains('+') {
        return pull_one(args, setting, out);
    }
    let name = args.name.clone().unwrap_or_else(|| args.model.clone());
    let library = setting.models();
    library.free_place(&name)?;
    let members: Vec<String> = args.model.split('+').map(str::to_owned).collect();
    for member in members.iter().filter(|member| *member != BUILT_IN && library.find(member).is_none()) {
        let alone = PullModel { model: member.clone(), name: None, revision: None, licence: None, ..args };
        let end = pull_one(alone, setting, out)?;
        if end != Exit::Done {
            return Ok(end);
        }
    }
    join(
        models::JoinModels {
            models: members.iter().map(|name| models::Member::all_of(name)).collect(),
            name,
        },
        setting,
        out,
    )?;
    Ok(Exit::Done)
}

fn pull_one(args: PullModel, setting: &Setting, out: &mut Out) -> anyhow::Result<Exit> {
    let asked = match Asked::by(&args.model) {
        Some(asked) => asked,
        // The error says what a name is.
        None => Asked { id: HubId::parse(&args.model)?, ready: None },
    };
    let name = args.name.clone().unwrap_or_else(|| asked.name());
    let library = setting.models();
    library.free_place(&name)?;
    let revision = asked.revision(args.revision.as_deref())?;
    let pull = Pull {
        hub: setting.model_hub()?,
        folder: library.begun(&name)?,
        asked,
        revision,
        name,
        args,
        library,
    };
    let runtime = runtime()?;
    let done = runtime.block_on(or_interrupt(Box::pin(pull.run(out))));
    // A model that is being tried need not be waited for: nothing is here before its last step.
    runtime.shutdown_background();
    match done {
        Some(done) => done.map(|()| Exit::Done),
        None => {
            note("ended; what came is kept, and the same command goes on with it");
            Ok(Exit::Interrupted)
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()
}

/// A model on its way.
struct Pull {
    hub: Hub,
    asked: Asked,
    revision: Revision,
    name: String,
    args: PullModel,
    library: Library,
    folder: PathBuf,
}

impl Pull {
    async fn run(self, out: &mut Out) -> anyhow::Result<()> {
        let found = self.hub.look(&self.asked.id, &self.revision).await?;
        let licence = self.args.licence.clone().or_else(|| self.asked.licence(&found));
        let licence = accepted_licence(licence, self.args.non_commercial)?;
        if out.is_json() {
            let mut row = of_found(&found, Some(&licence));
            tag(&mut row, "found");
            out.object(&row)?;
        } else {
            note(&sentence(&found, Some(&licence)));
        }
        let lock = self.fetched(&found, out).await?;
        let added = self.added(&found, licence, &lock).await?;
        self.library.remove_begun(&added.name)?;
        let (mut row, said) = of_added(&added);
        tag(&mut row, "added");
        if let Value::Object(row) = &mut row {
            row.insert("id".to_owned(), found.id.as_str().into());
            row.insert("commit".to_owned(), found.commit.as_str().into());
        }
        told(out, &row, &said)
    }

    /// Fetches what is missing, and tells how far it is.
    async fn fetched(&self, found: &Found, out: &mut Out) -> anyhow::Result<Lock> {
        let mut transfer = Transfer::new(out.is_json());
        let mut written = Ok(());
        let lock = self.hub.fetch(found, &self.folder, |event| {
            let row = match event {
                Event::Progress { file, received, bytes } => transfer.at(file, received, bytes).map(|rate| {
                    json!({ "event": "progress", "file": file, "received": received, "bytes": bytes, "bytes_per_second": rate })
                }),
                Event::File(LockedFile { name, bytes, sha256, named_by_hub }) => Some(json!({
                    "event": "file", "file": name, "bytes": bytes, "sha256": sha256, "named_by_hub": named_by_hub,
                })),
            };
            if let Some(row) = row.filter(|_| out.is_json())
                && let Err(error) = out.object(&row)
            {
                written = Err(error);
            }
        });
        let lock = Box::pin(lock).await;
        transfer.end();
        written?;
        Ok(lock?)
    }

    /// Adds what came, beside the runtime: it computes.
    async fn added(&self, found: &Found, licence: String, lock: &Lock) -> anyhow::Result<AddedModel> {
        let program = std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?;
        let (library, folder, name) = (self.library.clone(), self.folder.clone(), self.name.clone());
        let (source, lock) = (format!("{}@{}", found.id, found.commit), lock.text());
        let PullModel { unchecked, int8, non_commercial, .. } = self.args;
        let add = move || {
            library.add(&AddModel {
                folder: &folder,
                name: &name,
                licence: Some(&licence),
                unchecked,
                int8,
                non_commercial,
                worker_program: &program,
                fetched: Some(FetchedModel { source: &source, lock: (LOCK_FILE, &lock) }),
            })
        };
        Ok(tokio::task::spawn_blocking(add).await??)
    }
}

/// Puts what a row is in front of its keys.
fn tag(row: &mut Value, event: &str) {
    if let Value::Object(keys) = row {
        let rest = std::mem::take(keys);
        keys.insert("event".to_owned(), event.into());
        keys.extend(rest);
    }
}

#[cfg(test)]
mod tests {
    use sensorium_engine::READY;

    use super::*;

    #[test]
    fn a_model_is_named_by_its_list_or_by_its_hub() {
        for ready in &READY {
            let asked = Asked::by(ready.name).expect(ready.name);
            assert_eq!((asked.id.as_str(), asked.name().as_str()), (ready.source, ready.name));
            assert_eq!(asked.revision(None).expect("one").as_str(), ready.revision);
            assert_eq!(asked.revision(Some("main")).expect("one").as_str(), "main");
        }
        let asked = Asked::by("openai/CLIP-Large").expect("a model");
        assert_eq!((asked.name().as_str(), asked.ready), ("clip-large", None));
        for name in ["clip-b99", "", "/tmp/a", "a/b/c", "../a"] {
            assert_eq!(Asked::by(name), None, "{name}");
        }
    }

    #[test]
    fn rows_say_first_what_they_are() {
        let mut row = json!({ "a": 1 });
        tag(&mut row, "added");
        assert_eq!(row.to_string(), r#"{"event":"added","a":1}"#);
    }
}
