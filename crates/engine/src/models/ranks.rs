//! How often captions and samples find each other.

use super::samples::COUNT;

/// A hit that chance makes so rarely is none: with twelve samples, seven of twenty-four are found by chance in fewer than
/// one of two hundred models of random numbers.
const MIN_HITS: usize = 7;

/// How often a caption is nearest to its own image or sound, and that to its own caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// Hits.
    pub hits: usize,
    /// Captions and samples that were asked.
    pub of: usize,
}

impl Ranks {
    /// The hits that random vectors make.
    pub fn by_chance(self) -> f64 {
        self.of as f64 / COUNT as f64
    }

    /// Whether there are more than chance makes.
    pub const fn is_better_than_chance(self) -> bool {
        self.hits >= MIN_HITS
    }
}
