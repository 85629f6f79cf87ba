//! Tokens of the decoder and the pieces of text that they stand for.

use std::collections::HashMap;
use std::sync::Arc;

use super::{BEGIN, END};
use crate::tokenizer::Tokenizer;

/// What a piece that goes on with a word begins with.
const INSIDE: &str = "##";

/// The decoder's vocabulary: a choice of the text encoder's.
#[derive(Debug)]
pub(super) struct Words {
    tokenizer: Arc<Tokenizer>,
    /// The piece of each token, as the tokenizer writes it.
    pieces: Vec<String>,
    /// From the tokenizer's id to ours.
    ids: HashMap<u32, u32>,
}

impl Words {
    /// The vocabulary whose token `n` is the piece `vocabulary[n]` of the tokenizer. `Err`: the fault in words.
    pub(super) fn new(tokenizer: Arc<Tokenizer>, vocabulary: &[i32]) -> Result<Self, String> {
        let mut ids = HashMap::with_capacity(vocabulary.len());
        let mut pieces = Vec::with_capacity(vocabulary.len());
        for (own, piece) in (0u32..).zip(vocabulary) {
            let known = u32::try_from(*piece).ok().and_then(|id| Some((id, tokenizer.piece(id)?)));
            let Some((id, text)) = known else {
                return Err(format!("token {own} is the piece {piece}, which the tokenizer does not have"));
            };
            if own != BEGIN && own != END && ids.insert(id, own).is_some() {
                return Err(format!("the piece {text:?} has two tokens"));
            }
            pieces.push(text);
        }
        Ok(Self { tokenizer, pieces, ids })
    }

    /// The tokens of a text, and how many of its pieces have none.
    pub(super) fn ids(&self, text: &str) -> Result<(Vec<u32>, usize), crate::EmbedError> {
        let pieces = self.tokenizer.pieces(text)?;
        let ids: Vec<u32> = pieces.iter().filter_map(|id| self.ids.get(id).copied()).collect();
        let skipped = pieces.len() - ids.len();
        Ok((ids, skipped))
    }

    /// What each of these tokens adds to the text.
    pub(super) fn pieces(&self, ids: &[u32]) -> Vec<String> {
        let mut joiner = Joiner::default();
        ids.iter().map(|id| self.next(&mut joiner, *id)).collect()
    }

    /// What a token adds to the text so far.
    pub(super) fn next(&self, joiner: &mut Joiner, id: u32) -> String {
        joiner.add(self.pieces.get(id as usize).map_or("", String::as_str))
    }
}

/// How the text so far ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// There is none yet.
    #[default]
    Nothing,
    /// With a word.
    Word,
    /// With a mark that the next word follows at once: a hyphen, an apostrophe, an opening bracket.
    Tight,
}

/// Puts blanks between pieces as people write them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Joiner(Last);

impl Joiner {
    fn add(&mut self, piece: &str) -> String {
        if let Some(rest) = piece.strip_prefix(INSIDE) {
            self.0 = Last::Word;
            return rest.to_owned();
        }
        let follows = matches!(piece, "." | "," | "!" | "?" | ":" | ";" | ")" | "]" | "'" | "-" | "%");
        let blank = self.0 == Last::Word && !follows;
        self.0 = match piece {
            "'" | "-" | "(" | "[" => Last::Tight,
            _ => Last::Word,
        };
        format!("{}{piece}", if blank { " " } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&str]) -> String {
        let mut joiner = Joiner::default();
        pieces.iter().map(|piece| joiner.add(piece)).collect()
    }

    #[test]
    fn pieces_join_as_people_write() {
        assert_eq!(joined(&["a", "skate", "##board", "##er", "jumps", "."]), "a skateboarder jumps.");
        assert_eq!(joined(&["a", "man", "'", "s", "t", "-", "shirt", ",", "red"]), "a man's t-shirt, red");
        assert_eq!(joined(&["two", "(", "or", "three", ")", "dogs"]), "two (or three) dogs");
        assert_eq!(joined(&["##ing", "on"]), "ing on");
    }
}
