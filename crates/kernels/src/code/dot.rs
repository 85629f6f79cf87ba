//! The product of two codes. Rows are read as unsigned (128 added to each byte) where the instruction wants one unsigned
//! side; what that adds is 128 times the sum of the query's codes, taken off at the end.

#![expect(unsafe_code, reason = "instructions that the level promises, on lanes of fixed size")]

use std::sync::OnceLock;

use super::Lane;

/// What the product of codes is computed with. Later ones are faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeLevel {
    /// Plain Rust, which the compiler turns into what the target always has (NEON on aarch64).
    Portable,
    /// AVX2: 16 products an instruction.
    Avx2,
    /// AVX-512 BW: 32 products an instruction.
    Avx512,
    /// AVX-512 VNNI: 64 products an instruction.
    Vnni,
}

impl CodeLevel {
    /// The best level of this machine, found once.
    pub(super) fn best() -> Self {
        static BEST: OnceLock<CodeLevel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self::Portable))
    }

    /// Every level that this machine has, slowest first.
    pub(super) fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                levels.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                levels.push(Self::Avx512);
                if is_x86_feature_detected!("avx512vnni") {
                    levels.push(Self::Vnni);
                }
            }
        }
        levels
    }
}

/// How two codes of one length are multiplied.
pub(super) trait Product {
    /// The sum of the products.
    ///
    /// # Safety
    /// The machine has the instructions, and `row` is at least as long as `query`.
    unsafe fn product(query: &[Lane], row: *const Lane, excess: i32) -> i32;

    /// The sum of the products with a row of half bytes, which are read as unsigned: the low ones of a lane with one lane of the query, the
    /// high ones with the next.
    ///
    /// # Safety
    /// The machine has the instructions, and `row` has a lane for each two of `query`.
    unsafe fn nibbles(query: &[Lane], row: *const Lane) -> i32;
}

/// Plain Rust.
pub(super) struct Portable;

impl Product for Portable {
    #[inline(always)]
    unsafe fn product(query: &[Lane], row: *const Lane, _: i32) -> i32 {
        let mut sum = 0;
        for (at, query) in query.iter().enumerate() {
            // SAFETY: the row is at least as long.
            let row = unsafe { &*row.add(at) };
            sum += query.0.iter().zip(&row.0).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>();
        }
        sum
    }

