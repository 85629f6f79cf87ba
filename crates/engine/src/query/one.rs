//! One term as the vector by which it would ask.

use std::sync::Arc;

use sensorium_media::Cancel;
use sensorium_store::Store;
use sensorium_types::{Term, TermInput};

use super::terms::Asker;
use crate::EngineError;
use crate::seams::{Decode, Encode};

/// The vector of a term, of L2 norm 1. It ends early where nobody waits for it any more.
pub(crate) async fn vector_of(
    store: Arc<dyn Store>,
    encode: Arc<dyn Encode>,
    decode: Arc<dyn Decode>,
    input: TermInput,
) -> Result<Vec<f32>, EngineError> {
    if input.is_blank() {
        return Err(EngineError::BlankText);
    }
    let cancel = Cancel::new();
    let _ends_with_the_call = cancel.on_drop();
    let asker = Asker { store, encode, decode, cancel };
    Ok(asker.ask(Term { weight: 1.0, input }).await?.vector)
}
