//! Memory for what is read from end to end, again and again.

#![expect(unsafe_code, reason = "advises the system about memory of ours")]

/// So many zeros. Where they fill pages of 2 MB these are asked for: weights are read in the order in which they lie, and a
/// page of 4 KB lasts a product of few rows no longer than finding the next one.
pub(crate) fn zeros<T: Copy + Default>(count: usize) -> Vec<T> {
    // Fresh from the system and not yet touched, if it is large: pages come when it is written.
    let mut made = vec![T::default(); count];
    advise(&mut made);
    made
}

/// Does nothing where the system has no such pages.
#[cfg(target_os = "linux")]
fn advise<T>(numbers: &mut [T]) {
    const PAGE: usize = 2 << 20;
    let from = numbers.as_mut_ptr().cast::<u8>();
    let bytes = size_of_val(numbers);
    // Whole pages alone, so that nothing of a neighbour's is advised and no memory is taken that was not asked for.
    let before = from.addr().next_multiple_of(PAGE) - from.addr();
    let Some(inside) = bytes.checked_sub(before).map(|rest| rest / PAGE * PAGE) else { return };
    if inside > 0 {
        // SAFETY: the range lies within the slice; the advice changes nothing that it holds. That it may be refused is well.
        unsafe { libc::madvise(from.wrapping_add(before).cast(), inside, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_numbers: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::zeros;

    #[test]
    fn zeros_of_every_size_are_zeros() {
        for count in [0, 1, 1 << 10, (2 << 20) / 4 + 3, 3 << 20] {
            let made: Vec<f32> = zeros(count);
            assert!(made.len() == count && made.iter().all(|x| *x == 0.0), "{count}");
        }
    }
}