    #[inline(always)]
    unsafe fn nibbles(query: &[Lane], row: *const Lane) -> i32 {
        let mut sum = 0;
        for (at, pair) in query.chunks_exact(2).enumerate() {
            // SAFETY: the row has a lane for each two of the query.
            let row = unsafe { &*row.add(at) };
            let [low, high] = pair else { break };
            for ((low, high), both) in low.0.iter().zip(&high.0).zip(&row.0) {
                let both = both.cast_unsigned();
                sum += i32::from(*low) * i32::from(both & 15) + i32::from(*high) * i32::from(both >> 4);
            }
        }
        sum
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Vnni};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m256i, __m512i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_load_si128, _mm_shuffle_epi32,
        _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_si128, _mm256_cvtepi8_epi16,
        _mm256_extracti128_si256, _mm256_load_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
        _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_srli_epi16, _mm512_add_epi16,
        _mm512_add_epi32, _mm512_and_si512, _mm512_cvtepi8_epi16, _mm512_dpbusd_epi32, _mm512_load_si512,
        _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_reduce_add_epi32, _mm512_set1_epi8,
        _mm512_set1_epi16, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_xor_si512,
    };

    use super::{Lane, Product};

    /// AVX2.
    pub(in super::super) struct Avx2;

    impl Product for Avx2 {
        #[inline(always)]
        unsafe fn product(query: &[Lane], row: *const Lane, _: i32) -> i32 {
            // SAFETY: the caller has AVX2; a lane is four quarters of 16 aligned bytes, and the row has as many lanes.
            unsafe {
                let mut sums: [__m256i; 4] = [_mm256_setzero_si256(); 4];
                for (at, query) in query.iter().enumerate() {
                    let (query, row) = (query.0.as_ptr(), row.add(at).cast::<i8>());
                    for (quarter, sum) in sums.iter_mut().enumerate() {
                        let a = _mm256_cvtepi8_epi16(_mm_load_si128(query.add(quarter * 16).cast()));
                        let b = _mm256_cvtepi8_epi16(_mm_load_si128(row.add(quarter * 16).cast()));
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(a, b));
                    }
                }
                let [a, b, c, d] = sums;
                sum_of(_mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d)))
            }
        }

        #[inline(always)]
        unsafe fn nibbles(query: &[Lane], row: *const Lane) -> i32 {
            // SAFETY: the caller has AVX2; a lane is two halves of 32 aligned bytes, and the row has a lane for each two of the query. Two
            // products of at most 15 * 127 fit in 16 bits, and so do four.
            unsafe {
                let (mask, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
                let mut sums: [__m256i; 2] = [_mm256_setzero_si256(); 2];
                for at in 0..query.len() / 2 {
                    let (query, row) = (query.as_ptr().add(2 * at), row.add(at));
                    for (half, sum) in sums.iter_mut().enumerate() {
                        let both = _mm256_load_si256(row.cast::<__m256i>().add(half));
                        let low = _mm256_and_si256(both, mask);
                        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), mask);
                        let low =
                            _mm256_maddubs_epi16(low, _mm256_load_si256(query.cast::<__m256i>().add(half)));
                        let other = _mm256_load_si256(query.add(1).cast::<__m256i>().add(half));
                        let products = _mm256_add_epi16(low, _mm256_maddubs_epi16(high, other));
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, ones));
                    }
                }
                let [a, b] = sums;
                sum_of(_mm256_add_epi32(a, b))
            }
        }
    }

    /// The sum of eight numbers.
    ///
    /// # Safety
    /// The machine has AVX2.
    #[inline(always)]
    unsafe fn sum_of(numbers: __m256i) -> i32 {
        // SAFETY: as the caller promises.
        unsafe {
            let halves = (_mm256_castsi256_si128(numbers), _mm256_extracti128_si256::<1>(numbers));
            let sum = _mm_add_epi32(halves.0, halves.1);
            let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
            _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum)))
        }
    }

    /// AVX-512 BW.
    pub(in super::super) struct Avx512;

    impl Product for Avx512 {
        #[inline(always)]
        unsafe fn product(query: &[Lane], row: *const Lane, _: i32) -> i32 {
            // SAFETY: the caller has AVX-512 F and BW; a lane is two halves of 32 aligned bytes, and the row has as many
            // lanes.
            unsafe {
                let mut sums: [__m512i; 2] = [_mm512_setzero_si512(); 2];
                for (at, query) in query.iter().enumerate() {
                    let (query, row) = (query.0.as_ptr(), row.add(at).cast::<i8>());
                    for (half, sum) in sums.iter_mut().enumerate() {
                        let a = _mm512_cvtepi8_epi16(_mm256_load_si256(query.add(half * 32).cast()));
                        let b = _mm512_cvtepi8_epi16(_mm256_load_si256(row.add(half * 32).cast()));
                        *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(a, b));
                    }
                }
                let [a, b] = sums;
                _mm512_reduce_add_epi32(_mm512_add_epi32(a, b))
            }
        }

        #[inline(always)]
        unsafe fn nibbles(query: &[Lane], row: *const Lane) -> i32 {
            // SAFETY: the caller has AVX-512 F and BW; a lane is 64 aligned bytes, and the row has a lane for each two of the query. Two
            // products of at most 15 * 127 fit in 16 bits, and so do four.
            unsafe {
                let ones = _mm512_set1_epi16(1);
                let mut sum = _mm512_setzero_si512();
                for at in 0..query.len() / 2 {
                    let query = query.as_ptr().add(2 * at);
                    let [low, high] = halves_of(row.add(at));
                    let low = _mm512_maddubs_epi16(low, _mm512_load_si512(query.cast()));
                    let high = _mm512_maddubs_epi16(high, _mm512_load_si512(query.add(1).cast()));
                    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_add_epi16(low, high), ones));
                }
                _mm512_reduce_add_epi32(sum)
            }
        }
    }

    /// The low and the high half bytes of a lane.
    ///
    /// # Safety
    /// The machine has AVX-512 F and BW.
    #[inline(always)]
    unsafe fn halves_of(lane: *const Lane) -> [__m512i; 2] {
        // SAFETY: a lane is 64 aligned bytes.
        unsafe {
            let (both, mask) = (_mm512_load_si512(lane.cast()), _mm512_set1_epi8(15));
            [_mm512_and_si512(both, mask), _mm512_and_si512(_mm512_srli_epi16::<4>(both), mask)]
        }
    }

    /// AVX-512 VNNI.
    pub(in super::super) struct Vnni;

    impl Product for Vnni {
        #[inline(always)]
        unsafe fn product(query: &[Lane], row: *const Lane, excess: i32) -> i32 {
            // SAFETY: the caller has AVX-512 F and VNNI; a lane is 64 aligned bytes, and the row has as many lanes.
            unsafe {
                let unsigned = _mm512_set1_epi8(-128);
                let mut sums: [__m512i; 2] = [_mm512_setzero_si512(); 2];
                let mut at = 0;
                while at < query.len() {
                    let a = _mm512_load_si512(query.as_ptr().add(at).cast());
                    let b = _mm512_xor_si512(_mm512_load_si512(row.add(at).cast()), unsigned);
                    let [even, odd] = sums;
                    sums = [odd, _mm512_dpbusd_epi32(even, b, a)];
                    at += 1;
                }
                let [a, b] = sums;
                _mm512_reduce_add_epi32(_mm512_add_epi32(a, b)) - excess
            }
        }

        #[inline(always)]
        unsafe fn nibbles(query: &[Lane], row: *const Lane) -> i32 {
            // SAFETY: the caller has AVX-512 F, BW and VNNI; a lane is 64 aligned bytes, and the row has a lane for each two of the query.
            unsafe {
                let mut sums: [__m512i; 2] = [_mm512_setzero_si512(); 2];
                for at in 0..query.len() / 2 {
                    let query = query.as_ptr().add(2 * at);
                    let [low, high] = halves_of(row.add(at));
                    let [a, b] = sums;
                    sums = [
                        _mm512_dpbusd_epi32(a, low, _mm512_load_si512(query.cast())),
                        _mm512_dpbusd_epi32(b, high, _mm512_load_si512(query.add(1).cast())),
                    ];
                }
                let [a, b] = sums;
                _mm512_reduce_add_epi32(_mm512_add_epi32(a, b))
            }
        }
    }
}

