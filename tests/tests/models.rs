//! Models as the hub lays them out, from outside: added, listed, used by a collection, removed. The models are small ones of
//! random weights (`training/golden_vit.py`), and the vectors those of their reference classes.

use std::path::PathBuf;

use sensorium_tests::vectors::{compare_texts, compare_with_reference, cosine, numbers};
use sensorium_tests::{Sensorium, copy_folder, samples};
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    samples().parent().expect("the repository").join("tests/golden/vit").join(name)
}

fn add(sensorium: &Sensorium, folder: &str, name: &str) {
    let folder = golden(folder);
    let folder = folder.to_str().expect("a path");
    sensorium.run(&["models", "add", folder, "--name", name, "--unchecked"]).expect_code(0);
}

#[test]
fn vectors_of_texts_and_files_are_those_of_the_reference() {
    let sensorium = Sensorium::new();
    for name in ["clip-f32", "clip-f16-shards", "siglip2-bf16", "siglip2-f32-shards", "open-clip-f32"] {
        add(&sensorium, name, name);
        compare_with_reference(&sensorium, name, &golden(name));
    }
}

#[test]
fn weights_that_were_never_trained_are_refused_unless_taken_unchecked() {
    let sensorium = Sensorium::new();
    let folder = golden("clip-f32");
    let folder = folder.to_str().expect("a path");
    let refused = sensorium.run(&["models", "add", folder, "--name", "tiny"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    let listed = sensorium.json(&["models", "list"]);
    assert!(listed.iter().all(|row| row["name"] != "tiny"), "nothing of it is left");
    assert_eq!(fs_err::read_dir(sensorium.data().join("models")).expect("made").count(), 0);
    let added = sensorium.json(&["models", "add", folder, "--name", "tiny", "--unchecked"]);
    assert_eq!(
        (&added[0]["family"], &added[0]["dim"], &added[0]["asked"]),
        (&"CLIP".into(), &12.into(), &24.into())
    );
    assert_eq!(added[0]["calibration"].as_array().map(Vec::len), Some(4));
    assert!(added[0]["band"].is_null(), "nothing is published of a model of these sizes");
    let again = sensorium.run(&["models", "add", folder, "--name", "tiny", "--unchecked"]).expect_code(1);
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    sensorium.run(&["models", "add", folder, "--name", "../tiny", "--unchecked"]).expect_code(1);
    let said = sensorium.run(&["models", "add", folder, "--name", "other", "--unchecked"]).expect_code(0);
    assert!(said.stdout.contains("no band is published for it"), "{}", said.stdout);
    let bare = sensorium.run(&["search", "a", "--bundle", folder]).expect_code(2);
    assert!(bare.stderr.contains("models add"), "{}", bare.stderr);
    let unknown = sensorium.run(&["search", "a", "--bundle", "nothing"]).expect_code(2);
    assert!(unknown.stderr.contains("models list"), "{}", unknown.stderr);
}

#[test]
fn a_model_that_was_trained_is_taken_and_finds_what_it_learned() {
    // `training/golden_trained.py`: it knows the images that models are tried with, and nothing else.
    let sensorium = Sensorium::new();
    let folder = golden("clip-trained");
    let added = sensorium.json(&["models", "add", folder.to_str().expect("a path"), "--name", "taught"]);
    assert_eq!((&added[0]["hits"], &added[0]["asked"]), (&24.into(), &24.into()));
    let images = samples().join("images");
    let known = ["red_car.jpg", "goldfish.jpg", "snow_mountain.webp", "city_at_night.png", "palm_sunset.jpg"];
    let paths = known.map(|file| images.join(file).to_str().expect("a path").to_owned());
    let args = [&["index", "--bundle", "taught"][..], &paths.each_ref().map(String::as_str)].concat();
    sensorium.run(&args).expect_code(0);
    for (text, file) in [
        ("a red car on a road", known[0]),
        ("two goldfish swim under water", known[1]),
        ("a snow covered mountain above a forest of fir trees", known[2]),
        ("skyscrapers in the dark", known[3]),
        ("an orange sunset at the sea", known[4]),
    ] {
        let hits = sensorium.json(&["search", text, "--limit", "1"]);
        assert!(hits[0]["path"].as_str().is_some_and(|path| path.ends_with(file)), "{text}: {hits:?}");
    }
    sensorium.run(&["models", "check", "taught"]).expect_code(0);
}

#[test]
fn faults_of_a_configuration_are_noticed_by_the_trial() {
    // Faults that cost a few points alone, as another activation, leave the captions of twelve images where they are.
    let faults = [
        ("config.json", "\"num_attention_heads\": 2", "\"num_attention_heads\": 1"),
        ("preprocessor_config.json", "\"rescale_factor\": 0.00392156862745098", "\"rescale_factor\": 1.0"),
    ];
    for (file, from, to) in faults {
        let sensorium = Sensorium::new();
        let place = tempfile::tempdir().expect("a folder");
        copy_folder(&golden("clip-trained"), place.path());
        let path = place.path().join(file);
        let text = fs_err::read_to_string(&path).expect("text");
        assert!(text.contains(from), "{from}: {text}");
        fs_err::write(&path, text.replace(from, to)).expect("written");
        let folder = place.path().to_str().expect("a path");
        let refused = sensorium.run(&["models", "add", folder, "--name", "taught"]).expect_code(1);
        assert!(refused.stderr.contains("and chance does 2"), "{to}: {}", refused.stderr);
    }
}

#[test]
fn an_int8_form_is_a_model_of_its_own_with_near_vectors() {
    let sensorium = Sensorium::new();
    add(&sensorium, "clip-f32", "full");
    let folder = golden("clip-f32");
    let folder = folder.to_str().expect("a path");
    let add = ["models", "add", folder, "--name", "bytes", "--unchecked", "--int8"];
    let added = sensorium.json(&add);
    let listed = sensorium.json(&["models", "list"]);
    let full = listed.iter().find(|row| row["name"] == "full").expect("the full model");
    assert_ne!(added[0]["revision"], full["revision"], "vectors of one are none of the other");
    sensorium.run(&["models", "check", "bytes"]).expect_code(0);
    let image = samples().join("images/red_car.jpg");
    for term in [image.to_str().expect("a path"), "a red car"] {
        let vector =
            |bundle: &str| numbers(&sensorium.json(&["embed", "--bundle", bundle, term])[0]["vector"]);
        let (full, bytes) = (vector("full"), vector("bytes"));
        // The towers are of a width of 16: wider ones are closer.
        assert!(full != bytes && cosine(&full, &bytes) > 0.98, "{term}: {}", cosine(&full, &bytes));
    }
    sensorium.run(&["index", "--bundle", "full", image.to_str().expect("a path")]).expect_code(0);
    let other =
        sensorium.run(&["index", "--bundle", "bytes", image.to_str().expect("a path")]).expect_code(1);
    assert!(other.stderr.contains("sensorium reembed"), "{}", other.stderr);
    let clap = samples().parent().expect("the repository").join("tests/golden/clap/clap-f32");
    let clap = clap.to_str().expect("a path");
    let refused =
        sensorium.run(&["models", "add", clap, "--name", "clap", "--unchecked", "--int8"]).expect_code(1);
    assert!(refused.stderr.contains("int8"), "{}", refused.stderr);
}

#[test]
fn a_collection_is_asked_by_the_bundle_that_made_it() {
    let sensorium = Sensorium::new();
    add(&sensorium, "clip-f32", "tiny");
    let media = sensorium.data().join("media");
    for folder in ["images", "texts", "clips"] {
        copy_folder(&samples().join(folder), &media.join(folder));
    }
    fs_err::copy(samples().join("sounds/engine.mp3"), media.join("engine.mp3")).expect("copied");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs_err::rename(&media, elsewhere.path().join("media")).expect("moved");
    let media = elsewhere.path().join("media");
    let events = sensorium.json(&["index", "--bundle", "tiny", media.to_str().expect("a path")]);
    let (summary, events) = events.split_last().expect("a summary");
    let failed: Vec<&Value> = events.iter().filter(|event| event["state"] == "failed").collect();
    assert_eq!((summary["failed"].as_u64(), failed.len()), (Some(1), 1), "{failed:?}");
    let reason = failed[0]["reason"].to_string();
    assert!(reason.contains("no encoder for it"), "{reason}");
    assert!(failed[0]["path"].as_str().is_some_and(|path| path.ends_with("engine.mp3")));

    // Nothing names the bundle from here on.
    let stats = sensorium.json(&["stats"]);
    let revision = stats[0]["space"]["revision"].as_str().expect("a revision").to_owned();
    assert!(revision.starts_with("tiny@"), "{revision}");
    let image = samples().join("images/red_car.jpg");
    let hits = sensorium.json(&["search", image.to_str().expect("a path"), "--limit", "3"]);
    assert!(hits[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{hits:?}");
    let hits = sensorium.json(&["search", "a red car", "--all"]);
    let of = |modality: &str| hits.iter().filter(|hit| hit["modality"] == modality).count();
    assert!(of("image") > 0 && of("video") > 0 && of("text") > 0 && of("audio") == 0);
    sensorium.run(&["verify"]).expect_code(0);
    let server = sensorium.serve();
    let asked = sensorium.json(&["search", "a red car", "--limit", "3", "--server", &server.url]);
    assert_eq!(asked.len(), 3);
    drop(server);

    // Another collection has the default bundle, whatever this one has.
    sensorium.run(&["models", "default", "tiny"]).expect_code(0);
    let text = samples().join("texts/bread.md");
    let text = text.to_str().expect("a path");
    sensorium.run(&["index", "--collection", "second", text]).expect_code(0);
    sensorium.run(&["index", "--collection", "third", "--bundle", "mini", text]).expect_code(0);
    let spaces = sensorium.json(&["collections"]);
    let space = |name: &str| {
        let row = spaces.iter().find(|row| row["collection"] == name).expect("the collection");
        row["space"]["revision"].as_str().expect("a revision").to_owned()
    };
    assert_eq!(space("second"), revision);
    assert!(space("third").starts_with("sensorium-mini@"));
    sensorium.run(&["search", "--collection", "third", "how is bread made"]).expect_code(0);

    sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    let gone = sensorium.run(&["search", "a red car"]).expect_code(1);
    assert!(gone.stderr.contains(&revision) && gone.stderr.contains("--bundle"), "{}", gone.stderr);
}

#[test]
fn files_that_were_changed_are_found_by_their_hash() {
    let sensorium = Sensorium::new();
    add(&sensorium, "siglip2-f32-shards", "tiny");
    sensorium.run(&["models", "check", "tiny"]).expect_code(0);
    let listed = sensorium.json(&["models", "list"]);
    let row = listed.iter().find(|row| row["name"] == "tiny").expect("listed");
    assert!(row["error"].is_null() && row["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    assert!(
        listed.iter().any(|row| row["source"] == "openai/clip-vit-base-patch32" && row["licence"] == "MIT")
    );
    let shard = sensorium.data().join("models/tiny/model-00003-of-00006.safetensors");
    let mut bytes = fs_err::read(&shard).expect("a shard");
    *bytes.last_mut().expect("bytes") ^= 0x40;
    fs_err::write(&shard, bytes).expect("written");
    let changed = sensorium.run(&["models", "check", "tiny"]).expect_code(1);
    assert!(changed.stderr.contains("SHA-256 of model-00003-of-00006.safetensors"), "{}", changed.stderr);
    // A folder of the hub is looked at without being added.
    let folder = golden("clip-bf16");
    let looked = sensorium.json(&["models", "check", folder.to_str().expect("a path")]);
    assert_eq!((&looked[0]["family"], &looked[0]["dim"]), (&"CLIP".into(), &12.into()));
    let none = golden("clip-text-only");
    sensorium.run(&["models", "check", none.to_str().expect("a path")]).expect_code(1);
}

/// What a query finds: assets with their scores, without those that texts asked.
fn found(sensorium: &Sensorium, query: &str, more: &[&str]) -> Vec<(String, f64)> {
    let hits = sensorium.json(&[&["search", query, "--all", "--limit", "100"], more].concat());
    let joined = hits.iter().filter(|hit| hit["bridged"] != true);
    let mut found: Vec<_> = joined
        .map(|hit| {
            (hit["asset"].as_str().expect("an id").to_owned(), hit["score"].as_f64().expect("a score"))
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

/// A few images, sounds, texts and a video with sound.
fn media(folder: &std::path::Path) -> PathBuf {
    let media = folder.join("media");
    copy_folder(&samples().join("sounds"), &media.join("sounds"));
    fs_err::create_dir_all(&media).expect("made");
    for file in
        ["images/dog_on_grass.jpg", "images/umbrella_in_rain.jpg", "texts/bread.md", "clips/storm.avi"]
    {
        let name = file.rsplit_once('/').expect("a folder").1;
        fs_err::copy(samples().join(file), media.join(name)).expect("copied");
    }
    media
}

#[test]
fn two_spaces_of_one_model_answer_as_one() {
    let (one, two) = (Sensorium::new(), Sensorium::new());
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    one.index(&media);
    let joined = two.json(&["models", "join", "mini:image,text", "mini:audio,text", "--name", "both"]);
    assert_eq!(joined[0]["spaces"].as_array().map(Vec::len), Some(2), "{joined:?}");
    two.run(&["index", "--bundle", "both", media.to_str().expect("a path")]).expect_code(0);
    let stats = two.json(&["stats"]);
    let space = &stats[0]["space"];
    assert_eq!((&space["id"], &space["dim"]), (&"mini+mini-2".into(), &768.into()));
    assert_eq!(space["parts"][1]["contents"], serde_json::json!(["audio", "text"]));

    let image = media.join("umbrella_in_rain.jpg");
    let sound = media.join("sounds/thunder.ogg");
    let files = [&image, &sound].map(|file| file.to_str().expect("a path"));
    for query in ["a dog on the grass", "rain", "Regen auf der Strasse", files[0], files[1]] {
        let (alone, apart) = (found(&one, query, &[]), found(&two, query, &[]));
        assert!(apart.len() > 2 && apart.len() <= alone.len(), "{query}");
        for (asset, score) in apart {
            let other = alone.iter().find(|(id, _)| *id == asset).expect("found as well").1;
            // A video with sound may have been found by the other content, which is asked by texts now.
            assert!(score - other < 1e-3, "{query}: {asset} {score} and {other}");
        }
    }
    let text = ["a dog on the grass", "--modality", "image,audio,text"];
    assert_eq!(found(&one, text[0], &text[1..]).len(), found(&two, text[0], &text[1..]).len());
    let near = |(a, b): (&(String, f64), &(String, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-3;
    assert!(
        found(&one, "rain", &[]).iter().zip(&found(&two, "rain", &[])).all(near),
        "a text asks both spaces"
    );

    let heard = two.json(&["search", files[0], "--modality", "audio", "--limit", "2"]);
    assert!(heard.iter().all(|hit| hit["bridged"] == true), "{heard:?}");
    assert!(heard[0]["path"].as_str().is_some_and(|path| path.ends_with("rain.ogg")), "{heard:?}");
    let embedded = two.json(&["embed", "a dog"]);
    let spaces: Vec<&Value> = embedded.iter().map(|row| &row["space"]["id"]).collect();
    assert_eq!(spaces, ["mini", "mini-2"]);
    let alone = numbers(&one.json(&["embed", "a dog"])[0]["vector"]);
    assert!(embedded.iter().all(|row| cosine(&numbers(&row["vector"]), &alone) > 0.99999));

    let server = two.serve();
    let there = found(&two, "rain", &["--server", &server.url]);
    assert!(there.iter().zip(&found(&one, "rain", &[])).all(near), "{there:?}");
    let there =
        two.json(&["search", files[0], "--modality", "audio", "--limit", "1", "--server", &server.url]);
    assert_eq!(there[0]["bridged"], true);
    let there = two.json(&["embed", "a dog", "--server", &server.url]);
    assert_eq!(there.len(), 2);
    drop(server);
    two.run(&["verify"]).expect_code(0);
}

#[test]
fn a_public_model_borrows_the_sounds_of_the_one_built_in() {
    let sensorium = Sensorium::new();
    let folder = tempfile::tempdir().expect("a folder");
    let media = media(folder.path());
    add(&sensorium, "clip-f32", "tiny");
    sensorium.run(&["models", "join", "tiny", "mini", "--name", "both"]).expect_code(0);
    // Its files are its own.
    sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    sensorium.run(&["models", "check", "both"]).expect_code(0);
    sensorium.index(&media);
    let before = sensorium.json(&["search", "thunder", "--modality", "audio", "--limit", "3"]);
    sensorium.run(&["reembed", "--bundle", "both"]).expect_code(0);
    let stats = sensorium.json(&["stats"]);
    assert_eq!(
        (&stats[0]["space"]["id"], &stats[0]["space"]["dim"]),
        (&"tiny+mini".into(), &(12 + 384).into())
    );
    let after = sensorium.json(&["search", "thunder", "--modality", "audio", "--limit", "3"]);
    let names = |hits: &[Value]| hits.iter().map(|hit| hit["path"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "sounds as before");
    let same = sensorium.json(&["search", media.join("dog_on_grass.jpg").to_str().expect("a path")]);
    assert!(same[0]["path"].as_str().is_some_and(|path| path.ends_with("dog_on_grass.jpg")));
    sensorium.run(&["verify"]).expect_code(0);

    let again = sensorium.run(&["models", "join", "both", "mini", "--name", "more"]).expect_code(1);
    assert!(again.stderr.contains("itself joined"), "{}", again.stderr);
    let nothing = sensorium.run(&["models", "join", "mini", "mini", "--name", "more"]).expect_code(1);
    assert!(nothing.stderr.contains("that others leave to it"), "{}", nothing.stderr);
    let unknown = sensorium.run(&["models", "join", "mini", "nobody", "--name", "more"]).expect_code(1);
    assert!(unknown.stderr.contains("models list"), "{}", unknown.stderr);
    sensorium.run(&["models", "join", "mini:colour", "mini", "--name", "more"]).expect_code(2);
    let listed = sensorium.json(&["models", "list"]);
    assert!(listed.iter().all(|row| row["name"] != "more"), "nothing of it is left");
}

#[test]
fn sounds_are_asked_in_words_by_a_bundle_that_hears_and_sees_nothing() {
    let sensorium = Sensorium::new();
    let folder = samples().parent().expect("the repository").join("tests/golden/clap/clap-f32");
    let place = folder.to_str().expect("a path");
    let looked = sensorium.json(&["models", "check", place]);
    assert_eq!((&looked[0]["family"], &looked[0]["dim"]), (&"CLAP".into(), &12.into()));
    let refused = sensorium.run(&["models", "add", place, "--name", "clap"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    let added = sensorium.json(&["models", "add", place, "--name", "clap", "--unchecked"]);
    let pairs: Vec<(&str, &str)> = added[0]["calibration"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| Some((row["query"].as_str()?, row["content"].as_str()?)))
        .collect();
    assert_eq!(pairs, [("text", "audio"), ("text", "text"), ("audio", "audio"), ("audio", "text")]);
    sensorium.run(&["models", "check", "clap"]).expect_code(0);

    compare_texts(&sensorium, "clap", &folder);

    let elsewhere = tempfile::tempdir().expect("a folder");
    let media = elsewhere.path().join("media");
    copy_folder(&samples().join("sounds"), &media);
    fs_err::copy(samples().join("clips/storm.avi"), media.join("storm.avi")).expect("copied");
    fs_err::copy(samples().join("images/red_car.jpg"), media.join("red_car.jpg")).expect("copied");
    fs_err::copy(samples().join("texts/cats.txt"), media.join("cats.txt")).expect("copied");
    let events = sensorium.json(&["index", "--bundle", "clap", media.to_str().expect("a path")]);
    let failed: Vec<&Value> = events.iter().filter(|event| event["state"] == "failed").collect();
    assert!(
        failed.len() == 1 && failed[0]["reason"].to_string().contains("an image, and the bundle"),
        "{failed:?}"
    );

    let hits = sensorium.json(&["search", "the sound of an engine", "--all"]);
    let of = |modality: &str| hits.iter().filter(|hit| hit["modality"] == modality).count();
    assert!(of("audio") >= 16 && of("video") > 0 && of("text") > 0 && of("image") == 0, "{hits:?}");
    let engine = media.join("engine.mp3");
    let hits = sensorium.json(&["search", engine.to_str().expect("a path"), "--limit", "3"]);
    assert!(hits[0]["path"].as_str().is_some_and(|path| path.ends_with("engine.mp3")), "{hits:?}");
    sensorium.run(&["verify"]).expect_code(0);
}
