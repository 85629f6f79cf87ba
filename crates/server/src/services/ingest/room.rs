//! Room for an item: a place among the items in progress, and its bytes.

use std::sync::Arc;
use std::time::Duration;

use sensorium_api::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::{BYTES_UNIT, Context};

/// How long an item waits for bytes before it is refused.
const WAIT_FOR_BYTES: Duration = Duration::from_secs(1);

/// What an item holds while it is worked on.
#[derive(Debug)]
pub(super) struct Room {
    _place: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// Where room is taken from.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// All units of bytes there are.
    units: u32,
}

impl Rooms {
    pub(super) fn new(context: &Context) -> Self {
        let units = context.settings().max_bytes_in_flight.div_ceil(BYTES_UNIT);
        Self {
            places: context.items(),
            bytes: context.bytes(),
            units: u32::try_from(units).unwrap_or(u32::MAX),
        }
    }

    /// Whether a place is free now.
    pub(super) fn has_place(&self) -> bool {
        self.places.available_permits() > 0
    }

    /// Waits for a place, then for the bytes of the item; `None` if those are not free in time.
    pub(super) async fn take(self, item: &v1::IngestItem) -> Option<Room> {
        let units = u32::try_from(item.message_bytes().div_ceil(BYTES_UNIT)).unwrap_or(u32::MAX);
        // One item alone always fits.
        let units = units.clamp(1, self.units.max(1));
        let place = self.places.acquire_owned().await.ok()?;
        let bytes = tokio::time::timeout(WAIT_FOR_BYTES, self.bytes.acquire_many_owned(units)).await;
        Some(Room { _place: place, _bytes: bytes.ok()?.ok()? })
    }
}
