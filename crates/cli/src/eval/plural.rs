//! The plural of a label, by one rule (CONTRACTS.md section 9). Pure.
//!
//! A label is a word or a short phrase that names a thing. The rule knows endings and a few words; where it is wrong (`snowy`
//! becomes `snowies`) the label is asked all the same, so that no figure leaves out what is hard.

/// The word before these is made plural: `crash of a cymbal` -> `crashes of a cymbal`.
const PREPOSITIONS: [&str; 7] = ["at", "for", "in", "of", "on", "to", "with"];
/// Stays as it is: mass nouns, and words whose plural is the same.
const UNCHANGED: [&str; 40] = [
    "bread",
    "broccoli",
    "butter",
    "clothing",
    "coffee",
    "corn",
    "deer",
    "fish",
    "garlic",
    "grass",
    "hair",
    "hockey",
    "juice",
    "lightning",
    "luggage",
    "meat",
    "milk",
    "money",
    "music",
    "noise",
    "outerwear",
    "people",
    "police",
    "pork",
    "rain",
    "rice",
    "salt",
    "sand",
    "sheep",
    "smoke",
    "snow",
    "soy",
    "sugar",
    "sunshine",
    "tea",
    "thunder",
    "traffic",
    "water",
    "weather",
    "wind",
];
/// A word that ends so ends otherwise in the plural; the longest ending that fits is taken.
const IRREGULAR: [(&str, &str); 29] = [
    ("buffalo", "buffaloes"),
    ("calf", "calves"),
    ("canvas", "canvases"),
    ("child", "children"),
    ("echo", "echoes"),
    ("elf", "elves"),
    ("foot", "feet"),
    ("german", "germans"),
    ("goose", "geese"),
    ("half", "halves"),
    ("hero", "heroes"),
    ("human", "humans"),
    ("knife", "knives"),
    ("leaf", "leaves"),
    ("lens", "lenses"),
    ("life", "lives"),
    ("loaf", "loaves"),
    ("man", "men"),
    ("mongoose", "mongooses"),
    ("mouse", "mice"),
    ("person", "people"),
    ("potato", "potatoes"),
    ("scarf", "scarves"),
    ("thief", "thieves"),
    ("tomato", "tomatoes"),
    ("tooth", "teeth"),
    ("volcano", "volcanoes"),
    ("wife", "wives"),
    ("wolf", "wolves"),
];
/// Ends a word in the singular that a final `s` does not make plural.
const SINGULAR_IN_S: [&str; 3] = ["ss", "us", "is"];
/// Takes `es`.
const SIBILANTS: [&str; 6] = ["s", "x", "z", "ch", "sh", "ß"];
const VOWELS: [char; 6] = ['a', 'e', 'i', 'o', 'u', 'y'];

/// The plural of a label: of its last word, or of the word before its first preposition. What lies around that word, and
/// the letters that stay, are kept as they are.
pub(super) fn plural(label: &str) -> String {
    let Some((start, end)) = head(label) else { return label.to_owned() };
    let (before, rest) = label.split_at(start);
    let (word, after) = rest.split_at(end - start);
    format!("{before}{}{after}", of_word(word))
}

/// Where the word lies that is made plural, in bytes.
fn head(label: &str) -> Option<(usize, usize)> {
    let words = words(label);
    let is_preposition = |word: &(usize, usize)| {
        label.get(word.0..word.1).is_some_and(|word| PREPOSITIONS.contains(&word.to_lowercase().as_str()))
    };
    let first = words.iter().position(is_preposition).filter(|place| *place > 0);
    words.get(first.unwrap_or(words.len()).checked_sub(1)?).copied()
}

/// Runs of letters, in bytes.
fn words(label: &str) -> Vec<(usize, usize)> {
    let mut words: Vec<(usize, usize)> = Vec::new();
    for (place, letter) in label.char_indices().filter(|(_, letter)| letter.is_alphabetic()) {
        let end = place + letter.len_utf8();
        match words.last_mut().filter(|(_, last)| *last == place) {
            Some((_, last)) => *last = end,
            None => words.push((place, end)),
        }
    }
    words
}

