//! Reads one file out of a wheel, which is a zip: central directory, stored or deflated entries, no zip64.

use std::io::Read as _;

use anyhow::{Context, Result, bail, ensure};

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
const CENTRAL_HEADER_BYTES: usize = 46;
const LOCAL_HEADER_BYTES: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The bytes of the entry called `name`.
pub(super) fn read(zip: &[u8], name: &str) -> Result<Vec<u8>> {
    let end =
        zip.windows(4).rposition(|window| window == END_SIGNATURE).context("find the zip's end record")?;
    let entries = u16_at(zip, end + 10)?;
    let mut at = u32_at(zip, end + 16)? as usize;
    for _ in 0..entries {
        ensure!(u32_at(zip, at)? == CENTRAL_SIGNATURE, "the zip's directory is damaged");
        let name_bytes = usize::from(u16_at(zip, at + 28)?);
        let rest = usize::from(u16_at(zip, at + 30)?) + usize::from(u16_at(zip, at + 32)?);
        let found = slice(zip, at + CENTRAL_HEADER_BYTES, name_bytes)?;
        if found == name.as_bytes() {
            return entry(zip, at);
        }
        at += CENTRAL_HEADER_BYTES + name_bytes + rest;
    }
    bail!("no file {name} in the zip")
}

fn entry(zip: &[u8], central: usize) -> Result<Vec<u8>> {
    let method = u16_at(zip, central + 10)?;
    let packed_bytes = u32_at(zip, central + 20)? as usize;
    let plain_bytes = u32_at(zip, central + 24)? as usize;
    let local = u32_at(zip, central + 42)? as usize;
    ensure!(u32_at(zip, local)? == LOCAL_SIGNATURE, "the zip's entry is damaged");
    let names = usize::from(u16_at(zip, local + 26)?) + usize::from(u16_at(zip, local + 28)?);
    let packed = slice(zip, local + LOCAL_HEADER_BYTES + names, packed_bytes)?;
    let mut plain = Vec::with_capacity(plain_bytes);
    match method {
        STORED => plain.extend_from_slice(packed),
        DEFLATED => {
            let limit = plain_bytes as u64 + 1;
            flate2::read::DeflateDecoder::new(packed).take(limit).read_to_end(&mut plain)?;
        }
        other => bail!("zip method {other} is not read here"),
    }
    ensure!(plain.len() == plain_bytes, "the zip's entry has {} bytes, not {plain_bytes}", plain.len());
    Ok(plain)
}

fn slice(bytes: &[u8], at: usize, len: usize) -> Result<&[u8]> {
    bytes.get(at..at.saturating_add(len)).context("the zip is cut short")
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_le_bytes(slice(bytes, at, 2)?.try_into()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    Ok(u32::from_le_bytes(slice(bytes, at, 4)?.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zip of one stored file `a` with the bytes `hello`, written by hand from the format's tables.
    fn small_zip() -> Vec<u8> {
        let mut zip = Vec::new();
        zip.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        zip.extend(5u32.to_le_bytes());
        zip.extend(5u32.to_le_bytes());
        zip.extend([1, 0, 0, 0]);
        zip.extend(b"ahello");
        let central = u32::try_from(zip.len()).unwrap();
        zip.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        zip.extend(5u32.to_le_bytes());
        zip.extend(5u32.to_le_bytes());
        zip.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        zip.extend(0u32.to_le_bytes());
        zip.extend(b"a");
        zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0");
        zip.extend(central.to_le_bytes());
        zip.extend([0, 0]);
        zip
    }

    #[test]
    fn a_stored_file_is_read_and_an_absent_one_named() {
        assert_eq!(read(&small_zip(), "a").unwrap(), b"hello");
        assert!(read(&small_zip(), "b").unwrap_err().to_string().contains("no file b"));
    }

    #[test]
    fn a_zip_cut_anywhere_is_an_error() {
        let zip = small_zip();
        for end in 0..zip.len() - 2 {
            assert!(read(&zip[..end], "a").is_err(), "cut at {end}");
        }
    }
}
