//! Retrieval measured on a manifest (CONTRACTS.md section 9).
//!
//! ```text
//! manifest.rs: rows of the split ─► corpus.rs: a temporary database by the code of `index`, vectors read back
//!     ─► tasks/…: one file a task, each query ranked against its whole gallery (exact)
//!     ─► metrics.rs, bootstrap.rs: pure ─► report.rs: one JSON object, or a table
//! ```
//! | file | holds |
//! | --- | --- |
//! | `manifest.rs` | rows, splits |
//! | `corpus.rs` | `Corpus`: the media of a split as vectors |
//! | `scoring.rs` | calibrated scores of one thing against another |
//! | `metrics.rs` | ranks, recall, precision at 10, mean average precision |
//! | `plural.rs` | the plural of a label |
//! | `bootstrap.rs` | 95 % intervals |
//! | `tasks/` | what each task asks |
//! | `report.rs` | figures for scripts and for people |

mod bootstrap;
mod corpus;
mod manifest;
mod metrics;
mod plural;
mod report;
mod scoring;
mod tasks;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

pub(crate) use report::Report;

use crate::args::high::Setting;
use crate::args::task::TaskName;
use crate::failure::Exit;
use corpus::Corpus;
use manifest::Manifest;

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Request {
    /// The manifest.
    pub(crate) manifest: PathBuf,
    /// The split.
    pub(crate) split: String,
    /// Only these tasks; empty: all.
    pub(crate) tasks: Vec<TaskName>,
    /// Files decoded at a time.
    pub(crate) jobs: Option<u16>,
}

/// What keeps figures from being measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvalError {
    /// The manifest cannot be read.
    #[error("read the manifest")]
    Read {
        /// Why; the message names the file.
        #[source]
        source: io::Error,
    },
    /// A row of the manifest breaks a rule.
    #[error("{}:{line}: not a row of a manifest", path.display())]
    Row {
        /// The manifest.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// No row has this split.
    #[error("{}: no row has the split {split:?}; there are: {known}", path.display())]
    NoSplit {
        /// The manifest.
        path: PathBuf,
        /// The split asked for.
        split: String,
        /// The splits there are.
        known: String,
    },
    /// The temporary database cannot be made.
    #[error("make the temporary database")]
    Temporary {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl EvalError {
    /// The exit code that it deserves.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::NoSplit { .. } => Exit::Usage,
            Self::Read { .. } | Self::Row { .. } | Self::Temporary { .. } => Exit::Error,
        }
    }
}

/// Measures; `None` if the user interrupted it.
///
/// # Errors
/// If the manifest cannot be read, or the media cannot be indexed. Files that fail are misses, not errors.
pub(crate) async fn run(request: Request, setting: &Setting) -> anyhow::Result<Option<Report>> {
    let begun = Instant::now();
    let Request { manifest, split, tasks, jobs } = request;
    let manifest = Manifest::read(&manifest, &split)?;
    let wanted: Vec<TaskName> =
        TaskName::ALL.into_iter().filter(|task| tasks.is_empty() || tasks.contains(task)).collect();
    let Some(corpus) = Box::pin(Corpus::build(manifest, &wanted, setting, jobs)).await? else {
        return Ok(None);
    };
    let mut report = Report::new(corpus.revision(), corpus.notes());
    // Minutes of arithmetic on large splits: not on the threads of the runtime.
    let figures = tokio::task::spawn_blocking(move || {
        let mut figures = Vec::new();
        for task in wanted {
            if let Some(found) = tasks::measure(task, &corpus)? {
                figures.push((task, found));
            }
        }
        anyhow::Ok(figures)
    })
    .await??;
    for (task, figures) in figures {
        report.add(task, figures);
    }
    report.end(begun.elapsed());
    Ok(Some(report))
}
