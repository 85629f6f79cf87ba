//! Typed keys. Numbers are big endian, so that the order of keys is the order of numbers and a prefix is a question.
//!
//! | family | key |
//! | --- | --- |
//! | `assets` | asset offset (4) |
//! | `points` | asset offset (4), track code (1), ordinal (4): one asset's points lie together, in order |
//! | `vectors`, `thumbs`, `tomb` | point offset (4) |
//! | `graph` | generation (8), chunk (4) |
//! | `meta` | a word; of hub values `hubs/` (5), point offset (4); of changed assets `changed/` (8), change (8), asset offset (4) |
//! | `ids` | the asset's id, as it is |
//! | `sources` | root with 00 written as 00 FF, then 00 00, then the path: the order of (root, path) |

use sensorium_types::{SourceKey, Track};

/// The dense number of an asset. It never leaves this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AssetOffset(pub(crate) u32);

impl AssetOffset {
    /// The offset as an index.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The dense number of a point. It never leaves this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PointOffset(pub(crate) u32);

/// Key in `assets`; also the prefix of the asset's points.
pub(crate) const fn asset_key(asset: AssetOffset) -> [u8; 4] {
    asset.0.to_be_bytes()
}

/// Key in `vectors`, `thumbs` and `tomb`.
pub(crate) const fn point_offset_key(point: PointOffset) -> [u8; 4] {
    point.0.to_be_bytes()
}

/// Reads a key that is one offset.
pub(crate) fn decode_offset_key(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.try_into().ok()?))
}

/// Key in `points`.
pub(crate) fn point_key(asset: AssetOffset, track: Track, ordinal: u32) -> [u8; 9] {
    let [a, b, c, d] = asset.0.to_be_bytes();
    let [e, f, g, h] = ordinal.to_be_bytes();
    [a, b, c, d, track.code(), e, f, g, h]
}

/// Reads a key in `points`.
pub(crate) fn decode_point_key(key: &[u8]) -> Option<(AssetOffset, Track, u32)> {
    let [a, b, c, d, track, e, f, g, h]: [u8; 9] = key.try_into().ok()?;
    let track = Track::from_code(track)?;
    Some((AssetOffset(u32::from_be_bytes([a, b, c, d])), track, u32::from_be_bytes([e, f, g, h])))
}

/// What keys of hub values in `meta` begin with.
const HUBS: &[u8; 5] = b"hubs/";

/// Key of a point's hub values in `meta`.
pub(crate) fn hub_key(point: PointOffset) -> [u8; 9] {
    let mut key = [0; 9];
    let (head, tail) = key.split_at_mut(HUBS.len());
    head.copy_from_slice(HUBS);
    tail.copy_from_slice(&point.0.to_be_bytes());
    key
}

/// Reads a key of hub values; `None` for another row of `meta`.
pub(crate) fn decode_hub_key(key: &[u8]) -> Option<PointOffset> {
    decode_offset_key(key.strip_prefix(HUBS)?).map(PointOffset)
}

/// Keys of all hub values: from the first to before the second.
pub(crate) const fn hub_range() -> (&'static [u8], &'static [u8]) {
    // '0' follows '/'.
    (HUBS, b"hubs0")
}

/// What keys of changed assets in `meta` begin with.
const CHANGED: &[u8; 8] = b"changed/";

/// Key of an asset that a change touched, in `meta`.
pub(crate) fn changed_key(operation: u64, asset: AssetOffset) -> [u8; 20] {
    let mut key = [0; 20];
    let (head, tail) = key.split_at_mut(CHANGED.len());
    head.copy_from_slice(CHANGED);
    let (head, tail) = tail.split_at_mut(8);
    head.copy_from_slice(&operation.to_be_bytes());
    tail.copy_from_slice(&asset.0.to_be_bytes());
    key
}

/// Reads a key of a changed asset; `None` for another row of `meta`.
pub(crate) fn decode_changed_key(key: &[u8]) -> Option<(u64, AssetOffset)> {
    let (operation, asset) = key.strip_prefix(CHANGED)?.split_at_checked(8)?;
    let operation = u64::from_be_bytes(operation.try_into().ok()?);
    Some((operation, AssetOffset(decode_offset_key(asset)?)))
}

/// Keys of what changed from one change on to before another.
pub(crate) fn changed_range(from: u64, to: u64) -> ([u8; 20], [u8; 20]) {
    (changed_key(from, AssetOffset(0)), changed_key(to, AssetOffset(0)))
}

/// What keys of assets that were written begin with, in `meta`.
const ADDED: &[u8; 6] = b"added/";

/// Key of the asset that a change wrote with its points, in `meta`.
pub(crate) fn added_key(operation: u64) -> [u8; 14] {
    let mut key = [0; 14];
    let (head, tail) = key.split_at_mut(ADDED.len());
    head.copy_from_slice(ADDED);
    tail.copy_from_slice(&operation.to_be_bytes());
    key
}

/// Reads a key of an asset that was written; `None` for another row of `meta`.
pub(crate) fn decode_added_key(key: &[u8]) -> Option<u64> {
    key.strip_prefix(ADDED)?.try_into().ok().map(u64::from_be_bytes)
}

