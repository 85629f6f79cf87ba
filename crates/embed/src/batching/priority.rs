//! Who goes first.

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// A person: goes first, and is told at once when the queue is full.
    Query,
    /// Indexing: waits for room.
    Bulk,
}

impl Priority {
    /// Its name in what is counted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Bulk => "bulk",
        }
    }
}