/// Compiles a generic function over [`Product`] for each level and calls that of `$level`.
///
/// `at_level!(level, fn name[<A: Bound>](x: X) -> T = generic::<P[, A]>(x))`; the arguments fit the function's contract.
macro_rules! at_level {
    ($level:expr, $generic:ident [$($type:ident: $bound:path),*] ($($name:ident: $of:ty),*) -> $result:ty) => {{
        #[inline]
        fn portable<$($type: $bound),*>($($name: $of),*) -> $result {
            // SAFETY: plain Rust needs no instruction set; the caller of the macro keeps the generic's own contract.
            unsafe { $generic::<$crate::code::dot::Portable, $($type),*>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn avx2<$($type: $bound),*>($($name: $of),*) -> $result {
            // SAFETY: this function has the instructions; the caller of the macro keeps the generic's contract.
            unsafe { $generic::<$crate::code::dot::Avx2, $($type),*>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx2")]
        fn avx512<$($type: $bound),*>($($name: $of),*) -> $result {
            // SAFETY: this function has the instructions; the caller of the macro keeps the generic's contract.
            unsafe { $generic::<$crate::code::dot::Avx512, $($type),*>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
        fn vnni<$($type: $bound),*>($($name: $of),*) -> $result {
            // SAFETY: this function has the instructions; the caller of the macro keeps the generic's contract.
            unsafe { $generic::<$crate::code::dot::Vnni, $($type),*>($($name),*) }
        }
        match $level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level is only made where the machine has its instructions.
            $crate::code::dot::CodeLevel::Vnni => unsafe { vnni($($name),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level is only made where the machine has its instructions.
            $crate::code::dot::CodeLevel::Avx512 => unsafe { avx512($($name),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level is only made where the machine has its instructions.
            $crate::code::dot::CodeLevel::Avx2 => unsafe { avx2($($name),*) },
            _ => portable($($name),*),
        }
    }};
}
pub(super) use at_level;

/// The product of two codes of one length.
pub(super) fn product(level: CodeLevel, query: &[Lane], row: &[Lane], excess: i32) -> i32 {
    assert_eq!(query.len(), row.len(), "codes of one length");
    at_level!(level, one[](query: &[Lane], row: &[Lane], excess: i32) -> i32)
}

/// The product of a query with each row of a matrix.
pub(super) fn products(level: CodeLevel, query: &[Lane], rows: &[Lane], excess: i32, out: &mut [f32]) {
    assert_eq!(rows.len(), query.len() * out.len(), "one result a row");
    at_level!(level, many[](query: &[Lane], rows: &[Lane], excess: i32, out: &mut [f32]) -> ());
}

/// # Safety
/// The machine has the instructions, and both have one length.
#[inline(always)]
unsafe fn one<P: Product>(query: &[Lane], row: &[Lane], excess: i32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { P::product(query, row.as_ptr(), excess) }
}

/// # Safety
/// The machine has the instructions, and `rows.len() == query.len() * out.len()`.
#[inline(always)]
unsafe fn many<P: Product>(query: &[Lane], rows: &[Lane], excess: i32, out: &mut [f32]) {
    let mut row = rows.as_ptr();
    for value in out {
        // SAFETY: there is a row of the query's length for each result.
        unsafe {
            *value = P::product(query, row, excess) as f32;
            row = row.add(query.len());
        }
    }
}
