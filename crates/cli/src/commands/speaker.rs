//! Who puts media into words: this process, without a database, or a server.

use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use sensorium_client::Client;
use sensorium_engine::{Access, Captions, Engine, EngineError};
use sensorium_media::{Limits, MediaInput};
use sensorium_types::{
    AssetId, CaptionEvent, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest, PartCaption,
    SummaryLength,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::args::high::{Place, Setting};
use crate::backend::{absolute, connect};
use crate::failure::CliError;

/// Bytes of a request around those of its media.
const ENVELOPE_BYTES: u64 = 4096;

/// What is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Media {
    /// A file of this machine.
    File(PathBuf),
    /// Something stored.
    Asset(AssetId),
}

impl Media {
    /// Reads an argument: a file, or `asset:ID`.
    pub(super) fn read(arg: &OsStr) -> Result<Self, CliError> {
        let id = arg.to_str().and_then(|text| text.strip_prefix("asset:"));
        Ok(match id {
            Some(id) => Self::Asset(AssetId::new(id)?),
            None => Self::File(arg.as_bytes().strip_prefix(b"file:").map_or(arg, OsStr::from_bytes).into()),
        })
    }

    /// As it is shown.
    pub(super) fn name(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Asset(asset) => PathBuf::from(format!("asset:{asset}")),
        }
    }
}

/// Who puts media into words.
pub(super) enum Speaker<'a> {
    /// This process.
    Here(Captions, &'a Setting),
    /// A server.
    There(Client),
}

impl<'a> Speaker<'a> {
    /// Connects to the server, or loads the caption decoder.
    ///
    /// # Errors
    /// If no server answers, or there is no caption decoder.
    pub(super) async fn open(setting: &'a Setting) -> anyhow::Result<Self> {
        match setting.place() {
            Place::Server { url, .. } => Ok(Self::There(connect(setting, &url).await?)),
            Place::Folder => {
                let program = std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?;
                let captions = Captions::new(setting.bundle()?, program, Limits::default());
                captions.check().await?;
                Ok(Self::Here(captions, setting))
            }
        }
    }

    /// Puts an image, or each part of a video or an audio clip, into words, and shows them as they come.
    ///
    /// # Errors
    /// If the media cannot be read, or there is nothing to see or hear in them.
    pub(super) async fn caption(
        &self,
        media: &Media,
        options: CaptionOptions,
        show: impl FnMut(PartCaption) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match (self, media) {
            (Self::Here(captions, _), Media::File(path)) => {
                let input = local(path)?;
                let work = |sender| captions.caption(input, (CaptionParts::Each, options), sender);
                told(work, show).await
            }
            (Self::Here(_, setting), Media::Asset(asset)) => {
                let engine = setting.open(Access::Read, None).await?;
                let (input, parts) = (CaptionInput::Asset(asset.clone()), CaptionParts::Each);
                let request = CaptionRequest { input, parts, options };
                told(|sender| engine.caption(request, sender), show).await
            }
            (Self::There(client), _) => {
                let (input, parts) = (remote(client, media).await?, CaptionParts::Each);
                let mut show = show;
                let mut events = client.caption(CaptionRequest { input, parts, options }).await?;
                while let Some(event) = events.next().await {
                    match event? {
                        CaptionEvent::Piece(_) => {}
                        CaptionEvent::Done(part) => show(part)?,
                    }
                }
                Ok(())
            }
        }
    }

    /// The storyboard of a video.
    ///
    /// # Errors
    /// If the media cannot be read, or are no video.
    pub(super) async fn summarize(
        &self,
        media: &Media,
        length: Option<SummaryLength>,
    ) -> anyhow::Result<Vec<PartCaption>> {
        let mut shots = Vec::new();
        let keep = |part| {
            shots.push(part);
            Ok(())
        };
        let local_length = length.unwrap_or_default();
        match (self, media) {
            (Self::Here(captions, _), Media::File(path)) => {
                let input = local(path)?;
                told(|sender| captions.summarize(input, local_length, sender), keep).await?;
            }
            (Self::Here(_, setting), Media::Asset(asset)) => {
                let engine = setting.open(Access::Read, None).await?;
                let input = CaptionInput::Asset(asset.clone());
                told(|sender| engine.summarize(input, local_length, sender), keep).await?;
            }
            (Self::There(client), _) => {
                let input = remote(client, media).await?;
                let mut stream = client.summarize(input, length).await?;
                while let Some(shot) = stream.next().await {
                    shots.push(shot?);
                }
            }
        }
        Ok(shots)
    }

    /// The file of this machine that the media are; `None` where a server has them.
    ///
    /// # Errors
    /// If they are stored, and gone or unknown.
    pub(super) async fn file(&self, media: &Media) -> anyhow::Result<Option<PathBuf>> {
        Ok(match (self, media) {
            (_, Media::File(path)) => Some(path.clone()),
            (Self::Here(_, setting), Media::Asset(asset)) => Some(stored(setting, asset).await?),
            (Self::There(_), Media::Asset(_)) => None,
        })
    }
}

async fn stored(setting: &Setting, asset: &AssetId) -> anyhow::Result<PathBuf> {
    let engine: std::sync::Arc<Engine> = setting.open(Access::Read, None).await?;
    Ok(engine.media(asset).await?.path)
}

/// Runs work of the engine and shows what it tells.
async fn told<F>(
    work: impl FnOnce(UnboundedSender<CaptionEvent>) -> F,
    mut show: impl FnMut(PartCaption) -> anyhow::Result<()>,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<(), EngineError>>,
{
    let (sender, mut events): (_, UnboundedReceiver<CaptionEvent>) = unbounded_channel();
    let telling = async {
        while let Some(event) = events.recv().await {
            match event {
                CaptionEvent::Piece(_) => {}
                CaptionEvent::Done(part) => show(part)?,
            }
        }
        anyhow::Ok(())
    };
    let (done, told) = tokio::join!(Box::pin(work(sender)), telling);
    done?;
    told
}

/// A file, as the engine takes it.
fn local(path: &Path) -> Result<(MediaInput, String), CliError> {
    Ok((MediaInput::Path(absolute(path)?), path.display().to_string()))
}

/// What a server is sent.
async fn remote(client: &Client, media: &Media) -> anyhow::Result<CaptionInput> {
    let path = match media {
        Media::Asset(asset) => return Ok(CaptionInput::Asset(asset.clone())),
        Media::File(path) => path.clone(),
    };
    let wrong = |source| CliError::Path { path: path.clone(), source };
    let bytes = std::fs::metadata(&path).map_err(wrong)?.len();
    let most = client.info().await?.max_message_bytes.saturating_sub(ENVELOPE_BYTES);
    if bytes > most {
        return Err(CliError::TooLargeToSend { path, bytes, most }.into());
    }
    Ok(CaptionInput::File(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_file_or_something_stored() {
        let read = |arg: &str| Media::read(OsStr::new(arg));
        assert_eq!(read("a.mp4").expect("a file"), Media::File("a.mp4".into()));
        assert_eq!(read("file:asset:x").expect("a file"), Media::File("asset:x".into()));
        let stored = read("asset:x").expect("an asset");
        assert_eq!(stored.name(), Path::new("asset:x"));
        assert!(read("asset:").is_err());
    }
}
