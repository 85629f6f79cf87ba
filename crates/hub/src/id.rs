//! Names and revisions of models.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::HubError;

/// Longest part of a name.
const MAX_PART: usize = 96;
/// Longest revision.
const MAX_REVISION: usize = 255;
/// What stands as it is in a step of an address.
const STEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of a model on a hub: `OWNER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubId(String);

/// A branch, tag, pull request (`refs/pr/15`) or commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

impl HubId {
    /// Reads a name.
    ///
    /// # Errors
    /// [`HubError::Id`] for what no hub calls a model.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let is_part = |part: &str| {
            (1..=MAX_PART).contains(&part.len())
                && !part.starts_with(['.', '-'])
                && !part.ends_with(['.', '-'])
                && !part.contains("..")
                && part.chars().all(is_plain)
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => Ok(Self(text.to_owned())),
            Some(_) | None => Err(HubError::Id { text: text.to_owned() }),
        }
    }

    /// As it was read.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that a folder can have, of its last part: small letters, digits, dots, dashes and underscores.
    pub fn folder_name(&self) -> String {
        let last = self.0.rsplit('/').next().unwrap_or_default();
        last.trim_start_matches('_').to_ascii_lowercase()
    }
}

impl Revision {
    /// The branch that a hub shows.
    pub const MAIN: &'static str = "main";

    /// Reads a revision.
    ///
    /// # Errors
    /// [`HubError::Revision`] for what can be none.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let is_step =
            |step: &str| !step.is_empty() && step != "." && step != ".." && step.chars().all(is_plain);
        if text.len() <= MAX_REVISION && text.split('/').all(is_step) {
            return Ok(Self(text.to_owned()));
        }
        Err(HubError::Revision { text: text.to_owned() })
    }

    /// As it was read.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As one step of an address: its slashes are no steps.
    pub(crate) fn step(&self) -> String {
        step(&self.0)
    }
}

/// A name as one step of an address.
pub(crate) fn step(name: &str) -> String {
    utf8_percent_encode(name, STEP).to_string()
}

const fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_an_owner_and_a_name() {
        let id = HubId::parse("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K").unwrap();
        assert_eq!(id.folder_name(), "clip-vit-b-32-256x256-datacomp-s34b-b86k");
        let long = format!("a/{}", "b".repeat(MAX_PART + 1));
        for text in
            ["", "a", "a/", "/a", "a/b/c", "a/../b", "../a", "a/b?c", "a/b c", "a/.b", "ä/b", "a/b#c", &long]
        {
            assert!(matches!(HubId::parse(text), Err(HubError::Id { .. })), "{text}");
        }
    }

    #[test]
    fn a_revision_is_one_step_of_an_address() {
        assert_eq!(Revision::parse("refs/pr/15").unwrap().step(), "refs%2Fpr%2F15");
        assert_eq!(Revision::parse("v1.0").unwrap().step(), "v1.0");
        let long = "a".repeat(MAX_REVISION + 1);
        for text in ["", "/", "a/", "a//b", "../a", "a/..", "a b", "a?b", "%2e%2e", &long] {
            assert!(matches!(Revision::parse(text), Err(HubError::Revision { .. })), "{text}");
        }
    }
}
