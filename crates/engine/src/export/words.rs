//! Names and paths as lines and addresses.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sensorium_types::printable;

/// Longest name or title in a line, in characters.
const MAX_CHARS: usize = 500;

/// A text as part of a line: control and format characters are made visible, so it cannot end the line.
pub(super) fn line(text: &str) -> String {
    let text: String = text.trim().chars().take(MAX_CHARS).collect();
    printable(&text)
}

/// The `file:` address of a path (RFC 8089), byte for byte, whatever its encoding.
pub(super) fn file_url(path: &Path) -> String {
    let mut url = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            _ => _ = write!(url, "%{byte:02X}"),
        }
    }
    url
}

/// The path as it is, where a line can hold it.
pub(super) fn plain(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| printable(text) == *text && text.trim() == *text)
}

/// The base name of a path, U+FFFD for bytes that are not UTF-8.
pub(super) fn base_name(path: &Path) -> Option<String> {
    path.file_name().map(OsStr::to_string_lossy).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_every_byte() {
        let path = Path::new(OsStr::from_bytes(b"/m/a b/100%#?\xff\n\xc3\xa9.mp4"));
        assert_eq!(file_url(path), "file:///m/a%20b/100%25%23%3F%FF%0A%C3%A9.mp4");
        assert_eq!(plain(path), None);
        assert_eq!(plain(Path::new("/m/é b.mp4")), Some("/m/é b.mp4"));
        assert_eq!(plain(Path::new("/m/\u{202e}4pm.exe")), None);
        assert_eq!(plain(Path::new("/m/ends with a space ")), None);
    }

    #[test]
    fn lines_end_where_they_are_ended() {
        assert_eq!(line(" a\r\n* FROM CLIP NAME: b\u{202e} "), "a\\r\\n* FROM CLIP NAME: b\\u{202e}");
        assert_eq!(line(&"x".repeat(9_000)).len(), MAX_CHARS);
    }
}
