//! The best images of an answer once more, by a decoder that looks at them while it reads the question.
//!
//! A vector says of an image what it is about; the caption decoder attends to its tokens word by word. What an image
//! adds to the likelihood of the words, `log p(words | image) - log p(words | no image)`, is added to its score.

use std::sync::Arc;

use sensorium_embed::{EmbedError, Image, Priority};
use sensorium_media::{Cancel, MediaInput, Part, PartContent};
use sensorium_store::Store;
use sensorium_types::{Content, PointKey, Term, TermInput};

use super::part::QueryPart;
use super::rows::Row;
use crate::EngineError;
use crate::blocking::blocking;
use crate::seams::{Decode, Encode};

/// What a natural logarithm of likelihood counts, in units of cosine.
///
/// Chosen on the photos that the model card measures: from 0.01 to 0.025 the gain is much the same.
pub const LOG_PROB_AS_COSINE: f32 = 0.02;

/// The text that images are read against: the only one that counts above 0.
pub(super) fn question(terms: &[Term], late: bool) -> Result<String, EngineError> {
    let texts = terms.iter().filter(|term| term.weight > 0.0).filter_map(|term| match &term.input {
        TermInput::Text(text) | TermInput::TextIn(_, text) => Some(text),
        TermInput::File(_)
        | TermInput::Bytes(_)
        | TermInput::Asset(_)
        | TermInput::Point(..)
        | TermInput::Vector(_) => None,
    });
    match texts.collect::<Vec<_>>().as_slice() {
        [text] if !late => Ok((*text).clone()),
        _ => Err(EngineError::RerankTerms),
    }
}

/// What images are read with.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) store: Arc<dyn Store>,
    pub(super) encode: Arc<dyn Encode>,
    pub(super) decode: Arc<dyn Decode>,
    /// What stops decoding and reading.
    pub(super) cancel: Cancel,
}

impl Reader {
    /// Orders the first `depth` rows anew. Rows without an image, or whose thumbnail cannot be read, keep their places.
    pub(super) async fn rerank(
        &self,
        question: String,
        part: &QueryPart,
        rows: &mut [Row],
        depth: usize,
    ) -> Result<(), EngineError> {
        let images = rows.iter().enumerate().take(depth).filter_map(|(at, row)| {
            let (track, ordinal) = (row.best.point.track, row.best.point.ordinal);
            let is_image = track.content() == Content::Image;
            is_image.then(|| (at, PointKey { asset: row.asset.clone(), track, ordinal }))
        });
        let (places, points): (Vec<usize>, Vec<PointKey>) = images.unzip();
        let thumbs = self.store.thumbs(&points).await?;
        let jpegs = places.into_iter().zip(thumbs).filter_map(|(at, jpeg)| Some((at, jpeg?)));
        let jpegs: Vec<_> = jpegs.collect();
        let (encode, decode) = (Arc::clone(&self.encode), Arc::clone(&self.decode));
        let cancel = self.cancel.clone();
        let gains = blocking("read images against the question", move || {
            let mut places = Vec::new();
            let mut images = Vec::new();
            for (at, jpeg) in jpegs {
                if cancel.is_cancelled() {
                    return Err(EmbedError::Cancelled.into());
                }
                if let Some(image) = image(decode.as_ref(), jpeg, &cancel)? {
                    places.push(at);
                    images.push(image);
                }
            }
            if images.is_empty() {
                return Ok(Vec::new());
            }
            let gains = encode.score(&question, &images, &cancel)?.gains();
            Ok(places.into_iter().zip(gains).collect::<Vec<_>>())
        })
        .await?;
        let unit = LOG_PROB_AS_COSINE / part.deviation(Content::Image);
        reorder(rows, gains.into_iter().map(|(at, gain)| (at, gain * unit)));
        Ok(())
    }
}

/// Puts the rows named into the order of their scores with the gains added, each into one of the places that they had.
fn reorder(rows: &mut [Row], gains: impl Iterator<Item = (usize, f32)>) {
    let mut read: Vec<(usize, f32, Row)> = gains
        .filter_map(|(at, gain)| rows.get(at).map(|row| (at, row.rank_by + gain, row.clone())))
        .collect();
    let places: Vec<usize> = read.iter().map(|(at, ..)| *at).collect();
    read.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for (at, (_, _, row)) in places.into_iter().zip(read) {
        if let Some(slot) = rows.get_mut(at) {
            *slot = row;
        }
    }
}

/// The image of a thumbnail; `None` for one that is damaged.
pub(crate) fn image(
    decode: &dyn Decode,
    jpeg: Vec<u8>,
    cancel: &Cancel,
) -> Result<Option<Image>, EngineError> {
    let mut found = None;
    let mut on_part = |part: Part| {
        if let PartContent::Frames(mut frames) = part.content
            && let Some(frame) = frames.pop()
        {
            found = Some(Image { width: frame.width, height: frame.height, pixels: frame.pixels });
        }
        Ok(())
    };
    let input = MediaInput::Bytes(jpeg.into());
    let decoded = decode.decode_each(input, Priority::Query, cancel, &mut on_part)?;
    Ok(decoded.ok().and(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(weight: f32, text: &str) -> Term {
        Term { weight, input: TermInput::Text(text.to_owned()) }
    }

    #[test]
    fn the_question_is_the_one_text_that_counts() {
        let terms = [
            text(1.0, "a dog"),
            text(-1.0, "snow"),
            Term { weight: 1.0, input: TermInput::Vector(vec![1.0]) },
        ];
        assert_eq!(question(&terms, false).expect("a question"), "a dog");
        assert!(matches!(question(&terms, true), Err(EngineError::RerankTerms)));
        assert!(matches!(question(&terms[1..], false), Err(EngineError::RerankTerms)));
        assert!(matches!(question(&[text(1.0, "a"), text(1.0, "b")], false), Err(EngineError::RerankTerms)));
    }
}
