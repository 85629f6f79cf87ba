//! Words of a filter to its tree: `or` binds weakest, then `and`, then `not`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other word, also one yet to come, is the unexpected one"
)]

use super::lexer::{Token, Word, is_of_name, words};
use super::{Comparison, Filter, FilterError, Literal, MAX_FILTER_TERMS};
use crate::{Area, Circle, GeoBox, GeoError, GeoPoint, read_number};

/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 64;
/// Longest name that an error shows how to quote, in bytes.
const MAX_SHOWN_NAME: usize = 100;

/// Units of length with their metres; those that end like another stand before it.
const UNITS: [(&str, f64); 3] = [("km", 1000.0), ("mi", 1609.344), ("m", 1.0)];

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, words: words(text)?, next: 0, terms: 0 };
    let filter = parser.any_of(0)?;
    let end = parser.take();
    match end.word {
        Word::End => Ok(filter),
        word => Err(unexpected(end.at, "and, or, or the end", &word)),
    }
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Token>,
    next: usize,
    terms: usize,
}

fn unexpected(at: usize, expected: &'static str, found: &Word) -> FilterError {
    FilterError::Unexpected { at, expected, found: found.show(), name: None }
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next).map(|token| &token.word)
    }

    /// The next word, which nobody looks at again.
    fn take(&mut self) -> Token {
        let end = Token { at: 0, start: self.text.len(), word: Word::End };
        let Some(token) = self.words.get_mut(self.next) else { return end };
        self.next += 1;
        let word = std::mem::replace(&mut token.word, Word::End);
        Token { word, ..*token }
    }

    fn accept_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Name(word)) if word.eq_ignore_ascii_case(name));
        self.next += usize::from(found);
        found
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Symbol(word)) if *word == symbol);
        self.next += usize::from(found);
        found
    }

    /// What begins at this byte, up to an operator, if that is a field name that only lacks its quotes.
    fn unquoted(&self, start: usize) -> Option<String> {
        let rest = self.text.get(start..)?;
        let ends = ["=", "!=", "<", ">", " exists", " in [", " within "].into_iter();
        let end = ends.filter_map(|end| rest.find(end)).min()?;
        let name = rest.get(..end)?.trim();
        let is_plain =
            name.chars().all(is_of_name) && name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let is_word = matches!(name.to_ascii_lowercase().as_str(), "and" | "or" | "not");
        let is_name = !name.is_empty() && !name.contains(['"', '(', ')', '[', ']', ',']);
        (is_name && (!is_plain || is_word) && name.len() <= MAX_SHOWN_NAME).then(|| name.to_owned())
    }

    fn count(&mut self) -> Result<(), FilterError> {
        self.terms += 1;
        if self.terms > MAX_FILTER_TERMS {
            return Err(FilterError::TooMuch { what: "conditions", limit: MAX_FILTER_TERMS });
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
        let start = self.words.get(self.next).map_or(0, |token| token.start);
        if self.accept_name("not") {
            if let Some(word @ Word::Symbol("=" | "!=" | "<" | "<=" | ">" | ">=")) = self.peek() {
                let (found, name) = (word.show(), self.unquoted(start));
                let at = self.take().at;
                return Err(FilterError::Unexpected { at, expected: "a field name", found, name });
            }
            return Ok(Filter::Not(Box::new(self.unary(depth + 1)?)));
        }
        if let Some([Token { word: Word::Name(at), .. }, Token { word: Word::Name(least), .. }]) =
            self.words.get(self.next..self.next + 2)
            && at.eq_ignore_ascii_case("at")
            && least.eq_ignore_ascii_case("least")
        {
            self.next += 2;
            return self.at_least(depth);
        }
        if self.accept_symbol("(") {
            let inner = self.any_of(depth + 1)?;
            let Token { at, word, .. } = self.take();
            return match word {
                Word::Symbol(")") => Ok(inner),
                other => Err(unexpected(at, "a closing parenthesis", &other)),
            };
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Filter, FilterError> {
        self.count()?;
        let Token { at, start, word } = self.take();
        let wrong = |parser: &Self, at, expected, word: &Word| FilterError::Unexpected {
            at,
            expected,
            found: word.show(),
            name: parser.unquoted(start),
        };
        let field = match word {
            Word::Name(name) | Word::Text(name) => name,
            other => return Err(wrong(self, at, "a field name", &other)),
        };
        if self.accept_name("exists") {
            return Ok(Filter::Exists { field });
        }
        if self.accept_name("in") {
            return Ok(Filter::In { field, values: self.list()? });
        }
        if self.accept_name("within") {
            return Ok(Filter::Within { field, area: self.area()? });
        }
        let Token { at, word, .. } = self.take();
        let comparison = match word {
            Word::Symbol("=") => Comparison::Equal,
            Word::Symbol("!=") => Comparison::NotEqual,
            Word::Symbol("<") => Comparison::Less,
            Word::Symbol("<=") => Comparison::LessOrEqual,
            Word::Symbol(">") => Comparison::Greater,
            Word::Symbol(">=") => Comparison::GreaterOrEqual,
            other => return Err(wrong(self, at, "=, !=, <, <=, >, >=, in, within or exists", &other)),
        };
        if let (Some(Token { at, word: Word::Beyond(text), .. }), true) =
            (self.words.get(self.next), comparison.is_by_size())
        {
            return Err(FilterError::BeyondNumbers { at: *at, text: text.clone() });
        }
        Ok(Filter::Compare { field, comparison, value: self.literal()? })
    }

    /// What stands behind `at least`: `2 of (a, b, c)`.
    fn at_least(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.count()?;
        let Token { at, word, .. } = self.take();
        let Word::Number(asked) = word else { return Err(unexpected(at, "a number of conditions", &word)) };
        self.expect_name("of")?;
        self.expect_symbol("(", "an opening parenthesis")?;
        let mut of = vec![self.any_of(depth + 1)?];
        while self.accept_symbol(",") {
            of.push(self.any_of(depth + 1)?);
        }
        self.expect_symbol(")", "and, or, a comma or a closing parenthesis")?;
        let count = asked.as_u64().and_then(|count| usize::try_from(count).ok());
        match count.filter(|count| (1..=of.len()).contains(count)) {
            Some(count) => Ok(Filter::AtLeast { count, of }),
            None => Err(FilterError::Count { at, count: asked.to_string(), of: of.len() }),
        }
    }

    /// What stands behind `within`: `5 km of (48.85, 2.35)`, or a box from `(48.8, 2.2) to (48.9, 2.5)`.
    fn area(&mut self) -> Result<Area, FilterError> {
        self.count()?;
        let start = self.words.get(self.next).map_or(0, |token| token.at);
        let placed = |source: GeoError| FilterError::Place { at: start, source };
        if self.peek() == Some(&Word::Symbol("(")) {
            let south_west = self.place()?;
            self.expect_name("to")?;
            let north_east = self.place()?;
            return GeoBox::new(south_west, north_east).map(Area::Box).map_err(placed);
        }
        let radius_m = self.distance()?;
        self.expect_name("of")?;
        let center = self.place()?;
        Circle::new(center, radius_m).map(Area::Circle).map_err(placed)
    }

    /// A latitude and a longitude in parentheses.
    fn place(&mut self) -> Result<GeoPoint, FilterError> {
        let at = self.words.get(self.next).map_or(0, |token| token.at);
        self.expect_symbol("(", "a place, (latitude, longitude)")?;
        let lat = self.degrees("a latitude in degrees")?;
        self.expect_symbol(",", "a comma and a longitude")?;
        let lon = self.degrees("a longitude in degrees")?;
        self.expect_symbol(")", "a closing parenthesis")?;
        GeoPoint::new(lat, lon).map_err(|source| FilterError::Place { at, source })
    }

    fn degrees(&mut self, expected: &'static str) -> Result<f64, FilterError> {
        let Token { at, word, .. } = self.take();
        match &word {
            Word::Number(number) => number.as_f64().ok_or_else(|| unexpected(at, expected, &word)),
            _ => Err(unexpected(at, expected, &word)),
        }
    }

    /// A distance with its unit, in metres.
    fn distance(&mut self) -> Result<f64, FilterError> {
        const EXPECTED: &str = "a distance (500 m, 5 km, 3 mi) or a place (latitude, longitude)";
        let Token { at, word, .. } = self.take();
        let (number, factor) = match &word {
            Word::Number(number) => {
                let Token { at, word, .. } = self.take();
                let factor = match &word {
                    Word::Name(unit) => UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)),
                    _ => None,
                };
                let Some((_, factor)) = factor else {
                    return Err(unexpected(at, "a unit of length: m, km or mi", &word));
                };
                (number.as_f64(), *factor)
            }
            // The unit stands right behind the digits: `5km`.
            Word::NoNumber(text) => {
                let split = UNITS.iter().find_map(|(unit, factor)| {
                    let digits = text.len().checked_sub(unit.len())?;
                    let (digits, end) = text.split_at_checked(digits)?;
                    end.eq_ignore_ascii_case(unit).then_some((digits, *factor))
                });
                let Some((digits, factor)) = split else { return Err(unexpected(at, EXPECTED, &word)) };
                (read_number(digits).and_then(|number| number.as_f64()), factor)
            }
            _ => return Err(unexpected(at, EXPECTED, &word)),
        };
        number.map(|number| number * factor).ok_or_else(|| unexpected(at, EXPECTED, &word))
    }

    fn expect_name(&mut self, name: &'static str) -> Result<(), FilterError> {
        if self.accept_name(name) {
            return Ok(());
        }
        let Token { at, word, .. } = self.take();
        Err(unexpected(at, name, &word))
    }

    fn expect_symbol(&mut self, symbol: &'static str, expected: &'static str) -> Result<(), FilterError> {
        if self.accept_symbol(symbol) {
            return Ok(());
        }
        let Token { at, word, .. } = self.take();
        Err(unexpected(at, expected, &word))
    }

    fn list(&mut self) -> Result<Vec<Literal>, FilterError> {
        let Token { at, word, .. } = self.take();
        if word != Word::Symbol("[") {
            return Err(unexpected(at, "[", &word));
        }
        let mut values = Vec::new();
        if self.accept_symbol("]") {
            return Ok(values);
        }
        loop {
            values.push(self.literal()?);
            let Token { at, word, .. } = self.take();
            match word {
                Word::Symbol(",") => {}
                Word::Symbol("]") => return Ok(values),
                other => return Err(unexpected(at, "a comma or ]", &other)),
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.count()?;
        let Token { at, word, .. } = self.take();
        match word {
            // A number that nothing holds is text, here as in metadata.
            Word::Text(text) | Word::Beyond(text) => Ok(Literal::Text(text)),
            Word::NoNumber(text) => Err(FilterError::BadNumber { at, text }),
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
