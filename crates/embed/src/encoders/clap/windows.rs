//! Which patches share a window.

use std::sync::Arc;

/// What is added to the score of two patches that share a window, but not a neighbourhood.
const APART: f32 = -100.0;

/// The windows of a square of patches.
///
/// Windows may be shifted against the square's edge by half of their side; those at the far edges then hold patches of both
/// edges, which must not look at each other.
///
/// # Source
/// arXiv:2103.14030, section 3.2
#[derive(Debug)]
pub(super) struct Windows {
    /// The patches of one window after those of another.
    order: Vec<usize>,
    /// Patches of a window.
    size: usize,
    /// For each window, what is added to its scores, where not all of its patches are neighbours.
    masks: Vec<Option<Arc<[f32]>>>,
}

impl Windows {
    /// Those of `side * side` patches, `window` patches a side, shifted by `shift`. The window divides the side.
    pub(super) fn new(side: usize, window: usize, shift: usize) -> Self {
        let size = window * window;
        let (mut order, mut masks) = (Vec::with_capacity(side * side), Vec::new());
        // Three regions along each axis, counted before the shift is taken back.
        let region = |at: usize| {
            usize::from(shift > 0 && at >= side - window) + usize::from(shift > 0 && at >= side - shift)
        };
        for (top, left) in
            (0..side).step_by(window).flat_map(|top| (0..side).step_by(window).map(move |left| (top, left)))
        {
            let cells = (0..size).map(|cell| (top + cell / window, left + cell % window));
            order.extend(
                cells.clone().map(|(row, column)| (row + shift) % side * side + (column + shift) % side),
            );
            let regions: Vec<usize> = cells.map(|(row, column)| region(row) * 3 + region(column)).collect();
            let alike = regions.iter().all(|region| regions.first() == Some(region));
            masks.push((!alike).then(|| {
                let added = |(one, other): (&usize, &usize)| if one == other { 0.0 } else { APART };
                regions.iter().flat_map(|one| regions.iter().map(move |other| added((one, other)))).collect()
            }));
        }
        Self { order, size, masks }
    }

    /// Patches of a window.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// The patches of each window, and its mask.
    pub(super) fn each(&self) -> Vec<Window<'_>> {
        let masks = self.masks.iter().map(Option::as_deref);
        self.order
            .chunks_exact(self.size)
            .zip(masks)
            .map(|(patches, mask)| Window { patches, mask })
            .collect()
    }
}

/// One window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) patches: &'a [usize],
    /// (patches, patches)
    pub(super) mask: Option<&'a [f32]>,
}

/// For each head, what is added to the score of each pair of patches of a window: a learned number for each way from one to the
/// other.
///
/// # Shapes
/// table ((2 window - 1)^2, heads) -> (heads, window^2, window^2)
pub(super) fn relative_bias(table: &[f32], window: usize, heads: usize) -> Vec<f32> {
    let (size, ways) = (window * window, 2 * window - 1);
    let way = |one: usize, other: usize| {
        let down = one / window + window - 1 - other / window;
        let right = one % window + window - 1 - other % window;
        down * ways + right
    };
    let pairs = || (0..size).flat_map(move |one| (0..size).map(move |other| (one, other)));
    (0..heads)
        .flat_map(|head| {
            pairs().map(move |(one, other)| {
                table.get(way(one, other) * heads + head).copied().unwrap_or_default()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_lies_in_one_window() {
        for shift in [0, 2] {
            let windows = Windows::new(8, 4, shift);
            let mut order = windows.order.clone();
            order.sort_unstable();
            assert_eq!(order, (0..64).collect::<Vec<_>>());
            let masked = windows.each().iter().filter(|window| window.mask.is_some()).count();
            assert_eq!(masked, if shift == 0 { 0 } else { 3 });
        }
        // The first of shifted windows begins behind the shift, the last ends at the square's beginning.
        let windows = Windows::new(8, 4, 2);
        assert_eq!(windows.each()[0].patches[..2], [2 * 8 + 2, 2 * 8 + 3]);
        assert_eq!(windows.each()[3].patches[15], 8 + 1);
    }

    #[test]
    fn patches_of_both_edges_do_not_look_at_each_other() {
        let windows = Windows::new(8, 4, 2);
        let right = windows.each()[1];
        let mask = right.mask.unwrap();
        // Columns 6, 7 and, from the other edge, 0, 1.
        assert_eq!(mask[..4], [0.0, 0.0, APART, APART]);
        assert_eq!(mask[2 * 16..2 * 16 + 4], [APART, APART, 0.0, 0.0]);
    }

    #[test]
    fn ways_are_counted_from_one_patch_to_the_other() {
        // Two heads, windows of two patches a side: nine ways.
        let table: Vec<f32> = (0..18u8).map(f32::from).collect();
        let bias = relative_bias(&table, 2, 2);
        // From a patch to itself: the way in the middle.
        assert_eq!((bias[0], bias[16]), (8.0, 9.0));
        // From the first to the last: one up and one left.
        assert_eq!(bias[3], 0.0);
        assert_eq!(bias[12], 16.0);
    }
}
