//! Errors of the engine as answers.

use std::error::Error;

use sensorium_api::Fault;
use sensorium_engine::EngineError;
use sensorium_types::ErrorKind;

/// The fault of an engine's error: its kind, and its sentence with those of its causes.
pub(crate) fn fault(error: &EngineError) -> Fault {
    let kind = error.kind();
    let message = chain(error);
    if matches!(kind, ErrorKind::Bug | ErrorKind::Corrupt) {
        tracing::error!(?kind, error = %message, "a call failed");
    }
    Fault::new(kind, message)
}

fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !message.ends_with(&said) {
            message.push_str(": ");
            message.push_str(&said);
        }
        next = cause.source();
    }
    message
}
