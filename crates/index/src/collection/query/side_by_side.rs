//! Sub-queries of one request, each on a thread of its own.

use std::sync::OnceLock;

use rayon::ThreadPool;

/// The threads that all searches share: one for each processor. `None` where there is one alone, or none could be started.
pub(super) fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let start = || {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = rayon::ThreadPoolBuilder::new().num_threads(processors);
        let threads = threads.thread_name(|number| format!("index-search-{number}"));
        (processors > 1).then(|| threads.build().ok()).flatten()
    };
    POOL.get_or_init(start).as_ref()
}

/// What `work` makes of each item, in order. The first is the caller's own, so that one item wakes nobody.
pub(super) fn each<I: Sync, O: Send>(
    pool: &ThreadPool,
    items: &[I],
    work: impl Fn(&I) -> O + Sync,
) -> Vec<O> {
    let mut made: Vec<Option<O>> = items.iter().map(|_| None).collect();
    let work = &work;
    pool.in_place_scope(|scope| {
        let mut slots = made.iter_mut().zip(items);
        let own = slots.next();
        for (slot, item) in slots {
            scope.spawn(move |_| *slot = Some(work(item)));
        }
        if let Some((slot, item)) = own {
            *slot = Some(work(item));
        }
    });
    // The scope has waited for all.
    made.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_made_in_order_on_however_many_threads() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("starts");
        for count in [0, 1, 2, 9] {
            let items: Vec<usize> = (0..count).collect();
            let made = each(&pool, &items, |item| (*item, std::thread::current().id()));
            assert_eq!(made.iter().map(|(item, _)| *item).collect::<Vec<_>>(), items);
            assert!(made.first().is_none_or(|(_, thread)| *thread == std::thread::current().id()));
        }
    }
}
