//! Bundles of members: several spaces, each with what one bundle has.

use std::path::Path;
use std::sync::Arc;

use sensorium_embed::{Bundle, EmbedError, FolderFiles, Input, LoadOptions};
use sensorium_types::Content;

use crate::small::{self, DIM, Small};

/// Two members of one small bundle: `first` and `second`, with these lines behind each.
struct Joined {
    folder: tempfile::TempDir,
}

impl Joined {
    fn new(small: &Small, [first, second]: [&str; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&small.path("."), &folder.path().join("small"));
        let manifest = format!(
            "format = 2\nid = \"two\"\n[[members]]\nfolder = \"small\"\nname = \"first\"\n{first}\n\
             [[members]]\nfolder = \"small\"\nname = \"second\"\n{second}\n"
        );
        fs_err::write(folder.path().join("bundle.toml"), manifest).unwrap();
        Self { folder }
    }

    fn load(&self) -> Result<Arc<Bundle>, EmbedError> {
        Bundle::load(FolderFiles(self.folder.path().to_owned()), LoadOptions { threads: 2 })
    }
}

fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs_err::copy(entry.path(), place).unwrap();
        }
    }
}

const SEEN: &str = "contents = [\"image\", \"text\"]";
const HEARD: &str = "contents = [\"audio\", \"text\"]";

#[test]
fn a_text_has_a_vector_in_each_space_and_a_medium_in_its_own() {
    let small = Small::new();
    let one = small.load().unwrap();
    let joined = Joined::new(&small, [SEEN, HEARD]);
    let two = joined.load().unwrap();
    let space = two.space();
    assert_eq!((space.id.as_str(), space.dim), ("first+second", 2 * DIM));
    assert_eq!(Content::ALL.map(|content| space.dim_of(content)), [DIM, DIM, 2 * DIM]);
    two.self_test().unwrap();
    let inputs: Vec<Input> =
        [small::texts(), vec![small::image(3)], vec![small::audio(1.0)]].into_iter().flatten().collect();
    let (alone, both) = (one.embed(&inputs).unwrap(), two.embed(&inputs).unwrap());
    for ((input, alone), joined) in inputs.iter().zip(&alone).zip(&both) {
        if matches!(input, Input::Text(_)) {
            let norm = joined.iter().map(|x| x * x).sum::<f32>();
            assert!((norm - 1.0).abs() < 1e-5);
            for (_, part) in space.split(Some(Content::Text), joined) {
                assert!(part.iter().zip(alone).all(|(a, b)| (a - b).abs() < 1e-6));
            }
        } else {
            assert_eq!(alone, joined, "as it is");
        }
    }
    // What the members are makes the revision.
    let other = Joined::new(&small, [HEARD, SEEN]).load().unwrap();
    assert_ne!(other.space().revision, space.revision);
    assert_eq!(Joined::new(&small, [SEEN, HEARD]).load().unwrap().space(), space);
}

#[test]
fn reference_queries_lie_where_they_are_compared() {
    let small = crate::hubs::with_hubs();
    let one = small.load().unwrap().hubs().unwrap();
    // Reference queries load at their first use.
    let folder = Joined::new(&small, [SEEN, HEARD]);
    let joined = folder.load().unwrap();
    let (space, two) = (joined.space(), joined.hubs().unwrap());
    let close =
        |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    let asked = |content| {
        let asked = one.queries(Content::Text, content, 8).unwrap();
        let joined = two.queries(Content::Text, content, 8).unwrap();
        assert_eq!((asked.len(), joined.len()), (8, 8));
        asked.into_iter().zip(joined)
    };
    assert!(asked(Content::Image).all(|(alone, joined)| close(&alone, &joined)));
    // A text is compared with texts in both spaces, in which these members know the same.
    for (alone, joined) in asked(Content::Text) {
        assert!((joined.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        let parts = space.split(Some(Content::Text), &joined);
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|(_, part)| close(part, &alone)));
    }
    // No space joins images and audio.
    assert!(two.queries(Content::Image, Content::Audio, 8).unwrap().is_empty());
}

#[test]
fn calibration_is_that_of_cosines_as_they_lie() {
    let small = Small::new();
    let rows = |pairs: &[(&str, &str, f32)]| -> String {
        let row = |(query, content, mean): &(&str, &str, f32)| {
            format!(
                "[[calibration]]\nquery = \"{query}\"\ncontent = \"{content}\"\nmean = {mean}\ndeviation = 0.1\n"
            )
        };
        pairs.iter().map(row).collect()
    };
    let whole = small.manifest();
    let more = rows(&[("text", "text", 0.2), ("image", "text", 0.3), ("text", "audio", 0.4)]);
    small.set_manifest(&whole.replace("[selftest]", &format!("{more}[selftest]")));
    let two = Joined::new(&small, [SEEN, HEARD]).load().unwrap();
    let of = |query, content| two.calibration().get(query, content).map(|c| (c.mean, c.deviation));
    let close = |found: Option<(f32, f32)>, (mean, deviation): (f32, f32)| {
        let (a, b) = found.unwrap();
        assert!((a - mean).abs() < 1e-6 && (b - deviation).abs() < 1e-6, "{a} {b}");
    };
    let half = 0.5_f32.sqrt();
    close(of(Content::Text, Content::Image), (0.1, 0.2));
    close(of(Content::Text, Content::Audio), (0.4, 0.1));
    close(of(Content::Text, Content::Text), (0.2, 0.1));
    close(of(Content::Image, Content::Text), (0.3 * half, 0.1 * half));
    assert_eq!(of(Content::Image, Content::Audio), None, "no space joins them");
}

#[test]
fn members_take_what_is_left_to_them() {
    let small = Small::new();
    let two = Joined::new(&small, [SEEN, ""]).load().unwrap();
    let space = two.space();
    assert_eq!(space.parts[1].contents, [Content::Audio, Content::Text]);
    for (contents, said) in [
        ([SEEN, SEEN], "which a member before it takes"),
        (["", ""], "that others leave to it"),
        ([SEEN, "name = \"third\""], "duplicate key"),
        ([SEEN, "colour = 1"], "unknown field"),
    ] {
        let error = Joined::new(&small, contents).load().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let joined = Joined::new(&small, [SEEN, HEARD]);
    let file = joined.folder.path().join("bundle.toml");
    let manifest = fs_err::read_to_string(&file).unwrap();
    for (from, to, said) in [
        ("name = \"second\"", "name = \"first\"", "two members"),
        ("folder = \"small\"\nname = \"second\"", "folder = \"../small\"\nname = \"second\"", "../small"),
        ("format = 2", "format = 9", "9"),
    ] {
        fs_err::write(&file, manifest.replace(from, to)).unwrap();
        let error = joined.load().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
