//! The rows of a zip's directory.

use std::collections::BTreeMap;

use crate::{CheckpointError, ReadAt};

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
/// Longest remark behind the end.
const MAX_REMARK: usize = 65_535;
const WIDE_PLACE: &[u8] = b"PK\x06\x07";
const WIDE_PLACE_BYTES: u64 = 20;
const WIDE_END: &[u8] = b"PK\x06\x06";
const WIDE_END_BYTES: usize = 56;
const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_BYTES: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
/// Bytes of the header in front of a file, without its name and what follows it.
pub(super) const LOCAL_BYTES: u64 = 30;
/// What stands where a number has more than 32 bits.
const WIDE: u64 = 0xffff_ffff;
/// The field that holds such numbers.
const WIDE_FIELD: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The bit of encrypted files.
const ENCRYPTED: u16 = 1;
/// The kind of a file, in the mode of Unix, and that of links.
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// Largest directory.
const MAX_DIRECTORY: u64 = 64 << 20;
/// Most files.
const MAX_FILES: u64 = 100_000;
/// Longest name.
const MAX_NAME: usize = 4096;

/// A file, as the directory has it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    method: u16,
    is_encrypted: bool,
    is_link: bool,
    pub(super) is_deflated: bool,
    pub(super) packed: u64,
    pub(super) plain: u64,
    /// Where its header lies.
    pub(super) local: u64,
}

impl Row {
    /// Why it is not read, if it is not.
    pub(super) const fn fault(&self) -> Option<&'static str> {
        if self.is_encrypted {
            Some("encrypted")
        } else if self.is_link {
            Some("a link")
        } else if !matches!(self.method, STORED | DEFLATED) {
            Some("packed otherwise than by deflate")
        } else if self.method == STORED && self.packed != self.plain {
            Some("of two sizes")
        } else {
            None
        }
    }
}

/// Reads the directory.
pub(super) fn read(bytes: &dyn ReadAt) -> Result<BTreeMap<String, Row>, CheckpointError> {
    let (files, from, size) = place(bytes)?;
    if size > MAX_DIRECTORY || files > MAX_FILES {
        return Err(CheckpointError::zip("its directory is too large"));
    }
    let directory = bytes
        .read(from, usize::try_from(size).unwrap_or(usize::MAX))
        .map_err(|_| CheckpointError::zip("its directory lies behind its end"))?;
    let (mut rows, mut rest) = (BTreeMap::new(), Fields(&directory));
    for _ in 0..files {
        let (name, row) = rest.row()?;
        if rows.insert(name, row).is_some() {
            return Err(CheckpointError::zip("two files in it have one name"));
        }
    }
    Ok(rows)
}

/// How many files there are, where the directory lies, and its size.
fn place(bytes: &dyn ReadAt) -> Result<(u64, u64, u64), CheckpointError> {
    let no_zip = || CheckpointError::zip("it is no zip, or was cut");
    let len = bytes.size();
    let count = usize::try_from(len).unwrap_or(usize::MAX).min(END_BYTES + MAX_REMARK);
    let begin = len - count as u64;
    let last = bytes.read(begin, count)?;
    // The last place at which an end stands whose remark ends with the file.
    let at = (0..=count.saturating_sub(END_BYTES)).rev().find(|at| {
        let rest = last.get(*at..).unwrap_or_default();
        let remark = rest.get(20..22).and_then(<[u8]>::first_chunk).map(|remark| u16::from_le_bytes(*remark));
        rest.starts_with(END) && remark.is_some_and(|remark| usize::from(remark) + END_BYTES == rest.len())
    });
    let at = at.ok_or_else(no_zip)?;
    let mut end = Fields(last.get(at..).unwrap_or_default());
    end.skip(END.len())?;
    let disks = (end.u16()?, end.u16()?);
    let (here, files) = (end.u16()?, end.u16()?);
    let (size, from) = (end.u32()?, end.u32()?);
    let wide =
        (begin + at as u64).checked_sub(WIDE_PLACE_BYTES).map(|place| wide_end(bytes, place)).transpose()?;
    if let Some(wide) = wide.flatten() {
        return Ok(wide);
    }
    if disks != (0, 0) || here != files {
        return Err(CheckpointError::zip("it is one of several parts"));
    }
    Ok((files.into(), from.into(), size.into()))
}

