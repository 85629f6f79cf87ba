//! Hits as images, because people look: `--contact-sheet out.html` or `out.png`.

mod base64;
mod html;
mod png;

use std::io;
use std::path::{Path, PathBuf};

use sensorium_types::{Hit, PointKey};

use crate::backend::Backend;
use crate::failure::Exit;

/// A contact sheet that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContactError {
    /// A file of another kind.
    #[error("{}: a contact sheet ends in .html or .png", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("write the contact sheet")]
    Write {
        /// Why; the message names the file.
        #[source]
        source: io::Error,
    },
    /// The image cannot be encoded.
    #[error("encode the contact sheet")]
    Encode {
        /// Why.
        #[source]
        source: image::ImageError,
    },
}

impl ContactError {
    /// The exit code that it deserves.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Kind { .. } => Exit::Usage,
            Self::Write { .. } | Self::Encode { .. } => Exit::Error,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Png,
}

/// A contact sheet to be.
#[derive(Debug)]
pub(crate) struct Sheet {
    path: PathBuf,
    kind: Kind,
}

impl Sheet {
    /// A sheet of the kind that the name says.
    ///
    /// # Errors
    /// [`ContactError::Kind`]
    pub(crate) fn new(path: &Path) -> Result<Self, ContactError> {
        let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
        let kind = match suffix.as_deref() {
            Some("html" | "htm") => Kind::Html,
            Some("png") => Kind::Png,
            Some(_) | None => return Err(ContactError::Kind { path: path.to_path_buf() }),
        };
        Ok(Self { path: path.to_path_buf(), kind })
    }

    /// Where it goes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A hit with its image, a JPEG.
#[derive(Debug)]
struct Card<'a> {
    hit: &'a Hit,
    thumb: Option<Vec<u8>>,
}

/// Writes the sheet. Hits whose images cannot be had stay without; why is given back.
///
/// # Errors
/// If the file cannot be written.
pub(crate) async fn write(
    sheet: &Sheet,
    title: &str,
    hits: &[Hit],
    backend: &Backend,
) -> anyhow::Result<Option<anyhow::Error>> {
    let mut cards = Vec::with_capacity(hits.len());
    let mut refused = None;
    for hit in hits {
        let point = PointKey { asset: hit.asset.clone(), track: hit.point.track, ordinal: hit.point.ordinal };
        let thumb = match refused {
            None => backend.thumb(&point).await.unwrap_or_else(|error| {
                refused = Some(error);
                None
            }),
            Some(_) => None,
        };
        cards.push(Card { hit, thumb });
    }
    let bytes = match sheet.kind {
        Kind::Html => html::page(title, &cards).into_bytes(),
        Kind::Png => png::grid(&cards).map_err(|source| ContactError::Encode { source })?,
    };
    fs_err::write(&sheet.path, bytes).map_err(|source| ContactError::Write { source })?;
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_says_the_kind() {
        assert_eq!(Sheet::new(Path::new("a.HTML")).expect("a sheet").kind, Kind::Html);
        assert_eq!(Sheet::new(Path::new("a.png")).expect("a sheet").kind, Kind::Png);
        assert_eq!(Sheet::new(Path::new("a.gif")).expect_err("no sheet").exit(), Exit::Usage);
    }
}
