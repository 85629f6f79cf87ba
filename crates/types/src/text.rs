//! Text from outside: when two texts are the same, when a text is blank, and how it is shown to people.

use std::borrow::Cow;
use std::cmp::Ordering;

use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in Unicode's composed form (NFC), in which a letter with an accent has one spelling. File names of macOS
/// come decomposed (NFD).
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().map(|(letter, _)| letter).collect())
    }
}

/// Whether two texts are the same but for how their letters are composed.
pub fn same_text(left: &str, right: &str) -> bool {
    compare_text(left, right).is_eq()
}

/// The order of two texts by code points of their composed forms.
pub fn compare_text(left: &str, right: &str) -> Ordering {
    if left == right || (left.is_ascii() && right.is_ascii()) {
        left.cmp(right)
    } else {
        nfc(left).cmp(&nfc(right))
    }
}

/// Whether a text has nothing to read: only white space, control and format characters.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_unseen(letter) || is_filler(letter))
}

/// Text for a terminal, a log or a sentence: control and format characters are made visible, so that a name can
/// neither command the terminal nor turn the words around it. Doing it twice changes nothing.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unseen(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Control characters (C0, C1), line and paragraph separators, and the format characters that nobody sees: marks and
/// overrides of direction, zero widths, joiners, the byte order mark, tags. Arabic number signs are format characters
/// too, and are seen.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Letters and marks without ink: fillers of Hangul, the empty Braille cell, joiners and selectors of shapes.
const fn is_filler(letter: char) -> bool {
    matches!(
        letter,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        assert!(same_text("café", "cafe\u{301}"));
        assert!(same_text("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"), "Hangul");
        assert!(!same_text("café", "cafe"));
        assert!(!same_text("ﬁ", "fi"), "compatibility forms stay apart");
        assert_eq!(compare_text("cafe\u{301}", "cafz"), Ordering::Greater, "as the composed letter orders");
        assert_eq!(nfc("A\u{30a}"), "Å");
    }

    #[test]
    fn blank_is_what_nobody_can_read() {
        for blank in
            ["", " \t\n", "\u{a0}\u{3000}", "\u{200b}\u{feff}\u{2060}", "\u{202e}\u{ad}", "\u{3164}", "\0"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in ["a", " . ", "\u{200b}x", "0", "\u{1f600}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_made_visible() {
        assert_eq!(printable("a\x1b[2J\nb\u{9b}"), "a\\u{1b}[2J\\nb\\u{9b}");
        assert_eq!(printable("\u{202e}gpj.exe\u{2069}"), "\\u{202e}gpj.exe\\u{2069}");
        assert_eq!(
            printable("\u{200e}\u{feff}\u{200b}\u{2028}\u{e0041}"),
            "\\u{200e}\\u{feff}\\u{200b}\\u{2028}\\u{e0041}"
        );
        assert_eq!(printable("Übergröße 日本 \u{1f600}"), "Übergröße 日本 \u{1f600}");
        let once = printable("\x07\\");
        assert_eq!(printable(&once), once);
    }
}