/// The same of the form with 64 bits, if what lies at a place says where that is.
fn wide_end(bytes: &dyn ReadAt, place: u64) -> Result<Option<(u64, u64, u64)>, CheckpointError> {
    let found = bytes.read(place, usize::try_from(WIDE_PLACE_BYTES).unwrap_or_default())?;
    let mut fields = Fields(&found);
    if fields.bytes(WIDE_PLACE.len())? != WIDE_PLACE {
        return Ok(None);
    }
    fields.skip(4)?;
    let end = bytes
        .read(fields.u64()?, WIDE_END_BYTES)
        .map_err(|_| CheckpointError::zip("the end of its directory lies elsewhere"))?;
    let mut end = Fields(&end);
    if end.bytes(WIDE_END.len())? != WIDE_END {
        return Err(CheckpointError::zip("the end of its directory lies elsewhere"));
    }
    end.skip(20)?;
    let (here, files) = (end.u64()?, end.u64()?);
    let (size, from) = (end.u64()?, end.u64()?);
    if here != files {
        return Err(CheckpointError::zip("it is one of several parts"));
    }
    Ok(Some((files, from, size)))
}

/// Looks at the header in front of a file; gives the bytes between it and the file's own.
pub(super) fn local(bytes: &dyn ReadAt, name: &str, row: &Row) -> Result<u64, CheckpointError> {
    let other = || CheckpointError::zip("a header in it is of another file than its directory says");
    let length = usize::try_from(LOCAL_BYTES).unwrap_or_default();
    let header = bytes.read(row.local, length).map_err(|_| other())?;
    let mut fields = Fields(&header);
    if fields.bytes(LOCAL.len())? != LOCAL {
        return Err(other());
    }
    fields.skip(4)?;
    let method = fields.u16()?;
    fields.skip(16)?;
    let (name_bytes, extra) = (fields.u16()?, fields.u16()?);
    let own = row.local.checked_add(LOCAL_BYTES).map(|from| bytes.read(from, name_bytes.into()));
    let is_own = own.is_some_and(|own| own.is_ok_and(|own| own == name.as_bytes()));
    if method != row.method || !is_own {
        return Err(other());
    }
    Ok(u64::from(name_bytes) + u64::from(extra))
}

/// Fields one after another.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], CheckpointError> {
        let (head, rest) =
            self.0.split_at_checked(count).ok_or_else(|| CheckpointError::zip("its directory is cut"))?;
        self.0 = rest;
        Ok(head)
    }

    fn skip(&mut self, count: usize) -> Result<(), CheckpointError> {
        self.bytes(count).map(drop)
    }

    fn u16(&mut self) -> Result<u16, CheckpointError> {
        self.bytes(2).map(|bytes| bytes.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes)))
    }

    fn u32(&mut self) -> Result<u32, CheckpointError> {
        self.bytes(4).map(|bytes| bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn u64(&mut self) -> Result<u64, CheckpointError> {
        self.bytes(8).map(|bytes| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    /// One row of the directory.
    fn row(&mut self) -> Result<(String, Row), CheckpointError> {
        let mut head = Fields(self.bytes(CENTRAL_BYTES)?);
        if head.bytes(CENTRAL.len())? != CENTRAL {
            return Err(CheckpointError::zip("its directory is damaged"));
        }
        head.skip(4)?;
        let (flags, method) = (head.u16()?, head.u16()?);
        head.skip(8)?;
        let (packed, plain) = (u64::from(head.u32()?), u64::from(head.u32()?));
        let (name, extra, remark) = (head.u16()?, head.u16()?, head.u16()?);
        head.skip(4)?;
        let mode = head.u32()? >> 16;
        let local = u64::from(head.u32()?);
        if usize::from(name) > MAX_NAME {
            return Err(CheckpointError::zip("a name in it is too long"));
        }
        let name = self.bytes(name.into())?;
        let name =
            str::from_utf8(name).map_err(|_| CheckpointError::zip("a name in it is no text"))?.to_owned();
        let mut wide = Fields(self.bytes(extra.into())?).wide_field()?;
        self.skip(remark.into())?;
        let [plain, packed, local] = [plain, packed, local].map(|narrow| match narrow {
            WIDE => wide.u64(),
            narrow => Ok(narrow),
        });
        let row = Row {
            method,
            is_encrypted: flags & ENCRYPTED != 0,
            is_link: mode & KIND == LINK,
            is_deflated: method == DEFLATED,
            packed: packed?,
            plain: plain?,
            local: local?,
        };
        Ok((name, row))
    }

    /// The field of numbers with 64 bits; empty where there is none.
    fn wide_field(mut self) -> Result<Self, CheckpointError> {
        while self.0.len() >= 4 {
            let (id, size) = (self.u16()?, self.u16()?);
            let field = self.bytes(size.into())?;
            if id == WIDE_FIELD {
                return Ok(Fields(field));
            }
        }
        Ok(Fields(&[]))
    }
}
