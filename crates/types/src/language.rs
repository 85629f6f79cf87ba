//! The languages that texts are read in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    /// English, and every text of which nothing else is known.
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Czech.
    #[serde(rename = "cs")]
    Czech,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Czech];

    /// The code of ISO 639-1, used on the command line, in messages and in bundles.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Czech => "cs",
        }
    }

    /// The name in English, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "German",
            Self::French => "French",
            Self::Czech => "Czech",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A code that names no language known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown language {received:?}: expected en (English), de (German), fr (French) or cs (Czech)")]
pub struct UnknownLanguage {
    /// The code.
    pub received: String,
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
            .ok_or_else(|| UnknownLanguage { received: code.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back_and_others_refused() {
        for language in Language::ALL {
            assert_eq!(language.code().parse(), Ok(language));
        }
        let said = "xx".parse::<Language>().expect_err("no such language").to_string();
        assert!(Language::ALL.iter().all(|language| said.contains(language.name())), "{said}");
    }
}
