//! The exit code of every error (CONTRACTS.md section 8).

use sensorium_client::ClientError;
use sensorium_embed::EmbedError;
use sensorium_engine::EngineError;
use sensorium_hub::HubError;
use sensorium_server::ServerError;
use sensorium_types::{ErrorKind, FilterError, IdError};

use crate::contact::ContactError;
use crate::eval::EvalError;
use crate::failure::{CliError, Exit};
use crate::npy::NpyError;
use crate::query::TermError;

/// The exit code that an error deserves.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_cause).unwrap_or(Exit::Error)
}

fn exit_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(error) = cause.downcast_ref::<CliError>() {
        return Some(match error {
            CliError::NoDataFolder
            | CliError::FolderOnly { .. }
            | CliError::Settings { .. }
            | CliError::HalfOfTls
            | CliError::Traces { .. }
            | CliError::AllowUri(_)
            | CliError::OneClip
            | CliError::ClipOfStored
            | CliError::ClipOverVideo { .. }
            | CliError::Dash { .. }
            | CliError::Term(_)
            | CliError::Filter(_)
            | CliError::Key { .. }
            | CliError::VectorTerm
            | CliError::NoServer
            | CliError::ExportKind(_)
            | CliError::Export(_)
            | CliError::Id(_)
            | CliError::NeedsYes
            | CliError::BareModel { .. }
            | CliError::UnknownBundle { .. }
            | CliError::Queries { .. }
            | CliError::LossesNeedYes { .. } => Exit::Usage,
            CliError::Path { .. }
            | CliError::OwnProgram { .. }
            | CliError::KeyFile { .. }
            | CliError::NoAsset { .. }
            | CliError::NothingKept { .. }
            | CliError::NoBundleKept { .. }
            | CliError::NoVector { .. }
            | CliError::ExportFile { .. }
            | CliError::TooLargeToSend { .. }
            | CliError::Clip { .. }
            | CliError::Served { .. }
            | CliError::ServerLeft
            | CliError::NoCollection { .. } => Exit::Error,
        });
    }
    if let Some(error) = cause.downcast_ref::<EngineError>() {
        // A file whose bytes are bad is no mistake of the command line.
        let is_of_bytes = matches!(
            error,
            EngineError::BadTerm { .. }
                | EngineError::NothingToCaption { .. }
                | EngineError::NotAVideo { .. }
                | EngineError::NothingToSee { .. }
                | EngineError::Metadata { .. }
                | EngineError::Payload(_)
        );
        return Some(if is_of_bytes { Exit::Error } else { exit_of_kind(error.kind()) });
    }
    if cause.is::<TermError>() || cause.is::<FilterError>() || cause.is::<IdError>() {
        return Some(Exit::Usage);
    }
    if let Some(error) = cause.downcast_ref::<ClientError>() {
        return Some(exit_of_kind(error.kind()));
    }
    if let Some(error) = cause.downcast_ref::<ServerError>() {
        return Some(exit_of_kind(error.kind()));
    }
    if let Some(error) = cause.downcast_ref::<EmbedError>() {
        return Some(exit_of_kind(error.kind()));
    }
    if let Some(error) = cause.downcast_ref::<HubError>() {
        return Some(exit_of_kind(error.kind()));
    }
    if let Some(error) = cause.downcast_ref::<EvalError>() {
        return Some(error.exit());
    }
    if let Some(error) = cause.downcast_ref::<ContactError>() {
        return Some(error.exit());
    }
    cause.downcast_ref::<NpyError>().map(|_| Exit::Error)
}

const fn exit_of_kind(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::InvalidArgument => Exit::Usage,
        ErrorKind::Cancelled => Exit::Interrupted,
        ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::FailedPrecondition
        | ErrorKind::Overloaded
        | ErrorKind::DeadlineExceeded
        | ErrorKind::Unavailable
        | ErrorKind::Corrupt
        | ErrorKind::Unimplemented
        | ErrorKind::Bug
        | ErrorKind::Unauthenticated
        | ErrorKind::PermissionDenied => Exit::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_the_command_line_are_usage_errors() {
        let of = |error: anyhow::Error| exit_of(&error.context("answer the query"));
        assert_eq!(of(CliError::NeedsYes.into()), Exit::Usage);
        assert_eq!(of(EngineError::NoPositiveTerm.into()), Exit::Usage);
        assert_eq!(of(EngineError::ReadOnly.into()), Exit::Error);
        assert_eq!(of(EngineError::Cancelled.into()), Exit::Interrupted);
        assert_eq!(of(CliError::Served { pid: 1 }.into()), Exit::Error);
        assert_eq!(of(anyhow::anyhow!("anything else")), Exit::Error);
    }
}
