//! What can be typed. This layer only parses, and is the only one that reads the environment.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sensorium_client::{ApiKey, BadKey};
use sensorium_hub::Token;
use sensorium_types::{Language, Modality, SummaryLength};

use super::models::Models;
use super::serve::{Config, Keys, Serve};
use super::task::TaskName;

/// Find media by meaning: index text, images, audio and videos, and ask with any of them.
#[derive(Debug, Parser)]
#[command(
    name = "sensorium",
    disable_version_flag = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    subcommand_required = false,
    after_help = "Exit codes: 0 done, 1 error, 2 usage, 3 failed files under --strict, 130 interrupted."
)]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// Print the version.
    #[arg(short = 'V', long)]
    pub(crate) version: bool,
    /// With --version: also the bundle and the licence of its weights.
    #[arg(long, requires = "version")]
    pub(crate) long: bool,
    /// What is done.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Data folder [default: SENSORIUM_DATA, else `sensorium` in the XDG data home]
    #[arg(long, value_name = "DIR", global = true, help_heading = "Global options")]
    pub(crate) data: Option<PathBuf>,
    /// Collection [default: default]
    #[arg(long, value_name = "NAME", global = true, help_heading = "Global options")]
    pub(crate) collection: Option<String>,
    /// Ask this server instead of the data folder
    #[arg(long, value_name = "URL", global = true, help_heading = "Global options")]
    pub(crate) server: Option<String>,
    /// File with the API key for the server [default: SENSORIUM_API_KEY]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Certificates (PEM) that the server's is signed by [default: those that this machine trusts]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub(crate) ca: Option<PathBuf>,
    /// Bundle of models: one of `models list`, or a folder with a bundle.toml [default: that of the collection, else
    /// SENSORIUM_BUNDLE, else that of `models default`]
    #[arg(long, value_name = "NAME", global = true, help_heading = "Global options")]
    pub(crate) bundle: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring files and folders into the collection
    Index(Index),
    /// Find what the terms mean
    Search(Search),
    /// Print the vectors of texts, files and stored assets
    Embed(Embed),
    /// Put images and videos into words
    Caption(Caption),
    /// Choose shots of a video and put each into words
    Summarize(Summarize),
    /// Serve the data folder: a page, HTTP and JSON, and gRPC
    Serve(Box<Serve>),
    /// Measure retrieval on a manifest of captioned media
    Eval(Eval),
    /// Show assets by id or filter
    Get(Get),
    /// Delete assets by id or filter
    Delete(Delete),
    /// Check a settings file of `serve`, or print the settings
    Config {
        /// What about them.
        #[command(subcommand)]
        command: Config,
    },
    /// Make, list and revoke the keys by which a server knows its callers
    Keys {
        /// What about them.
        #[command(subcommand)]
        command: Keys,
    },
    /// List the collections
    Collections(Collections),
    /// List the fields whose filters are fast, and choose them
    Fields(Fields),
    /// List the files that could not be indexed, with their reasons
    Failures(Failures),
    /// List the formats that are decoded
    Formats,
    /// Check that everything needed is here and works
    Doctor,
    /// Check everything stored
    Verify,
    /// Drop what `verify` finds broken
    Repair(Repair),
    /// Bring collections that another bundle made to the bundle in use
    Reembed(Reembed),
    /// Counts and sizes
    Stats,
    /// Show what a server is doing, until Ctrl-C
    Top(Top),
    /// The bundles of models
    Models {
        /// What about them.
        #[command(subcommand)]
        command: Models,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version {
        /// Also the bundle and the licence of its weights
        #[arg(long)]
        long: bool,
    },
}

