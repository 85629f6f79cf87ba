//! Media that are named by their address: brought into the place of uploads, then taken as bytes that came by themselves.
//!
//! Off unless the operator names places (`Settings::allowed_uris`). Nothing is fetched inside a query: that would make the time of an answer,
//! and who is asked, a matter of strangers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_api::v1::media_input::Source;
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_fetch::{Address, AllowList, Client, FetchError, Limits, Policy, Request};
use sensorium_types::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::Settings;
use crate::access::check_scope;
use crate::calls::Scope;
use crate::metrics::Metrics;
use crate::stopping::stopped;
use crate::uploads::Uploads;

/// What fetches.
#[derive(Debug, Clone)]
pub(crate) struct Fetching {
    /// None where nothing is fetched.
    client: Option<Client>,
    limits: Limits,
    places: Arc<Semaphore>,
    uploads: Uploads,
    metrics: Arc<Metrics>,
    stopping: watch::Receiver<bool>,
}

/// What was brought, which goes when this does. As long as its place is held, others wait.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    kept: Vec<Kept>,
    place: Option<OwnedSemaphorePermit>,
}

impl Brought {
    /// Lets the next ones be fetched; what was brought stays.
    pub(crate) fn leave_place(&mut self) {
        self.place = None;
    }
}

#[derive(Debug)]
struct Kept {
    uploads: Uploads,
    id: String,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.uploads.remove(&self.id);
    }
}

impl Fetching {
    pub(crate) fn new(
        settings: &Settings,
        (data_dir, uploads): (&std::path::Path, &Uploads),
        metrics: Arc<Metrics>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let policy = Policy {
            allowed: AllowList::new(settings.allowed_uris.clone()),
            closed: vec![data_dir.to_path_buf()],
            reach: settings.reach.clone(),
            noted: &[],
        };
        let most = u64::try_from(settings.max_fetch_bytes).unwrap_or(u64::MAX).min(uploads.largest());
        let limits =
            Limits { no_progress: settings.fetch_idle_timeout, ..Limits::new(most, settings.fetch_timeout) };
        Self {
            client: (!policy.allowed.is_empty()).then(|| Client::new(policy)),
            limits,
            places: Arc::new(Semaphore::new(settings.max_fetches)),
            uploads: uploads.clone(),
            metrics,
            stopping,
        }
    }

    /// Brings the media that are named by address, and names them as the uploads that they are then. Of what fails nothing stays.
    ///
    /// # Errors
    /// Where nothing is fetched, the address is not allowed, or its bytes do not come.
    pub(crate) async fn bring(&self, media: Vec<&mut v1::MediaInput>) -> Result<Brought, Fault> {
        let mut brought = Brought::default();
        for media in media {
            let Some(Source::Uri(uri)) = &media.source else { continue };
            let client = self.client.as_ref().ok_or(ConvertError::NotTaken {
                field: "uri",
                instead: "this server fetches nothing (serve --allow-uri names places): send the bytes, or an upload",
            })?;
            let address = Address::parse(uri).map_err(|error| fault(&error))?;
            if brought.place.is_none() {
                let place = Arc::clone(&self.places).acquire_owned().await;
                brought.place = Some(place.map_err(|_| Fault::new(ErrorKind::Bug, "no place to fetch"))?);
            }
            let mut stopping = self.stopping.clone();
            let id = tokio::select! {
                fetched = self.fetch(client, address) => fetched?,
                () = stopped(&mut stopping) => {
                    return Err(Fault::new(ErrorKind::Unavailable, "the server stops"));
                }
            };
            brought.kept.push(Kept { uploads: self.uploads.clone(), id: id.clone() });
            media.source = Some(Source::UploadId(id));
        }
        Ok(brought)
    }

    /// The same for a call that answers at once, for a caller who may write: what is asked of other machines is more than to read.
    ///
    /// # Errors
    /// Those of [`Fetching::bring`], PERMISSION_DENIED, and DEADLINE_EXCEEDED after `limit`.
    pub(crate) async fn bring_now(
        &self,
        media: Vec<&mut v1::MediaInput>,
        limit: Duration,
    ) -> Result<Brought, Fault> {
        if !media.iter().any(|media| matches!(media.source, Some(Source::Uri(_)))) {
            return Ok(Brought::default());
        }
        check_scope(Scope::Write)?;
        let brought = tokio::time::timeout(limit, self.bring(media)).await;
        let mut brought = brought.map_err(|_| {
            let message = format!("uri: not all came within {} s", limit.as_secs_f64());
            Fault::new(ErrorKind::DeadlineExceeded, message)
        })??;
        brought.leave_place();
        Ok(brought)
    }

