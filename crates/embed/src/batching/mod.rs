//! Batches across callers: a bounded queue in front of one owner thread.
//!
//! ```text
//! submit --chunks--> queue (bounded by cost) --planner: queries first, up to the budget--> owner thread --> Ticket::wait
//! ```
//! A submission is cut into chunks no larger than a batch, so that a query waits for at most one batch of bulk work. A dropped
//! [`Ticket`] takes its chunks out of the queue; a batch that nobody waits for any more is encoded no further than the items in hand.

mod planner;
mod priority;
mod queue;
mod tally;
mod worker;

pub use priority::Priority;
pub use queue::Ticket;
pub use worker::{Batcher, BatcherConfig};
