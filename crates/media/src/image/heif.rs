//! What the boxes of a HEIF or AVIF file say of its image, so that it comes out alike whatever the installed ffmpeg
//! makes of such files: which coded pieces it is made of, its alpha, how it is cut and turned, and its EXIF.
//!
//! ```text
//! meta ─► pitm: the image │ iinf: kinds of items │ iloc: where their bytes lie │ iref: tiles, alpha │ iprp: properties
//! ```
//!
//! Turns stand in boxes (`irot`, `imir`), and the orientation in EXIF repeats them for other readers: it is not obeyed
//! again (ISO/IEC 23008-12, 6.5.10 and annex A).

use std::collections::BTreeMap;

use super::alpha::Alpha;
use super::exif::{self, Exif};

/// Names of a kind of item, of a property, of a reference.
type Name = [u8; 4];

/// Longest `meta` box that is read, and most pieces of items that one may name: telephones write some kilobytes.
const MAX_META_BYTES: usize = 1 << 20;
const MAX_EXTENTS: usize = 1 << 14;
/// Ends of the names that alpha has as an auxiliary image.
const ALPHA_NAMES: [&[u8]; 2] = [b"auxiliary:alpha", b"hevc:2015:auxid:1"];

/// The image of a file, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Heif<'a> {
    file: &'a [u8],
    data: &'a [u8],
    primary: u32,
    items: BTreeMap<u32, Item<'a>>,
    /// Kind of a reference, and between which items it goes.
    references: Vec<(Name, u32, Vec<u32>)>,
}

#[derive(Debug, Default)]
struct Item<'a> {
    kind: Name,
    in_data_box: bool,
    /// Where the item's bytes lie, and how many; 0 means up to the end.
    extents: Vec<(u64, u64)>,
    properties: Vec<(Name, &'a [u8])>,
}

/// A coded image: one piece, or tiles in rows.
#[derive(Debug)]
pub(crate) struct Coded {
    /// What ffmpeg calls the format of [`Coded::stream`].
    pub format: &'static str,
    /// All pieces, one after the other, as a bare stream.
    pub stream: Vec<u8>,
    /// Columns and rows of tiles.
    pub tiles: (u32, u32),
    /// Columns and rows of a tile's pixels.
    pub tile: (u32, u32),
    /// Columns and rows of the pixels of the whole.
    pub size: (u32, u32),
    /// Options of ffmpeg's scaler for the colours that the boxes declare.
    pub colours: String,
}

impl<'a> Heif<'a> {
    /// Reads the boxes; `None` where they are damaged or there are none.
    pub(crate) fn read(file: &'a [u8]) -> Option<Self> {
        let meta = content(file, b"meta").filter(|meta| meta.len() <= MAX_META_BYTES)?.get(4..)?;
        let mut primary = Fields(content(meta, b"pitm")?);
        let primary = if primary.number(4)? >> 24 == 0 { primary.number(2)? } else { primary.number(4)? };
        let data = content(meta, b"idat").unwrap_or_default();
        let mut heif =
            Self { file, data, primary: narrow(primary)?, items: BTreeMap::new(), references: Vec::new() };
        heif.kinds(content(meta, b"iinf")?)?;
        heif.locations(content(meta, b"iloc")?)?;
        heif.properties(content(meta, b"iprp")?)?;
        if let Some(references) = content(meta, b"iref") {
            heif.links(references)?;
        }
        heif.items.contains_key(&heif.primary).then_some(heif)
    }

    /// The image as it is coded; `None` if it is put together in a way that is not read here.
    pub(crate) fn image(&self) -> Option<Coded> {
        self.coded(self.primary)
    }

    /// The image's alpha as it is coded, and what it did to the colours.
    pub(crate) fn alpha(&self) -> Option<(Coded, Alpha)> {
        let is_alpha = |item: u32| {
            let name = self
                .property(item, b"auxC")
                .and_then(|content| content.get(4..)?.split(|byte| *byte == 0).next());
            name.is_some_and(|name| ALPHA_NAMES.iter().any(|known| name.ends_with(known)))
        };
        let (_, item, _) = self
            .references
            .iter()
            .find(|(kind, from, to)| kind == b"auxl" && to.contains(&self.primary) && is_alpha(*from))?;
        let premultiplied = self.linked(b"prem", self.primary).contains(item);
        let kind = if premultiplied { Alpha::Premultiplied } else { Alpha::Straight };
        Some((self.coded(*item)?, kind))
    }

