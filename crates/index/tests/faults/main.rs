//! Faults of the machine below the index: the power goes, the disk is full or read-only, the process is killed between any two
//! steps of writing. What was acknowledged is there afterwards, what was deleted is not, and `verify` finds nothing.
//!
//! Each test runs itself again as a child that does a mixed load ([`load`]) and says on its standard output what is done.

#![expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "small numbers of tests")]

#[path = "../common/mod.rs"]
mod common;

mod full;
#[cfg(feature = "failpoints")]
mod kill;
mod load;
mod power;
