//! One test body for every [`Store`].
//!
//! An implementation's tests call each function below with a factory that gives a fresh, empty
//! store; a function panics where the store breaks its contract. [`run_all`] runs every one.
//!
//! | file | says what must hold of |
//! | --- | --- |
//! | `writes.rs` | upserts, deletes, merges of metadata |
//! | `sources.rs` | source rows and the assets that live by them |
//! | `reads.rs` | scroll, count, thumbnails, statistics |
//! | `searches.rs` | search and scores, against the [`oracle`] |
//! | `captions.rs` | captions that are kept |
//! | `errors.rs` | what is refused, and by which kind of error |
//! | `concurrency.rs` | many callers at once |
//! | `samples.rs` | seeded assets that the others use |

pub mod captions;
pub mod concurrency;
pub mod errors;
pub mod oracle;
pub mod reads;
pub mod samples;
pub mod searches;
pub mod sources;
pub mod writes;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::Store;

/// A fresh store, with whatever must live as long as it does (a temporary folder).
pub struct Fresh {
    /// The store.
    pub store: Arc<dyn Store>,
    /// What is dropped after it.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Runs every property, each on a fresh store.
///
/// # Panics
/// Where the store breaks its contract.
pub async fn run_all<F, Fut>(fresh: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Fresh>,
{
    writes::an_empty_store_answers(fresh().await).await;
    writes::an_upsert_is_read_back(fresh().await).await;
    writes::an_upsert_replaces(fresh().await).await;
    writes::a_delete_takes_all_of_an_asset(fresh().await).await;
    writes::metadata_merges_and_the_new_value_wins(fresh().await).await;
    writes::metadata_is_taken_away(fresh().await).await;
    writes::changes_of_one_call_are_applied_in_order(fresh().await).await;
    writes::commits_are_numbered(fresh().await).await;
    writes::what_is_new_is_told(fresh().await).await;
    writes::the_newest_are_listed_first(fresh().await).await;
    sources::rows_below_a_path_end_at_a_slash(fresh().await).await;
    sources::an_asset_goes_with_its_last_source(fresh().await).await;
    sources::a_changed_file_takes_its_old_asset_away(fresh().await).await;
    sources::an_asset_from_elsewhere_outlives_its_sources(fresh().await).await;
    sources::failures_are_rows(fresh().await).await;
    reads::a_scroll_meets_everything_once(fresh().await).await;
    reads::filters_see_facts_under_metadata(fresh().await).await;
    reads::thumbnails_are_kept(fresh().await).await;
    reads::statistics_count(fresh().await).await;
    reads::an_index_of_a_field_changes_no_answer(fresh().await).await;
    searches::the_nearest_come_first(fresh().await).await;
    searches::limits_of_a_search_hold(fresh().await).await;
    searches::each_sub_query_has_its_answer(fresh().await).await;
    searches::a_search_can_be_stopped(fresh().await).await;
    searches::points_of_assets_are_scored(fresh().await).await;
    searches::exact_search_equals_the_oracle(fresh().await).await;
    searches::a_graph_answers_with_live_matches(fresh().await).await;
    captions::captions_are_points_of_their_asset(fresh().await).await;
    captions::that_captions_are_kept_is_kept(fresh().await).await;
    errors::vectors_that_break_the_rules_are_refused(fresh().await).await;
    errors::a_foreign_cursor_is_refused(fresh().await).await;
    concurrency::writers_and_readers_do_not_disturb_one_another(fresh().await).await;
}
