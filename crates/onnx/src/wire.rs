//! Fields of protobuf at places of a file: lengths are followed, what they enclose is read only where it is asked for.
//!
//! # Source
//! protobuf.dev, "Encoding"

use std::io;

use crate::OnnxError;

/// Bytes that are read ahead.
const AHEAD: usize = 32 << 10;
/// Longest text that is read: no name is longer.
const MAX_TEXT: u64 = 4 << 10;
/// Most bytes of a number.
const MAX_NUMBER_BYTES: u32 = 10;

/// Bytes that are read in parts.
pub trait Source {
    /// Bytes in all.
    fn bytes(&self) -> u64;

    /// So many bytes from a place on.
    ///
    /// # Errors
    /// If the source ends before, or cannot be read.
    fn read_at(&self, from: u64, count: usize) -> io::Result<Vec<u8>>;
}

/// A stretch of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    /// A text, bytes, or a message.
    Span(Span),
    /// A number of fixed width, of which nothing is asked.
    Fixed,
}

/// Reads a source by its fields.
pub(crate) struct Wire<'a> {
    source: &'a dyn Source,
    ahead: Vec<u8>,
    /// Where `ahead` begins.
    at: u64,
}

impl std::fmt::Debug for Wire<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("at", &self.at).field("ahead", &self.ahead.len()).finish_non_exhaustive()
    }
}

impl<'a> Wire<'a> {
    pub(crate) fn new(source: &'a dyn Source) -> Self {
        Self { source, ahead: Vec::new(), at: 0 }
    }

    /// The whole source.
    pub(crate) fn whole(&self) -> Span {
        Span { from: 0, to: self.source.bytes() }
    }

    /// The field that a message begins with, and takes it off; `None` at its end.
    pub(crate) fn field(&mut self, message: &mut Span) -> Result<Option<(u64, Value)>, OnnxError> {
        if message.from >= message.to {
            return Ok(None);
        }
        let tag = self.number(message)?;
        let value = match tag & 7 {
            0 => Value::Number(self.number(message)?),
            1 => self.fixed(message, 8)?,
            2 => {
                let length = self.number(message)?;
                let from = message.from;
                Value::Span(self.taken(message, length).map(|to| Span { from, to })?)
            }
            5 => self.fixed(message, 4)?,
            _ => return Err(damaged(message.from)),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// A text.
    pub(crate) fn text(&mut self, Span { from, to }: Span) -> Result<String, OnnxError> {
        let length = to.saturating_sub(from);
        if length > MAX_TEXT {
            return Err(OnnxError::Format { what: format!("a name of {length} bytes at byte {from}") });
        }
        let bytes: Vec<u8> = (from..to).map(|place| self.byte(place)).collect::<Result<_, _>>()?;
        String::from_utf8(bytes).map_err(|_| damaged(from))
    }

    fn fixed(&mut self, message: &mut Span, length: u64) -> Result<Value, OnnxError> {
        self.taken(message, length).map(|_| Value::Fixed)
    }

    /// Takes so many bytes off a message, and gives where they end.
    fn taken(&self, message: &mut Span, length: u64) -> Result<u64, OnnxError> {
        let end = message.from.checked_add(length).filter(|end| *end <= message.to);
        message.from = end.ok_or_else(|| damaged(message.from))?;
        Ok(message.from)
    }

    fn number(&mut self, message: &mut Span) -> Result<u64, OnnxError> {
        let mut number = 0;
        for place in 0..MAX_NUMBER_BYTES {
            if message.from >= message.to {
                return Err(damaged(message.from));
            }
            let byte = self.byte(message.from)?;
            message.from += 1;
            number |= u64::from(byte & 0x7f).checked_shl(7 * place).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged(message.from))
    }

    fn byte(&mut self, place: u64) -> Result<u8, OnnxError> {
        let within = |at: u64, ahead: &[u8]| {
            place.checked_sub(at).and_then(|offset| ahead.get(usize::try_from(offset).ok()?).copied())
        };
        if let Some(byte) = within(self.at, &self.ahead) {
            return Ok(byte);
        }
        let left = self.source.bytes().saturating_sub(place);
        let count = usize::try_from(left).map_or(AHEAD, |left| left.min(AHEAD));
        self.ahead = self.source.read_at(place, count).map_err(|source| OnnxError::Read { source })?;
        self.at = place;
        within(self.at, &self.ahead).ok_or_else(|| damaged(place))
    }
}

fn damaged(place: u64) -> OnnxError {
    OnnxError::Format { what: format!("it is cut off, damaged, or of another kind at byte {place}") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file in memory.
    #[derive(Debug)]
    pub(crate) struct Bytes(pub(crate) Vec<u8>);

    impl Source for Bytes {
        fn bytes(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, from: u64, count: usize) -> io::Result<Vec<u8>> {
            let from = usize::try_from(from).unwrap();
            let part = self.0.get(from..from + count);
            part.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Value)>, OnnxError> {
        let source = Bytes(bytes.to_vec());
        let mut wire = Wire::new(&source);
        let mut message = wire.whole();
        let mut all = Vec::new();
        while let Some(field) = wire.field(&mut message)? {
            all.push(field);
        }
        Ok(all)
    }

    #[test]
    fn fields_are_told_by_their_kind() {
        let long = [&[0x12, 0x80, 0x80, 0x04][..], &vec![7; 1 << 16], &[0x18, 0x05]].concat();
        let span = |from, to| Value::Span(Span { from, to });
        assert_eq!(fields(&long).unwrap(), [(2, span(4, 4 + (1 << 16))), (3, Value::Number(5))]);
        let fixed = [0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x08, 0xac, 0x02];
        assert_eq!(fields(&fixed).unwrap(), [(1, Value::Fixed), (2, Value::Fixed), (1, Value::Number(300))]);
        assert_eq!(fields(&[]).unwrap(), []);
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_an_error() {
        for bytes in [
            &[0x12, 5, 1][..],
            &[0x08],
            &[0x80; 12],
            &[0x0b],
            &[0x09, 1],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert!(matches!(fields(bytes), Err(OnnxError::Format { .. })), "{bytes:?}");
        }
    }
}
