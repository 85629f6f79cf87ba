//! Images, videos and audio to words.
//!
//! | file | holds |
//! | --- | --- |
//! | this one | captions of images, and of the parts of videos and audio |
//! | `captions/summary.rs` | a video to a storyboard |
//! | `captions/choose.rs` | which shots a storyboard shows |
//! | `captions/keep.rs` | captions as data of a collection |

mod choose;
mod keep;
mod summary;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_embed::{
    Bundle, DEFAULT_LENGTH_PENALTY, DecoderOptions, Image, Priority, Strategy, until_cancelled,
};
use sensorium_media::{Cancel, Head, Limits, MediaInput, Part, PartContent, PoolConfig, Rgb};
use sensorium_types::{
    AssetId, CaptionEvent, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest, CaptionStrategy,
    FailureReason, Modality, PartCaption, PointKey, ReasonKind, Track,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::blocking::blocking;
use crate::seams::{Captioned, Decode, Encode, Encoders, Workers, encoder_spec};
use crate::{Engine, EngineError};

pub use keep::{CaptionOutcome, CaptionPace, CaptionsMade, CaptionsSummary};

pub(crate) use keep::show_caption;

/// Captions that grow side by side where nobody asks for another number.
const BEAM: usize = 3;

/// What is put into words, with its place in its asset.
type Shown = (Option<(u64, u64)>, Captioned);
/// The same with the point that it belongs to.
type Placed = (Track, u32, Shown);

/// Decoders and a caption decoder, without a database.
#[derive(Debug, Clone)]
pub struct Captions {
    encode: Arc<dyn Encode>,
    decode: Arc<dyn Decode>,
}

impl Captions {
    /// Captions by the bundle's decoder. `worker_program` decodes media; it and the models start at their first use.
    pub fn new(bundle: Arc<Bundle>, worker_program: PathBuf, limits: Limits) -> Self {
        let spec = encoder_spec(bundle.cutting());
        let decode = Arc::new(Workers::new(PoolConfig { worker_program, workers: 1, limits, spec }));
        Self { encode: Arc::new(Encoders::new(bundle)), decode }
    }

    /// Loads what is needed.
    ///
    /// # Errors
    /// If the bundle has no caption decoder, or it cannot be loaded.
    pub async fn check(&self) -> Result<(), EngineError> {
        let encode = Arc::clone(&self.encode);
        blocking("load the caption decoder", move || encode.check_captions()).await
    }

    /// Puts a file's images into words, or its audio if it has none. It ends early when nobody listens any more.
    ///
    /// # Errors
    /// If the bundle has no caption decoder for it, the bytes cannot be decoded, or there is nothing to see or hear in them.
    pub async fn caption(
        &self,
        (input, name): (MediaInput, String),
        (parts, options): (CaptionParts, CaptionOptions),
        events: UnboundedSender<CaptionEvent>,
    ) -> Result<(), EngineError> {
        let chosen = match parts {
            CaptionParts::Middle => Chosen::Middle,
            CaptionParts::Each => Chosen::Each,
        };
        self.write((input, name), chosen, options, events).await
    }

    async fn write(
        &self,
        (input, name): (MediaInput, String),
        chosen: Chosen,
        options: CaptionOptions,
        events: UnboundedSender<CaptionEvent>,
    ) -> Result<(), EngineError> {
        self.check().await?;
        let (encode, decode) = (Arc::clone(&self.encode), Arc::clone(&self.decode));
        let options = decoder_options(options);
        blocking("put media into words", move || {
            // One image of each part, for which is in the middle shows at the end.
            let (mut placed, mut bytes): (Vec<Placed>, _) = (Vec::new(), 0_usize);
            let asks_audio = chosen.is_of(Track::Audio);
            let mut on_part = |part: Part| {
                // A video's audio comes after its images, which speak for it.
                let has_images = placed.first().is_some_and(|(track, ..)| *track != Track::Audio);
                if part.track == Track::Audio && has_images && !asks_audio {
                    return Ok(());
                }
                let Some(one) = shown(&part) else { return Ok(()) };
                bytes += one.2.1.bytes();
                if bytes as u64 > Limits::MAX_ASSET_BYTES {
                    let detail =
                        format!("what is put into words takes more than {} bytes", Limits::MAX_ASSET_BYTES);
                    return Err(FailureReason::new(ReasonKind::TooLarge, detail));
                }
                placed.push(one);
                Ok(())
            };
            let left = while_heard(&events);
            let decoded = decode.decode_each(input, Priority::Query, &left, &mut on_part)?;
            let Head { modality, .. } =
                decoded.map_err(|reason| EngineError::BadTerm { term: name.clone(), reason })?;
            for (span, content) in meant(placed, modality, chosen, &name)? {
                let mut tell = |piece: &str| {
                    let piece = Some(piece).filter(|piece| !piece.is_empty());
                    let sent = piece.map(|piece| events.send(CaptionEvent::Piece(piece.to_owned())));
                    let listens = sent.map_or_else(|| !events.is_closed(), |sent| sent.is_ok());
                    if listens { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                };
                let caption = until_cancelled(&left, || {
                    encode.caption(&content, (&options, Priority::Query), &mut tell)
                })?;
                if events.send(CaptionEvent::Done(PartCaption { span, caption })).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }
}

impl Engine {
    /// Puts media into words (images, and the parts of videos and audio). It ends early when nobody listens any more.
    ///
    /// # Errors
    /// If the bundle has no caption decoder for them, the media are unknown, away or cannot be decoded, or there is nothing
    /// to see or hear in them.
    pub async fn caption(
        &self,
        request: CaptionRequest,
        events: UnboundedSender<CaptionEvent>,
    ) -> Result<(), EngineError> {
        let CaptionRequest { input, parts, options } = request;
        let captions = self.captions();
        let chosen = match (&input, parts) {
            (CaptionInput::Point(asset, track, ordinal), _) => Chosen::Place(asset.clone(), *track, *ordinal),
            (_, CaptionParts::Middle) => Chosen::Middle,
            (_, CaptionParts::Each) => Chosen::Each,
        };
        let media = self.caption_media(input, &captions).await?;
        captions.write(media, chosen, options, events).await
    }

    /// What is decoded, and its name.
    async fn caption_media(
        &self,
        input: CaptionInput,
        captions: &Captions,
    ) -> Result<(MediaInput, String), EngineError> {
        Ok(match input {
            CaptionInput::File(path) => {
                let name = path.display().to_string();
                (MediaInput::Path(path), name)
            }
            CaptionInput::Bytes(bytes) => (MediaInput::Bytes(bytes), "the bytes".to_owned()),
            CaptionInput::Asset(asset) | CaptionInput::Point(asset, ..) => {
                // Said before the media are looked for: it is the same for every asset.
                captions.check().await?;
                (MediaInput::Path(self.media(&asset).await?.path), format!("asset:{asset}"))
            }
        })
    }

    /// Loads what [`Engine::caption`] needs.
    ///
    /// # Errors
    /// If the bundle has no caption decoder, or it cannot be loaded.
    pub async fn check_captions(&self) -> Result<(), EngineError> {
        self.captions().check().await
    }

    fn captions(&self) -> Captions {
        Captions { encode: Arc::clone(&self.encode), decode: Arc::clone(&self.decode) }
    }
}

/// Which images or audio of a file are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chosen {
    Middle,
    Each,
    Place(AssetId, Option<Track>, u32),
}

impl Chosen {
    /// Whether one point of this track is meant.
    fn is_of(&self, wanted: Track) -> bool {
        matches!(self, Self::Place(_, Some(track), _) if *track == wanted)
    }
}

/// What is meant: of a part of a video, its middle frame.
fn meant(
    mut shown: Vec<Placed>,
    modality: Modality,
    chosen: Chosen,
    name: &str,
) -> Result<Vec<Shown>, EngineError> {
    if shown.is_empty() {
        return Err(EngineError::NothingToCaption { name: name.to_owned(), modality });
    }
    match chosen {
        Chosen::Each => {}
        Chosen::Middle => {
            let middle = shown.len() / 2;
            shown = vec![shown.swap_remove(middle)];
        }
        Chosen::Place(asset, track, ordinal) => {
            shown.retain(|(of, at, _)| *at == ordinal && track.is_none_or(|track| track == *of));
            if shown.is_empty() {
                let main = match modality {
                    Modality::Video => Track::Video,
                    Modality::Audio => Track::Audio,
                    Modality::Image | Modality::Text => Track::Image,
                };
                let point = PointKey { asset, track: track.unwrap_or(main), ordinal }.show(modality);
                return Err(EngineError::UnknownPoint { point });
            }
        }
    }
    Ok(shown.into_iter().map(|(_, _, shown)| shown).collect())
}

/// What is asked for, as the decoder takes it.
fn decoder_options(options: CaptionOptions) -> DecoderOptions {
    let CaptionOptions { strategy, max_tokens } = options;
    let strategy = match strategy {
        CaptionStrategy::Greedy => Strategy::Greedy,
        CaptionStrategy::Beam { width } => Strategy::Beam { width, length_penalty: DEFAULT_LENGTH_PENALTY },
        CaptionStrategy::Sample { top_p, seed } => Strategy::Sample { top_p, temperature: 1.0, seed },
    };
    DecoderOptions { strategy, max_tokens, ..DecoderOptions::default() }
}

/// How captions are made that nobody asks for one by one.
fn beam_options() -> DecoderOptions {
    decoder_options(CaptionOptions { strategy: CaptionStrategy::Beam { width: BEAM }, max_tokens: None })
}

/// What stops work that is told to nobody any more.
fn while_heard(events: &UnboundedSender<CaptionEvent>) -> Cancel {
    // Whatever works holds the flag, and may for a moment longer: it must not keep the channel open.
    let events = events.downgrade();
    Cancel::new().when(move || events.upgrade().is_none_or(|events| events.is_closed()))
}

/// The image in the middle of a part, or its audio.
fn shown(part: &Part) -> Option<Placed> {
    let Part { track, ordinal, span, content, thumb: _ } = part;
    let content = match content {
        PartContent::Frames(frames) => Captioned::Image(middle(frames)?),
        PartContent::Pcm(samples) => Captioned::Audio(samples.clone()),
        PartContent::Text(_) => return None,
    };
    Some((*track, *ordinal, (span.and_then(|span| span.time()), content)))
}

fn middle(frames: &[Rgb]) -> Option<Image> {
    let frame = frames.get(frames.len() / 2)?;
    Some(Image { width: frame.width, height: frame.height, pixels: frame.pixels.clone() })
}
