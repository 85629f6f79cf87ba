//! The language of a text, told by its letters: a linear map of hashed pieces of its words.

use sensorium_types::Language;

use crate::EmbedError;
use crate::weights::Weights;

/// Letters of a word that are looked at.
const MAX_LETTERS: usize = 24;
/// Words of a text that are looked at.
const MAX_WORDS: usize = 64;
/// Letters of a piece, the marks of the word's ends among them.
const PIECE: std::ops::RangeInclusive<usize> = 2..=5;
const WEIGHT: &str = "detector.weight";

/// Tells languages apart.
///
/// A text's words are its runs of letters, in lower case, between `<` and `>`; their pieces of two to five letters and the
/// words themselves are hashed to rows of the weight. A language's score is the sum of its column over those rows, divided
/// by the root of their number, plus its bias. The bias of English is set so that English texts are hardly ever lost.
///
/// # Source
/// `training/train_detector.py`; after arXiv:1607.01759 (bags of hashed n-grams)
#[derive(Debug)]
pub(crate) struct Detector {
    /// A score for each row and language.
    weight: Vec<i8>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    /// English first.
    languages: Vec<Language>,
    rows: usize,
}

impl Detector {
    /// Takes every weight of the file. `languages` are those beside English, in the order of the columns.
    pub(crate) fn load(mut weights: Weights, languages: &[Language]) -> Result<Self, EmbedError> {
        let languages: Vec<Language> = [Language::English].iter().chain(languages).copied().collect();
        let rows = weights.shape(WEIGHT)?.first().copied().unwrap_or_default();
        let detector = Self {
            weight: weights.bytes(WEIGHT, &[rows, languages.len()])?,
            scales: weights.floats("detector.scale", &[languages.len()])?,
            bias: weights.floats("detector.bias", &[languages.len()])?,
            languages,
            rows,
        };
        weights.finish()?;
        Ok(detector)
    }

    /// The likeliest language; English for a text without letters.
    pub(crate) fn language(&self, text: &str) -> Language {
        let columns = self.languages.len();
        let mut sums = vec![0_i32; columns];
        let mut pieces = 0_u16;
        for_each_piece(text, |hash| {
            let Some(row) = (hash as usize).checked_rem(self.rows) else { return };
            pieces = pieces.saturating_add(1);
            for (sum, weight) in
                sums.iter_mut().zip(self.weight.chunks_exact(columns).nth(row).unwrap_or_default())
            {
                *sum += i32::from(*weight);
            }
        });
        if pieces == 0 {
            return Language::English;
        }
        let root = f32::from(pieces).sqrt();
        #[expect(clippy::cast_precision_loss, reason = "sums of some thousand bytes")]
        let scores = sums
            .iter()
            .zip(&self.scales)
            .zip(&self.bias)
            .map(|((sum, scale), bias)| *sum as f32 * scale / root + bias);
        let best = scores.zip(&self.languages).max_by(|(a, _), (b, _)| a.total_cmp(b));
        best.map_or(Language::English, |(_, language)| *language)
    }
}

/// Hands over the hash of each piece of each word.
fn for_each_piece(text: &str, mut on_piece: impl FnMut(u32)) {
    let words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
    for word in words.take(MAX_WORDS) {
        let mut letters = vec!['<'];
        letters.extend(word.chars().flat_map(char::to_lowercase).take(MAX_LETTERS));
        letters.push('>');
        for len in PIECE {
            for piece in letters.windows(len) {
                on_piece(hash(piece));
            }
        }
        if letters.len() > *PIECE.end() {
            on_piece(hash(&letters));
        }
    }
}

/// FNV-1a of the letters in UTF-8.
fn hash(letters: &[char]) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut buffer = [0; 4];
    for letter in letters {
        for byte in letter.encode_utf8(&mut buffer).bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<u32> {
        let mut found = Vec::new();
        for_each_piece(text, |hash| found.push(hash));
        found
    }

    #[test]
    fn pieces_are_those_of_lower_case_words() {
        let own = |pieces: &[&str]| -> Vec<u32> {
            pieces.iter().map(|piece| hash(&piece.chars().collect::<Vec<_>>())).collect()
        };
        assert_eq!(pieces("Ab"), own(&["<a", "ab", "b>", "<ab", "ab>", "<ab>"]));
        assert_eq!(pieces("l'ÉTÉ 3"), [own(&["<l", "l>", "<l>"]), pieces("été")].concat());
        assert!(pieces("12 — ?!").is_empty());
        assert_eq!(pieces(&"a".repeat(1000)), pieces(&"a".repeat(MAX_LETTERS)));
        assert_eq!(hash(&['a']), 0xe40c_292c, "FNV-1a");
    }

    #[test]
    fn the_largest_score_wins_and_nothing_is_english() {
        let german = hash(&['<', 'z', 'u']) as usize % 64;
        let mut weight = vec![0; 64 * 2];
        weight[german * 2 + 1] = 100;
        let detector = Detector {
            weight,
            scales: vec![0.1; 2],
            bias: vec![0.5, 0.0],
            languages: vec![Language::English, Language::German],
            rows: 64,
        };
        assert_eq!(detector.language("zu"), Language::German);
        assert_eq!(detector.language("q"), Language::English);
        assert_eq!(detector.language(""), Language::English);
    }
}
