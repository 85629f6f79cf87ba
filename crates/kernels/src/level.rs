//! Which instruction set runs.

use std::sync::OnceLock;

/// An instruction set that kernels are compiled for. Later ones are faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain Rust; the compiler vectorizes it for what the target always has.
    Portable,
    /// AVX2, FMA and F16C: eight floats.
    Avx2,
    /// AVX-512 F, VL, BW and DQ: sixteen floats.
    Avx512,
}

impl Level {
    /// The best level of this machine, found once.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self::Portable))
    }

    /// Every level that this machine has, slowest first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            if avx2 {
                levels.push(Self::Avx2);
            }
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
            {
                levels.push(Self::Avx512);
            }
        }
        levels
    }

    /// Floats in one vector.
    pub(crate) const fn lanes(self) -> usize {
        match self {
            Self::Portable | Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }
}

/// Compiles a function written over [`crate::simd::Vector`] for every level, and calls the one asked for.
///
/// `dispatch!(level, generic::<_, 3>(a, b) -> T)` is written as
/// `dispatch!(level, [a: A, b: B] -> T, |V| generic::<V, 3>(a, b))`.
macro_rules! dispatch {
    ($level:expr, [$($name:ident: $type:ty),*] -> $result:ty, |$vector:ident| $body:expr) => {{
        #[inline]
        fn portable($($name: $type),*) -> $result {
            type $vector = $crate::simd::Portable;
            // SAFETY: plain Rust needs no instruction set; the caller of `dispatch!` keeps the generic's own contract.
            unsafe { $body }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn avx2($($name: $type),*) -> $result {
            type $vector = core::arch::x86_64::__m256;
            // SAFETY: this function has the features that the vector needs; the caller keeps the generic's contract.
            unsafe { $body }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")]
        fn avx512($($name: $type),*) -> $result {
            type $vector = core::arch::x86_64::__m512;
            // SAFETY: this function has the features that the vector needs; the caller keeps the generic's contract.
            unsafe { $body }
        }
        match $level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level is only made where the machine has its features.
            $crate::Level::Avx512 => unsafe { avx512($($name),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level is only made where the machine has its features.
            $crate::Level::Avx2 => unsafe { avx2($($name),*) },
            _ => portable($($name),*),
        }
    }};
}
pub(crate) use dispatch;
