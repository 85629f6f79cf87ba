//! Messages to and from the words of the engine.

mod caption;
mod event;
mod hit;
mod item;
mod query;
mod ready;
mod reembed;

pub(crate) use caption::{caption_request, captioned, summarize_request, summarized};
pub(crate) use event::{index_event, index_request, index_summary};
pub(crate) use hit::{query_response, query_response_hits};
pub(crate) use item::{failed_item, item, item_result};
pub(crate) use query::{Asked, query_request, terms};
pub(crate) use ready::{embed_inputs, embedding, ready_assets, score_asset_response};
pub(crate) use reembed::{reembed_plan, reembed_summary, reembedded, without_media};
