//! `failures`: files that could not be indexed, and another try.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sensorium_engine::{Access, Engine, Failure, IndexRequest, running_server};
use sensorium_types::{Change, SourceKey, SourceState};
use serde_json::json;

use super::{Context, index};
use crate::args::low::Failures;
use crate::failure::{CliError, Exit};
use crate::interrupt::or_interrupt;
use crate::model::{FileEvent, FileState, Summary};
use crate::output::{Out, json, note, words};

/// Lists the failures, or tries all of them again.
pub(super) async fn run(args: Failures, context: &mut Context) -> anyhow::Result<Exit> {
    context.setting.folder_only("failures")?;
    if args.retry {
        return Box::pin(retry(context)).await;
    }
    let listed = or_interrupt(Box::pin(list(context))).await;
    listed.unwrap_or(Ok(Exit::Interrupted))
}

async fn list(context: &mut Context) -> anyhow::Result<Exit> {
    let engine = context.setting.open(Access::Read, None).await?;
    let failures = engine.failures().await?;
    let out = &mut context.out;
    for Failure { path, reason, tries, bytes } in &failures {
        if out.is_json() {
            out.object(&json!({
                "path": json::path(path),
                "reason": reason.to_string(),
                "retryable": reason.is_retryable(),
                "tries": tries,
                "bytes": bytes,
            }))?;
        } else {
            let reason = words::printable(&reason.to_string());
            let line = format!("{}  {}", words::path(path, None), out.paint().red(&reason));
            out.line(&line)?;
        }
    }
    if failures.is_empty() {
        note("no failures");
    }
    Ok(Exit::Done)
}

/// Indexes the failed files again, each below the PATH that it was met under.
async fn retry(context: &mut Context) -> anyhow::Result<Exit> {
    if let Some(server) = running_server(&context.setting.data_dir) {
        return Err(CliError::Served { pid: server.pid }.into());
    }
    if !context.setting.data_dir.exists() {
        note("no failures");
        return Ok(Exit::Done);
    }
    let engine = context.setting.open(Access::Write, None).await?;
    let Failed { below, gone } = failed(&engine).await?;
    if below.is_empty() && gone.is_empty() {
        note("no failures");
    }
    let mut all = forget(&engine, gone, &mut context.out).await?;
    for (root, files) in below {
        let include = files.iter().filter_map(|file| glob(&root, file)).collect();
        let request = IndexRequest { paths: vec![root], include, retry_all: true, ..IndexRequest::default() };
        let Some(summary) = Box::pin(index::local(&engine, request, &mut context.out)).await? else {
            return Ok(Exit::Interrupted);
        };
        all = sum(all, summary);
        if all.interrupted {
            break;
        }
    }
    index::finish(Some(all), false, &mut context.out)
}

/// Files that failed.
#[derive(Debug, Default)]
struct Failed {
    /// Those that are there, by the PATH that they were met under.
    below: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Rows of those that are not.
    gone: Vec<SourceKey>,
}

async fn failed(engine: &Engine) -> anyhow::Result<Failed> {
    let mut failed = Failed::default();
    for (key, row) in engine.store().sources(b"").await? {
        match row.state {
            SourceState::Failed { .. } => {
                let path = of_bytes(&key.path);
                if is_gone(&path) {
                    failed.gone.push(key);
                } else {
                    failed.below.entry(of_bytes(&key.root)).or_default().push(path);
                }
            }
            SourceState::Indexed { .. } => {}
        }
    }
    Ok(failed)
}

/// Whether nothing has this name, not even a link that leads nowhere.
fn is_gone(path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Takes the rows away. No asset hangs on them, and a file that comes back is met as a new one.
async fn forget(engine: &Engine, gone: Vec<SourceKey>, out: &mut Out) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    if gone.is_empty() {
        return Ok(summary);
    }
    let paths: Vec<PathBuf> = gone.iter().map(|key| of_bytes(&key.path)).collect();
    engine.store().apply(vec![Change::RemoveSources { keys: gone }]).await?;
    for path in paths {
        summary.add(FileState::Pruned, 0);
        if out.is_json() {
            let (state, failure) = (FileState::Pruned, None);
            let event = FileEvent { path, asset: None, modality: None, points: 0, state, failure };
            out.object(&json::file_event(&event))?;
        } else {
            note(&format!("{}: gone, and forgotten", words::path(&path, None)));
        }
    }
    Ok(summary)
}

fn of_bytes(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_path_buf()
}

/// A glob that matches this file below its root; none where the root is the file. A byte that is not UTF-8 matches any.
fn glob(root: &Path, file: &Path) -> Option<String> {
    let below = file.strip_prefix(root).ok()?.as_os_str().as_bytes();
    let mut glob = String::new();
    for chunk in below.utf8_chunks() {
        glob.push_str(&globset::escape(chunk.valid()));
        glob.extend(chunk.invalid().iter().map(|_| '?'));
    }
    if glob.is_empty() { None } else { Some(glob) }
}

fn sum(a: Summary, b: Summary) -> Summary {
    Summary {
        indexed: a.indexed + b.indexed,
        unchanged: a.unchanged + b.unchanged,
        failed: a.failed + b.failed,
        pruned: a.pruned + b.pruned,
        points: a.points + b.points,
        seconds: a.seconds + b.seconds,
        interrupted: a.interrupted || b.interrupted,
        metadata_unused: a.metadata_unused + b.metadata_unused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_one_file() {
        let root = Path::new("/a");
        assert_eq!(glob(root, Path::new("/a/b/c[1].jpg")).as_deref(), Some("b/c[[]1[]].jpg"));
        assert_eq!(glob(root, Path::new("/a")), None);
        let odd = Path::new(OsStr::from_bytes(b"/a/n\xffo\xfe\xfd.png"));
        let found = glob(root, odd).expect("a glob");
        assert_eq!(found, "n?o??.png");
        let matcher = globset::Glob::new(&found).expect("a glob").compile_matcher();
        assert!(matcher.is_match(odd.strip_prefix(root).expect("below")));
    }
}
