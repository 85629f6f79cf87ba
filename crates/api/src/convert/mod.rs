//! Messages to and from the words of `types`.
//!
//! What comes from a wire is checked here; what goes to it always succeeds.

mod asset;
mod failure;
mod filter;
mod names;
mod place;
mod stats;
mod value;

pub use asset::asset_id;
pub use failure::{failure_of_error, failure_of_reason};
pub use filter::{MAX_FILTER_CONDITIONS, MAX_FILTER_DEPTH, filter, filter_of_text};
pub use names::{item_state, modalities, modality, track};
pub use place::{point_ref, vector};
pub use stats::{space, space_info};
pub use value::{payload, payload_fields};
