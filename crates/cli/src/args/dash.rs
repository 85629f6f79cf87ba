//! Words that begin with `-` and are no option (CONTRACTS.md section 7).

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The only options with one dash.
const SHORT_OPTIONS: [&str; 2] = ["-h", "-V"];

/// The word of a `search` that looks like an option and is none, if that is what clap refused.
pub(crate) fn refused_word(args: &[OsString], error: &clap::Error) -> Option<String> {
    if !is_search(args) || error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(part)) = error.get(ContextKind::InvalidArg) else { return None };
    let typed = before_the_break(args).find(|arg| arg.starts_with(part.as_str()));
    Some(typed.unwrap_or_else(|| part.clone()))
}

/// A word of a `search` that clap would take for `-h` with more behind it, such as `-hats`.
pub(crate) fn word_like_help(args: &[OsString]) -> Option<String> {
    if !is_search(args) {
        return None;
    }
    before_the_break(args)
        .find(|arg| SHORT_OPTIONS.iter().any(|option| arg.len() > option.len() && arg.starts_with(option)))
}

/// The sentence that shows both ways out.
pub(crate) fn sentence(word: &str) -> String {
    format!(
        "{word:?} begins with '-' and is no option. To look for these words write `text:{word}`; to lead away from \
         something put it after all options and `--`, as in `sensorium search dog -- {word}`"
    )
}

fn is_search(args: &[OsString]) -> bool {
    args.iter().skip(1).any(|arg| arg == "search")
}

fn before_the_break(args: &[OsString]) -> impl Iterator<Item = String> + '_ {
    args.iter().skip(1).take_while(|arg| *arg != "--").map(|arg| arg.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::low::Cli;

    fn refused(words: &[&str]) -> Option<String> {
        let args: Vec<OsString> = ["sensorium"].iter().chain(words).map(OsString::from).collect();
        if let Some(word) = word_like_help(&args) {
            return Some(word);
        }
        Cli::try_parse_from(&args).err().and_then(|error| refused_word(&args, &error))
    }

    #[test]
    fn words_with_a_dash_are_named_whole() {
        assert_eq!(refused(&["search", "-40 degrees"]).as_deref(), Some("-40 degrees"));
        assert_eq!(refused(&["search", "dog", "-fruit"]).as_deref(), Some("-fruit"));
        assert_eq!(refused(&["search", "dog", "--fruit"]).as_deref(), Some("--fruit"));
        assert_eq!(refused(&["search", "-hats"]).as_deref(), Some("-hats"));
        assert_eq!(refused(&["search", "dog", "--", "-fruit"]), None);
        assert_eq!(refused(&["search", "dog", "-", "fruit"]), None);
        assert_eq!(refused(&["index", "-x"]), None);
    }

    #[test]
    fn the_sentence_shows_both_ways_out() {
        let sentence = sentence("-40 degrees");
        assert!(sentence.contains("`text:-40 degrees`") && sentence.contains("-- -40 degrees"), "{sentence}");
    }
}
