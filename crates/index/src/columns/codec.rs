//! How columns lie in a file: little-endian numbers, lists with their length before them. What is read was compared with a checksum
//! before; still nothing here panics on any bytes.

use roaring::RoaringBitmap;
use sensorium_kernels::as_bytes;

use super::bits::Bits;

/// What can be written and read again.
pub(super) trait Stored: Sized {
    /// Appends it.
    fn put(&self, into: &mut Vec<u8>);
    /// Reads it; `None` if the bytes are not such.
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// Bytes that are still to be read.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of these bytes.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub(super) const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    /// A list of numbers of so many bytes.
    pub(super) fn list<const N: usize, T>(&mut self, number: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let count = usize::read(self)?;
        let (chunks, _) = self.bytes(count.checked_mul(N)?)?.as_chunks::<N>();
        Some(chunks.iter().map(|chunk| number(*chunk)).collect())
    }
}

fn put_list(count: usize, bytes: &[u8], into: &mut Vec<u8>) {
    count.put(into);
    into.extend_from_slice(bytes);
}

impl Stored for usize {
    fn put(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&(*self as u64).to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Self::try_from(u64::from_le_bytes(from.array()?)).ok()
    }
}

impl Stored for Vec<u32> {
    fn put(&self, into: &mut Vec<u8>) {
        put_list(self.len(), as_bytes(self), into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.list(u32::from_le_bytes)
    }
}

impl Stored for Vec<f64> {
    fn put(&self, into: &mut Vec<u8>) {
        self.len().put(into);
        self.iter().for_each(|number| into.extend_from_slice(&number.to_le_bytes()));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.list(f64::from_le_bytes)
    }
}

impl Stored for Vec<i128> {
    fn put(&self, into: &mut Vec<u8>) {
        self.len().put(into);
        self.iter().for_each(|number| into.extend_from_slice(&number.to_le_bytes()));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.list(i128::from_le_bytes)
    }
}

impl Stored for Vec<bool> {
    fn put(&self, into: &mut Vec<u8>) {
        self.len().put(into);
        into.extend(self.iter().map(|value| u8::from(*value)));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.list(|[byte]| byte != 0)
    }
}

impl Stored for String {
    fn put(&self, into: &mut Vec<u8>) {
        put_list(self.len(), self.as_bytes(), into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let count = usize::read(from)?;
        Some(std::str::from_utf8(from.bytes(count)?).ok()?.to_owned())
    }
}

impl Stored for Bits {
    fn put(&self, into: &mut Vec<u8>) {
        put_list(self.words(), as_bytes(self.as_words()), into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.list(u64::from_le_bytes).map(Self::of_words)
    }
}

impl Stored for RoaringBitmap {
    fn put(&self, into: &mut Vec<u8>) {
        let mut bytes = Vec::with_capacity(self.serialized_size());
        // Memory takes all that is written.
        let _ = self.serialize_into(&mut bytes);
        put_list(bytes.len(), &bytes, into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let count = usize::read(from)?;
        Self::deserialize_from(from.bytes(count)?).ok()
    }
}
