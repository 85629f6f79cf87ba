//! The models of a data folder: bundles that were made of folders as the hub lays them out.
//!
//! ```text
//! <data>/models/NAME/      bundle.toml, weights and tokenizer as they were, selftest.safetensors
//! <data>/models/default    the name of the bundle that new collections get
//! <data>/models/.adding-*  one that is being made; removed by the next
//! <data>/models/.pulling-NAME  files of one that is being fetched, which a later call goes on with
//! ```
//! | file | holds |
//! | --- | --- |
//! | `library.rs` | [`Models`]: which there are, which is the default |
//! | `add.rs` | [`Models::add`]: from a folder of the hub to a bundle that was tried |
//! | `join.rs` | [`Models::join`]: several models as one bundle, each with a space of its own |
//! | `samples.rs` | images and sounds with their captions, a part of the program |
//! | `measure.rs` | whether captions find what they describe, and how random pairs lie |
//! | `ranks.rs` | [`Ranks`]: what that gave |
//! | `ready.rs` | [`READY`]: public models that are known to be of a kind that runs |
//! | `error.rs` | [`ModelsError`] |

mod add;
mod error;
mod join;
mod library;
mod measure;
mod ranks;
mod ready;
mod samples;

pub use add::{AddModel, AddedModel, FetchedModel, accepted_licence};
pub use error::ModelsError;
pub use join::{BuiltIn, JoinModel, JoinedModel};
pub use library::{BUILT_IN, ListedModel, Models};
pub use ranks::Ranks;
pub use ready::{READY, ReadyModel, ready};