    /// Columns and rows of the image before it is cut and turned.
    pub(crate) fn size(&self) -> Option<(u32, u32)> {
        self.size_of(self.primary)
    }

    /// How the image is turned upright, by its boxes, as EXIF numbers the ways; and the facts of EXIF.
    pub(crate) fn exif(&self) -> Exif {
        let mut found = Exif::default();
        let described =
            |(kind, _, to): &&(Name, u32, Vec<u32>)| kind == b"cdsc" && to.contains(&self.primary);
        let items = self.references.iter().filter(described).map(|(_, from, _)| *from);
        let blocks = items.filter(|item| self.items.get(item).is_some_and(|item| &item.kind == b"Exif"));
        if let Some(block) = blocks.filter_map(|item| self.bytes(item)).next()
            && let Some((offset, block)) = block.split_first_chunk::<4>()
            && let Some(block) = block.get(u32::from_be_bytes(*offset) as usize..)
        {
            found = exif::read_raw(block.to_vec());
        }
        found.orientation = self.orientation();
        found
    }

    fn orientation(&self) -> u32 {
        let properties =
            self.items.get(&self.primary).map(|item| item.properties.as_slice()).unwrap_or_default();
        let turns = properties.iter().filter_map(|(name, content)| match (name, content.first()) {
            // A quarter turn is anticlockwise.
            (b"irot", Some(quarters)) => [1, 8, 3, 6].get(usize::from(quarters & 3)).copied(),
            // The axis: top and bottom, or left and right, change places.
            (b"imir", Some(axis)) => Some(if axis & 1 == 0 { 4 } else { 2 }),
            _ => None,
        });
        exif::composed(turns)
    }

    /// The part of the image that is shown: left, top, width and height as shares of the whole.
    pub(crate) fn aperture(&self) -> Option<[f64; 4]> {
        let mut fields = Fields(self.property(self.primary, b"clap")?);
        let mut ratio = |signed: bool| {
            let (num, denom) = (narrow(fields.number(4)?)?, narrow(fields.number(4)?)?);
            let num = if signed { f64::from(num.cast_signed()) } else { f64::from(num) };
            (denom > 0).then(|| num / f64::from(denom))
        };
        let (width, height, right, down) = (ratio(false)?, ratio(false)?, ratio(true)?, ratio(true)?);
        let (w, h) = self.size()?;
        let share = |size: f64, offset: f64, of: f64| ((of - size) / 2.0 + offset) / of;
        let (w, h) = (f64::from(w), f64::from(h));
        let found = [share(width, right, w), share(height, down, h), width / w, height / h];
        let [left, top, width, height] = found;
        let lies_within = left >= 0.0 && top >= 0.0 && left + width <= 1.0 && top + height <= 1.0;
        (lies_within && width > 0.0 && height > 0.0).then_some(found)
    }

    fn coded(&self, item: u32) -> Option<Coded> {
        let size = self.size_of(item)?;
        let (pieces, tiles, size) = match &self.items.get(&item)?.kind {
            b"grid" => {
                let (columns, rows, size) = grid(&self.bytes(item)?)?;
                (self.linked(b"dimg", item).to_vec(), (columns, rows), size)
            }
            _ => (vec![item], (1, 1), size),
        };
        if pieces.len() as u64 != u64::from(tiles.0) * u64::from(tiles.1) {
            return None;
        }
        let first = *pieces.first()?;
        let tile = self.size_of(first)?;
        let whole = (u64::from(tiles.0) * u64::from(tile.0), u64::from(tiles.1) * u64::from(tile.1));
        let alike = pieces.iter().all(|piece| self.size_of(*piece) == Some(tile));
        if !alike || whole.0 < u64::from(size.0) || whole.1 < u64::from(size.1) {
            return None;
        }
        let (format, stream) = self.stream(&pieces, tile)?;
        let colours = self.colours(item).or_else(|| self.colours(first)).unwrap_or_default();
        Some(Coded { format, stream, tiles, tile, size, colours })
    }

    /// Coded pieces as a stream without a container.
    fn stream(&self, pieces: &[u32], tile: (u32, u32)) -> Option<(&'static str, Vec<u8>)> {
        let kind = self.items.get(pieces.first()?)?.kind;
        let mut stream = Vec::new();
        if &kind == b"av01" {
            stream.extend(ivf_header(tile, pieces.len())?);
        }
        let mut total = 0;
        for (at, piece) in pieces.iter().enumerate() {
            if self.items.get(piece)?.kind != kind {
                return None;
            }
            let bytes = self.bytes(*piece)?;
            // Tiles may share bytes, but no honest file needs more than it has.
            total += bytes.len();
            if total > self.file.len() {
                return None;
            }
            match &kind {
                b"av01" => {
                    stream.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
                    stream.extend((at as u64).to_le_bytes());
                    stream.extend(bytes);
                }
                b"hvc1" | b"hev1" => units(self.property(*piece, b"hvcC")?, &bytes, &mut stream)?,
                _ => return None,
            }
        }
        Some((if &kind == b"av01" { "ivf" } else { "hevc" }, stream))
    }

