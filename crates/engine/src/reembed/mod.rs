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
//! | `plan.rs` | which assets are to be done, and which lack their media |
//! | `media.rs` | where the bytes of an asset are, known by their hash |
//! | `make.rs` | an asset to parts, and to the record that it gets |
//! | `run.rs`, `shared.rs` | threads and queues, and what they share |
//! | `finish.rs` | sources, deletions, and the step of the successor |

mod finish;
mod make;
mod media;
mod plan;
mod run;
mod shared;

use std::collections::HashSet;
use std::sync::Arc;

use sensorium_media::Cancel;
use sensorium_store::Store;
use sensorium_types::{
    AssetId, AssetRecord, FailureReason, Filter, Losses, ReasonKind, ReembedEvent, ReembedPlan,
    ReembedSummary, SpaceInfo,
};
use tokio::sync::mpsc::UnboundedSender;

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

/// The change numbers of a collection, and of its successor if there is one.
type State = (u64, Option<u64>);

/// A run that can be begun.
#[derive(Debug, Clone)]
pub struct Reembedding {
    /// What it would do.
    pub plan: ReembedPlan,
    /// The assets that it goes through.
    pending: Vec<AssetId>,
    /// What was there when it was looked at.
    state: State,
}

impl Engine {
    /// Looks which assets have to be brought to the bundle at hand, and which lack their media. Nothing is written.
    ///
    /// # Errors
    /// If the store fails, or this engine has another store than the embedded one.
    pub async fn plan_reembed(&self, cancel: &Cancel) -> Result<Reembedding, EngineError> {
        let successor = match self.space_mismatch() {
            None => None,
            Some(_) => self.successor(false).await?,
        };
        plan::plan(self, successor, cancel).await
    }

    async fn reembed_state(&self) -> Result<State, EngineError> {
        let successor = match self.space_mismatch() {
            None => None,
            Some(_) => self.successor(false).await?,
        };
        Ok((self.change(), successor.map(|successor| successor.change())))
    }

    /// Brings the assets of a plan to the bundle at hand. Each has one event, after the commit that makes it true. Writes that are in
    /// progress are waited for, and others are refused until its end, as they are from then on by this engine where the collection has
    /// been replaced: it is to be opened anew. All that reads goes on.
    ///
    /// An asset that cannot be read and is not among the accepted `losses` keeps the run from finishing: all others are
    /// done, and the collection stays as it was. If `keeps`, it is kept, hidden, when the other takes its place: made anew in its own
    /// space, it goes on from there.
    ///
    /// # Errors
    /// If the engine only reads, or the store fails.
    pub async fn reembed(
        &self,
        planned: Reembedding,
        (losses, keeps): (Losses, bool),
        events: UnboundedSender<ReembedEvent>,
        cancel: Cancel,
    ) -> Result<ReembedSummary, EngineError> {
        self.check_writable()?;
        let still = self.writing.hold().await;
        let planned = self.plan_again(planned, &cancel).await?;
        let successor = match self.space_mismatch() {
            None => None,
            Some(_) => self.successor(true).await?,
        };
        let moves = successor.is_some();
        let Reembedding { plan, pending, state: _ } = planned;
        let order = run::Order { pending, without_media: plan.without_media, losses, keeps, events, cancel };
        let summary = Box::pin(finish::reembed(self, successor, order)).await?;
        if moves && summary.finished {
            still.for_good();
        }
        Ok(summary)
    }

    /// The plan, made anew where something was written since. What was not listed then is not given up as listed.
    async fn plan_again(&self, planned: Reembedding, cancel: &Cancel) -> Result<Reembedding, EngineError> {
        if self.reembed_state().await? == planned.state {
            return Ok(planned);
        }
        let mut again = self.plan_reembed(cancel).await?;
        let listed: HashSet<_> =
            planned.plan.without_media.into_iter().map(|lacking| lacking.asset).collect();
        again.plan.without_media.retain(|lacking| listed.contains(&lacking.asset));
        Ok(again)
    }

    /// The space of the collection that this one took the place of and keeps; `None` if it keeps none.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn kept_space(&self) -> Result<Option<SpaceInfo>, EngineError> {
        let kept = self.database("look for what is kept")?.kept(&self.collection).await?;
        Ok(kept.map(|kept| kept.space()))
    }

    /// Removes the collection that this one took the place of and keeps; `false` if it keeps none.
    ///
    /// # Errors
    /// If the engine only reads, or somebody holds it.
    pub async fn drop_kept(&self) -> Result<bool, EngineError> {
        self.check_writable()?;
        Ok(self.database("remove what was replaced")?.drop_kept(&self.collection).await?)
    }

    /// Removes the files of collections that others have taken the place of, as far as nobody reads them any more; `false` while
    /// somebody does.
    ///
    /// # Errors
    /// If the engine only reads, or they cannot be removed.
    pub async fn clear_replaced(&self) -> Result<bool, EngineError> {
        self.check_writable()?;
        Ok(self.database("remove what was replaced")?.clear_replaced().await?)
    }

    /// The successor in the bundle's space, begun if `begin`.
    async fn successor(&self, begin: bool) -> Result<Option<Arc<dyn Store>>, EngineError> {
        let database = self.database("make a collection anew")?;
        let (name, space) = (&self.collection, self.encode.space());
        if begin {
            return Ok(Some(database.begin_successor(name, &space).await?));
        }
        let found = database.successor(name).await?.filter(|successor| successor.space() == space);
        match found {
            Some(found) => Ok(Some(found)),
            None => Ok(database.kept(name).await?.filter(|kept| kept.space() == space)),
        }
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
