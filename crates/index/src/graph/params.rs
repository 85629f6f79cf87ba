//! The bounds of a graph.

/// Links that a new row gets on each level.
pub const DEFAULT_M: usize = 24;
/// Beam while building.
pub const DEFAULT_EF_CONSTRUCT: usize = 200;
/// Beam while searching, where the request does not say.
pub const DEFAULT_EF: usize = 128;
/// Largest `m` that the builder takes: it keeps the number in a byte.
const MAX_M: usize = 128;

/// The bounds of a graph, in the words of arXiv:1603.09320.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphParams {
    /// Links of a row on the levels above 0; level 0 has twice as many. Default [`DEFAULT_M`].
    pub m: usize,
    /// Beam while building. Default [`DEFAULT_EF_CONSTRUCT`].
    pub ef_construct: usize,
    /// Beam while searching. Default [`DEFAULT_EF`].
    pub ef: usize,
}

impl Default for GraphParams {
    fn default() -> Self {
        Self { m: DEFAULT_M, ef_construct: DEFAULT_EF_CONSTRUCT, ef: DEFAULT_EF }
    }
}

impl GraphParams {
    /// The same with every number inside what the builder can take.
    pub(crate) fn clamped(self) -> Self {
        Self { m: self.m.clamp(2, MAX_M), ef_construct: self.ef_construct.clamp(8, 4096), ef: self.ef.max(1) }
    }

    /// Links of a row on level 0.
    pub(crate) const fn m0(self) -> usize {
        self.m * 2
    }
}
