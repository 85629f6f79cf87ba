//! Moments as files of other programs: for editors, players and tables (CONTRACTS.md section 8).
//!
//! ```text
//! Hit, or an asset's fields and a span ─► ExportMoment ─► export(format, moments) ─► bytes of the file
//! ```
//! Pure: no file is looked at. Whole files are made in memory; what bounds them is the number of moments.
//!
//! | file | holds |
//! | --- | --- |
//! | `format.rs` | [`ExportFormat`]: the kinds, told by suffix or name |
//! | `moment.rs` | [`ExportMoment`]: what is exported, and where its times lie in frames |
//! | `rate.rs`, `timecode.rs` | [`FrameRate`] and [`Timecode`], exact |
//! | `edl.rs` | CMX 3600 edit decision lists |
//! | `otio.rs` | OpenTimelineIO |
//! | `csv.rs`, `m3u.rs`, `vtt.rs` | tables, playlists, captions for the web |
//! | `words.rs` | names and paths as lines and addresses |

mod csv;
mod edl;
mod format;
mod m3u;
mod moment;
mod otio;
mod rate;
mod timecode;
mod vtt;
mod words;

use sensorium_types::ErrorKind;

pub use format::{ExportFormat, UnknownFormat};
pub use moment::{ExportMoment, STILL_MS};
pub use rate::FrameRate;
pub use timecode::Timecode;

/// Moments that a format cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// More than the format numbers.
    #[error(
        "an EDL holds at most {limit} moments, and these are {received}: take fewer, or write .otio or .csv"
    )]
    TooMany {
        /// How many it holds.
        limit: usize,
        /// How many there are.
        received: usize,
    },
    /// Longer than its timecode counts.
    #[error("an EDL ends after 24 hours, and these moments last longer: take fewer, or write .otio or .csv")]
    TooLong,
}

impl ExportError {
    /// What the caller can do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany { .. } | Self::TooLong => ErrorKind::InvalidArgument,
        }
    }
}

/// The bytes of a file of this kind with the moments in their order. What the format does not hold
/// ([`ExportFormat::holds`]) is left out.
///
/// # Errors
/// [`ExportError`] where an EDL cannot hold so many or so long moments.
pub fn export(format: ExportFormat, moments: &[ExportMoment]) -> Result<Vec<u8>, ExportError> {
    let held: Vec<&ExportMoment> = moments.iter().filter(|moment| format.holds(moment)).collect();
    Ok(match format {
        ExportFormat::Edl => edl::write(&held)?.into_bytes(),
        ExportFormat::Otio => otio::write(&held).into_bytes(),
        ExportFormat::Csv => csv::write(&held).into_bytes(),
        ExportFormat::M3u => m3u::write(&held).into_bytes(),
        ExportFormat::Vtt => vtt::write(&held).into_bytes(),
    })
}
