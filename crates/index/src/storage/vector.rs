//! Vectors as rows: bit by bit what was given, in fewer bytes.
//!
//! The mantissas of an embedding are noise, but its exponents are few: nearly all lie within seven of one another. So a number
//! is stored in 27 bits and a little:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version, 2 |
//! | 1 | the least of the seven exponents that the codes tell |
//! | 2 x dim | the lower 16 bits of each mantissa, little endian |
//! | dim | of each number the sign (highest bit) and the upper 7 bits of its mantissa |
//! | 3 x dim / 8, rounded up | codes of 3 bits, the first number in the lowest bits: the exponent less the least one, or 7 |
//! | as many as codes are 7 | the exponents of these numbers |
//!
//! A vector that this would make longer is stored plain. The space's dimension says how many numbers there are. Version history: 1,
//! plain `f32`s, little endian; 2, this.

const PLAIN: u8 = 1;
const PACKED: u8 = 2;
/// The code of an exponent that stands apart.
const APART: u8 = 7;
/// Bits of a code.
const CODE_BITS: usize = 3;

/// The parts of an `f32`: the exponent, sign and upper mantissa, lower mantissa.
const fn parts(value: f32) -> (u8, u8, [u8; 2]) {
    let [low, middle, high, top] = value.to_le_bytes();
    (top << 1 | high >> 7, (top & 0x80) | (high & 0x7F), [low, middle])
}

const fn whole(exponent: u8, upper: u8, [low, middle]: [u8; 2]) -> f32 {
    let top = (upper & 0x80) | exponent >> 1;
    f32::from_le_bytes([low, middle, exponent << 7 | (upper & 0x7F), top])
}

