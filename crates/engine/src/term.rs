//! [`Engine::term_vectors`]: the vectors by which a term asks.

use sensorium_types::{SpaceInfo, TermInput};

use crate::EngineError;
use crate::engine::{Asking, Engine};
use crate::query::vectors_of;

impl Engine {
    /// The vectors by which a text, a file or a stored asset asks alone (CONTRACTS.md section 7), of L2 norm 1, one for each space in
    /// which it says something: of what has several points, the mean of its main track.
    ///
    /// # Errors
    /// Those of a term of [`Engine::query`]; for texts and files also if the space is another bundle's.
    pub async fn term_vectors(&self, input: TermInput) -> Result<Vec<(SpaceInfo, Vec<f32>)>, EngineError> {
        let Asking { encode, decode } = match self.asking() {
            Err(_) if !input.is_encoded() => self.at_hand(),
            asking => asking?,
        };
        Box::pin(vectors_of(self.store(), encode, decode, input)).await
    }
}
