//! `failures`: files that could not be indexed, and another try.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sensorium_engine::{Access, Engine, Failure, IndexRequest, running_server};
use sensorium_types::{SourceKey, SourceState};
use serde_json::json;

use super::{Context, index};
use crate::args::low::Failures;
use crate::failure::{CliError, Exit};
use crate::interrupt::or_interrupt;
use crate::model::Summary;
use crate::output::{json, note, words};

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
    let roots = failed_below(&engine).await?;
    if roots.is_empty() {
        note("no failures");
    }
    let mut all = Summary::default();
    for (root, files) in roots {
        if !root.exists() {
            note(&format!("{}: not there now", words::path(&root, None)));
            continue;
        }
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

async fn failed_below(engine: &Engine) -> anyhow::Result<BTreeMap<PathBuf, Vec<PathBuf>>> {
    let mut roots: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for (SourceKey { root, path }, row) in engine.store().sources(b"").await? {
        match row.state {
            SourceState::Failed { .. } => roots.entry(of_bytes(&root)).or_default().push(of_bytes(&path)),
            SourceState::Indexed { .. } => {}
        }
    }
    Ok(roots)
}

fn of_bytes(bytes: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(bytes)).to_path_buf()
}

/// A glob that matches this file below its root; none where the root is the file.
fn glob(root: &Path, file: &Path) -> Option<String> {
    let below = file.strip_prefix(root).ok()?.to_str()?;
    if below.is_empty() { None } else { Some(globset::escape(below)) }
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
    }
}