    /// Fetches one; gives the name of its upload.
    async fn fetch(&self, client: &Client, address: Address) -> Result<String, Fault> {
        let shown = address.to_string();
        let mut counted = Counted::begin(&self.metrics);
        let fetched = self.receive(client, address, &mut counted.bytes).await;
        counted.outcome = match &fetched {
            Ok(_) => {
                tracing::info!(address = %shown, bytes = counted.bytes, "fetched");
                "fetched"
            }
            Err(fault) => {
                tracing::info!(address = %shown, error = %fault.message, "not fetched");
                if fault.kind == ErrorKind::PermissionDenied { "refused" } else { "failed" }
            }
        };
        fetched
    }

    /// Receives what lies at an address as an upload, and counts its bytes as they come.
    async fn receive(&self, client: &Client, address: Address, bytes: &mut u64) -> Result<String, Fault> {
        let shown = address.to_string();
        let request = Request { address, bearer: None, limits: self.limits };
        let mut download = client.get(request).await.map_err(|error| fault(&error))?;
        let mut receiving = self.uploads.open(download.total())?;
        while let Some(piece) = download.next().await.map_err(|error| fault(&error))? {
            receiving.take(&piece).await?;
            *bytes = download.received();
        }
        if download.received() == 0 {
            return Err(Fault::new(ErrorKind::FailedPrecondition, format!("{shown} has no bytes")));
        }
        let (id, _) = receiving.finish(None).await?;
        Ok(id)
    }
}

/// A fetch that is counted when it ends, also where its caller has left.
#[derive(Debug)]
struct Counted<'a> {
    metrics: &'a Metrics,
    begun: Instant,
    bytes: u64,
    outcome: &'static str,
}

impl<'a> Counted<'a> {
    fn begin(metrics: &'a Metrics) -> Self {
        Self { metrics, begun: Instant::now(), bytes: 0, outcome: "left" }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.metrics.fetch(self.outcome, self.bytes, self.begun.elapsed());
    }
}

fn fault(error: &FetchError) -> Fault {
    let mut message = format!("uri: {error}");
    if let Some(cause) = std::error::Error::source(error).filter(|_| !message.contains(": ")) {
        message = format!("{message}: {cause}");
    }
    Fault::new(error.kind(), message)
}

/// The media of an item.
pub(crate) fn media_of_item(item: &mut v1::IngestItem) -> Vec<&mut v1::MediaInput> {
    use v1::ingest_part::Content;
    let contents = item.parts.iter_mut().filter_map(|part| part.content.as_mut());
    let media = contents.filter_map(|content| match content {
        Content::Image(media) | Content::Audio(media) | Content::Video(media) | Content::Media(media) => {
            Some(media)
        }
        Content::Text(_) | Content::Vector(_) => None,
    });
    media.collect()
}

/// The media of inputs that are to be encoded.
pub(crate) fn media_of_inputs(inputs: &mut [v1::EmbedInput]) -> Vec<&mut v1::MediaInput> {
    use v1::embed_input::Input;
    let media = inputs.iter_mut().filter_map(|input| match input.input.as_mut()? {
        Input::Image(media) | Input::Audio(media) | Input::Video(media) | Input::Media(media) => Some(media),
        Input::Text(_) => None,
    });
    media.collect()
}

/// The medium that is to be put into words.
pub(crate) fn media_of_caption(input: &mut Option<v1::CaptionInput>) -> Vec<&mut v1::MediaInput> {
    use v1::caption_input::Input;
    match input.as_mut().and_then(|input| input.input.as_mut()) {
        Some(Input::Media(media)) => vec![media],
        Some(Input::AssetId(_) | Input::Point(_)) | None => Vec::new(),
    }
}

/// Whether an item names media by address.
pub(crate) fn names_addresses(item: &mut v1::IngestItem) -> bool {
    media_of_item(item).iter().any(|media| matches!(media.source, Some(Source::Uri(_))))
}
