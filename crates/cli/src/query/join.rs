//! Arguments to terms: lone signs join what follows, neighbouring words join to one text.

use std::ffi::OsString;
use std::path::Path;

use sensorium_types::is_blank;

use super::word::{Kind, Word};
use super::{Input, Term, TermError};

/// Puts the arguments together.
pub(super) fn join(args: &[OsString], home: Option<&Path>) -> Result<Vec<Term>, TermError> {
    let mut joiner = Joiner::default();
    for arg in args {
        joiner.take(Word::read(arg, home)?)?;
    }
    joiner.end()
}

#[derive(Debug, Default)]
struct Joiner {
    terms: Vec<Term>,
    /// A lone sign that waits for its term.
    lone: Option<char>,
}

impl Joiner {
    fn take(&mut self, word: Word) -> Result<(), TermError> {
        let Word { sign, weight, kind } = word;
        if let (Some(first), Some(second)) = (self.lone, sign) {
            return Err(TermError::TwoSigns { first, second });
        }
        let input = match kind {
            Kind::Nothing => {
                self.lone = sign;
                return Ok(());
            }
            Kind::Plain(text) => {
                if is_blank(&text) {
                    return Ok(());
                }
                let is_free = self.lone.is_none() && sign.is_none() && weight.is_none();
                if is_free && let Some(before) = self.text_before() {
                    before.push(' ');
                    before.push_str(&text);
                    return Ok(());
                }
                Input::Text(text)
            }
            Kind::Text(text) => Input::Text(text),
            Kind::Other(input) => input,
        };
        let size = weight.unwrap_or(1.0);
        let sign = self.lone.take().or(sign);
        let weight = if sign == Some('-') { -size } else { size };
        self.terms.push(Term { weight, input });
        Ok(())
    }

    /// The text that a plain word joins: the term right before it, if that is one.
    fn text_before(&mut self) -> Option<&mut String> {
        match self.terms.last_mut().map(|term| &mut term.input) {
            Some(Input::Text(text)) => Some(text),
            Some(Input::File(_) | Input::Asset(_) | Input::Point(..) | Input::Vector(_)) | None => None,
        }
    }

    fn end(self) -> Result<Vec<Term>, TermError> {
        match self.lone {
            Some(sign) => Err(TermError::LoneSign { sign }),
            None => Ok(self.terms),
        }
    }
}