/// `index`
#[derive(Debug, Args)]
pub(crate) struct Index {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only files that match (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,
    /// No files or folders that match (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Forget files below the PATHs that are gone
    #[arg(long)]
    pub(crate) prune: bool,
    /// With --prune: also where it looks like an unmounted disk
    #[arg(long)]
    pub(crate) force: bool,
    /// Files decoded at a time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// JSONL or CSV with your own fields, joined by `path`
    #[arg(long, value_name = "FILE")]
    pub(crate) meta: Option<PathBuf>,
    /// Exit with 3 if a file failed
    #[arg(long)]
    pub(crate) strict: bool,
    /// Also put images and videos into words, and find them by these; the collection goes on so until `--captions=off`
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub(crate) captions: Option<Switch>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It is to be so.
    On,
    /// It is not.
    Off,
}

/// `search`
#[derive(Debug, Args)]
#[command(after_help = "\
Terms: [+|-][N:]TERM. Neighbouring words are one text: sensorium search a dog on a beach
  ./FILE ../FILE /FILE ~/FILE file:FILE   an image, audio, video or text
  asset:ID  asset:ID#3  asset:ID#audio.7  something stored, or one point of it
  vector:FILE.npy                         a vector of the space
  text:WORDS                              text, whatever it begins with
  sensorium search '2:golden retriever' + ./pool.jpg - fruit
Everything after -- is terms.")]
pub(crate) struct Search {
    /// What to look for
    #[arg(required = true, value_name = "TERM")]
    pub(crate) terms: Vec<OsString>,
    /// Only these, separated by commas: text, image, video, audio
    #[arg(long, value_name = "M,..", value_delimiter = ',')]
    pub(crate) modality: Vec<Modality>,
    /// Only assets whose fields meet this, for instance 'year >= 2020 and camera = "X100"'
    #[arg(long, value_name = "CONDITION")]
    pub(crate) filter: Option<String>,
    /// The language of the texts: en, de, fr or cs [default: what each seems to be in]
    #[arg(long, value_name = "LANG")]
    pub(crate) lang: Option<Language>,
    /// Most hits [default: 10; with --all: every match]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Exactly min(N, matches) hits, by exact search, whatever their score
    #[arg(long)]
    pub(crate) all: bool,
    /// Drop hits with a lower score (0 is chance)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) min_score: Option<f32>,
    /// A row for each moment
    #[arg(long)]
    pub(crate) moments: bool,
    /// Ask each term alone and fuse the lists
    #[arg(long)]
    pub(crate) late: bool,
    /// Read the N best hits once more by the caption decoder, and order the images among them anew
    #[arg(long, value_name = "N", conflicts_with = "late", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rerank: Option<u32>,
    /// Leave out the correction of what is near to every query
    #[arg(long)]
    pub(crate) raw: bool,
    /// Say how the answer came about
    #[arg(long)]
    pub(crate) explain: bool,
    /// Write the hits as images
    #[arg(long, value_name = "FILE.html|FILE.png")]
    pub(crate) contact_sheet: Option<PathBuf>,
    /// Write the hits as moments for an editor or a player: .edl .otio .csv .m3u .m3u8 .vtt
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
}

/// `embed`
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "\
Each argument is one term, as of `search`, without sign and weight: ./FILE, asset:ID, else text. Quote several words.")]
pub(crate) struct Embed {
    /// What is encoded
    #[arg(required = true, value_name = "TERM")]
    pub(crate) terms: Vec<OsString>,
}

/// `eval`
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// JSONL with a row for each file: file, captions, label, source, split
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    /// Split that is measured; ALL takes every row but `held`
    #[arg(long, value_name = "NAME", default_value = "dev")]
    pub(crate) split: String,
    /// Only these tasks, separated by commas
    #[arg(long, value_name = "TASK,..", value_delimiter = ',')]
    pub(crate) task: Vec<TaskName>,
    /// Files decoded at a time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

/// `caption`
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Caption {
    /// Images and videos (audio where the bundle has a decoder for them): files, or stored ones as asset:ID
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<OsString>,
    /// Grow this many captions side by side and take the best; 1 takes the likeliest word each time
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) beam: u16,
    /// Draw each word from the likeliest
    #[arg(long, conflicts_with = "beam")]
    pub(crate) sample: bool,
    /// With --sample: only the likeliest that together have this much of the probability
    #[arg(long, value_name = "P", requires = "sample", default_value_t = 0.9, value_parser = share)]
    pub(crate) top_p: f32,
    /// With --sample: equal seeds give equal captions
    #[arg(long, value_name = "S", requires = "sample", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Most tokens of a caption
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_tokens: Option<u16>,
}

/// `summarize`
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Summarize {
    /// Videos: files, or stored ones as asset:ID
    #[arg(required = true, value_name = "VIDEO")]
    pub(crate) videos: Vec<OsString>,
    /// Excerpts that together take at most so long
    #[arg(long, value_name = "N", conflicts_with = "shots", value_parser = seconds)]
    pub(crate) seconds: Option<NonZeroU64>,
    /// At most this many shots, each whole [default: 12]
    #[arg(long, value_name = "N", value_parser = shots)]
    pub(crate) shots: Option<NonZeroUsize>,
    /// Also cut what is shown into one video, by ffmpeg
    #[arg(long, value_name = "OUT.mp4")]
    pub(crate) clip: Option<PathBuf>,
}

