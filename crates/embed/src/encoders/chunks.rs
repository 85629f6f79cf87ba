//! Batches cut into runs that go through the layers together.

/// Cuts a batch into runs of neighbours: as many as there are threads, or more where a run would be of more rows than `most`.
pub(super) fn chunks<T>(
    items: &[T],
    rows: impl Fn(&T) -> usize,
    (threads, most): (usize, usize),
) -> Vec<&[T]> {
    let total: usize = items.iter().map(&rows).sum();
    let budget = total.div_ceil(threads.max(1)).clamp(1, most);
    let mut chunks = Vec::new();
    let (mut rest, mut taken, mut sum) = (items, 0, 0);
    while let Some(item) = rest.get(taken) {
        let own = rows(item);
        if taken > 0 && sum + own > budget {
            let (chunk, after) = rest.split_at(taken);
            chunks.push(chunk);
            (rest, taken, sum) = (after, 0, 0);
        }
        taken += 1;
        sum += own;
    }
    if !rest.is_empty() {
        chunks.push(rest);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_order_and_lose_nothing() {
        let items = [vec![1; 300], vec![2; 300], vec![3; 5], vec![4; 5], vec![5; 600]];
        let cut = chunks(&items, Vec::len, (2, 512));
        assert_eq!(cut.iter().map(|chunk| chunk.len()).collect::<Vec<_>>(), [1, 3, 1]);
        assert_eq!(cut.concat(), items);
        assert!(chunks(&items[..0], Vec::len, (2, 512)).is_empty());
    }
}
