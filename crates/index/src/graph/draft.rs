//! What builders make: lists of links, or the reason why there are none.

/// A graph that was not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// The caller gave up.
    #[error("building the graph was cancelled")]
    Cancelled,
    /// The builder panicked.
    #[error("the builder of the graph failed: {message}")]
    Failed {
        /// Its words.
        message: String,
    },
}

/// The graph as the builder made it.
pub(super) struct Draft {
    /// Where walks begin.
    pub(super) entry: u32,
    /// For each row its lists, level by level.
    pub(super) lists: Vec<Vec<Vec<u32>>>,
}
