//! Names alone (`dog`, `red car`): people type them, and encoders were taught sentences. A bundle may say in which sentences a name is
//! asked of images besides (prompt ensembling, arXiv:2103.00020, section 3.1.4); the mean of all is the query.

use super::manifest::NamesRow;
use crate::EmbedError;

/// What stands for the name, with its article, in a sentence.
const PLACE: &str = "{}";
/// Most sentences.
const MAX_SENTENCES: usize = 8;
const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
/// What a name does not begin with: it is a phrase then, as encoders know it.
const DETERMINERS: [&str; 12] =
    ["a", "an", "the", "some", "this", "that", "these", "those", "my", "his", "her", "their"];

/// In which sentences a name is asked of images.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Most words of a name.
    words: usize,
    image: Vec<String>,
}

impl Names {
    pub(super) fn new(row: Option<&NamesRow>) -> Result<Self, EmbedError> {
        let Some(NamesRow { words, image }) = row else { return Ok(Self::default()) };
        let fault = |what: String| Err(EmbedError::ManifestFact { what: format!("names: {what}") });
        if *words == 0 || image.is_empty() || image.len() > MAX_SENTENCES {
            return fault(format!("1 word or more and 1 to {MAX_SENTENCES} sentences are expected"));
        }
        match image.iter().find(|sentence| sentence.matches(PLACE).count() != 1) {
            Some(sentence) => fault(format!("{sentence:?} has no one place for the name ({PLACE})")),
            None => Ok(Self { words: *words, image: image.clone() }),
        }
    }

    /// The sentences of a text that is a name alone, else none.
    pub(super) fn sentences(&self, text: &str) -> Vec<String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_word = |word: &&str| word.chars().all(|c| c.is_alphabetic() || c == '-' || c == '\'');
        let first = words.first().map(|word| word.to_lowercase());
        let is_name = (1..=self.words).contains(&words.len())
            && words.iter().all(is_word)
            && first.is_some_and(|first| !DETERMINERS.contains(&first.as_str()));
        if !is_name {
            return Vec::new();
        }
        let name = with_article(&words.join(" "));
        self.image.iter().map(|sentence| sentence.replacen(PLACE, &name, 1)).collect()
    }
}

/// A name as a sentence has it: `a dog`, `an owl`, `dogs`.
fn with_article(name: &str) -> String {
    if name.ends_with('s') {
        return name.to_owned();
    }
    let article = if name.to_lowercase().starts_with(VOWELS) { "an" } else { "a" };
    format!("{article} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(Some(&NamesRow { words: 3, image: vec!["a photo of {}".to_owned()] })).expect("fits")
    }

    #[test]
    fn a_name_alone_gets_its_article_and_its_sentence() {
        for (text, expected) in [
            ("dog", "a photo of a dog"),
            ("  red   car ", "a photo of a red car"),
            ("owl", "a photo of an owl"),
            ("Apple pie", "a photo of an Apple pie"),
            ("dogs", "a photo of dogs"),
            ("merry-go-round", "a photo of a merry-go-round"),
        ] {
            assert_eq!(names().sentences(text), [expected]);
        }
    }

    #[test]
    fn what_is_no_name_alone_is_left_as_it_is() {
        for text in [
            "",
            " ",
            "a dog",
            "The dog",
            "two brown dogs running",
            "A frog.",
            "frog, toad",
            "42",
            "what is it?",
        ] {
            assert_eq!(names().sentences(text), Vec::<String>::new(), "{text}");
        }
        assert!(Names::default().sentences("dog").is_empty());
    }

    #[test]
    fn sentences_need_one_place() {
        for image in
            [vec![], vec!["a photo".to_owned()], vec!["{} and {}".to_owned()], vec!["{}".to_owned(); 9]]
        {
            assert!(Names::new(Some(&NamesRow { words: 3, image })).is_err());
        }
        assert!(Names::new(Some(&NamesRow { words: 0, image: vec!["{}".to_owned()] })).is_err());
    }
}
