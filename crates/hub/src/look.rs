//! Whether a model will load, before anything large of it is fetched.

use std::collections::BTreeMap;

use sensorium_embed::{HubModel, PickledWeights};
use sensorium_fetch::{FetchError, InMemory};
use sha2::{Digest as _, Sha256};

use crate::error::of_file;
use crate::files::SeenFiles;
use crate::hub::{COMMIT, LINKED};
use crate::listing::{Listed, Listing, hash};
use crate::{Hub, HubError, HubId, Revision};

/// Largest configuration, tokenizer or index.
const MAX_DESCRIPTION: u64 = 64 << 20;
/// As much of a README as its head, which names the licence, may take.
const README_BYTES: u64 = 64 << 10;
const README: &str = "README.md";
/// Bytes of a file of weights that are fetched first; most headers end before.
const FIRST_BYTES: u64 = 256 << 10;
/// Bytes before a header, which hold its length.
const LENGTH_BYTES: u64 = 8;
/// Longest header of one file: that of a hundred thousand tensors.
const MAX_HEADER: u64 = 16 << 20;
/// Longest of all headers together.
const MAX_HEADERS: u64 = 256 << 20;

/// A model that will load.
#[derive(Debug)]
pub struct Found {
    /// Its name.
    pub id: HubId,
    /// The revision that was asked for.
    pub revision: Revision,
    /// The commit that it stands for.
    pub commit: String,
    /// What its configuration, tokenizer and headers say; of pickled weights, whose headers are not read, the first two.
    pub model: HubModel,
    /// Its pickled weights, where it has no others and they were allowed.
    pub pickled: Option<PickledWeights>,
    /// Its licence, by its README or its card.
    pub licence: Option<String>,
    /// The files that describe it, which are here.
    pub(crate) described: BTreeMap<String, Vec<u8>>,
    /// The SHA-256 of those which the hub names it of.
    pub(crate) hashes: BTreeMap<String, [u8; 32]>,
    /// Its files of weights with their bytes, and their SHA-256 where the hub names it.
    pub(crate) weights: Vec<(String, u64, Option<[u8; 32]>)>,
}

impl Found {
    /// Bytes of its weights and its tokenizer.
    pub fn bytes(&self) -> u64 {
        if self.pickled.is_some() {
            return self.weights.iter().map(|(_, bytes, _)| bytes).sum();
        }
        let named = |name: &String| match self.weights.iter().find(|(weight, ..)| weight == name) {
            Some((_, bytes, _)) => *bytes,
            None => self.described.get(name).map_or(0, |bytes| bytes.len() as u64),
        };
        self.model.files.iter().map(named).sum()
    }
}

/// What is done with weights that are pickled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pickles {
    /// They are refused.
    Refused,
    /// They are read without being run, and become safetensors: their user said so.
    Converted,
}

/// A model that is looked at.
struct Looking<'a> {
    hub: &'a Hub,
    id: &'a HubId,
    listing: Listing,
    /// Bytes of headers so far.
    headers: u64,
}

impl Hub {
    /// Reads the configuration, the tokenizer and the headers of the weights, and judges by them whether the model will load: every weight
    /// that is wanted is there, every other one is explained. What comes is as small as that.
    ///
    /// # Errors
    /// [`HubError`]: the hub does not give the model, it is none that this program runs, or will not load.
    pub async fn look(&self, id: &HubId, revision: &Revision, pickles: Pickles) -> Result<Found, HubError> {
        let listing = self.listing(id, revision).await?;
        let mut looking = Looking { hub: self, id, listing, headers: 0 };
        let mut files = looking.described(pickles).await?;
        let of_model = |looking: &Looking<'_>, source| HubError::Model {
            id: id.to_string(),
            commit: looking.listing.commit.clone(),
            source: Box::new(source),
        };
        let pickled = match pickles {
            Pickles::Refused => None,
            Pickles::Converted => HubModel::pickled(&files).map_err(|source| of_model(&looking, source))?,
        };
        let mut weights = Vec::new();
        let model = if let Some(pickled) = &pickled {
            for name in &pickled.files {
                let (_, listed) = looking.first(name).await?;
                weights.push((name.clone(), listed.bytes.unwrap_or_default(), listed.sha256));
            }
            HubModel::read_pickled(&files)
        } else {
            let names = HubModel::weight_files(&files).map_err(|source| of_model(&looking, source))?;
            for name in names {
                let (head, listed) = looking.head(&name).await?;
                let bytes = listed.bytes.unwrap_or_default();
                files.put_beginning(&name, head, bytes);
                weights.push((name, bytes, listed.sha256));
            }
            HubModel::read(&files).and_then(|model| model.check(&files).map(|()| model))
        };
        let model = model.map_err(|source| of_model(&looking, source))?;
        let Listing { commit, licence, files: listed } = looking.listing;
        let described = files.into_whole();
        let hashes = described.keys().filter_map(|name| Some((name.clone(), listed.get(name)?.sha256?)));
        Ok(Found {
            id: id.clone(),
            revision: revision.clone(),
            commit,
            licence: model.licence.clone().or(licence),
            model,
            pickled,
            hashes: hashes.collect(),
            described,
            weights,
        })
    }
}

