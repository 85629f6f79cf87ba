//! Texts and files as vectors, without storing anything.

use sensorium_embed::{Input, Priority};
use sensorium_media::{Cancel, Head, MediaInput, Part};
use sensorium_types::{Embedding, Language, Modality, PointInfo, TermInput, Track};

use crate::blocking::blocking;
use crate::encode::Feed;
use crate::engine::{Asking, Engine};
use crate::{EngineError, vectors};

impl Engine {
    /// The vectors of a text, as a query asks by it, or of all parts of a file. `cancel` ends the work early; it ends as well
    /// when nobody waits for it any more.
    ///
    /// # Errors
    /// For a blank text, a file that cannot be decoded, and what is a vector already (stored assets and vectors); if the space
    /// is another bundle's.
    pub async fn embed(&self, input: TermInput, cancel: Cancel) -> Result<Embedding, EngineError> {
        let asking = self.asking()?;
        if input.is_blank() {
            return Err(EngineError::BlankText);
        }
        let ends_with_the_call = cancel.on_drop();
        let made = match input {
            TermInput::Text(text) => embed_text(asking, Input::Text(text), cancel).await,
            TermInput::TextIn(language, text) => embed_text(asking, text_in(language, text), cancel).await,
            TermInput::File(path) => {
                let name = path.display().to_string();
                embed_media(asking, MediaInput::Path(path), name, cancel).await
            }
            TermInput::Bytes(bytes) => {
                embed_media(asking, MediaInput::Bytes(bytes), "the bytes".to_owned(), cancel).await
            }
            TermInput::Asset(_) | TermInput::Point(..) | TermInput::Vector(_) => {
                Err(EngineError::NotSupported { action: "encode what is a vector already" })
            }
        };
        ends_with_the_call.disarm();
        made
    }
}

async fn embed_text(asking: Asking, input: Input, cancel: Cancel) -> Result<Embedding, EngineError> {
    let encode = asking.encode;
    blocking("encode a text", move || {
        let vectors = encode.submit(vec![input], Priority::Query)?.wait(&cancel)?;
        vectors::check_all(&vectors)?;
        let point = PointInfo { track: Track::Text, ordinal: 0, span: None };
        let points = vectors.into_iter().map(|vector| (point, vector)).collect();
        Ok(Embedding { modality: Modality::Text, points })
    })
    .await
}

async fn embed_media(
    Asking { encode, decode }: Asking,
    input: MediaInput,
    name: String,
    cancel: Cancel,
) -> Result<Embedding, EngineError> {
    blocking("encode a file", move || {
        let mut feed = Feed::new(encode.as_ref(), Priority::Query).until(&cancel);
        let mut on_part = |part: Part| feed.push(part);
        let decoded = decode.decode_each(input, Priority::Query, &cancel, &mut on_part)?;
        let sent = feed.finish(decoded)?;
        let (Head { modality, .. }, encoding) =
            sent.map_err(|reason| EngineError::BadTerm { term: name, reason })?;
        let points = encoding.wait()?.into_iter().map(|point| {
            (PointInfo { track: point.track, ordinal: point.ordinal, span: point.span }, point.vector)
        });
        Ok(Embedding { modality, points: points.collect() })
    })
    .await
}

const fn text_in(language: Language, text: String) -> Input {
    Input::TextIn(language, text)
}
