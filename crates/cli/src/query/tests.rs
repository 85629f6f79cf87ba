//! The grammar, case by case.

use std::os::unix::ffi::OsStringExt;

use sensorium_types::IdError;

use super::*;

fn read(args: &[&str]) -> Result<Vec<Term>, TermError> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    terms(&args, Some(Path::new("/home/me")))
}

fn all(args: &[&str]) -> Vec<Term> {
    read(args).expect("terms")
}

fn text(weight: f32, text: &str) -> Term {
    Term { weight, input: Input::Text(text.to_owned()) }
}

fn file(weight: f32, path: &str) -> Term {
    Term { weight, input: Input::File(PathBuf::from(path)) }
}

fn id(id: &str) -> AssetId {
    AssetId::new(id).expect("valid")
}

#[test]
fn neighbouring_words_are_one_text() {
    assert_eq!(all(&["a", "dog", "on", "a", "beach"]), [text(1.0, "a dog on a beach")]);
    assert_eq!(all(&["a dog on a beach"]), [text(1.0, "a dog on a beach")]);
    assert_eq!(all(&["a dog", "on a beach"]), [text(1.0, "a dog on a beach")]);
    assert_eq!(all(&["a", "", "dog"]), [text(1.0, "a dog")]);
}

#[test]
fn the_example_of_the_manual() {
    assert_eq!(
        all(&["2:golden retriever", "+", "./pool.jpg", "-", "fruit"]),
        [text(2.0, "golden retriever"), file(1.0, "./pool.jpg"), text(-1.0, "fruit")]
    );
}

#[test]
fn signs_stand_before_a_word_or_alone() {
    assert_eq!(all(&["dog", "+cat"]), [text(1.0, "dog"), text(1.0, "cat")]);
    assert_eq!(all(&["dog", "-cat"]), [text(1.0, "dog"), text(-1.0, "cat")]);
    assert_eq!(all(&["dog", "-", "red", "fruit"]), [text(1.0, "dog"), text(-1.0, "red fruit")]);
    assert_eq!(
        all(&["dog", "-red", "fruit", "+", "sea"]),
        [text(1.0, "dog"), text(-1.0, "red fruit"), text(1.0, "sea")]
    );
    assert_eq!(all(&["+", "dog"]), [text(1.0, "dog")]);
}

#[test]
fn a_lone_sign_needs_something_after_it() {
    assert_eq!(read(&["+"]), Err(TermError::LoneSign { sign: '+' }));
    assert_eq!(read(&["dog", "-"]), Err(TermError::LoneSign { sign: '-' }));
    assert_eq!(read(&["dog", "-", ""]), Err(TermError::LoneSign { sign: '-' }));
    assert_eq!(read(&["dog", "+", "-", "cat"]), Err(TermError::TwoSigns { first: '+', second: '-' }));
    assert_eq!(read(&["dog", "-", "-cat"]), Err(TermError::TwoSigns { first: '-', second: '-' }));
}

#[test]
fn a_query_leads_somewhere() {
    assert_eq!(read(&["-", "fruit"]), Err(TermError::NoPositive));
    assert_eq!(read(&["-fruit", "-2:dog"]), Err(TermError::NoPositive));
    assert_eq!(read(&[""]), Err(TermError::Empty));
    assert_eq!(read(&["  "]), Err(TermError::Empty));
    assert_eq!(read(&["\u{200b}\u{feff}", "\u{a0}"]), Err(TermError::Empty));
    assert_eq!(read(&[]), Err(TermError::Empty));
}

#[test]
fn weights_need_something_like_a_term_behind_them() {
    assert_eq!(all(&["2:dog"]), [text(2.0, "dog")]);
    assert_eq!(all(&["0.5:dog"]), [text(0.5, "dog")]);
    assert_eq!(all(&["2:Äpfel"]), [text(2.0, "Äpfel")]);
    assert_eq!(all(&["2:\"dog\""]), [text(2.0, "\"dog\"")]);
    assert_eq!(all(&["2:'s"]), [text(2.0, "'s")]);
    assert_eq!(all(&["3:./a.jpg"]), [file(3.0, "./a.jpg")]);
    assert_eq!(all(&["3:/a.jpg"]), [file(3.0, "/a.jpg")]);
    assert_eq!(all(&["2:text:10:30"]), [text(2.0, "10:30")]);
    assert_eq!(all(&["a", "2:b"]), [text(1.0, "a"), text(2.0, "b")]);
    assert_eq!(all(&["a", "-2.5:b", "c"]), [text(1.0, "a"), text(-2.5, "b c")]);
    assert_eq!(all(&["a", "-", "2:b"]), [text(1.0, "a"), text(-2.0, "b")]);
}

#[test]
fn numbers_with_colons_are_text() {
    for word in ["10:30", "2:", "2: dog", ".5:dog", "2.:dog", "1e3:dog", "a:b", "2:3:dog", ":dog", "2:#x"] {
        assert_eq!(all(&[word]), [text(1.0, word)], "{word}");
    }
    assert_eq!(all(&["the", "10:30", "train"]), [text(1.0, "the 10:30 train")]);
}

