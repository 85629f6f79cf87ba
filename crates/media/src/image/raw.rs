//! Camera RAW files that are TIFF inside: the largest JPEG in them is the camera's own preview.

/// Smallest preview worth showing, in bytes.
const MIN_PREVIEW_BYTES: usize = 4_000;
/// Makers that begin the Make field of RAW files.
const MAKERS: [&[u8]; 9] =
    [b"Canon", b"NIKON", b"Nikon", b"SONY", b"OLYMPUS", b"PENTAX", b"FUJIFILM", b"Panasonic", b"LEICA"];

/// Whether TIFF bytes look like a camera's RAW file: a maker's name near the start and a JPEG inside.
pub(super) fn is_camera_raw(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let maker = MAKERS.iter().any(|maker| head.windows(maker.len()).any(|window| window == *maker));
    maker && preview(bytes).is_some()
}

/// The longest stretch from a JPEG's start to its end marker.
pub(super) fn preview(bytes: &[u8]) -> Option<&[u8]> {
    let mut best: Option<&[u8]> = None;
    let mut from = 0;
    while let Some(start) = find(bytes, b"\xFF\xD8\xFF", from) {
        let Some(end) = find(bytes, b"\xFF\xD9", start) else { break };
        // A thumbnail inside the preview ends first: go on to the last end marker before the next start.
        let next = find(bytes, b"\xFF\xD8\xFF", end).unwrap_or(bytes.len());
        let stretch = bytes.get(start..next)?;
        if stretch.len() >= MIN_PREVIEW_BYTES && best.is_none_or(|found| stretch.len() > found.len()) {
            best = Some(stretch);
        }
        from = end + 2;
    }
    best
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(needle.len()).position(|window| window == needle).map(|at| from + at)
}
