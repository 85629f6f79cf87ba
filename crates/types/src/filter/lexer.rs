//! Text of a filter to words with their places, in one pass.

use serde_json::Number;
use unicode_normalization_alignments::char::is_combining_mark;

use super::FilterError;
use crate::number::{is_beyond, read_number};

/// One word of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    Number(Number),
    /// A number that neither 64 bits nor an f64 can hold, as written.
    Beyond(String),
    /// What begins like a number and is none, as written.
    NoNumber(String),
    Symbol(&'static str),
    /// A character that begins nothing.
    Other(char),
    End,
}

impl Word {
    /// How an error shows the word.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Name(name) => format!("{name:?}"),
            Self::Text(text) => format!("the string {text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Beyond(text) | Self::NoNumber(text) => text.clone(),
            Self::Symbol(symbol) => format!("{symbol:?}"),
            Self::Other(letter) => format!("{letter:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A word with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// Where it begins, in characters from 1, as errors say it.
    pub(super) at: usize,
    /// Where it begins, in bytes from 0.
    pub(super) start: usize,
    pub(super) word: Word,
}

const SYMBOLS: [&str; 12] = ["<=", ">=", "!=", "==", "<", ">", "=", "(", ")", "[", "]", ","];

/// Splits a filter into words; the last is [`Word::End`].
pub(super) fn words(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut words = Vec::new();
    let (mut rest, mut at) = (text, 1);
    loop {
        let trimmed = rest.trim_start();
        at += characters(rest, rest.len() - trimmed.len());
        rest = trimmed;
        let start = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            words.push(Token { at, start, word: Word::End });
            return Ok(words);
        };
        let (word, length) = if first == '"' {
            string(rest, at)?
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Word::Symbol(if *symbol == "==" { "=" } else { symbol }), symbol.len())
        } else if first.is_ascii_digit() || first == '-' || first == '+' {
            number(rest)
        } else if first.is_alphabetic() || first == '_' {
            let (name, _) = rest.split_at(rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len()));
            (Word::Name(name.to_owned()), name.len())
        } else {
            (Word::Other(first), first.len_utf8())
        };
        words.push(Token { at, start, word });
        at += characters(rest, length);
        rest = rest.get(length..).unwrap_or("");
    }
}

fn characters(text: &str, bytes: usize) -> usize {
    text.get(..bytes).map_or(0, |head| head.chars().count())
}

/// Whether a name may hold the character without being quoted. Accents may follow their letters as characters of
/// their own.
pub(super) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-') || is_combining_mark(c)
}

fn string(rest: &str, at: usize) -> Result<(Word, usize), FilterError> {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        match (escaped, c) {
            (true, _) => escaped = false,
            (false, '\\') => escaped = true,
            (false, '"') => {
                let (quoted, _) = rest.split_at(index + 1);
                let text = serde_json::from_str(quoted).map_err(|_| FilterError::BadString { at })?;
                return Ok((Word::Text(text), index + 1));
            }
            (false, _) => {}
        }
    }
    Err(FilterError::BadString { at })
}

fn number(rest: &str) -> (Word, usize) {
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(rest.len());
    let (written, _) = rest.split_at(length);
    let word = match (read_number(written), loose(written)) {
        (Some(number), _) | (None, Some(number)) => Word::Number(number),
        (None, None) if is_beyond(written) => Word::Beyond(written.to_owned()),
        (None, None) => Word::NoNumber(written.to_owned()),
    };
    (word, length)
}

/// What people also write for numbers: `+5`, `5.`, `-.5`. Digits behind a zero are a code, which metadata keeps as text.
fn loose(written: &str) -> Option<Number> {
    let unsigned = written.strip_prefix('+').unwrap_or(written);
    if let Some(number) = read_number(unsigned) {
        return Some(number);
    }
    if is_beyond(unsigned) || unsigned.starts_with(['+', '0']) || unsigned.starts_with("-0") {
        return None;
    }
    unsigned.parse().ok().and_then(Number::from_f64)
}
