//! One term as the vectors by which it would ask.

use std::sync::Arc;

use sensorium_media::Cancel;
use sensorium_store::Store;
use sensorium_types::{SpaceInfo, Term, TermInput};

use super::terms::Asker;
use crate::EngineError;
use crate::seams::{Decode, Encode};

/// The vectors of a term, of L2 norm 1, each with the space that it lies in. It ends early where nobody waits for it any more.
pub(crate) async fn vectors_of(
    store: Arc<dyn Store>,
    encode: Arc<dyn Encode>,
    decode: Arc<dyn Decode>,
    input: TermInput,
) -> Result<Vec<(SpaceInfo, Vec<f32>)>, EngineError> {
    if input.is_blank() {
        return Err(EngineError::BlankText);
    }
    let cancel = Cancel::new();
    let _ends_with_the_call = cancel.on_drop();
    let space = store.space();
    let asker = Asker { store, encode, decode, cancel };
    let asked = asker.ask(Term { weight: 1.0, input }).await?;
    Ok(space.each(asked.content, &asked.vector))
}