/// Key in `graph`.
pub(crate) fn chunk_key(generation: u64, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&generation.to_be_bytes());
    tail.copy_from_slice(&chunk.to_be_bytes());
    key
}

/// Reads a key in `graph`.
pub(crate) fn decode_chunk_key(key: &[u8]) -> Option<(u64, u32)> {
    let (generation, chunk) = key.split_at_checked(8)?;
    Some((u64::from_be_bytes(generation.try_into().ok()?), u32::from_be_bytes(chunk.try_into().ok()?)))
}

/// All keys of a generation: from the first to before the second.
pub(crate) fn chunk_range(generation: u64) -> ([u8; 12], [u8; 12]) {
    (chunk_key(generation, 0), chunk_key(generation.saturating_add(1), 0))
}

/// Key in `sources`.
pub(crate) fn source_key(key: &SourceKey) -> Vec<u8> {
    let mut bytes = root_bytes(&key.root);
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&key.path);
    bytes
}

/// What comes behind every key in `sources` of this root, and before those of the next.
pub(crate) fn key_after_root(root: &[u8]) -> Vec<u8> {
    let mut bytes = root_bytes(root);
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

fn root_bytes(root: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(root.len() + 2);
    for byte in root {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xff);
        }
    }
    bytes
}

/// Reads a key in `sources`.
pub(crate) fn decode_source_key(bytes: &[u8]) -> Option<SourceKey> {
    let mut root = Vec::new();
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte != 0 {
            root.push(*byte);
            continue;
        }
        match rest.next()? {
            0xff => root.push(0),
            0 => return Some(SourceKey { root, path: rest.copied().collect() }),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn config() -> ProptestConfig {
        let seed = sensorium_testkit::seed("keys", 1);
        ProptestConfig {
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    fn source() -> impl Strategy<Value = SourceKey> {
        let part = || proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 0..6);
        (part(), part()).prop_map(|(root, path)| SourceKey { root, path })
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn source_keys_round_trip_and_keep_their_order(a in source(), b in source()) {
            let (left, right) = (source_key(&a), source_key(&b));
            prop_assert_eq!(decode_source_key(&left), Some(a.clone()));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            let after = key_after_root(&a.root);
            prop_assert!(left < after && (right > after) == (b.root > a.root));
        }

        #[test]
        fn point_keys_round_trip_and_keep_their_order(
            a in (any::<u32>(), 0..5_u8, any::<u32>()), b in (any::<u32>(), 0..5_u8, any::<u32>())
        ) {
            let key = |(asset, track, ordinal)| {
                point_key(AssetOffset(asset), Track::from_code(track).expect("known"), ordinal)
            };
            let (asset, track, ordinal) = decode_point_key(&key(a)).expect("well formed");
            prop_assert_eq!((asset.0, track.code(), ordinal), a);
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            let _ = (decode_source_key(&bytes), decode_point_key(&bytes), decode_chunk_key(&bytes));
            prop_assert_eq!(decode_offset_key(&bytes).is_some(), bytes.len() == 4);
        }
    }

    #[test]
    fn hub_keys_round_trip_in_their_range() {
        let (from, to) = hub_range();
        for point in [0, 7, u32::MAX].map(PointOffset) {
            let key = hub_key(point);
            assert!(from <= &key[..] && &key[..] < to);
            assert_eq!(decode_hub_key(&key), Some(point));
        }
        for other in [&b"collection"[..], b"graph", b"keep", b"hubs/", b"hubs/12345"] {
            assert_eq!(decode_hub_key(other), None);
        }
    }

    #[test]
    fn added_assets_lie_in_order_of_change() {
        assert!(added_key(255) < added_key(256));
        assert_eq!(decode_added_key(&added_key(7)), Some(7));
        assert_eq!(decode_added_key(&changed_key(7, AssetOffset(1))), None);
        assert_eq!(decode_changed_key(&added_key(7)), None);
    }

    #[test]
    fn changed_assets_lie_in_order_of_change() {
        let (from, to) = changed_range(7, 9);
        for (operation, inside) in [(6, false), (7, true), (8, true), (9, false), (300, false)] {
            for asset in [0, 1, u32::MAX].map(AssetOffset) {
                let key = changed_key(operation, asset);
                assert_eq!(from <= key && key < to, inside);
                assert_eq!(decode_changed_key(&key), Some((operation, asset)));
            }
        }
        assert_eq!(decode_changed_key(b"changed/123"), None);
        assert_eq!(decode_changed_key(&hub_key(PointOffset(1))), None);
    }

    #[test]
    fn chunks_of_a_generation_lie_in_its_range() {
        let (from, to) = chunk_range(7);
        for chunk in [0, 1, u32::MAX] {
            let key = chunk_key(7, chunk);
            assert!(from <= key && key < to);
            assert_eq!(decode_chunk_key(&key), Some((7, chunk)));
        }
        assert!(chunk_key(8, 0) >= to);
    }
}
