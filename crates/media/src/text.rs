//! Texts: UTF-8, Markdown, HTML stripped to text; cut into passages with their ranges in characters.

use sensorium_types::{FailureReason, Modality, Payload, ReasonKind, Span, Track};

use crate::decode::Job;
use crate::sink::Sink;
use crate::{Head, PartContent, PassageSpec, reason};

/// Width to which HTML is laid out before it is read: wide, so that sentences stay whole.
const HTML_WIDTH: usize = 100_000;
/// Longest word; a longer string is taken for several.
const MAX_WORD_CHARS: usize = 64;

/// Decodes a text file.
pub(crate) fn decode(bytes: &[u8], html: bool, job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let Job { spec, limits, .. } = job;
    if bytes.len() as u64 > limits.max_text_bytes {
        let detail = format!("{} bytes of text, at most {}", bytes.len(), limits.max_text_bytes);
        return Err(reason(ReasonKind::TooLarge, detail));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(reason(ReasonKind::Unsupported, "neither media nor text (it holds NUL bytes)"));
    }
    let text = String::from_utf8_lossy(bytes);
    let mut facts = Payload::new();
    if matches!(text, std::borrow::Cow::Owned(_)) {
        facts.set("_lossy", true);
    }
    let text = if html { strip(bytes)? } else { text.into_owned() };
    let passages = passages(&text, &spec.text);
    if passages.is_empty() {
        return Err(reason(ReasonKind::Unsupported, "the text has no words"));
    }
    for (from, to, passage) in passages {
        sink.put(Track::Text, Some(Span::Chars { from, to }), PartContent::Text(passage), None)?;
    }
    Ok(Head { modality: Modality::Text, mime: job.mime.to_owned(), facts, warning: None })
}

fn strip(html: &[u8]) -> Result<String, FailureReason> {
    html2text::config::plain_no_decorate()
        .string_from_read(html, HTML_WIDTH)
        .map_err(|error| reason(ReasonKind::Corrupt, error.to_string()))
}

/// A word's place: first character, character after it, and whether a paragraph ends behind it.
struct Word {
    from: u64,
    to: u64,
    ends_paragraph: bool,
    ends_sentence: bool,
}

/// Passages as (first character, character after, text): whole paragraphs where they fit, else cut at sentences,
/// else at the most words that are allowed.
fn passages(text: &str, spec: &PassageSpec) -> Vec<(u64, u64, String)> {
    let chars: Vec<char> = text.chars().collect();
    let words = words(&chars);
    let most = spec.max_words.max(1);
    let overlap = spec.overlap_words.min(most - 1);
    let mut passages = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let room = words.len().min(start + most);
        let end = if room == words.len() {
            room
        } else {
            let at_least = start + most / 2;
            let cut = |wanted: fn(&Word) -> bool| {
                (at_least..room).rev().find(|i| words.get(*i).is_some_and(wanted)).map(|i| i + 1)
            };
            cut(|word| word.ends_paragraph).or_else(|| cut(|word| word.ends_sentence)).unwrap_or(room)
        };
        if let (Some(first), Some(last)) = (words.get(start), words.get(end - 1)) {
            let (from, to) = (first.from, last.to);
            let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
            passages.push((from, to, chars.get(range).unwrap_or_default().iter().collect()));
        }
        if end == words.len() {
            break;
        }
        start = (end - overlap).max(start + 1);
    }
    passages
}

/// Splits at white space. Scripts that have none between words count each character, and endless strings are split,
/// so that a passage stays short whatever it holds.
fn words(chars: &[char]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut begin = None;
    let mut newlines = 0;
    for (at, c) in chars.iter().chain(std::iter::once(&' ')).enumerate() {
        let whole = is_word_of_its_own(*c);
        let ends = c.is_whitespace() || whole || begin.is_some_and(|from| at - from >= MAX_WORD_CHARS);
        if let Some(from) = begin.filter(|_| ends) {
            words.push(Word::new(chars, from, at));
            begin = None;
        }
        if c.is_whitespace() {
            newlines += usize::from(*c == '\n');
            continue;
        }
        if let Some(last) = words.last_mut().filter(|_| newlines >= 2) {
            last.ends_paragraph = true;
        }
        newlines = 0;
        if whole {
            words.push(Word::new(chars, at, at + 1));
        } else if begin.is_none() {
            begin = Some(at);
        }
    }
    words
}

