//! Which segments are built. Pure, so that it can be tested alone.
//!
//! A tail is sealed once it is long enough. Four segments of like size are merged into one, so that a point is built into a
//! graph once for each fourfold growth of the collection; past [`MAX_PARTS`] the smallest are merged whatever their sizes.
//! A segment with many dead rows is built anew.

/// Segments of like size that are merged into one.
const FAN: usize = 4;
/// Most sealed segments of a kind.
const MAX_PARTS: usize = 8;
/// Dead rows that a segment may have: one in so many.
const DEAD_SHARE: usize = 5;
/// Fewest dead rows that are worth a rebuild.
const MIN_DEAD: usize = 64;
/// Fewest dead rows of a tail that are worth a copy of its others.
const MIN_DEAD_OF_TAIL: usize = 512;

/// What is known of a sealed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartFacts {
    /// Its rows, dead ones included.
    pub(super) rows: usize,
    /// Its dead rows.
    pub(super) dead: usize,
}

/// What goes into one new segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Job {
    /// Whether the tail does.
    pub(super) tail: bool,
    /// Which sealed segments do, by their places.
    pub(super) parts: Vec<usize>,
}

/// What is due for the segments of one kind; `None` if nothing is.
pub(super) fn due(tail: usize, parts: &[PartFacts], seal_points: usize) -> Option<Job> {
    let seal_points = seal_points.max(1);
    if tail >= seal_points {
        return Some(Job { tail: true, parts: merged(tail, parts, seal_points) });
    }
    let stale = |part: &PartFacts| part.dead > part.rows / DEAD_SHARE && part.dead >= MIN_DEAD;
    let stale: Vec<usize> = (0..).zip(parts).filter(|(_, part)| stale(part)).map(|(at, _)| at).collect();
    (!stale.is_empty()).then_some(Job { tail: false, parts: stale })
}

/// Whether a tail is worth a copy without its dead rows: once half of it is dead, so that a row is copied about once.
pub(super) const fn is_stale(tail: usize, dead: usize) -> bool {
    dead >= MIN_DEAD_OF_TAIL && dead >= tail / 2
}

/// Everything of one kind in one segment; `None` if it is so already.
pub(super) fn whole(tail: usize, parts: &[PartFacts]) -> Option<Job> {
    let is_whole = tail == 0 && parts.len() <= 1 && parts.iter().all(|part| part.dead == 0);
    (!is_whole).then(|| Job { tail: true, parts: (0..parts.len()).collect() })
}

/// The sealed segments that are merged with a tail of so many rows.
fn merged(tail: usize, parts: &[PartFacts], seal_points: usize) -> Vec<usize> {
    let mut by_size: Vec<(usize, usize)> = (0..).zip(parts).map(|(at, part)| (part.rows, at)).collect();
    by_size.sort_unstable();
    let (mut taken, mut rows) = (0, tail);
    loop {
        let like = |(size, _): &&(usize, usize)| tier(*size, seal_points) <= tier(rows, seal_points);
        let more = by_size.iter().skip(taken).take_while(like).count();
        let left = by_size.len() - taken;
        // With the new one there may be no more than so many.
        let too_many = (left + 1).saturating_sub(MAX_PARTS);
        let take = if more + 1 >= FAN { more } else { too_many.min(left) };
        if take == 0 {
            break;
        }
        rows += by_size.iter().skip(taken).take(take).map(|(size, _)| size).sum::<usize>();
        taken += take;
    }
    let mut taken: Vec<usize> = by_size.into_iter().take(taken).map(|(_, at)| at).collect();
    taken.sort_unstable();
    taken
}

/// How often a size is four times that of a tail that is sealed.
fn tier(rows: usize, seal_points: usize) -> u32 {
    (rows / seal_points).max(1).ilog(FAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[usize]) -> Vec<PartFacts> {
        rows.iter().map(|rows| PartFacts { rows: *rows, dead: 0 }).collect()
    }

    fn job(tail: bool, parts: &[usize]) -> Option<Job> {
        Some(Job { tail, parts: parts.to_vec() })
    }

    #[test]
    fn a_long_tail_is_sealed_and_four_of_a_size_become_one() {
        assert_eq!(due(99, &[], 100), None);
        assert_eq!(due(100, &[], 100), job(true, &[]));
        assert_eq!(due(100, &parts(&[100, 100]), 100), job(true, &[]));
        assert_eq!(due(100, &parts(&[100, 120, 100]), 100), job(true, &[0, 1, 2]));
        // Three of the larger size wait for a fourth: the new one is it.
        assert_eq!(due(100, &parts(&[400, 420, 430, 100, 100, 100]), 100), job(true, &[0, 1, 2, 3, 4, 5]));
        assert_eq!(due(100, &parts(&[6400, 100, 110, 120]), 100), job(true, &[1, 2, 3]));
    }

    #[test]
    fn segments_with_many_dead_are_built_anew() {
        let stale = PartFacts { rows: 1000, dead: 201 };
        assert_eq!(due(0, &[stale], 100), job(false, &[0]));
        assert_eq!(due(0, &[PartFacts { dead: 200, ..stale }], 100), None);
        assert_eq!(due(0, &[PartFacts { rows: 100, dead: 63 }], 100), None);
        assert_eq!(due(0, &[PartFacts { rows: 100, dead: 0 }, stale], 100), job(false, &[1]));
    }

    #[test]
    fn a_tail_is_copied_once_half_of_it_is_dead() {
        assert!(is_stale(1024, 512) && is_stale(512, 512));
        assert!(!is_stale(1026, 512) && !is_stale(600, 511));
    }

    #[test]
    fn a_whole_is_made_of_everything_unless_it_is_there() {
        assert_eq!(whole(0, &[]), None);
        assert_eq!(whole(0, &parts(&[5])), None);
        assert_eq!(whole(1, &parts(&[5])), job(true, &[0]));
        assert_eq!(whole(0, &parts(&[5, 6])), job(true, &[0, 1]));
        assert_eq!(whole(0, &[PartFacts { rows: 5, dead: 1 }]), job(true, &[0]));
    }

    #[test]
    fn a_growing_collection_keeps_few_segments_and_builds_each_point_few_times() {
        let (seal_points, tails) = (1000, 1000);
        let mut segments: Vec<PartFacts> = Vec::new();
        let mut built = 0;
        for _ in 0..tails {
            let job = due(seal_points, &segments, seal_points).expect("a full tail is due");
            let rows = seal_points + job.parts.iter().map(|at| segments[*at].rows).sum::<usize>();
            built += rows;
            let mut at = 0;
            segments.retain(|_| {
                at += 1;
                !job.parts.contains(&(at - 1))
            });
            segments.push(PartFacts { rows, dead: 0 });
            assert!(segments.len() <= MAX_PARTS, "{segments:?}");
        }
        assert_eq!(segments.iter().map(|part| part.rows).sum::<usize>(), seal_points * tails);
        // Once as a tail, and once for each of the five fourfold growths to a thousand tails.
        assert!(built <= 7 * seal_points * tails, "each point {} times", built / (seal_points * tails));
    }
}
