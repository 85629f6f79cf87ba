//! Spaces that requests name.

use sensorium_api::Fault;
use sensorium_engine::Engine;
use sensorium_types::ErrorKind;

/// That the collection has the space that is meant, if one is named.
pub(super) fn check_space(engine: &Engine, using: Option<String>) -> Result<(), Fault> {
    let space = engine.space().id;
    match using.filter(|using| *using != space) {
        Some(using) => {
            let message = format!("the collection has the space {space:?}, not {using:?}");
            Err(Fault::new(ErrorKind::NotFound, message))
        }
        None => Ok(()),
    }
}