impl Word {
    fn new(chars: &[char], from: usize, to: usize) -> Self {
        let last = chars.get(to.wrapping_sub(1));
        let ends_sentence = last.is_some_and(|c| matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？'));
        Self { from: from as u64, to: to as u64, ends_paragraph: false, ends_sentence }
    }
}

/// Kana, and Chinese characters with the punctuation between them.
fn is_word_of_its_own(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FF00}'..='\u{FF60}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sink::collect;
    use crate::{Limits, TowerSpec};

    const SPEC: PassageSpec = PassageSpec { max_words: 8, overlap_words: 2 };

    #[test]
    fn ranges_are_in_characters_and_give_the_passage_back() {
        let text = "Größe zählt. Ein Wal schwimmt im Meer, weit draußen.\n\nZwei Möwen fliegen über das Wasser und rufen laut.";
        let chars: Vec<char> = text.chars().collect();
        let found = passages(text, &SPEC);
        assert!(found.len() > 1);
        for (from, to, passage) in &found {
            let (skip, take) =
                (usize::try_from(*from).expect("short"), usize::try_from(to - from).expect("short"));
            assert_eq!(&chars.iter().skip(skip).take(take).collect::<String>(), passage);
            assert!(passage.split_whitespace().count() <= 8);
        }
        assert_eq!(found.last().map(|p| p.1), Some(chars.len() as u64));
    }

    fn decoded(bytes: &[u8], html: bool) -> Result<(Head, Vec<String>), FailureReason> {
        let (spec, limits) = (TowerSpec::default(), Limits::default());
        let job = Job {
            path: Path::new("absent"),
            mime: "text/plain",
            threads: 1,
            spec: &spec,
            limits: &limits,
            deadline: crate::deadline::Deadline::never(),
        };
        let (head, parts) = collect(100, |sink| decode(bytes, html, &job, sink))?;
        let texts = parts.into_iter().map(|part| match part.content {
            PartContent::Text(text) => text,
            PartContent::Frames(_) | PartContent::Pcm(_) => panic!("text"),
        });
        Ok((head, texts.collect()))
    }

    #[test]
    fn scripts_without_spaces_and_endless_strings_are_cut_too() {
        let found = passages(&"犬が海で走る。".repeat(4), &SPEC);
        assert!(found.iter().all(|(from, to, _)| to - from <= 8), "{found:?}");
        assert_eq!(found.first().map(|p| p.2.as_str()), Some("犬が海で走る。"));
        let found = passages(&"x".repeat(2000), &SPEC);
        assert!(found.len() > 3 && found.iter().all(|(from, to, _)| to - from <= 8 * 64));
        assert_eq!(found.last().map(|p| p.1), Some(2000));
    }

    #[test]
    fn html_is_stripped_and_marks_are_dropped() {
        let html = b"\xEF\xBB\xBF<html><body><p>A <b>red</b> boat</p><script>x()</script></body></html>";
        let (_, texts) = decoded(html, true).expect("decodes");
        assert_eq!(texts, ["A red boat"]);
    }

    #[test]
    fn what_is_no_utf_8_behind_the_head_is_reported() {
        assert_eq!(
            decoded(b"caf\xE9 au lait", false).expect("decodes").0.facts.get("_lossy"),
            Some(&true.into())
        );
        assert_eq!(decoded(b"tea", false).expect("decodes").0.facts.get("_lossy"), None);
    }

    #[test]
    fn a_text_without_words_fails() {
        assert!(decoded(b" \n\t ", false).is_err());
        assert!(decoded(b"a\0b", false).is_err());
    }
}
