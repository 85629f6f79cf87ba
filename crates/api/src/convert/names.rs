//! The enums.

use sensorium_types::{
    Content, ErrorKind, FieldIndexState, ItemState, MediaPolicy, Modality, Plan, ReasonKind, ReembedState,
    Track,
};

use crate::{ConvertError, v1};

/// Writes both directions of an enum whose message form has one more member, `Unspecified`.
macro_rules! same_names {
    ($ours:ident, $field:literal: $($name:ident),+ $(,)?) => {
        impl From<$ours> for v1::$ours {
            fn from(value: $ours) -> Self {
                match value {
                    $($ours::$name => Self::$name,)+
                }
            }
        }

        impl TryFrom<v1::$ours> for $ours {
            type Error = ConvertError;

            fn try_from(value: v1::$ours) -> Result<Self, ConvertError> {
                match value {
                    v1::$ours::Unspecified => {
                        Err(ConvertError::UnknownEnum { field: $field, received: value.into() })
                    }
                    $(v1::$ours::$name => Ok(Self::$name),)+
                }
            }
        }
    };
}

same_names!(Modality, "modality": Text, Image, Video, Audio);
same_names!(Track, "track": Video, Audio, Image, Text, Fused, Caption);
same_names!(MediaPolicy, "media": Reference, Copy, None);
same_names!(Content, "content": Image, Audio, Text);
same_names!(FieldIndexState, "state": Waiting, Ready, TooLarge);
same_names!(ItemState, "state": Indexed, Unchanged, Failed, Pruned);
same_names!(ReembedState, "state": Reembedded, FromThumbnails, WithoutVectors);
same_names!(Plan, "plan": ExactScan, Graph, FilteredGraph);
same_names!(
    ReasonKind, "reason":
    Unsupported, Corrupt, TooLarge, TimedOut, DecoderMissing, Crashed, Moved, Unreadable,
);
same_names!(
    ErrorKind, "error":
    InvalidArgument, NotFound, Conflict, FailedPrecondition, Overloaded, Cancelled, DeadlineExceeded, Unavailable,
    Corrupt, Unimplemented, Bug, Unauthenticated, PermissionDenied,
);

/// A modality from its number on the wire.
///
/// # Errors
/// [`ConvertError::UnknownEnum`]
pub fn modality(received: i32) -> Result<Modality, ConvertError> {
    let message = v1::Modality::try_from(received)
        .map_err(|_| ConvertError::UnknownEnum { field: "modality", received })?;
    message.try_into()
}

/// Modalities from their numbers on the wire.
///
/// # Errors
/// [`ConvertError::UnknownEnum`]
pub fn modalities(received: &[i32]) -> Result<Vec<Modality>, ConvertError> {
    received.iter().map(|number| modality(*number)).collect()
}

/// What became of an item, from its number on the wire.
///
/// # Errors
/// [`ConvertError::UnknownEnum`]
pub fn item_state(received: i32) -> Result<ItemState, ConvertError> {
    let message = v1::ItemState::try_from(received)
        .map_err(|_| ConvertError::UnknownEnum { field: "state", received })?;
    message.try_into()
}

/// A track from its number on the wire; `None` where none is named.
///
/// # Errors
/// [`ConvertError::UnknownEnum`]
pub fn track(received: i32) -> Result<Option<Track>, ConvertError> {
    let named =
        v1::Track::try_from(received).map_err(|_| ConvertError::UnknownEnum { field: "track", received })?;
    if named == v1::Track::Unspecified { Ok(None) } else { named.try_into().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for modality in Modality::ALL {
            let number = v1::Modality::from(modality).into();
            assert_eq!(super::modality(number), Ok(modality));
        }
        for track in Track::ALL {
            let number = v1::Track::from(track).into();
            assert_eq!(super::track(number), Ok(Some(track)));
        }
        for state in [ItemState::Indexed, ItemState::Unchanged, ItemState::Failed, ItemState::Pruned] {
            let number = v1::ItemState::from(state).into();
            assert_eq!(super::item_state(number), Ok(state));
        }
        assert!(super::item_state(0).is_err());
        assert!(super::item_state(99).is_err());
        assert_eq!(super::track(0), Ok(None));
        assert!(super::modality(0).is_err());
        assert!(super::modality(99).is_err());
        assert!(super::track(-1).is_err());
    }
}
