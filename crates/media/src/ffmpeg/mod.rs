//! What ffmpeg and ffprobe give: streams of frames and samples with their times, and what a container says of itself. Videos, audio
//! in containers and some still images are read by it.
//!
//! | file | holds |
//! | --- | --- |
//! | `process.rs` | the one way in which ffmpeg and ffprobe are run |
//! | `timed.rs` | frames and samples out of ffmpeg, each with its time |
//! | `clock.rs` | the times of all frames, of which few are looked at |
//! | `probe.rs` | streams and facts of a container |
//! | `editing.rs` | what an editor needs of a video: exact frame rate, timecode |
//! | `alpha.rs` | frames that are laid over white |
//! | `trouble.rs` | why a stream ended before its end |

mod alpha;
mod clock;
mod editing;
mod probe;
mod process;
mod timed;
mod trouble;

pub(crate) use alpha::Transparency;
pub(crate) use probe::{AudioStream, Probe, VideoStream, probe};
pub(crate) use process::{Ffmpeg, read_whole};
pub(crate) use timed::{PLAYER_TIME, Stamp, Stop, Timed, steady};
pub(crate) use trouble::{cut_short, is_of_time, stopped};
