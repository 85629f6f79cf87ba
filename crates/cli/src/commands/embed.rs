//! `embed`: texts, files and stored assets as vectors.

use std::path::Path;

use sensorium_engine::Access;
use sensorium_types::SpaceInfo;
use serde_json::json;

use super::Context;
use crate::args::low::Embed;
use crate::backend::Backend;
use crate::failure::Exit;
use crate::output::{json, note, words};
use crate::query;

/// Numbers of a vector that people are shown.
const SHOWN: usize = 6;

/// Prints the vectors of each term, one for each space.
pub(super) async fn run(args: Embed, context: &mut Context) -> anyhow::Result<Exit> {
    let home = context.setting.home.as_deref();
    let inputs = args.terms.iter().map(|term| query::input(term, home)).collect::<Result<Vec<_>, _>>()?;
    for hint in inputs.iter().filter_map(|input| query::hint(input, Path::exists)) {
        note(&hint);
    }
    let backend = Backend::open(&context.setting, Access::Read, None).await?;
    for (term, input) in args.terms.iter().zip(inputs) {
        let term = term.to_string_lossy();
        for (space, vector) in Box::pin(backend.embed(input)).await? {
            let out = &mut context.out;
            if out.is_json() {
                let numbers: Vec<_> = vector.iter().map(|x| json::number(*x)).collect();
                out.object(&json!({ "term": term, "space": json::space(&space), "vector": numbers }))?;
            } else {
                out.line(&words::printable(&line(&term, &space, &vector)))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn line(term: &str, space: &SpaceInfo, vector: &[f32]) -> String {
    let first: Vec<String> = vector.iter().take(SHOWN).map(|x| format!("{x:.4}")).collect();
    let more = if vector.len() > SHOWN { " ..." } else { "" };
    format!("{term}  {}, {} numbers: {}{more}", space.id, vector.len(), first.join(" "))
}
