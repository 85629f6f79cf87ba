//! Texts: plain ones, Markdown, and HTML stripped to its words; cut into passages with their ranges in characters of
//! the text that was read.
//!
//! | file | holds |
//! | --- | --- |
//! | `charset.rs` | bytes to characters |
//! | `markup.rs` | HTML or plain |
//! | `html.rs` | HTML to the words that it shows |
//! | `passages.rs` | a text to passages |

pub(crate) mod charset;
mod html;
pub(crate) mod markup;
mod passages;

use encoding_rs::UTF_8;
use sensorium_types::{FailureReason, Modality, Payload, ReasonKind, Span, Track};

use crate::job::Job;
use crate::sink::Sink;
use crate::{Head, PartContent, reason};

const NULS: &str = "neither media nor text (it holds NUL bytes)";

/// Decodes a text file. What kind of text it is, is told by all of it: its head may be one long comment.
pub(crate) fn decode(bytes: &[u8], job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let Job { spec, limits, .. } = job;
    if bytes.len() as u64 > limits.max_text_bytes {
        let detail = format!("{} bytes of text, at most {}", bytes.len(), limits.max_text_bytes);
        return Err(reason(ReasonKind::TooLarge, detail));
    }
    let unsupported = |detail| reason(ReasonKind::Unsupported, detail);
    let encoding = match charset::of(bytes) {
        Ok(encoding) => encoding,
        // Bytes behind a head that was UTF-8 are replaced.
        Err(_) if !bytes.contains(&0) && !charset::has_wide_mark(bytes) => UTF_8,
        Err(why) => return Err(unsupported(why)),
    };
    let (text, _, is_lossy) = encoding.decode(bytes);
    if text.contains('\0') {
        return Err(unsupported(NULS));
    }
    let mime = markup::mime(&text).map_err(unsupported)?;
    let mut facts = Payload::new();
    if is_lossy {
        facts.set("_lossy", true);
    }
    let text = if mime == markup::HTML { html::words(&text) } else { text.into_owned() };
    let passages = passages::passages(&text, &spec.text);
    if passages.is_empty() {
        return Err(unsupported("the text has no words"));
    }
    for (from, to, passage) in passages {
        sink.put(Track::Text, Some(Span::Chars { from, to }), PartContent::Text(passage), None)?;
    }
    Ok(Head { modality: Modality::Text, mime: mime.to_owned(), facts, warning: None })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sink::collect;
    use crate::{EncoderSpec, Limits};

    fn decoded(bytes: &[u8]) -> Result<(Head, Vec<String>), FailureReason> {
        let (spec, limits) = (EncoderSpec::default(), Limits::default());
        let job =
            Job { path: Path::new("absent"), mime: "text/plain", threads: 1, spec: &spec, limits: &limits };
        let (head, parts) = collect(100, |sink| decode(bytes, &job, sink))?;
        let texts = parts.into_iter().map(|part| match part.content {
            PartContent::Text(text) => text,
            PartContent::Frames(_) | PartContent::Pcm(_) => panic!("text"),
        });
        Ok((head, texts.collect()))
    }

    fn utf_16(mark: &[u8], text: &str) -> Vec<u8> {
        [mark, &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat()
    }

    #[test]
    fn html_is_stripped_and_marks_are_dropped() {
        let html = b"\xEF\xBB\xBF<html><body><p>A <b>red</b> boat</p><script>x()</script></body></html>";
        let (head, texts) = decoded(html).expect("decodes");
        assert_eq!((head.mime.as_str(), texts), ("text/html", vec!["A red boat".to_owned()]));
    }

    #[test]
    fn a_page_behind_a_comment_of_any_length_is_a_page() {
        let html = format!("<!-- {} --><html><p>A red boat<script>x()</script>", "licence ".repeat(9000));
        let (head, texts) = decoded(html.as_bytes()).expect("decodes");
        assert_eq!((head.mime.as_str(), texts), ("text/html", vec!["A red boat".to_owned()]));
    }

    #[test]
    fn charsets_are_read() {
        let page = b"<html><meta charset=iso-8859-1><p>Das M\xE4dchen von Gr\xF6\xDFe";
        assert_eq!(decoded(page).expect("decodes").1, ["Das Mädchen von Größe"]);
        let page = utf_16(b"\xFF\xFE", "<html><p>Das Mädchen");
        assert_eq!(decoded(&page).expect("decodes").1, ["Das Mädchen"]);
        let (head, texts) = decoded(&utf_16(b"\xFF\xFE", "犬 im Meer")).expect("decodes");
        assert_eq!((head.mime.as_str(), head.facts.get("_lossy")), ("text/plain", None));
        assert_eq!(texts, ["犬 im Meer"]);
        assert_eq!(decoded(&utf_16(b"", "A red boat at sea")).expect("decodes").1, ["A red boat at sea"]);
    }

    #[test]
    fn what_is_no_utf_8_behind_the_head_is_reported() {
        assert_eq!(decoded(b"caf\xE9 au lait").expect("decodes").0.facts.get("_lossy"), Some(&true.into()));
        assert_eq!(decoded(b"tea").expect("decodes").0.facts.get("_lossy"), None);
    }

    /// Pieces of pages, charsets and headers in random order: no bytes break what tells and reads them.
    #[test]
    fn no_bytes_break_the_readers() {
        const PIECES: [&[u8]; 24] = [
            b"<",
            b"</",
            b"<!--",
            b"-->",
            b"<meta charset=",
            b"koi8-r",
            b"<?xml encoding='",
            b"'?>",
            b"<svg/>",
            b"<p",
            b">",
            b"<pre>",
            b"</script>",
            b"<template>",
            b"&#x110000;",
            b"\xFF\xFE",
            b"\xD8\0",
            b"\0",
            b"\xE4",
            b"P2 1 1 9",
            b"#",
            b"](",
            b"\xFF\xFB\x90\x64",
            b"ID3",
        ];
        let mut state = 11_u64;
        for _ in 0..3000 {
            let mut bytes = Vec::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                bytes.extend(PIECES[usize::try_from(state >> 33).expect("small") % PIECES.len()]);
            }
            let told = crate::sniff(&bytes);
            let read = charset::of(&bytes).unwrap_or(UTF_8).decode(&bytes).0.into_owned();
            let words = html::words(&read);
            assert!(words.len() <= read.len(), "{read}");
            if told.is_some_and(|told| told.modality == Modality::Text) {
                assert!(charset::of(&bytes).is_ok() && markup::mime(&read).is_ok(), "{read}");
            }
        }
    }

    #[test]
    fn a_text_without_words_fails() {
        assert!(decoded(b" \n\t ").is_err());
        assert!(decoded(b"a\0b").is_err());
        assert!(decoded(b"\xFF\xFE").is_err());
    }
}
