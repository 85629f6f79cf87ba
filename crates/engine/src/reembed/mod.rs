//! A collection to the bundle at hand: every asset is read again and encoded anew.
//!
//! ```text
//! plan ─► each asset: source, copy, thumbnails or nothing?      told before anything is written
//! run  ─► successor collection ◄─ read, decode (jobs) ─► vectors (1) ─► commit (async)
//!      └► every asset and source is there ─► the successor steps in, at one stroke
//! ```
//!
//! The new vectors go into a successor: a second, hidden collection of the new space (see
//! [`Database::begin_successor`](sensorium_store::Database::begin_successor)). Vectors of two spaces thus never lie
//! together, dimensions may differ, and until the end everybody sees the collection as it was: queries by vector and
//! stored asset answer from the old space, those by text are refused. A killed run has lost nothing; the next goes on
//! with the assets that the successor lacks.
//!
//! An asset whose media is gone comes over too: an image or a video by its thumbnails, anything else without points. It
//! keeps its payload, its sources and its old revision, bears [`MARK_FIELD`], is found by everything but vectors, is
//! told by `failures`, and is tried again by the next run.
//!
//! | file | holds |
//! | --- | --- |
//! | `event.rs` | what is planned and told |
//! | `plan.rs` | which assets are to be done, and which lack their media |
//! | `media.rs` | where the bytes of an asset are, known by their hash |
//! | `make.rs` | an asset to parts, and to the record that it gets |
//! | `run.rs`, `shared.rs` | threads and queues, and what they share |
//! | `finish.rs` | sources, deletions, and the step of the successor |

mod event;
mod finish;
mod make;
mod media;
mod plan;
mod run;
mod shared;

use std::sync::Arc;

use sensorium_media::Cancel;
use sensorium_store::Store;
use sensorium_types::{AssetRecord, FailureReason, Filter, ReasonKind};
use tokio::sync::mpsc::UnboundedSender;

pub use event::{Losses, ReembedEvent, ReembedPlan, ReembedState, ReembedSummary, Substitute, WithoutMedia};

use crate::EngineError;
use crate::engine::Engine;

/// Field of an asset's facts that says what its vectors were made of, where its media was gone.
pub(crate) const MARK_FIELD: &str = "_reembedded";
/// Field of an asset's facts that says why its media could not be read.
pub(crate) const REASON_FIELD: &str = "_reembed_reason";
/// Mark of an asset whose vectors were made of thumbnails.
const FROM_THUMBNAILS: &str = "thumbnails";
/// Mark of an asset without vectors.
const FROM_NOTHING: &str = "nothing";
/// Mark of a product without its fused point, whose weights nobody wrote down.
const WITHOUT_FUSED: &str = "without fused point";

impl Engine {
    /// Looks which assets have to be brought to the bundle at hand, and which lack their media. Nothing is written.
    ///
    /// # Errors
    /// If the store fails, or this engine has another store than the embedded one.
    pub async fn plan_reembed(&self, cancel: &Cancel) -> Result<ReembedPlan, EngineError> {
        let successor = match self.space_mismatch() {
            None => None,
            Some(_) => self.successor(false).await?,
        };
        plan::plan(self, successor, cancel).await
    }

    /// Brings the assets of a plan to the bundle at hand. Each has one event, after the commit that makes it true.
    ///
    /// An asset that cannot be read and is not among the accepted `losses` keeps the run from finishing: all others are
    /// done, and the collection stays as it was.
    ///
    /// # Errors
    /// If the engine only reads, or the store fails.
    pub async fn reembed(
        &self,
        plan: ReembedPlan,
        losses: Losses,
        events: UnboundedSender<ReembedEvent>,
        cancel: Cancel,
    ) -> Result<ReembedSummary, EngineError> {
        self.check_writable()?;
        let _one_at_a_time = self.indexing.lock().await;
        let successor = match self.space_mismatch() {
            None => None,
            Some(_) => self.successor(true).await?,
        };
        Box::pin(finish::reembed(self, successor, run::Order { plan, losses, events, cancel })).await
    }

    /// The successor in the bundle's space, begun if `begin`.
    async fn successor(&self, begin: bool) -> Result<Option<Arc<dyn Store>>, EngineError> {
        let database = self.database("make a collection anew")?;
        let (name, space) = (&self.collection, self.encode.space());
        if begin {
            return Ok(Some(database.begin_successor(name, &space).await?));
        }
        let found = database.successor(name).await?;
        Ok(found.filter(|successor| successor.space() == space))
    }
}

/// Assets that bear a mark.
pub(crate) fn marked() -> Filter {
    Filter::Exists { field: MARK_FIELD.to_owned() }
}

/// Why an asset has no vectors, or only those of its thumbnails; `None` for one that lacks nothing.
pub(crate) fn lack(record: &AssetRecord) -> Option<FailureReason> {
    let text = |field: &str| record.facts.get(field).and_then(|value| value.as_str());
    let what = match text(MARK_FIELD)? {
        FROM_THUMBNAILS => "found by its thumbnails only",
        WITHOUT_FUSED => "its fused point cannot be made again",
        _ => "found by its fields only",
    };
    let why = text(REASON_FIELD).unwrap_or("its media was gone");
    let why = why.strip_prefix("moved: ").unwrap_or(why);
    Some(FailureReason::new(ReasonKind::Moved, format!("{why}; {what} since `sensorium reembed`")))
}
