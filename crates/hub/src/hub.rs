//! What is asked of a hub, and by which rules.

use std::time::Duration;

use sensorium_fetch::{
    Address, AllowList, Bearer, Client, FetchError, InMemory, Limits, Policy, Reach, Request,
};

use crate::error::of_file;
use crate::id::step;
use crate::{HubError, HubId};

/// The hub that is asked where `HF_ENDPOINT` names no other.
pub const PUBLIC_HUB: &str = "https://huggingface.co";
/// Time for what is small: listings, configurations, headers.
const SMALL_TIME: Duration = Duration::from_secs(300);
/// Time for one file of weights: that of gigabytes on a slow line.
const LARGE_TIME: Duration = Duration::from_secs(48 * 3600);
/// Time without a byte.
const NO_PROGRESS: Duration = Duration::from_secs(30);
/// How often a connection that broke off is taken up, for each file.
const RESUMES: u32 = 10;
/// The commit whose file an answer gives.
pub(crate) const COMMIT: &str = "x-repo-commit";
/// The SHA-256 of a large file, which the hub names before it leads on to where it lies.
pub(crate) const LINKED: &str = "x-linked-etag";

/// A hub.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: String,
    client: Client,
    token: Option<Bearer>,
}

impl Hub {
    /// A hub at an address. Redirects may lead anywhere in the public web, from https to https alone; a private machine is asked only where
    /// the address itself names it.
    ///
    /// # Errors
    /// [`HubError::Endpoint`] if it is no address of http or https.
    pub fn new(endpoint: &str, token: Option<Bearer>) -> Result<Self, HubError> {
        let wrong = |source| HubError::Endpoint { text: endpoint.to_owned(), source };
        let web = match Address::parse(endpoint).map_err(wrong)? {
            Address::Web(web) if !endpoint.contains(['?', '#']) => web,
            Address::Web(_) | Address::File(_) => {
                return Err(wrong(FetchError::Address {
                    what: "it must be the address of a hub, by http or https",
                }));
            }
        };
        let client = Client::new(Policy {
            allowed: AllowList::whole_web_from(&web),
            closed: Vec::new(),
            reach: Reach::public_and(&web),
            noted: &[COMMIT, LINKED],
        });
        Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), client, token })
    }

    /// Its address, without a slash at its end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Where people look at a model.
    fn page(&self, id: &HubId) -> String {
        format!("{}/{id}", self.endpoint)
    }

    pub(crate) fn listing_address(&self, id: &HubId, revision: &str) -> String {
        format!("{}/api/models/{id}/revision/{revision}?blobs=true", self.endpoint)
    }

    pub(crate) fn file_address(&self, id: &HubId, commit: &str, file: &str) -> String {
        format!("{}/{id}/resolve/{commit}/{}", self.endpoint, step(file))
    }

    /// A request for something small.
    fn small(&self, address: &str, max_bytes: u64) -> Result<Request, FetchError> {
        self.request(address, Limits::new(max_bytes, SMALL_TIME))
    }

    /// A request for a file of weights.
    pub(crate) fn large(&self, address: &str, max_bytes: u64) -> Result<Request, FetchError> {
        self.request(address, Limits { resumes: RESUMES, ..Limits::new(max_bytes, LARGE_TIME) })
    }

    fn request(&self, address: &str, limits: Limits) -> Result<Request, FetchError> {
        let limits = Limits { no_progress: NO_PROGRESS, ..limits };
        Ok(Request { address: Address::parse(address)?, bearer: self.token.clone(), limits })
    }

    /// All of something small.
    pub(crate) async fn whole(&self, address: &str, max_bytes: u64) -> Result<InMemory, FetchError> {
        self.client.whole(self.small(address, max_bytes)?).await
    }

    /// The first bytes of a file.
    pub(crate) async fn beginning(&self, address: &str, count: u64) -> Result<InMemory, FetchError> {
        self.client.beginning(self.small(address, count)?, count).await
    }

    /// The error of a model about which the hub, or where it led, did not answer well.
    pub(crate) fn of_model(
        &self,
        id: &HubId,
        revision: &str,
        file: Option<&str>,
        source: FetchError,
    ) -> HubError {
        let (id, page) = (id.to_string(), self.page(id));
        match (source, file) {
            (source @ FetchError::Refused { status: 401 | 403, .. }, _) => {
                HubError::Closed { id, page, has_token: self.token.is_some(), source }
            }
            (source @ FetchError::NotFound { .. }, None) => {
                HubError::NoModel { id, revision: revision.to_owned(), source }
            }
            (source @ (FetchError::Connection { .. } | FetchError::TimedOut { .. }), _) => {
                HubError::Unreachable { source }
            }
            (source, file) => of_file(file.unwrap_or(&id), source),
        }
    }
}
