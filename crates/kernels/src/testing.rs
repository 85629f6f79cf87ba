//! Seeded numbers for tests.

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Floats in [-1, 1).
    pub(crate) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
    }

    /// A vector of L2 norm 1.
    pub(crate) fn unit(&mut self, dim: usize) -> Vec<f32> {
        let mut vector = self.floats(dim);
        crate::l2_normalize(&mut vector);
        vector
    }
}

/// Starts that break every alignment of a vector.
pub(crate) fn offsets() -> [usize; 3] {
    [0, 1, 3]
}
