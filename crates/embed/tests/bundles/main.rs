//! Bundles of small random weights, through the public face.

mod encoder;
mod refusal;
mod small;
