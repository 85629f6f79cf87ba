//! A folder to assets.

mod event;
mod request;

pub use event::{AssetState, IndexEvent, IndexSummary};
pub use request::IndexRequest;
