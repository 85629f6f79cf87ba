//! How often captions and images find each other.

use super::samples::SAMPLES;

/// A hit that chance makes so rarely is none: with twelve images, seven of twenty-four are found by chance in fewer than
/// one of two hundred models of random numbers.
const MIN_HITS: usize = 7;

/// How often a caption is nearest to its own image, and an image to its own caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// Hits.
    pub hits: usize,
    /// Captions and images that were asked.
    pub of: usize,
}

impl Ranks {
    /// The hits that random vectors make.
    pub fn by_chance(self) -> f64 {
        self.of as f64 / SAMPLES.len() as f64
    }

    /// Whether there are more than chance makes.
    pub const fn is_better_than_chance(self) -> bool {
        self.hits >= MIN_HITS
    }
}
