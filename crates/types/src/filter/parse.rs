//! Words of a filter to its tree: `or` binds weakest, then `and`, then `not`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other word, also one yet to come, is the unexpected one"
)]

use super::lexer::{Word, words};
use super::{Comparison, Filter, FilterError, Literal};

/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 64;
/// Most conditions and constants in one filter.
const MAX_TERMS: usize = 4096;

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { words: words(text)?, next: 0, terms: 0 };
    let filter = parser.any_of(0)?;
    match parser.peek() {
        (_, Word::End) => Ok(filter),
        (at, word) => Err(unexpected(at, "and, or, or the end", &word)),
    }
}

struct Parser {
    words: Vec<(usize, Word)>,
    next: usize,
    terms: usize,
}

fn unexpected(at: usize, expected: &'static str, found: &Word) -> FilterError {
    FilterError::Unexpected { at, expected, found: found.show() }
}

impl Parser {
    fn peek(&self) -> (usize, Word) {
        self.words.get(self.next).cloned().unwrap_or((0, Word::End))
    }

    fn take(&mut self) -> (usize, Word) {
        let word = self.peek();
        self.next += 1;
        word
    }

    fn accept_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek().1, Word::Name(word) if word.eq_ignore_ascii_case(name));
        if found {
            self.next += 1;
        }
        found
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek().1, Word::Symbol(word) if word == symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn count(&mut self) -> Result<(), FilterError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(FilterError::TooMuch { what: "conditions", limit: MAX_TERMS });
        }
        Ok(())
    }

    fn any_of(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.all_of(depth)?];
        while self.accept_name("or") {
            parts.push(self.all_of(depth)?);
        }
        Ok(single_or(parts, Filter::Or))
    }

    fn all_of(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.unary(depth)?];
        while self.accept_name("and") {
            parts.push(self.unary(depth)?);
        }
        Ok(single_or(parts, Filter::And))
    }

    fn unary(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > MAX_DEPTH {
            return Err(FilterError::TooMuch { what: "levels of nesting", limit: MAX_DEPTH });
        }
        if self.accept_name("not") {
            return Ok(Filter::Not(Box::new(self.unary(depth + 1)?)));
        }
        if self.accept_symbol("(") {
            let inner = self.any_of(depth + 1)?;
            let (at, word) = self.take();
            return match word {
                Word::Symbol(")") => Ok(inner),
                other => Err(unexpected(at, "a closing parenthesis", &other)),
            };
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Filter, FilterError> {
        self.count()?;
        let (at, word) = self.take();
        let Word::Name(field) = word else {
            return Err(unexpected(at, "a field name", &word));
        };
        if self.accept_name("exists") {
            return Ok(Filter::Exists { field });
        }
        if self.accept_name("in") {
            return Ok(Filter::In { field, values: self.list()? });
        }
        let (at, word) = self.take();
        let comparison = match word {
            Word::Symbol("=") => Comparison::Equal,
            Word::Symbol("!=") => Comparison::NotEqual,
            Word::Symbol("<") => Comparison::Less,
            Word::Symbol("<=") => Comparison::LessOrEqual,
            Word::Symbol(">") => Comparison::Greater,
            Word::Symbol(">=") => Comparison::GreaterOrEqual,
            other => return Err(unexpected(at, "=, !=, <, <=, >, >=, in or exists", &other)),
        };
        Ok(Filter::Compare { field, comparison, value: self.literal()? })
    }

    fn list(&mut self) -> Result<Vec<Literal>, FilterError> {
        let (at, word) = self.take();
        if word != Word::Symbol("[") {
            return Err(unexpected(at, "[", &word));
        }
        let mut values = Vec::new();
        if self.accept_symbol("]") {
            return Ok(values);
        }
        loop {
            values.push(self.literal()?);
            let (at, word) = self.take();
            match word {
                Word::Symbol(",") => {}
                Word::Symbol("]") => return Ok(values),
                other => return Err(unexpected(at, "a comma or ]", &other)),
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.count()?;
        let (at, word) = self.take();
        match word {
            Word::Text(text) => Ok(Literal::Text(text)),
            Word::Number(number) => Ok(Literal::Number(number)),
            Word::Name(name) if name == "true" => Ok(Literal::Bool(true)),
            Word::Name(name) if name == "false" => Ok(Literal::Bool(false)),
            other => Err(unexpected(at, "a quoted string, a number, true or false", &other)),
        }
    }
}

fn single_or(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            join(parts)
        }
        (_, None) => join(parts),
    }
}