fn of_word(word: &str) -> String {
    let small = word.to_lowercase();
    // Lower case may have other bytes (`İ`); such a word is not English, and only takes an `s`.
    if small.len() != word.len() || !small.is_ascii() {
        return format!("{word}s");
    }
    if UNCHANGED.contains(&small.as_str()) || is_deed(&small) {
        return word.to_owned();
    }
    let irregular = IRREGULAR.iter().filter(|(one, _)| small.ends_with(one));
    if let Some((one, many)) = irregular.max_by_key(|(one, _)| one.len()) {
        let same = one.bytes().zip(many.bytes()).take_while(|(a, b)| a == b).count();
        let kept = word.get(..word.len() - one.len() + same).unwrap_or_default();
        return format!("{kept}{}", many.get(same..).unwrap_or_default());
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| small.ends_with(ending));
    if small.ends_with('s') && !ends(&SINGULAR_IN_S) {
        return word.to_owned();
    }
    if ends(&SIBILANTS) {
        return format!("{word}es");
    }
    match small.strip_suffix('y').and_then(|stem| stem.chars().next_back()) {
        Some(letter) if !VOWELS.contains(&letter) => {
            format!("{}ies", word.get(..word.len() - 1).unwrap_or_default())
        }
        Some(_) | None => format!("{word}s"),
    }
}

/// Whether a word names what is done or was done (`barking`, `painted`): such an ending, with a vowel somewhere before it.
/// `spring`, `bed` and `seed` are none.
fn is_deed(word: &str) -> bool {
    let stem =
        word.strip_suffix("ing").or_else(|| word.strip_suffix("ed").filter(|stem| !stem.ends_with('e')));
    stem.is_some_and(|stem| stem.contains(VOWELS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pairs: &[(&str, &str)]) {
        for (one, many) in pairs {
            assert_eq!(plural(one), *many, "{one}");
        }
    }

    #[test]
    fn endings_decide() {
        all(&[
            ("dog", "dogs"),
            ("apple", "apples"),
            ("bus", "buses"),
            ("dress", "dresses"),
            ("box", "boxes"),
        ]);
        all(&[("brush", "brushes"), ("church", "churches"), ("cactus", "cactuses"), ("ache", "aches")]);
        all(&[
            ("cherry", "cherries"),
            ("toy", "toys"),
            ("DVD", "DVDs"),
            ("Tomato", "Tomatoes"),
            ("piano", "pianos"),
        ]);
    }

    #[test]
    fn words_that_have_no_other_plural_stay() {
        all(&[
            ("socks", "socks"),
            ("scissors", "scissors"),
            ("fish", "fish"),
            ("wind", "wind"),
            ("bread", "bread"),
        ]);
        all(&[
            ("snoring", "snoring"),
            ("dog barking", "dog barking"),
            ("get your nails painted", "get your nails painted"),
        ]);
        all(&[
            ("spring", "springs"),
            ("king", "kings"),
            ("bed", "beds"),
            ("seed", "seeds"),
            ("808", "808"),
            ("", ""),
        ]);
    }

    #[test]
    fn some_words_change_within() {
        all(&[
            ("fireman", "firemen"),
            ("woman", "women"),
            ("human", "humans"),
            ("goose", "geese"),
            ("tooth", "teeth"),
        ]);
        all(&[
            ("leaf", "leaves"),
            ("bookshelf", "bookshelves"),
            ("giraffe", "giraffes"),
            ("mongoose", "mongooses"),
        ]);
        all(&[("canvas", "canvases"), ("lens", "lenses"), ("bananas", "bananas")]);
    }

    #[test]
    fn of_a_phrase_the_last_word_or_the_one_before_a_preposition() {
        all(&[("car horn", "car horns"), ("stop sign", "stop signs"), ("church bells", "church bells")]);
        all(&[("crash of a cymbal", "crashes of a cymbal"), ("woman with glasses", "women with glasses")]);
        all(&[("wind in the trees", "wind in the trees"), ("rain on leaves", "rain on leaves")]);
        all(&[
            ("cor anglais (english horn)", "cor anglais (english horns)"),
            ("of", "ofs"),
            ("éclair", "éclairs"),
        ]);
    }
}