impl Looking<'_> {
    fn failed(&self, file: &str, source: FetchError) -> HubError {
        self.hub.of_model(self.id, &self.listing.commit, Some(file), source)
    }

    fn wrong(&self, what: String) -> HubError {
        HubError::Listing { id: self.id.to_string(), what }
    }

    fn address(&self, file: &str) -> String {
        self.hub.file_address(self.id, &self.listing.commit, file)
    }

    /// The files that describe it; of all others the names alone.
    async fn described(&self, pickles: Pickles) -> Result<SeenFiles, HubError> {
        let mut files = SeenFiles::default();
        let pickled = match pickles {
            Pickles::Refused => &[][..],
            Pickles::Converted => &HubModel::PICKLED_INDEXES,
        };
        for (name, listed) in &self.listing.files {
            let describes =
                HubModel::DESCRIBED_BY.contains(&name.as_str()) || pickled.contains(&name.as_str());
            if !describes {
                files.put_beginning(name, Vec::new(), listed.bytes.unwrap_or_default());
                continue;
            }
            let is_long = listed.bytes.is_none_or(|bytes| bytes > README_BYTES);
            let bytes = if name == README && is_long {
                let got = self.hub.beginning(&self.address(name), README_BYTES).await;
                self.of_commit(name, got)?.bytes
            } else {
                self.whole(name, *listed).await?
            };
            files.put_whole(name, bytes);
        }
        Ok(files)
    }

    /// A whole small file, of the length and hash that were listed.
    async fn whole(&self, name: &str, listed: Listed) -> Result<Vec<u8>, HubError> {
        let address = self.address(name);
        let most = listed.bytes.unwrap_or(MAX_DESCRIPTION);
        if most > MAX_DESCRIPTION {
            return Err(
                self.wrong(format!("{name} has {most} bytes, and at most {MAX_DESCRIPTION} are read"))
            );
        }
        let got = self.of_commit(name, self.hub.whole(&address, most).await)?;
        let found = got.bytes.len() as u64;
        if let Some(wanted) = listed.bytes.filter(|wanted| *wanted != found) {
            return Err(of_file(name, FetchError::OtherLength { address, found, wanted }));
        }
        let found: [u8; 32] = Sha256::digest(&got.bytes).into();
        if let Some(wanted) = listed.sha256.filter(|wanted| *wanted != found) {
            let (found, wanted) = (hex(&found), hex(&wanted));
            return Err(of_file(name, FetchError::OtherBytes { address, found, wanted }));
        }
        Ok(got.bytes)
    }

    /// The first bytes of a file of weights, and how long the file is, and its hash.
    async fn first(&self, name: &str) -> Result<(Vec<u8>, Listed), HubError> {
        let listed = self.listing.files.get(name).copied();
        let listed =
            listed.ok_or_else(|| self.wrong(format!("there is no {name} in the list of its files")))?;
        let address = self.address(name);
        let got = self.of_commit(name, self.hub.beginning(&address, FIRST_BYTES).await)?;
        if let (Some(found), Some(wanted)) = (got.total, listed.bytes)
            && found != wanted
        {
            return Err(of_file(name, FetchError::OtherLength { address, found, wanted }));
        }
        let Some(bytes) = listed.bytes.or(got.total) else {
            return Err(self.wrong(format!("neither the list nor the answer tells the bytes of {name}")));
        };
        let linked = got.noted(LINKED).and_then(|tag| hash(tag.trim_matches('"')));
        Ok((got.bytes, Listed { bytes: Some(bytes), sha256: listed.sha256.or(linked) }))
    }

    /// The header of a file of weights, and how long the file is, and its hash.
    async fn head(&mut self, name: &str) -> Result<(Vec<u8>, Listed), HubError> {
        let (first, listed) = self.first(name).await?;
        let bytes = listed.bytes.unwrap_or_default();
        let length = first.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
        let end = length.saturating_add(LENGTH_BYTES).min(bytes);
        // One that is longer than this is no header, and is told so by who reads it.
        self.headers += end.min(MAX_HEADER);
        if self.headers > MAX_HEADERS {
            return Err(self.wrong(format!("headers of more than {MAX_HEADERS} bytes")));
        }
        if end <= first.len() as u64 || length > MAX_HEADER {
            return Ok((first, listed));
        }
        let got = self.of_commit(name, self.hub.beginning(&self.address(name), end).await)?;
        Ok((got.bytes, listed))
    }

    /// What came, if it is of the commit that was asked for.
    fn of_commit(&self, name: &str, got: Result<InMemory, FetchError>) -> Result<InMemory, HubError> {
        let got = got.map_err(|source| self.failed(name, source))?;
        let wanted = &self.listing.commit;
        match got.noted(COMMIT).filter(|commit| commit != wanted) {
            Some(other) => {
                Err(self.wrong(format!("{name} was asked of the commit {wanted}, and came of {other}")))
            }
            None => Ok(got),
        }
    }
}

/// A hash in hexadecimal.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
