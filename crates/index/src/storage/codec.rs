//! Records as bytes: one version byte, then the record. A record of an unknown version is refused, never guessed.

use sensorium_types::Payload;
use serde::{Deserialize, Serialize};

use crate::error::IndexError;

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
}
