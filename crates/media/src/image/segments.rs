//! The segments of a JPEG, walked from one to the next by their lengths, never searched for.
//!
//! ```text
//! FF D8 │ FF code length.. content │ FF FF code .. │ FF DA length.. header, entropy-coded bytes │ .. │ FF D9
//! ```
//!
//! Bytes that belong to no segment are passed over, as libjpeg does.

/// Start of a scan, behind which entropy-coded bytes lie.
pub(super) const SOS: u8 = 0xDA;
/// Where Adobe's programs say how they stored the colours.
pub(super) const APP14: u8 = 0xEE;
const EOI: u8 = 0xD9;
/// Bytes of a restart marker with what fills the byte before it up.
const RESTART_BYTES: usize = 4;

/// A marker and what its segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub code: u8,
    pub content: &'a [u8],
    /// Where the segment begins.
    at: usize,
}

/// The segments up to the end of the image.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
    restarts: usize,
}

impl<'a> Segments<'a> {
    /// The segments of a JPEG, whose first two bytes are its own marker.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2, restarts: 0 }
    }

    /// The next marker that is not part of entropy-coded bytes.
    fn marker(&mut self) -> Option<u8> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let Some(first) = rest.iter().position(|byte| *byte == 0xFF) else {
                self.at = self.bytes.len();
                return None;
            };
            let fill = rest.get(first..)?.iter().position(|byte| *byte != 0xFF)?;
            self.at += first + fill + 1;
            match *rest.get(first + fill)? {
                0 | 0x01 => {}
                0xD0..=0xD7 => self.restarts += 1,
                code => return Some(code),
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let code = self.marker().filter(|code| *code != EOI)?;
        let at = self.at - 2;
        let [high, low] = *self.bytes.get(self.at..self.at + 2)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?;
        let begin = self.at + 2;
        let content = self.bytes.get(begin..begin + length)?;
        self.at = begin + length;
        Some(Segment { code, content, at })
    }
}

/// Whether a program that keeps Adobe's rules wrote the image. What libjpeg takes for the marker has 12 bytes.
pub(super) fn has_adobe_marker(bytes: &[u8]) -> bool {
    Segments::of(bytes).take_while(|segment| segment.code != SOS).any(|segment| {
        segment.code == APP14 && segment.content.len() >= 12 && segment.content.starts_with(b"Adobe")
    })
}

/// Bytes of the scans alone, without what lies before and behind them, and without restart markers.
pub(super) fn scan_bytes(bytes: &[u8]) -> usize {
    let mut segments = Segments::of(bytes);
    let Some(first) = segments.find(|segment| segment.code == SOS) else { return 0 };
    while segments.next().is_some() {}
    (segments.at - first.at).saturating_sub(segments.restarts * RESTART_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(code: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len() + 2).expect("short").to_be_bytes();
        [&[0xFF, code][..], &length, content].concat()
    }

    const ADOBE: &[u8] = b"Adobe\0\x64\0\0\0\0\x02";

    fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
        let scan =
            [segment(SOS, &[1, 1, 0, 0, 63, 0]), vec![7, 0xFF, 0, 8, 0xFF, 0xD0, 9, 0xFF, EOI]].concat();
        [b"\xFF\xD8".to_vec(), segments.concat(), scan, segment(APP14, ADOBE)].concat()
    }

    #[test]
    fn the_marker_is_found_wherever_its_segment_lies() {
        let profile = segment(0xE2, &[0x55; 60_000]);
        assert!(has_adobe_marker(&jpeg(&[segment(APP14, ADOBE)])));
        assert!(has_adobe_marker(&jpeg(&[profile.repeat(10), segment(APP14, ADOBE)])));
        assert!(has_adobe_marker(&jpeg(&[vec![0xFF; 5], segment(APP14, ADOBE)])), "fill bytes");
        assert!(has_adobe_marker(&jpeg(&[vec![0, 1, 2], segment(APP14, ADOBE)])), "stray bytes");
    }

    #[test]
    fn bytes_that_only_look_like_the_marker_are_none() {
        let inside = segment(0xE1, &[b"Exif\0\0", segment(APP14, ADOBE).as_slice()].concat());
        for without in
            [vec![], vec![inside], vec![segment(APP14, b"Adobe")], vec![segment(APP14, &[b'x'; 12])]]
        {
            assert!(
                !has_adobe_marker(&jpeg(&without)),
                "behind the end, within another, or short: {without:?}"
            );
        }
        let whole = jpeg(&[segment(0xE2, &[0; 300])]);
        for length in 0..whole.len() {
            assert!(!has_adobe_marker(whole.get(..length).expect("shorter")));
        }
    }

    #[test]
    fn scans_are_counted_without_what_surrounds_them() {
        let bare = jpeg(&[]);
        let laden = [jpeg(&[segment(0xE1, &[0; 5000])]), vec![0; 9000]].concat();
        assert_eq!(scan_bytes(&bare), 10 + 9 - RESTART_BYTES);
        assert_eq!(scan_bytes(&laden), scan_bytes(&bare));
        let cut = bare.get(..16).expect("shorter");
        assert_eq!(scan_bytes(cut), 14, "up to where it was cut off");
        assert_eq!(scan_bytes(b"\xFF\xD8"), 0);
    }
}