/// Seconds, perhaps with a fraction, in milliseconds.
fn seconds(text: &str) -> Result<NonZeroU64, String> {
    let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.and_then(|time| NonZeroU64::new(u64::try_from(time.as_millis()).ok()?))
        .ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

/// How many shots.
fn shots(text: &str) -> Result<NonZeroUsize, String> {
    let most = SummaryLength::MAX_SHOTS;
    text.parse()
        .ok()
        .filter(|shots: &NonZeroUsize| shots.get() <= most)
        .ok_or_else(|| format!("expected a number from 1 to {most}"))
}

/// A share above 0, at most 1.
fn share(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .ok_or_else(|| "expected a number above 0 and at most 1".to_owned())
}

/// `get`
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Get {
    /// Ids of assets
    #[arg(value_name = "ID", required_unless_present = "filter", conflicts_with = "filter")]
    pub(crate) ids: Vec<String>,
    /// All assets whose fields meet this
    #[arg(long, value_name = "CONDITION")]
    pub(crate) filter: Option<String>,
    /// With the vectors of the points
    #[arg(long)]
    pub(crate) vectors: bool,
}

/// `delete`
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Delete {
    /// Ids of assets
    #[arg(value_name = "ID", required_unless_present = "filter", conflicts_with = "filter")]
    pub(crate) ids: Vec<String>,
    /// All assets whose fields meet this
    #[arg(long, value_name = "CONDITION")]
    pub(crate) filter: Option<String>,
}

/// `collections`
#[derive(Debug, Args)]
pub(crate) struct Collections {
    /// Drop this collection with everything in it
    #[arg(long, value_name = "NAME")]
    pub(crate) drop: Option<String>,
}

/// `fields`
#[derive(Debug, Args)]
#[command(after_help = "\
A filter may name any field. One that filters name is indexed by itself, in memory, and until others need its room; one
that is indexed here stays so.")]
pub(crate) struct Fields {
    /// Keep an index of this field; `location` is where assets are (may be repeated)
    #[arg(long, value_name = "FIELD")]
    pub(crate) index: Vec<String>,
    /// Keep the index of this field no longer (may be repeated)
    #[arg(long, value_name = "FIELD")]
    pub(crate) drop: Vec<String>,
}

/// `failures`
#[derive(Debug, Args)]
pub(crate) struct Failures {
    /// Try all of them again, and files that were indexed with a warning
    #[arg(long)]
    pub(crate) retry: bool,
    /// Instead the files that were indexed with a warning: parts of them are missing, or seem wrong
    #[arg(long, conflicts_with = "retry")]
    pub(crate) warnings: bool,
}

/// `repair`
#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Only say what would be dropped
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `reembed`
#[derive(Debug, Args)]
#[command(after_help = "\
Every asset is read again from its file, its copy, or, where both are gone, its thumbnails; what has none of them keeps
its fields and loses its vectors. These assets are listed before anything is written. An interrupted or killed run is
taken up by the next; until the end the collection stays as it was, and answers as it did. At the end the vectors that it had are \
kept: --rollback goes back to them, with what came since, and --drop-old removes them.")]
pub(crate) struct Reembed {
    /// Keep assets that cannot be read without vectors, without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go back to the vectors that an earlier run kept; assets that came since are encoded as they were
    #[arg(long)]
    pub(crate) rollback: bool,
    /// Remove the vectors that an earlier run kept, and no more; where there are none, keep none at the end of this run
    #[arg(long)]
    pub(crate) drop_old: bool,
    /// Ask the vectors before and now, and say how far they agree; nothing is written
    #[arg(long, requires = "queries", conflicts_with_all = ["yes", "dry_run", "rollback", "drop_old"])]
    pub(crate) compare: bool,
    /// For --compare: a file of texts, one a line
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub(crate) queries: Option<PathBuf>,
    /// Files decoded at a time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

/// `top`
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Seconds from one reading to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) every: u32,
    /// Readings after which it ends
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,
    /// Every metric, and not the most important ones alone; --json tells every one anyhow
    #[arg(long)]
    pub(crate) all: bool,
}

/// The variables that are read. Empty ones count as absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// `SENSORIUM_DATA`: the data folder.
    pub(crate) data: Option<PathBuf>,
    /// `SENSORIUM_BUNDLE`: another bundle, by its name or folder.
    pub(crate) bundle: Option<PathBuf>,
    /// `XDG_DATA_HOME`, if absolute.
    pub(crate) xdg_data_home: Option<PathBuf>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// `NO_COLOR` is set.
    pub(crate) no_color: bool,
    /// `SENSORIUM_API_KEY`: the key for a server.
    pub(crate) api_key: Option<Result<ApiKey, BadKey>>,
    /// `HF_ENDPOINT`: the hub of models.
    pub(crate) hub: Option<String>,
    /// `HF_TOKEN`: the key for it.
    pub(crate) hub_token: Option<Token>,
    /// `PIP_INDEX_URL`: the index of packages.
    pub(crate) package_index: Option<String>,
    /// `SENSORIUM_LOG`: what is logged, for instance `debug`.
    pub(crate) log: Option<String>,
    /// `SENSORIUM_LOG_FORMAT`: `json` for an object a line.
    pub(crate) log_format: Option<String>,
}