/// Writes a vector.
pub(crate) fn encode_vector(vector: &[f32]) -> Vec<u8> {
    let least = least_exponent(vector);
    let (mut lower, mut upper) = (Vec::with_capacity(vector.len() * 4), Vec::with_capacity(vector.len()));
    let (mut codes, mut apart) = (vec![0_u8; code_bytes(vector.len())], Vec::new());
    lower.extend([PACKED, least]);
    for (at, value) in vector.iter().enumerate() {
        let (exponent, high, low) = parts(*value);
        lower.extend(low);
        upper.push(high);
        let code = exponent.checked_sub(least).filter(|code| *code < APART).unwrap_or(APART);
        if code == APART {
            apart.push(exponent);
        }
        let bits = u16::from(code) << (at * CODE_BITS % 8);
        let bytes = codes.iter_mut().skip(at * CODE_BITS / 8);
        bytes.zip(bits.to_le_bytes()).for_each(|(byte, bits)| *byte |= bits);
    }
    let mut bytes = lower;
    if bytes.len() + upper.len() + codes.len() + apart.len() < 1 + vector.len() * 4 {
        [upper, codes, apart].iter().for_each(|part| bytes.extend(part));
    } else {
        bytes.clear();
        bytes.push(PLAIN);
        bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

/// The first of the seven exponents in a row that most numbers have.
fn least_exponent(vector: &[f32]) -> u8 {
    let mut counts = [0_u32; 256];
    for value in vector {
        if let Some(count) = counts.get_mut(usize::from(parts(*value).0)) {
            *count += 1;
        }
    }
    let sums = counts.windows(usize::from(APART)).map(|window| window.iter().sum::<u32>());
    (0..=u8::MAX).zip(sums).max_by_key(|(_, sum)| *sum).map_or(0, |(least, _)| least)
}

const fn code_bytes(dim: usize) -> usize {
    (dim * CODE_BITS).div_ceil(8)
}

/// Reads a vector of this dimension into the end of `into`; `Err` says what is wrong and leaves `into` as it was.
pub(crate) fn decode_vector_into(bytes: &[u8], dim: usize, into: &mut Vec<f32>) -> Result<(), String> {
    match bytes.split_first() {
        None => Err("the vector is empty".to_owned()),
        Some((&PLAIN, rest)) if rest.len() == dim * 4 => {
            let (values, _) = rest.as_chunks::<4>();
            into.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
            Ok(())
        }
        Some((&PACKED, rest)) => {
            let from = into.len();
            let unpacked = unpack(rest, dim, into);
            if unpacked.is_none() {
                into.truncate(from);
            }
            unpacked.ok_or_else(|| format!("the vector of {} bytes has not {dim} numbers", bytes.len()))
        }
        Some((&PLAIN, rest)) => Err(format!("the vector has {} bytes, expected {}", rest.len(), dim * 4)),
        Some((found, _)) => Err(format!("the vector has version {found}, expected {PLAIN} or {PACKED}")),
    }
}

/// `None` unless the bytes are those of `dim` numbers.
fn unpack(bytes: &[u8], dim: usize, into: &mut Vec<f32>) -> Option<()> {
    let (least, rest) = bytes.split_first()?;
    let (lower, rest) = rest.split_at_checked(dim * 2)?;
    let (upper, rest) = rest.split_at_checked(dim)?;
    let (codes, apart) = rest.split_at_checked(code_bytes(dim))?;
    let (lower, _) = lower.as_chunks::<2>();
    let mut apart = apart.iter().copied();
    // Eight codes lie in three bytes.
    let codes = codes.chunks(CODE_BITS).flat_map(|bytes| {
        let [first, second, third] =
            [0, 1, 2].map(|at| u32::from(bytes.get(at).copied().unwrap_or_default()));
        let eight = first | second << 8 | third << 16;
        (0..8).map(move |at| eight >> (at * CODE_BITS) & u32::from(APART))
    });
    into.reserve(dim);
    for ((low, upper), code) in lower.iter().zip(upper).zip(codes) {
        let code = u8::try_from(code).unwrap_or(APART);
        let exponent = if code == APART { apart.next()? } else { least.checked_add(code)? };
        into.push(whole(exponent, *upper, *low));
    }
    apart.next().is_none().then_some(())
}

/// Reads a vector of this dimension; `Err` says what is wrong.
pub(crate) fn decode_vector(bytes: &[u8], dim: usize) -> Result<Vec<f32>, String> {
    let mut vector = Vec::with_capacity(dim);
    decode_vector_into(bytes, dim, &mut vector)?;
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)
        }

        /// About normal.
        fn normal(&mut self) -> f32 {
            (0..4).map(|_| self.next() as f32 / u32::MAX as f32).sum::<f32>() - 2.0
        }
    }

    fn bits(vector: &[f32]) -> Vec<u32> {
        vector.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn every_vector_comes_back_bit_by_bit() {
        let mut random = Random(41);
        for dim in [1, 2, 3, 7, 8, 9, 64, 256, 383] {
            for round in 0..40 {
                // Any bits at all, numbers of a few sizes, and numbers as embeddings have them.
                let vector: Vec<f32> = (0..dim)
                    .map(|_| match round % 3 {
                        0 => f32::from_bits(random.next()),
                        1 => {
                            *[0.0, -0.0, 1e-40, 0.5, -3.0e30].get(random.next() as usize % 5).expect("inside")
                        }
                        _ => random.normal() * 0.1,
                    })
                    .collect();
                let bytes = encode_vector(&vector);
                assert!(bytes.len() <= 1 + dim * 4, "{dim}, {round}");
                let read = decode_vector(&bytes, dim).expect("reads");
                assert_eq!(bits(&read), bits(&vector), "{dim}, {round}");
                // Another dimension may give other numbers, as it is the space that tells it, but nothing worse.
                for wrong in [0, dim - 1, dim + 1, 5 * dim] {
                    assert!(decode_vector(&bytes, wrong).map_or(true, |read| read.len() == wrong));
                }
                let mut into = vec![7.0];
                let cut = bytes.get(..bytes.len() - 1).expect("inside");
                assert!(decode_vector_into(cut, dim, &mut into).is_err());
                assert_eq!(into, [7.0]);
            }
        }
    }

    #[test]
    fn embeddings_take_less_room() {
        let mut random = Random(42);
        let mut vector = || (0..256).map(|_| random.normal() * 0.1).collect::<Vec<_>>();
        let bytes: usize = (0..100).map(|_| encode_vector(&vector()).len()).sum();
        assert!(bytes / 100 < 880, "{bytes} for 100 vectors that take 1,025 bytes each as they are");
    }

    #[test]
    fn plain_vectors_are_read_and_other_versions_refused() {
        let plain = [1, 0, 0, 128, 62, 0, 0, 192, 191];
        assert_eq!(decode_vector(&plain, 2), Ok(vec![0.25, -1.5]));
        assert!(decode_vector(&plain, 1).is_err() && decode_vector(&plain, 3).is_err());
        assert!(decode_vector(&[], 3).is_err());
        assert!(decode_vector(&[9, 0, 0, 0, 0], 1).is_err());
        assert!(decode_vector(&[2], 1).is_err());
        // An exponent beyond the largest.
        assert!(decode_vector(&[2, 254, 0, 0, 0, 3], 1).is_err());
        assert!(decode_vector(&[2, 254, 0, 0, 0, 1], 1).is_ok());
    }
}
