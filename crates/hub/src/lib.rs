//! Models of a hub with the layout of Hugging Face: judged by their headers before anything large is fetched, then fetched whole.
//!
//! ```text
//! id, revision ─► listing: commit, names, sizes, SHA-256 ─► configuration, tokenizer, headers of the weights ─► will it load?
//!                                                                                                                 │
//!       folder of a model, as `models add` takes it, with a lock file ◄─ weights, in parts, each taken up again ◄─┘
//! ```
//! Everything is asked by the commit that the hub resolved. What a hub answers is bounded, and believed as little as any address: lengths
//! and hashes are compared with what was listed. The key of the environment goes to the hub's own origin alone.
//!
//! Packages of an index (PEP 503, PEP 691) come the same way, by their pinned SHA-256: the model's folder is taken out of the wheel. Pickled weights
//! are read without being run, where their user allows it, and kept as safetensors.
//!
//! | module | holds |
//! | --- | --- |
//! | `id` | names and revisions of models, as addresses have them |
//! | `hub` | [`Hub`]: what is asked, by which rules |
//! | `listing` | what a hub says of a revision |
//! | `look` | [`Hub::look`]: description and headers, and whether the model will load |
//! | `files` | what was fetched of a model, as the files of a bundle |
//! | `pull` | [`Hub::fetch`]: the files of a model, taken up where they ended |
//! | `folder` | the folder in which a model comes to be |
//! | `package` | [`Index`]: models in wheels |
//! | `convert` | folders with pickled weights; [`unpickled`] |
//! | `lock` | [`Lock`]: what was fetched, for the record |
//! | `error` | [`HubError`] |

mod convert;
mod error;
mod files;
mod folder;
mod hub;
mod id;
mod listing;
mod lock;
mod look;
mod package;
mod pull;

pub use convert::unpickled;
pub use error::HubError;
pub use hub::{Hub, PUBLIC_HUB};
pub use id::{HubId, Revision};
pub use lock::{Converted, LOCK_FILE, Lock, LockedFile};
pub use look::{Found, Pickles};
pub use package::{FoundPackage, Index, PUBLIC_INDEX, PackageId, PulledPackage};
pub use pull::Event;
/// Why a wheel or pickled weights are not read.
pub use sensorium_checkpoint::CheckpointError;
/// The key that a hub wants, not shown.
pub use sensorium_fetch::Bearer as Token;
