//! Every package stands under a licence that a binary under Apache-2.0 or MIT may hold.

use super::metadata::{Metadata, Package};

const ALLOWED: [&str; 17] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "IJG",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];
/// Packages with a licence text of their own, which someone has read.
const READ: [&str; 1] = ["sensorium-mini"];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    metadata.packages.iter().filter_map(complaint).collect()
}

fn complaint(package: &Package) -> Option<String> {
    let (name, version) = (&package.name, &package.version);
    match &package.license {
        Some(expression) if allowed(expression) => None,
        Some(expression) => Some(format!("{name} {version} stands under {expression}")),
        None if package.license_file.is_some() && READ.contains(&name.as_str()) => None,
        None => Some(format!("{name} {version} does not say its licence")),
    }
}

/// Whether an SPDX expression leaves us an allowed choice. `/` is an old way to write `OR`.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) && rest.is_empty()
}

fn any(words: &mut &[&str]) -> bool {
    let mut good = all(words);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        // Both sides are read, whatever the first says.
        good |= all(words);
    }
    good
}

fn all(words: &mut &[&str]) -> bool {
    let mut good = one(words);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        good &= one(words);
    }
    good
}

fn one(words: &mut &[&str]) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let good = any(words);
            if let [")", rest @ ..] = *words {
                *words = rest;
            }
            good
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()) || ALLOWED.contains(licence)
        }
        [licence, rest @ ..] => {
            *words = rest;
            ALLOWED.contains(licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_choices_and_sums() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-2.0", "", "(GPL-3.0 OR AGPL-3.0) AND MIT", "MIT GPL-3.0"] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
