//! One test body for every [`crate::Store`].
