//! Records as bytes: one version byte, then the record. A record of an unknown version is refused, never guessed.
//!
//! Vectors are the version byte and little-endian `f32`s without a length: the space's dimension says how many.

use sensorium_types::Payload;
use serde::{Deserialize, Serialize};

use crate::error::IndexError;

/// Version of a stored vector. History: 1, f32 little endian.
const VECTOR_VERSION: u8 = 1;

/// Writes a record after its version.
pub(super) fn encode<T: Serialize>(version: u8, record: &T) -> Result<Vec<u8>, IndexError> {
    postcard::to_extend(record, vec![version])
        .map_err(|error| IndexError::Bug { what: format!("a record cannot be encoded: {error}") })
}

/// Reads a record of this version; `Err` says what is wrong.
pub(super) fn decode<'a, T: Deserialize<'a>>(version: u8, bytes: &'a [u8]) -> Result<T, String> {
    match bytes.split_first() {
        None => Err("the record is empty".to_owned()),
        Some((found, rest)) if *found == version => match postcard::take_from_bytes(rest) {
            Ok((record, [])) => Ok(record),
            Ok((_, rest)) => Err(format!("{} bytes follow the record", rest.len())),
            Err(error) => Err(format!("the record cannot be read: {error}")),
        },
        Some((found, _)) => Err(format!("the record has version {found}, expected {version}")),
    }
}

/// Writes a vector.
pub(crate) fn encode_vector(vector: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + vector.len() * 4);
    bytes.push(VECTOR_VERSION);
    for value in vector {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// Reads a vector of this dimension into the end of `into`; `Err` says what is wrong and leaves `into` as it was.
pub(crate) fn decode_vector_into(bytes: &[u8], dim: usize, into: &mut Vec<f32>) -> Result<(), String> {
    match bytes.split_first() {
        None => Err("the vector is empty".to_owned()),
        Some((found, _)) if *found != VECTOR_VERSION => {
            Err(format!("the vector has version {found}, expected {VECTOR_VERSION}"))
        }
        Some((_, rest)) if rest.len() != dim * 4 => {
            Err(format!("the vector has {} bytes, expected {}", rest.len(), dim * 4))
        }
        Some((_, rest)) => {
            let (values, _) = rest.as_chunks::<4>();
            into.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
            Ok(())
        }
    }
}

/// Reads a vector of this dimension; `Err` says what is wrong.
pub(crate) fn decode_vector(bytes: &[u8], dim: usize) -> Result<Vec<f32>, String> {
    let mut vector = Vec::with_capacity(dim);
    decode_vector_into(bytes, dim, &mut vector)?;
    Ok(vector)
}

/// Writes a payload as JSON.
pub(super) fn to_json(payload: &Payload) -> Result<String, IndexError> {
    serde_json::to_string(payload)
        .map_err(|error| IndexError::Bug { what: format!("a payload cannot be encoded: {error}") })
}

/// Reads a payload; `Err` says what is wrong.
pub(super) fn of_json(text: &str) -> Result<Payload, String> {
    serde_json::from_str(text).map_err(|error| format!("the payload is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_other_versions_are_refused() {
        let bytes = encode(3, &(7_u32, "x".to_owned())).expect("encodes");
        assert_eq!(decode::<(u32, String)>(3, &bytes), Ok((7, "x".to_owned())));
        assert!(decode::<(u32, String)>(2, &bytes).is_err());
        assert!(decode::<(u32, String)>(3, &[]).is_err());
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode::<(u32, String)>(3, &longer).is_err());
        assert!(decode::<(u32, String)>(3, &bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn vectors_round_trip_and_other_lengths_are_refused() {
        let vector = [0.25_f32, -1.5, f32::MIN_POSITIVE];
        let bytes = encode_vector(&vector);
        assert_eq!(decode_vector(&bytes, 3), Ok(vector.to_vec()));
        assert!(decode_vector(&bytes, 2).is_err());
        assert!(decode_vector(&[], 3).is_err());
        assert!(decode_vector(&[9, 0, 0, 0, 0], 1).is_err());
    }
}
