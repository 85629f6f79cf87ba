//! Bytes of a file as floats.

use half::{bf16, f16};
use safetensors::tensor::Dtype;
use sensorium_kernels::f16_to_f32;

/// How floats are kept in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    F32,
    F16,
    Bf16,
}

impl Number {
    /// The numbers of a type; `None` for a type that is no float that layers read.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        if dtype == Dtype::F32 {
            Some(Self::F32)
        } else if dtype == Dtype::F16 {
            Some(Self::F16)
        } else if dtype == Dtype::BF16 {
            Some(Self::Bf16)
        } else {
            None
        }
    }

    /// Bytes of one number.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Bytes, least first, as floats; each has its exact value.
    pub(super) fn floats(self, bytes: &[u8]) -> Vec<f32> {
        let mut floats = vec![0.0; bytes.len() / self.bytes()];
        self.widen(bytes, &mut floats);
        floats
    }

    /// The same into a slice of as many floats.
    pub(super) fn widen(self, bytes: &[u8], floats: &mut [f32]) {
        match self {
            Self::F32 => {
                for (to, bytes) in floats.iter_mut().zip(bytes.as_chunks().0) {
                    *to = f32::from_le_bytes(*bytes);
                }
            }
            Self::F16 => match bytemuck::try_cast_slice(bytes) {
                Ok(halves) if cfg!(target_endian = "little") => f16_to_f32(halves, floats),
                // The bytes lie at an odd address.
                Ok(_) | Err(_) => {
                    for (to, bytes) in floats.iter_mut().zip(bytes.as_chunks().0) {
                        *to = f16::from_le_bytes(*bytes).to_f32();
                    }
                }
            },
            Self::Bf16 => {
                for (to, bytes) in floats.iter_mut().zip(bytes.as_chunks().0) {
                    *to = bf16::from_le_bytes(*bytes).to_f32();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_exact_values_at_any_address() {
        let exact = [1.5f32, -0.25, 1024.0, 0.0];
        let kinds: [(Number, Vec<u8>); 3] = [
            (Number::F32, exact.iter().flat_map(|x| x.to_le_bytes()).collect()),
            (Number::F16, exact.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()),
            (Number::Bf16, exact.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect()),
        ];
        for (number, bytes) in kinds {
            let mut shifted = vec![0];
            shifted.extend(&bytes);
            assert_eq!(number.floats(&bytes), exact);
            assert_eq!(number.floats(&shifted[1..]), exact);
        }
        assert_eq!(Number::of(Dtype::I8), None);
    }
}
