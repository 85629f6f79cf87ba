//! Cutting a text into passages with their ranges in characters.

use crate::PassageSpec;

/// Longest word; a longer string is taken for several.
const MAX_WORD_CHARS: usize = 64;

/// A word's place: first character, character after it, and whether a paragraph ends behind it.
struct Word {
    from: u64,
    to: u64,
    ends_paragraph: bool,
    ends_sentence: bool,
}

/// Passages as (first character, character after, text): whole paragraphs where they fit, else cut at sentences,
/// else at the most words that are allowed.
pub(super) fn passages(text: &str, spec: &PassageSpec) -> Vec<(u64, u64, String)> {
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
    use super::*;

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

    #[test]
    fn scripts_without_spaces_and_endless_strings_are_cut_too() {
        let found = passages(&"犬が海で走る。".repeat(4), &SPEC);
        assert!(found.iter().all(|(from, to, _)| to - from <= 8), "{found:?}");
        assert_eq!(found.first().map(|p| p.2.as_str()), Some("犬が海で走る。"));
        let found = passages(&"x".repeat(2000), &SPEC);
        assert!(found.len() > 3 && found.iter().all(|(from, to, _)| to - from <= 8 * 64));
        assert_eq!(found.last().map(|p| p.1), Some(2000));
    }
}
