//! Libraries whose types cross crates come in one version.

use std::collections::BTreeMap;

use super::metadata::Metadata;

const ONE_VERSION: [&str; 8] =
    ["tonic", "prost", "prost-types", "hyper", "http", "arrow", "tokio", "candle-core"];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    ONE_VERSION
        .iter()
        .filter_map(|name| versions.get(name).map(|versions| (name, versions)))
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| {
            format!("{name} comes in {} versions: {}", versions.len(), versions.join(", "))
        })
        .collect()
}
