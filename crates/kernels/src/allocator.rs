//! What the C allocator keeps of memory that nobody uses any more.
//!
//! A server's threads free what others took, and glibc keeps that in arenas, up to eight a core: resident memory creeps up for days though
//! what is in use stays the same. [`bound_arenas`] at the start and [`give_back`] now and then keep it flat. Elsewhere than on glibc both
//! do nothing.

#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "mallopt and malloc_trim have no safe form")
)]

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// `mallopt` of glibc, whose parameters malloc.h numbers.
    pub(super) fn bound_arenas(most: i32) -> bool {
        // SAFETY: it sets a number that the allocator reads, and takes its own lock.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, most) == 1 }
    }

    pub(super) fn give_back() -> bool {
        // SAFETY: it touches free memory alone, each arena under its own lock.
        unsafe { libc::malloc_trim(0) == 1 }
    }
}

/// Has the allocator share so many arenas among all threads; `false` where it has none. To be called before threads begin.
pub fn bound_arenas(most: usize) -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    return glibc::bound_arenas(i32::try_from(most).unwrap_or(i32::MAX).max(1));
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        let _ = most;
        false
    }
}

/// Gives free memory back to the system; `false` if there was none to give. Takes some milliseconds for a hundred megabytes.
pub fn give_back() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    return glibc::give_back();
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_given_back() {
        assert!(bound_arenas(2));
        // Too small for pages of their own; the last stays, so that what is before it is held.
        let mut taken: Vec<Vec<u8>> = (0..4000).map(|_| vec![1; 4096]).collect();
        let last = taken.pop();
        drop(taken);
        assert!(give_back());
        assert_eq!(last.map(|bytes| bytes.len()), Some(4096));
    }
}
