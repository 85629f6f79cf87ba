//! The default bundle of models as bytes: `bundle.toml`, the public stems that `make weights` fetched, and our own
//! weights, whose terms stand in the LICENSE beside this crate (research only; commercial use is not cleared).

/// Every file of the bundle: its path relative to `bundle.toml`, and its bytes.
pub fn files() -> &'static [(&'static str, &'static [u8])] {
    FILES
}

/// The line about these weights that README, `sensorium models info` and `--version --long` repeat.
pub const NOTICE: &str = "sensorium-mini: own weights trained on media whose terms allow research only or are not \
                          stated; commercial use is not cleared; the code's licence does not cover them";

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
