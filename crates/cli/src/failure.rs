//! What can go wrong in the command itself, how commands end, and how errors are told (CONTRACTS.md section 8).

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use sensorium_client::BadKey;
use sensorium_engine::export::{ExportError, UnknownFormat};
use sensorium_types::{AssetId, FailureReason, FilterError, IdError};

use crate::query::TermError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done,
    /// An error, or a problem that `verify` found.
    Error,
    /// The command line breaks a rule.
    Usage,
    /// Files failed under `--strict`.
    FailedFiles,
    /// The user interrupted it.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::FailedFiles => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error of the command line itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Nothing says where the data lie.
    #[error("no data folder: give --data DIR, or set SENSORIUM_DATA or HOME")]
    NoDataFolder,
    /// A model as the hub lays it out, which is no bundle yet.
    #[error(
        "{}: a model that was not added yet: `sensorium models add {} --name NAME`, then --bundle NAME",
        folder.display(), folder.display()
    )]
    BareModel {
        /// The folder.
        folder: PathBuf,
    },
    /// Neither a model that is here nor a folder.
    #[error("{}: no model of that name is here, and no folder; `sensorium models list` lists them", named.display())]
    UnknownBundle {
        /// What was named.
        named: PathBuf,
    },
    /// A path that cannot be made absolute.
    #[error("{}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A settings file that cannot be read.
    #[error("{}: {what}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        what: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("TLS needs both a certificate and its key: --tls-cert and --tls-key")]
    HalfOfTls,
    /// What is said of traces is wrong.
    #[error("{what}")]
    Traces {
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A server that said nothing more.
    #[error("the server ended the run without a last word: run it again, it goes on from there")]
    ServerLeft,
    /// A place that is none, or that is never fetched from.
    #[error("--allow-uri")]
    AllowUri(#[source] sensorium_server::AllowError),
    /// The path of this program is not known, and so none to start workers with.
    #[error("find the program of the decoding workers")]
    OwnProgram {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A command that a server cannot answer.
    #[error("`{command}` works on this machine alone: {why}")]
    FolderOnly {
        /// The command.
        command: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A file with a key or with certificates that cannot be read; the message names it.
    #[error(transparent)]
    KeyFile {
        /// Why.
        source: io::Error,
    },
    /// What should be a key is none.
    #[error("{place}: {source}")]
    Key {
        /// The file or the variable.
        place: String,
        /// What is wrong.
        #[source]
        source: BadKey,
    },
    /// An asset that is not there.
    #[error("there is no asset {id}")]
    NoAsset {
        /// Its id.
        id: AssetId,
    },
    /// What has no vector to be printed.
    #[error("{term} has no vector: there is no such point")]
    NoVector {
        /// What was asked for.
        term: String,
    },
    /// A vector, which `embed` would not change.
    #[error("a vector is one already: `embed` takes texts, files and asset:ID")]
    VectorTerm,
    /// A kind of file that nothing is exported to.
    #[error(transparent)]
    ExportKind(#[from] UnknownFormat),
    /// Moments that a format cannot hold.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An export that cannot be written; the cause names the file.
    #[error("write the export")]
    ExportFile {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that one message to a server cannot hold.
    #[error("{}: {bytes} bytes, and the server takes at most {most} in one message: ask for asset:ID, or stop the server", path.display())]
    TooLargeToSend {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What the server takes.
        most: u64,
    },
    /// A clip of several videos.
    #[error("--clip cuts one video: name only one")]
    OneClip,
    /// A clip of a video that a server holds.
    #[error("--clip cuts a file of this machine, and the server holds this video: name it by its path")]
    ClipOfStored,
    /// A clip in the place of its video.
    #[error("{}: the clip would replace the video that it is cut from", path.display())]
    ClipOverVideo {
        /// The video.
        path: PathBuf,
    },
    /// A clip that could not be cut.
    #[error("cut {}: {reason}", path.display())]
    Clip {
        /// Where it was to be.
        path: PathBuf,
        /// Why not.
        reason: FailureReason,
    },
    /// A word that begins with `-` and is no option.
    #[error("{sentence}")]
    Dash {
        /// What to do.
        sentence: String,
    },
    /// The terms break a rule.
    #[error(transparent)]
    Term(#[from] TermError),
    /// The filter breaks a rule.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// An id breaks a rule.
    #[error(transparent)]
    Id(#[from] IdError),
    /// `repair` needs a yes, and nobody is there to give it.
    #[error("nothing was changed: repeat with --yes to drop what is listed above")]
    NeedsYes,
    /// `reembed` would leave assets without vectors, and nobody said yes.
    #[error(
        "nothing was changed: bring back the media of the assets listed above, or repeat with --yes to keep them \
         without vectors ({assets} of them)"
    )]
    LossesNeedYes {
        /// How many.
        assets: u64,
    },
    /// A file of queries that cannot be read.
    #[error("the queries cannot be read")]
    Queries {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There are no vectors of before.
    #[error("{name} keeps no vectors of another bundle: `sensorium reembed` keeps those that it replaces")]
    NothingKept {
        /// The collection.
        name: String,
    },
    /// The bundle of what is kept is not here.
    #[error("the bundle {revision} that made the vectors before is not here: add it again, then go back")]
    NoBundleKept {
        /// Its revision.
        revision: String,
    },
    /// A data folder that a server holds.
    #[error("a server holds this data folder (process {pid}): stop it first")]
    Served {
        /// Its process.
        pid: u32,
    },
    /// A command for a server, and none is named or found.
    #[error("no server: name one by --server, or the data folder of one that runs by --data")]
    NoServer,
    /// A collection that is not there.
    #[error("there is no collection {name:?}")]
    NoCollection {
        /// Its name.
        name: String,
    },
}

/// Words of libraries that tell nobody anything.
const SAYS_NOTHING: [&str; 1] = ["transport error"];

/// An error with its causes, each thing said once: a cause whose words were said before is left out, and one that says
/// the words right before it and more takes their place.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if SAYS_NOTHING.contains(&cause.as_str()) || told.iter().any(|before| before.contains(&cause)) {
            continue;
        }
        if told.last().is_some_and(|last| cause.starts_with(last.as_str())) {
            told.pop();
        }
        told.push(cause);
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_not_told_twice() {
        let error = anyhow::anyhow!("refused").context("connect: refused").context("connect").context("ask");
        assert_eq!(chain(&error), "ask: connect: refused");
        let error = anyhow::anyhow!("refused").context("connect").context("connect").context("ask");
        assert_eq!(chain(&error), "ask: connect: refused");
        let error =
            anyhow::anyhow!("no route").context("transport error").context("no answer (no route) here");
        assert_eq!(chain(&error), "no answer (no route) here");
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let codes =
            [Exit::Done, Exit::Error, Exit::Usage, Exit::FailedFiles, Exit::Interrupted].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 130]);
    }
}
