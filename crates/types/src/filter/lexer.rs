//! Text of a filter to words with their places.

use super::FilterError;

/// One word of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    Number(f64),
    Symbol(&'static str),
    End,
}

impl Word {
    /// How an error shows the word.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Name(name) => format!("{name:?}"),
            Self::Text(text) => format!("the string {text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Symbol(symbol) => format!("{symbol:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

const SYMBOLS: [&str; 11] = ["<=", ">=", "!=", "==", "<", ">", "=", "(", ")", "[", "]"];

/// Splits a filter into words, each with its place in characters from 1.
pub(super) fn words(text: &str) -> Result<Vec<(usize, Word)>, FilterError> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.chars().count() - rest.chars().count() + 1;
        let Some(first) = rest.chars().next() else {
            words.push((at, Word::End));
            return Ok(words);
        };
        let (word, length) = if first == '"' {
            string(rest, at)?
        } else if first == ',' {
            (Word::Symbol(","), 1)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Word::Symbol(if *symbol == "==" { "=" } else { symbol }), symbol.len())
        } else if first.is_ascii_digit() || first == '-' || first == '+' {
            number(rest, at)?
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            let (name, _) = rest.split_at(length);
            (Word::Name(name.to_owned()), length)
        } else {
            return Err(FilterError::Unexpected {
                at,
                expected: "a field, a value or an operator",
                found: format!("{first:?}"),
            });
        };
        words.push((at, word));
        rest = rest.get(length..).unwrap_or("");
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
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

fn number(rest: &str, at: usize) -> Result<(Word, usize), FilterError> {
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(rest.len());
    let (digits, _) = rest.split_at(length);
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Word::Number(value), length)),
        Ok(_) | Err(_) => Err(FilterError::BadNumber { at, text: digits.to_owned() }),
    }
}
