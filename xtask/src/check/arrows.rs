//! Which of our crates may know which: the drawing of DESIGN.md as a table.

use std::collections::BTreeSet;

use super::metadata::Metadata;

const PREFIX: &str = "sensorium-";

/// A crate and the crates that its arrows point at. It may also know whom they know.
const ARROWS: [(&str, &[&str]); 22] = [
    ("types", &[]),
    ("kernels", &["types"]),
    ("media", &["types"]),
    ("onnx", &["types"]),
    ("embed", &["kernels", "onnx"]),
    ("index", &["kernels"]),
    ("store", &["types"]),
    ("store-embedded", &["index", "store"]),
    ("engine", &["embed", "media", "store"]),
    ("api", &["types"]),
    ("fetch", &["types"]),
    ("checkpoint", &[]),
    ("hub", &["embed", "fetch", "checkpoint"]),
    ("client", &["api"]),
    ("server", &["engine", "api", "fetch"]),
    ("cli", &["server", "hub", "client", "mini", "store-embedded"]),
    ("testkit", &["store"]),
    ("mini", &[]),
    ("xtask", &["checkpoint"]),
    ("tests", &["client", "testkit"]),
    ("benches", &["engine", "client", "testkit", "mini", "store-embedded"]),
    ("fuzz", &["engine"]),
];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in metadata.members() {
        let name = short(&package.name);
        let Some(allowed) = reachable(name) else {
            complaints
                .push(format!("{} stands in no row of the table in xtask/src/check/arrows.rs", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.name.starts_with(PREFIX))
        {
            let target = short(&dependency.name);
            // Any test may use testkit, and open data folders as the command does.
            // A test of the server speaks to it through the client, as its users do.
            let test_help =
                dependency.is_dev() && matches!(target, "testkit" | "client" | "store-embedded" | "index");
            if !allowed.contains(target) && !test_help {
                complaints.push(format!("{} must not know {}", package.name, dependency.name));
            }
        }
    }
    complaints
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// Everything that the arrows lead to.
fn reachable(name: &str) -> Option<BTreeSet<&'static str>> {
    let (_, direct) = ARROWS.iter().find(|(from, _)| *from == name)?;
    let mut all = BTreeSet::new();
    for target in *direct {
        all.insert(*target);
        all.extend(reachable(target)?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_lead_down_and_every_target_has_a_row() {
        for (name, _) in ARROWS {
            let all = reachable(name).unwrap();
            assert!(!all.contains(name), "{name} knows itself");
        }
        assert!(reachable("cli").unwrap().contains("types"));
        assert!(!reachable("index").unwrap().contains("embed"));
        assert!(reachable("nobody").is_none());
    }
}
