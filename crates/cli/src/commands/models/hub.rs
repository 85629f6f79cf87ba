//! Models of a hub: judged by their headers, and pulled.

use sensorium_engine::{ReadyModel, accepted_licence, ready};
use sensorium_hub::{Found, Hub, HubId, Pickles, Revision};
use serde_json::{Value, json};

use super::coming::{Came, Coming, Teller, runtime};
use super::told;
use crate::args::high::Setting;
use crate::failure::Exit;
use crate::interrupt::or_interrupt;
use crate::output::Out;
use crate::output::words::size;

/// A model that was named: by its name on the hub, or by one that `models list` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    id: HubId,
    ready: Option<&'static ReadyModel>,
}

impl Asked {
    /// The model of a name.
    ///
    /// # Errors
    /// That says what a name is.
    pub(super) fn named(name: &str) -> anyhow::Result<Self> {
        match Self::by(name) {
            Some(asked) => Ok(asked),
            None => Ok(Self { id: HubId::parse(name)?, ready: None }),
        }
    }

    /// The model of a name, if it may be one.
    pub(super) fn by(name: &str) -> Option<Self> {
        let known = ready(name);
        let id = HubId::parse(known.map_or(name, |ready| ready.source)).ok()?;
        Some(Self { id, ready: known })
    }

    pub(super) fn revision(&self, named: Option<&str>) -> anyhow::Result<Revision> {
        let usual = self.ready.map_or(Revision::MAIN, |ready| ready.revision);
        Ok(Revision::parse(named.unwrap_or(usual))?)
    }

    /// What it is called here, where its user does not say.
    pub(super) fn name(&self) -> String {
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
    let looked = runtime.block_on(or_interrupt(Box::pin(hub.look(&asked.id, &revision, Pickles::Refused))));
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
    let weights = match found.pickled {
        Some(_) => "its weights are pickled: they are looked at once they are here, without being run",
        None => "every weight that it needs is there",
    };
    format!(
        "{} at {}: {} of {} dimensions, {}, licence {}; {weights}",
        found.id,
        found.commit,
        found.model.family,
        found.model.dim,
        size(found.bytes()),
        licence.unwrap_or("unknown")
    )
}

/// Fetches what is missing of a model, and adds it.
pub(super) async fn fetch_and_add(
    coming: &Coming,
    (hub, asked, revision): (Hub, Asked, Revision),
    out: &mut Out,
) -> anyhow::Result<()> {
    let found = hub.look(&asked.id, &revision, coming.pickles()).await?;
    let licence = coming.licence().or_else(|| asked.licence(&found));
    let licence = accepted_licence(licence, coming.non_commercial())?;
    coming.tell_found(of_found(&found, Some(&licence)), &sentence(&found, Some(&licence)), out)?;
    let mut teller = Teller::new(out);
    let lock = Box::pin(hub.fetch(&found, &coming.folder, |event| teller.tell(event))).await;
    teller.end()?;
    let source = format!("{}@{}", found.id, found.commit);
    let came = Came { id: found.id.as_str(), commit: &found.commit, source: &source, lock: &lock? };
    coming.add(&came, Some(licence), out).await
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
}