#[test]
fn weights_are_above_nothing_and_finite() {
    assert_eq!(read(&["0:dog"]), Err(TermError::Weight { weight: "0".to_owned() }));
    assert_eq!(read(&["0.0:dog"]), Err(TermError::Weight { weight: "0.0".to_owned() }));
    let huge = "9".repeat(60);
    assert_eq!(read(&[&format!("{huge}:dog")]), Err(TermError::Weight { weight: huge }));
}

#[test]
fn files_begin_with_a_place() {
    assert_eq!(all(&["./a b.jpg"]), [file(1.0, "./a b.jpg")]);
    assert_eq!(all(&["../a.jpg"]), [file(1.0, "../a.jpg")]);
    assert_eq!(all(&["/a.jpg"]), [file(1.0, "/a.jpg")]);
    assert_eq!(all(&["file:a.jpg"]), [file(1.0, "a.jpg")]);
    assert_eq!(all(&["-1:x", "file:2:a.jpg"]), [text(-1.0, "x"), file(1.0, "2:a.jpg")]);
    for word in ["a.jpg", ".", "..", ".a", "~", "~me/a", "dir/a.jpg"] {
        assert_eq!(all(&[word]), [text(1.0, word)], "{word}");
    }
}

#[test]
fn home_is_expanded_also_behind_weights_and_prefixes() {
    assert_eq!(all(&["~/a.jpg"]), [file(1.0, "/home/me/a.jpg")]);
    assert_eq!(all(&["2:~/a.jpg"]), [file(2.0, "/home/me/a.jpg")]);
    assert_eq!(all(&["dog", "-~/a.jpg"]), [text(1.0, "dog"), file(-1.0, "/home/me/a.jpg")]);
    assert_eq!(all(&["file:~/a.jpg"]), [file(1.0, "/home/me/a.jpg")]);
    let vector = Term { weight: 1.0, input: Input::Vector(PathBuf::from("/home/me/v.npy")) };
    assert_eq!(all(&["vector:~/v.npy"]), [vector]);
    let homeless = terms(&[OsString::from("~/a.jpg")], None);
    assert_eq!(homeless, Err(TermError::NoHome { received: "~/a.jpg".to_owned() }));
}

#[test]
fn words_after_a_file_are_a_text_of_their_own() {
    assert_eq!(all(&["./a.jpg", "at", "night"]), [file(1.0, "./a.jpg"), text(1.0, "at night")]);
    assert_eq!(all(&["at", "./a.jpg", "night"]), [text(1.0, "at"), file(1.0, "./a.jpg"), text(1.0, "night")]);
}

#[test]
fn stored_assets_and_their_points() {
    let one = |input| vec![Term { weight: 1.0, input }];
    assert_eq!(all(&["asset:abc"]), one(Input::Asset(id("abc"))));
    assert_eq!(all(&["asset:abc#3"]), one(Input::Point(id("abc"), None, 3)));
    assert_eq!(all(&["asset:abc#audio.7"]), one(Input::Point(id("abc"), Some(Track::Audio), 7)));
    assert_eq!(all(&["asset:my video#one"]), one(Input::Asset(id("my video#one"))));
    let minus = Term { weight: -2.0, input: Input::Asset(id("abc")) };
    assert_eq!(all(&["dog", "-2:asset:abc"]), [text(1.0, "dog"), minus]);
    assert_eq!(read(&["asset:"]), Err(TermError::NothingAfter { prefix: "asset:" }));
    assert_eq!(read(&["asset:a\nb"]), Err(TermError::Id(IdError::Control)));
}

#[test]
fn text_is_forced_and_begins_a_term() {
    assert_eq!(all(&["text:-40 degrees"]), [text(1.0, "-40 degrees")]);
    assert_eq!(all(&["text:-40", "degrees"]), [text(1.0, "-40 degrees")]);
    assert_eq!(all(&["text:./a.jpg"]), [text(1.0, "./a.jpg")]);
    assert_eq!(all(&["text:+"]), [text(1.0, "+")]);
    assert_eq!(all(&["a", "text:b"]), [text(1.0, "a"), text(1.0, "b")]);
    assert_eq!(read(&["text:"]), Err(TermError::NothingAfter { prefix: "text:" }));
}

#[test]
fn names_of_files_need_not_be_unicode() {
    let arg = OsString::from_vec(b"2:./a\xff.jpg".to_vec());
    let path = PathBuf::from(OsString::from_vec(b"./a\xff.jpg".to_vec()));
    assert_eq!(terms(&[arg], None), Ok(vec![Term { weight: 2.0, input: Input::File(path) }]));
    let text = OsString::from_vec(b"caf\xe9".to_vec());
    assert!(matches!(terms(&[text], None), Err(TermError::NotUnicode { .. })));
}

#[test]
fn a_text_that_is_a_file_is_hinted_at() {
    let terms = all(&["beach.jpg", "+", "./beach.jpg"]);
    let hints = hints(&terms, |path| path == Path::new("beach.jpg"));
    assert_eq!(hints.len(), 1);
    assert!(hints.iter().all(|hint| hint.contains("./beach.jpg")), "{hints:?}");
}
