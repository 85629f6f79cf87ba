//! The embedded index behind [`Store`](sensorium_store::Store), and a store that stands for a folder without one.

mod empty;
mod indexed;

pub(crate) use empty::EmptyStore;
pub(crate) use indexed::IndexStore;
