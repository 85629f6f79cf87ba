//! A model on its way from elsewhere: what hubs and indexes of packages have in common.

use std::path::PathBuf;

use sensorium_engine::{AddModel, FetchedModel, Models as Library};
use sensorium_hub::{Event, LOCK_FILE, Lock, LockedFile, Pickles};
use serde_json::{Value, json};

use super::add::{of_added, tell_converted};
use super::told;
use crate::args::models::PullModel;
use crate::failure::CliError;
use crate::output::transfer::Transfer;
use crate::output::{Out, note};

/// Threads of a pull: one for the transfer, one for the disk.
const THREADS: usize = 2;

/// What a pull, and a look at a hub, run on.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()
}

/// A model on its way.
pub(super) struct Coming {
    args: PullModel,
    name: String,
    library: Library,
    /// Where its files come to lie first.
    pub(super) folder: PathBuf,
}

/// A model whose files are here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came<'a> {
    pub(super) id: &'a str,
    pub(super) commit: &'a str,
    /// As the licence names where it came from.
    pub(super) source: &'a str,
    pub(super) lock: &'a Lock,
}

impl Coming {
    /// One that is called `usual` where its user names it not otherwise.
    pub(super) fn new(args: PullModel, usual: &str, library: Library) -> anyhow::Result<Self> {
        let name = args.name.clone().unwrap_or_else(|| usual.to_owned());
        library.free_place(&name)?;
        let folder = library.begun(&name)?;
        Ok(Self { args, name, library, folder })
    }

    /// What its user said of pickled weights.
    pub(super) const fn pickles(&self) -> Pickles {
        if self.args.allow_pickle { Pickles::Converted } else { Pickles::Refused }
    }

    /// The licence that its user named.
    pub(super) fn licence(&self) -> Option<String> {
        self.args.licence.clone()
    }

    /// Whether its user keeps to licences that forbid commerce.
    pub(super) const fn non_commercial(&self) -> bool {
        self.args.non_commercial
    }

    /// Tells what will come.
    pub(super) fn tell_found(&self, mut row: Value, sentence: &str, out: &mut Out) -> anyhow::Result<()> {
        if !out.is_json() {
            note(sentence);
            return Ok(());
        }
        tag(&mut row, "found");
        Ok(out.object(&row)?)
    }

    /// Adds what came, beside the runtime: it computes.
    pub(super) async fn add(
        &self,
        came: &Came<'_>,
        licence: Option<String>,
        out: &mut Out,
    ) -> anyhow::Result<()> {
        tell_converted(came.lock);
        let program = std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?;
        let (library, folder, name) = (self.library.clone(), self.folder.clone(), self.name.clone());
        let (source, lock) = (came.source.to_owned(), came.lock.text());
        let PullModel { unchecked, int8, non_commercial, .. } = self.args;
        let add = move || {
            library.add(&AddModel {
                folder: &folder,
                name: &name,
                licence: licence.as_deref(),
                unchecked,
                int8,
                non_commercial,
                worker_program: &program,
                fetched: Some(FetchedModel { source: &source, lock: (LOCK_FILE, &lock) }),
            })
        };
        let added = tokio::task::spawn_blocking(add).await??;
        self.library.remove_begun(&added.name)?;
        let (mut row, said) = of_added(&added);
        tag(&mut row, "added");
        if let Value::Object(row) = &mut row {
            row.insert("id".to_owned(), came.id.into());
            row.insert("commit".to_owned(), came.commit.into());
        }
        told(out, &row, &said)
    }
}

/// Tells of files as they come.
pub(super) struct Teller<'a> {
    transfer: Transfer,
    out: &'a mut Out,
    written: std::io::Result<()>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(out: &'a mut Out) -> Self {
        Self { transfer: Transfer::new(out.is_json()), out, written: Ok(()) }
    }

    pub(super) fn tell(&mut self, event: Event<'_>) {
        let row = match event {
            Event::Progress { file, received, bytes } => self.transfer.at(file, received, bytes).map(|rate| {
                json!({ "event": "progress", "file": file, "received": received, "bytes": bytes, "bytes_per_second": rate })
            }),
            Event::File(LockedFile { name, bytes, sha256, named_by_hub }) => Some(json!({
                "event": "file", "file": name, "bytes": bytes, "sha256": sha256, "named_by_hub": named_by_hub,
            })),
        };
        if let Some(row) = row.filter(|_| self.out.is_json())
            && let Err(error) = self.out.object(&row)
        {
            self.written = Err(error);
        }
    }

    pub(super) fn end(self) -> anyhow::Result<()> {
        self.transfer.end();
        Ok(self.written?)
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
    use super::*;

    #[test]
    fn rows_say_first_what_they_are() {
        let mut row = json!({ "a": 1 });
        tag(&mut row, "added");
        assert_eq!(row.to_string(), r#"{"event":"added","a":1}"#);
    }
}
