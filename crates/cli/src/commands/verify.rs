//! `verify`: everything stored is looked at.

use sensorium_client::Client;
use sensorium_engine::{Access, DEFAULT_COLLECTION, Engine};
use sensorium_store_embedded::Embedded;
use sensorium_types::Problem;
use serde_json::json;

use super::Context;
use crate::args::high::{Place, Setting};
use crate::backend::connect;
use crate::failure::Exit;
use crate::output::{json, note, words};

/// Reports what is wrong; exit code 1 if anything is.
pub(super) async fn run(context: &mut Context) -> anyhow::Result<Exit> {
    let setting = &context.setting;
    let Verified { problems, is_empty } = match setting.place() {
        Place::Server { url, .. } => on_server(setting, &connect(setting, &url).await?).await?,
        Place::Folder => here(setting).await?,
    };
    let out = &mut context.out;
    let ok = problems.is_empty();
    if out.is_json() {
        out.object(&json!({ "ok": ok, "problems": json::problems(&problems) }))?;
    } else if ok && !is_empty {
        out.line(&out.paint().green("no problems"))?;
    }
    if is_empty {
        note("the database is empty: there is nothing to verify");
    }
    if !out.is_json() {
        for problem in &problems {
            out.line(&line(problem))?;
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Error })
}

/// What was found.
struct Verified {
    problems: Vec<Problem>,
    is_empty: bool,
}

async fn here(setting: &Setting) -> anyhow::Result<Verified> {
    let names = names(setting).await;
    let mut problems = Vec::new();
    for name in &names {
        let found = Engine::verify_folder(&Embedded, &setting.data_dir, name).await?;
        problems.extend(found.into_iter().map(|problem| placed(problem, name, names.len() > 1)));
    }
    let is_empty = problems.is_empty() && is_empty(setting, &names).await;
    Ok(Verified { problems, is_empty })
}

/// The same by a server, which looks at what it holds.
async fn on_server(setting: &Setting, client: &Client) -> anyhow::Result<Verified> {
    let names = match setting.collection_named {
        true => vec![setting.collection.clone()],
        false => client.list_collections().await?.into_iter().map(|collection| collection.name).collect(),
    };
    let mut verified = Verified { problems: Vec::new(), is_empty: true };
    for name in &names {
        let client = client.with_collection(name);
        let found = client.verify().await?;
        verified.problems.extend(found.into_iter().map(|problem| placed(problem, name, names.len() > 1)));
        verified.is_empty &= client.stats().await?.counts.assets == 0;
    }
    verified.is_empty &= verified.problems.is_empty();
    Ok(verified)
}

/// A problem as a line.
pub(super) fn line(problem: &Problem) -> String {
    let Problem { what, place, repair } = problem;
    words::printable(&format!("{place}: {what}; repair: {repair}"))
}

/// The collection that was named, else all there are; a database that does not tell has the default one.
pub(super) async fn names(setting: &Setting) -> Vec<String> {
    if setting.collection_named {
        return vec![setting.collection.clone()];
    }
    let mut names: Vec<String> = match setting.open(Access::Read, None).await {
        Ok(engine) => match engine.collections().await {
            Ok(collections) => collections.into_iter().map(|collection| collection.name).collect(),
            Err(_) => Vec::new(),
        },
        Err(_) => Vec::new(),
    };
    if names.is_empty() {
        names.push(DEFAULT_COLLECTION.to_owned());
    }
    names
}

fn placed(problem: Problem, collection: &str, is_named: bool) -> Problem {
    if is_named { Problem { place: format!("{collection}: {}", problem.place), ..problem } } else { problem }
}

async fn is_empty(setting: &Setting, names: &[String]) -> bool {
    for name in names {
        let Ok(engine) = setting.open_at(&setting.data_dir, name, Access::Read, None).await else {
            return false;
        };
        match engine.stats().await {
            Ok(stats) if stats.counts.assets == 0 => {}
            Ok(_) | Err(_) => return false,
        }
    }
    true
}
