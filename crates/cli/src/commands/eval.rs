//! `eval`: retrieval measured on a manifest.

use super::Context;
use crate::args::low::Eval;
use crate::eval;
use crate::failure::Exit;
use crate::output::note;

/// Measures every task that the manifest has data for.
pub(super) async fn run(args: Eval, context: &mut Context) -> anyhow::Result<Exit> {
    context.setting.folder_only("eval", "it makes a database of its own")?;
    let Eval { manifest, split, task, jobs } = args;
    let request = eval::Request { manifest, split, tasks: task, jobs };
    let Some(report) = Box::pin(eval::run(request, &context.setting)).await? else {
        return Ok(Exit::Interrupted);
    };
    for line in report.notes() {
        note(line);
    }
    let out = &mut context.out;
    if out.is_json() {
        out.object(&report.object())?;
    } else {
        for line in report.table() {
            out.line(&line)?;
        }
    }
    Ok(Exit::Done)
}
