//! Numbers that lie in memory or in a mapped file.

#![expect(
    unsafe_code,
    reason = "a file is mapped, and its bytes are read as numbers of a checked place and size"
)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::Mmap;

/// A file mapped for reading.
///
/// Whoever maps a file promises that nobody writes into it or cuts it while it is mapped: it is written under another name
/// first, and replaced or removed as a whole. (A cut file would end the process at the next access.)
#[derive(Debug, Clone)]
pub struct MappedFile(Arc<Mmap>);

impl MappedFile {
    /// Maps the whole of a file.
    ///
    /// # Errors
    /// If the system does not map it.
    pub fn open(file: &File) -> io::Result<Self> {
        // SAFETY: the file is not changed while it is mapped, as the type's documentation asks.
        Ok(Self(Arc::new(unsafe { Mmap::map(file)? })))
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// So many numbers from a byte on; `None` where the file ends before, the place does not fit the numbers, or this machine
    /// keeps numbers in another order than the file.
    pub fn numbers<T: Number>(&self, from: usize, count: usize) -> Option<Numbers<T>> {
        let bytes = self.0.get(from..from.checked_add(count.checked_mul(size_of::<T>())?)?)?;
        let fits = bytes.as_ptr().align_offset(align_of::<T>()) == 0 && cfg!(target_endian = "little");
        fits.then(|| Numbers(Place::Mapped { file: self.clone(), from, count, of: std::marker::PhantomData }))
    }
}

/// What a file may hold: plain numbers without gaps, of which every pattern of bits is one.
pub trait Number: Copy + sealed::Plain {}

pub(crate) mod sealed {
    /// # Safety
    /// The type has no gaps, and every pattern of bits is a value of it.
    pub unsafe trait Plain {}
}

/// Says of a type that it is plain.
macro_rules! plain {
    ($($type:ty),*) => {$(
        // SAFETY: numbers, or arrays of them, without gaps.
        unsafe impl sealed::Plain for $type {}
        impl Number for $type {}
    )*};
}
plain!(u8, u32, u64, f32);

/// Numbers that lie in memory or in a mapped file.
#[derive(Debug, Clone)]
pub struct Numbers<T>(Place<T>);

#[derive(Debug, Clone)]
enum Place<T> {
    Owned(Vec<T>),
    Mapped { file: MappedFile, from: usize, count: usize, of: std::marker::PhantomData<T> },
}

impl<T> Numbers<T> {
    /// No numbers.
    pub const fn new() -> Self {
        Self(Place::Owned(Vec::new()))
    }

    /// Numbers in memory, to be changed. Those of a file are copied first.
    pub(crate) fn to_mut(&mut self) -> &mut Vec<T>
    where
        T: Number,
    {
        if let Place::Mapped { .. } = &self.0 {
            self.0 = Place::Owned(self.to_vec());
        }
        match &mut self.0 {
            Place::Owned(numbers) => numbers,
            Place::Mapped { .. } => unreachable!("made owned above"),
        }
    }

    /// Bytes of memory that no file stands behind.
    pub const fn owned_bytes(&self) -> usize {
        match &self.0 {
            Place::Owned(numbers) => numbers.len() * size_of::<T>(),
            Place::Mapped { .. } => 0,
        }
    }
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Vec<T>> for Numbers<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self(Place::Owned(numbers))
    }
}

impl<T: Number + PartialEq> PartialEq for Numbers<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Number + Eq> Eq for Numbers<T> {}

impl<T: Number> Deref for Numbers<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Place::Owned(numbers) => numbers,
            // SAFETY: place, size and alignment were checked when it was made, and every pattern of bits is a number.
            Place::Mapped { file, from, count, .. } => unsafe {
                std::slice::from_raw_parts(file.0.as_ptr().add(*from).cast(), *count)
            },
        }
    }
}

/// Plain numbers as the bytes that a file holds.
pub fn as_bytes<T: Number>(numbers: &[T]) -> &[u8] {
    // SAFETY: plain numbers have no gaps.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn mapped(bytes: &[u8]) -> MappedFile {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("writes");
        MappedFile::open(&file).expect("maps")
    }

    #[test]
    fn numbers_of_a_file_are_those_that_were_written() {
        let numbers = [1.5_f32, -2.0, f32::MAX];
        let mut bytes = vec![7; 64];
        bytes.extend_from_slice(as_bytes(&numbers));
        let file = mapped(&bytes);
        let read: Numbers<f32> = file.numbers(64, 3).expect("there");
        assert_eq!((&*read, read.owned_bytes()), (&numbers[..], 0));
        let mut changed = read.clone();
        changed.to_mut().push(9.0);
        assert_eq!((changed.len(), changed.owned_bytes(), read.len()), (4, 16, 3));
        assert_eq!(file.numbers::<u8>(0, 64).as_deref(), Some(&bytes[..64]));
    }

    #[test]
    fn places_beyond_the_end_or_out_of_step_are_refused() {
        let file = mapped(&[0; 100]);
        assert!(file.numbers::<u32>(0, 25).is_some());
        assert!(file.numbers::<u32>(0, 26).is_none());
        assert!(file.numbers::<u32>(2, 4).is_none());
        assert!(file.numbers::<u32>(usize::MAX, 1).is_none());
        assert!(file.numbers::<u32>(4, usize::MAX / 2).is_none());
        assert!(mapped(&[]).numbers::<u8>(0, 1).is_none(), "an empty file");
    }
}