    /// Matrix and range of `colr`, where it gives them as numbers.
    fn colours(&self, item: u32) -> Option<String> {
        let properties = &self.items.get(&item)?.properties;
        let is_numbers = |(name, content): &&(Name, &[u8])| name == b"colr" && content.starts_with(b"nclx");
        let (_, content) = properties.iter().find(is_numbers)?;
        let matrix = match content.get(8..10)? {
            [0, 1] => ":in_color_matrix=bt709",
            [0, 4..=6] => ":in_color_matrix=bt601",
            [0, 7] => ":in_color_matrix=smpte240m",
            [0, 9 | 10] => ":in_color_matrix=bt2020",
            _ => "",
        };
        let range = if content.get(10)? & 0x80 == 0 { "tv" } else { "pc" };
        Some(format!("{matrix}:in_range={range}"))
    }

    fn property(&self, item: u32, wanted: &Name) -> Option<&'a [u8]> {
        self.items.get(&item)?.properties.iter().find(|(name, _)| name == wanted).map(|(_, content)| *content)
    }

    fn size_of(&self, item: u32) -> Option<(u32, u32)> {
        let mut size = Fields(self.property(item, b"ispe")?.get(4..)?);
        Some((narrow(size.number(4)?)?, narrow(size.number(4)?)?))
    }

    /// What an item refers to in this way.
    fn linked(&self, wanted: &Name, item: u32) -> &[u32] {
        let link = self.references.iter().find(|(kind, from, _)| kind == wanted && *from == item);
        link.map(|(_, _, to)| to.as_slice()).unwrap_or_default()
    }

    /// An item's bytes, as far as the file has them.
    fn bytes(&self, item: u32) -> Option<Vec<u8>> {
        let item = self.items.get(&item)?;
        let from = if item.in_data_box { self.data } else { self.file };
        let mut bytes = Vec::new();
        for (offset, length) in &item.extents {
            let begin = usize::try_from(*offset).ok()?;
            let rest = from.get(begin..)?;
            let length =
                if *length == 0 { rest.len() } else { usize::try_from(*length).ok()?.min(rest.len()) };
            if bytes.len() + length > self.file.len() {
                return None;
            }
            bytes.extend(rest.get(..length)?);
        }
        Some(bytes).filter(|bytes| !bytes.is_empty())
    }

    fn kinds(&mut self, content: &'a [u8]) -> Option<()> {
        let mut fields = Fields(content);
        let counted = if fields.number(4)? >> 24 == 0 { 2 } else { 4 };
        fields.number(counted)?;
        for (name, content) in Boxes(fields.0) {
            let mut entry = Fields(content);
            let version = entry.number(4)? >> 24;
            if name == *b"infe" && version >= 2 {
                let id = narrow(entry.number(if version == 2 { 2 } else { 4 })?)?;
                entry.number(2)?;
                self.items.entry(id).or_default().kind = *entry.0.first_chunk()?;
            }
        }
        Some(())
    }

    fn locations(&mut self, content: &'a [u8]) -> Option<()> {
        let mut fields = Fields(content);
        let version = fields.number(4)? >> 24;
        let sizes = fields.number(2)?;
        let size = |shift: u32| (sizes >> shift & 15) as usize;
        let id_size = if version < 2 { 2 } else { 4 };
        let mut count = 0;
        for _ in 0..fields.number(id_size)? {
            let id = narrow(fields.number(id_size)?)?;
            let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
            let elsewhere = fields.number(2)? != 0;
            let base = fields.number(size(4))?;
            let mut extents = Vec::new();
            for _ in 0..fields.number(2)? {
                if version > 0 {
                    fields.number(size(0))?;
                }
                count += 1;
                if count > MAX_EXTENTS {
                    return None;
                }
                let offset = fields.number(size(12))?;
                extents.push((base.checked_add(offset)?, fields.number(size(8))?));
            }
            if method <= 1 && !elsewhere {
                let item = self.items.entry(id).or_default();
                item.in_data_box = method == 1;
                item.extents = extents;
            }
        }
        Some(())
    }

    fn properties(&mut self, content_of: &'a [u8]) -> Option<()> {
        let all: Vec<(Name, &[u8])> = Boxes(content(content_of, b"ipco")?).collect();
        for (_, content) in Boxes(content_of).filter(|(name, _)| name == b"ipma") {
            let mut fields = Fields(content);
            let kind = fields.number(4)?;
            let (id_size, wide) = (if kind >> 24 == 0 { 2 } else { 4 }, kind & 1 == 1);
            for _ in 0..fields.number(4)? {
                let id = narrow(fields.number(id_size)?)?;
                for _ in 0..fields.number(1)? {
                    let index = if wide { fields.number(2)? & 0x7FFF } else { fields.number(1)? & 0x7F };
                    let property = usize::try_from(index).ok()?.checked_sub(1).and_then(|at| all.get(at));
                    self.items.entry(id).or_default().properties.extend(property);
                }
            }
        }
        Some(())
    }

    fn links(&mut self, content: &'a [u8]) -> Option<()> {
        let mut fields = Fields(content);
        let id_size = if fields.number(4)? >> 24 == 0 { 2 } else { 4 };
        for (kind, content) in Boxes(fields.0) {
            let mut fields = Fields(content);
            let from = narrow(fields.number(id_size)?)?;
            let mut to = Vec::new();
            for _ in 0..fields.number(2)? {
                to.push(narrow(fields.number(id_size)?)?);
            }
            self.references.push((kind, from, to));
        }
        Some(())
    }
}

