//! How much of a file is looked at to tell its type.

/// Bytes that [`sniff`](crate::sniff()) wants to see, where the file has as many.
pub(crate) const HEAD_BYTES: usize = 4096;
/// Bytes that are looked at where [`HEAD_BYTES`] tell nothing: for audio behind junk, and a charset declared late.
pub(crate) const DEEP_HEAD_BYTES: usize = 64 << 10;

/// Why bytes are nothing that is decoded here.
pub(crate) const NOTHING: &str = "neither media nor text";