impl Environment {
    /// Reads the variables of this process.
    pub(crate) fn read() -> Self {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let text = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        Self {
            data: path("SENSORIUM_DATA"),
            bundle: path("SENSORIUM_BUNDLE"),
            xdg_data_home: path("XDG_DATA_HOME").filter(|path| path.is_absolute()),
            home: path("HOME"),
            no_color: path("NO_COLOR").is_some(),
            api_key: text("SENSORIUM_API_KEY").map(|key| ApiKey::new(&key)),
            hub: text("HF_ENDPOINT"),
            hub_token: text("HF_TOKEN").map(|key| Token::new(key.trim())),
            package_index: text("PIP_INDEX_URL"),
            log: text("SENSORIUM_LOG"),
            log_format: text("SENSORIUM_LOG_FORMAT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_come_anywhere_and_global_ones_after_every_command() {
        let cli = Cli::try_parse_from(["sensorium", "search", "a", "--limit", "3", "dog", "--json"])
            .expect("parses");
        assert!(cli.global.json);
        let Some(Command::Search(search)) = cli.command else { panic!("search") };
        assert_eq!((search.terms.len(), search.limit), (2, Some(3)));
        let to_server = ["--server", "https://x:1", "--api-key-file", "k", "--ca", "c.pem", "--json"];
        let global = [&["--data", "d", "--collection", "c"][..], &to_server].concat();
        for command in ["stats", "verify", "formats", "doctor", "failures", "collections", "repair"] {
            let line = ["sensorium", command].into_iter().chain(global.iter().copied());
            let cli = Cli::try_parse_from(line).expect("parses");
            assert_eq!(cli.global.data, Some(PathBuf::from("d")), "{command}");
            assert!(cli.global.json);
        }
        let line = ["sensorium", "models", "info"].into_iter().chain(global.iter().copied());
        assert!(Cli::try_parse_from(line).expect("parses").global.json);
    }

    #[test]
    fn everything_after_two_dashes_is_terms() {
        let cli =
            Cli::try_parse_from(["sensorium", "search", "dog", "--", "-fruit", "--json"]).expect("parses");
        assert!(!cli.global.json);
        let Some(Command::Search(search)) = cli.command else { panic!("search") };
        assert_eq!(search.terms, ["dog", "-fruit", "--json"]);
    }

    #[test]
    fn lone_signs_are_terms_and_modalities_have_commas() {
        let line = ["sensorium", "search", "dog", "-", "cat", "+", "./x.jpg", "--modality", "image,audio"];
        let Some(Command::Search(search)) = Cli::try_parse_from(line).expect("parses").command else {
            panic!("search")
        };
        assert_eq!(search.terms, ["dog", "-", "cat", "+", "./x.jpg"]);
        assert_eq!(search.modality, [Modality::Image, Modality::Audio]);
    }

    #[test]
    fn captions_are_searched_or_drawn() {
        let caption = |more: &[&str]| {
            let line = ["sensorium", "caption", "a.jpg", "b.mp4"].into_iter().chain(more.iter().copied());
            Cli::try_parse_from(line).map(|cli| cli.command)
        };
        let Ok(Some(Command::Caption(args))) = caption(&["--sample", "--top-p", "0.5", "--seed", "7"]) else {
            panic!("caption")
        };
        assert_eq!((args.files.len(), args.sample, args.top_p, args.seed), (2, true, 0.5, 7));
        let wrong: [&[&str]; 6] = [
            &["--beam", "0"],
            &["--beam", "65"],
            &["--sample", "--beam", "2"],
            &["--top-p", "0.5"],
            &["--sample", "--top-p", "0"],
            &["--max-tokens", "0"],
        ];
        for more in wrong {
            assert!(caption(more).is_err(), "{more:?}");
        }
        assert!(Cli::try_parse_from(["sensorium", "caption"]).is_err());
    }

    #[test]
    fn get_and_delete_take_ids_or_a_filter() {
        for command in ["get", "delete"] {
            assert!(Cli::try_parse_from(["sensorium", command]).is_err());
            assert!(Cli::try_parse_from(["sensorium", command, "id", "--filter", "x exists"]).is_err());
            assert!(Cli::try_parse_from(["sensorium", command, "--filter", "x exists"]).is_ok());
            assert!(Cli::try_parse_from(["sensorium", command, "id", "id2"]).is_ok());
        }
    }
}
