//! Bundles of small random weights, through the public face.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests, which fail by panics"
)]

mod captions;
mod encoder;
mod hubs;
mod joined;
mod languages;
mod refusal;
mod small;
