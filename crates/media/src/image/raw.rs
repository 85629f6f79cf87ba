//! Camera RAW files: the largest JPEG in them is the camera's own preview.

use exif::{Context, In, Reader, Tag};

use super::jpeg;

/// Smallest preview worth showing, in pixels.
const MIN_PREVIEW_PIXELS: u64 = 100 * 100;
/// Starts of JPEGs that are looked at; raw data holds some by chance.
const MAX_CANDIDATES: usize = 256;

/// Whether TIFF bytes are a camera's RAW file: a DNG, a CR2, or a maker's name beside images below the first.
pub(super) fn is_camera_raw(bytes: &[u8]) -> bool {
    if bytes.get(8..10) == Some(b"CR") {
        return true;
    }
    let Ok(exif) = Reader::new().read_from_container(&mut std::io::Cursor::new(bytes)) else { return false };
    let has = |tag| exif.get_field(tag, In::PRIMARY).is_some();
    let (dng_version, sub_images) = (Tag(Context::Tiff, 0xC612), Tag(Context::Tiff, 0x014A));
    has(dng_version) || (has(sub_images) && has(Tag::Make))
}

/// The largest JPEG in the bytes, from its start.
pub(super) fn preview(bytes: &[u8]) -> Option<&[u8]> {
    let starts = bytes.windows(3).enumerate().filter(|(_, window)| *window == b"\xFF\xD8\xFF");
    starts
        .take(MAX_CANDIDATES)
        .filter_map(|(start, _)| {
            let found = bytes.get(start..)?;
            let (width, height) = jpeg::size_of(found)?;
            Some((u64::from(width) * u64::from(height), found))
        })
        .filter(|(pixels, _)| *pixels >= MIN_PREVIEW_PIXELS)
        .max_by_key(|(pixels, _)| *pixels)
        .map(|(_, found)| found)
}