/// Columns and rows of the tiles of a grid, and of the pixels of the whole.
fn grid(bytes: &[u8]) -> Option<(u32, u32, (u32, u32))> {
    let mut fields = Fields(bytes);
    let size = if fields.number(2)? & 1 == 0 { 2 } else { 4 };
    let (rows, columns) = (narrow(fields.number(1)? + 1)?, narrow(fields.number(1)? + 1)?);
    Some((columns, rows, (narrow(fields.number(size)?)?, narrow(fields.number(size)?)?)))
}

/// The header of an IVF of AV1, the plainest container that ffmpeg reads from a pipe.
fn ivf_header((width, height): (u32, u32), count: usize) -> Option<Vec<u8>> {
    let side = |edge: u32| u16::try_from(edge).ok().map(u16::to_le_bytes);
    let parts: [&[u8]; 8] = [
        b"DKIF\0\0\x20\0AV01",
        &side(width)?,
        &side(height)?,
        // Frames a second, as a ratio.
        &1_u32.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &u32::try_from(count).ok()?.to_le_bytes(),
        &[0; 4],
        &[],
    ];
    Some(parts.concat())
}

/// Parameter sets and units of H.265, each behind a start code.
fn units(setup: &[u8], bytes: &[u8], stream: &mut Vec<u8>) -> Option<()> {
    let mut put = |unit: &[u8]| {
        stream.extend([0, 0, 0, 1]);
        stream.extend(unit);
    };
    let mut setup = Fields(setup);
    setup.take(21)?;
    let length_size = usize::try_from(setup.number(1)? & 3).ok()? + 1;
    for _ in 0..setup.number(1)? {
        setup.number(1)?;
        for _ in 0..setup.number(2)? {
            let length = usize::try_from(setup.number(2)?).ok()?;
            put(setup.take(length)?);
        }
    }
    let mut fields = Fields(bytes);
    while let Some(length) = fields.number(length_size) {
        let length = usize::try_from(length).ok()?.min(fields.0.len());
        put(fields.take(length)?);
    }
    Some(())
}

fn narrow(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

/// What the first box of this name holds.
fn content<'a>(bytes: &'a [u8], wanted: &Name) -> Option<&'a [u8]> {
    Boxes(bytes).find(|(name, _)| name == wanted).map(|(_, content)| content)
}

/// Boxes one after the other, up to the first that is cut off.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (Name, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = Fields(self.0);
        let length = fields.number(4)?;
        let name = *fields.take(4)?.first_chunk()?;
        let (length, header) = match length {
            0 => (self.0.len() as u64, 8),
            1 => (fields.number(8)?, 16),
            length => (length, 8),
        };
        let length = usize::try_from(length).ok()?;
        let content = self.0.get(header..length)?;
        self.0 = self.0.get(length..)?;
        Some((name, content))
    }
}

/// Big-endian numbers one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of at most 8 bytes; 0 if it has none.
    fn number(&mut self, length: usize) -> Option<u64> {
        let bytes = self.take(length).filter(|bytes| bytes.len() <= 8)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests;
