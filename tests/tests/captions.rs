//! Images and videos to words, by the command.

use sensorium_tests::{HANG, Sensorium, samples};
use serde_json::Value;

/// A sample by its name below `samples/`.
fn sample(name: &str) -> String {
    samples().join(name).to_str().expect("UTF-8").to_owned()
}

fn spans(storyboard: &Value) -> Vec<(u64, u64)> {
    let shots = storyboard["shots"].as_array().expect("shots");
    let span = |shot: &Value| Some((shot["start_ms"].as_u64()?, shot["end_ms"].as_u64()?));
    shots.iter().map(|shot| span(shot).expect("a span")).collect()
}

#[test]
fn a_video_is_summarized_without_a_database() {
    let sensorium = Sensorium::new();
    let video = sample("clips/day_out.mkv");
    let rows = sensorium.json(&["summarize", &video]);
    let [storyboard] = rows.as_slice() else { panic!("one object: {rows:?}") };
    let keys: Vec<&String> = storyboard.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["path", "shots"]);
    assert_eq!(storyboard["path"], video.as_str());
    let whole = spans(storyboard);
    let starts: Vec<u64> = whole.iter().map(|span| span.0).collect();
    // Its three scenes, see samples/README.md; its first frame is shown 9 ms behind the start of its audio.
    assert_eq!(starts, [9, 4_009, 8_009]);
    assert!(storyboard["shots"][0]["caption"].as_str().is_some_and(|words| words.contains(' ')));

    let one = sensorium.json(&["summarize", &video, "--shots", "1"]);
    assert_eq!(spans(&one[0]).len(), 1);
    let short = spans(&sensorium.json(&["summarize", &video, "--seconds", "4.5"])[0]);
    assert_eq!(short.iter().map(|(start, end)| end - start).sum::<u64>(), 4_500);
    assert!(fs_err::read_dir(sensorium.data()).expect("lists").next().is_none(), "nothing was written");
}

#[test]
fn a_clip_holds_what_the_storyboard_shows() {
    let sensorium = Sensorium::new();
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("clip.mp4");
    let video = sample("clips/day_out.mkv");
    let args = ["summarize", &video, "--seconds", "3", "--clip", clip.to_str().expect("UTF-8")];
    sensorium.run(&args).expect_code(0);
    let cut = spans(&sensorium.json(&["summarize", clip.to_str().expect("UTF-8")])[0]);
    let length = cut.last().expect("a shot").1;
    assert!(length.abs_diff(3_000) <= 300, "{cut:?}");

    let over = sensorium.run(&["summarize", clip.to_str().expect("UTF-8"), "--clip"]).expect_code(2);
    assert!(over.stderr.contains("--clip"), "{}", over.stderr);
    let bytes = fs_err::read(&clip).expect("reads");
    let same = clip.to_str().expect("UTF-8");
    let over = sensorium.run(&["summarize", same, "--clip", same]).expect_code(1);
    assert!(over.stderr.contains("would replace the video"), "{}", over.stderr);
    assert_eq!(fs_err::read(&clip).expect("reads"), bytes);
}

#[test]
fn what_is_no_video_is_told_and_the_others_go_on() {
    let sensorium = Sensorium::new();
    let (image, audio) = (sample("images/pizza.jpg"), sample("sounds/engine.mp3"));
    let video = sample("clips/seaside.mp4");
    let args = ["summarize", &image, &audio, "no_such.mp4", "asset:nobody", &video, "--json"];
    let run = sensorium.run(&args).expect_code(1);
    assert_eq!(run.json().len(), 1, "the video");
    for told in ["pizza.jpg is image", "engine.mp3 is audio", "no_such.mp4: No such file", "no asset nobody"]
    {
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    for wrong in [["--shots", "0"], ["--shots", "501"], ["--seconds", "0"], ["--seconds", "x"]] {
        sensorium.run(&["summarize", &video, wrong[0], wrong[1]]).expect_code(2);
    }
}

#[test]
fn a_server_puts_files_and_what_it_holds_into_the_same_words() {
    let (client, held) = (Sensorium::new(), Sensorium::new());
    let (image, video) = (sample("images/dog_on_grass.jpg"), sample("clips/day_out.mkv"));
    let here = client.json(&["caption", &image, &video]);
    assert_eq!(here.len(), 4, "one of the image, one of each part: {here:?}");
    let board = client.json(&["summarize", &video, "--shots", "2"]);
    let stored = held.index(samples().join("clips").as_path());
    let asset =
        stored.iter().find(|event| event["path"].as_str().is_some_and(|path| path.ends_with("day_out.mkv")));
    let asset = format!("asset:{}", asset.expect("indexed")["asset"].as_str().expect("an id"));
    assert_eq!(held.json(&["summarize", &asset, "--shots", "2"])[0]["shots"], board[0]["shots"]);

    let server = held.serve();
    let there = |args: &[&str]| client.json(&[args, &["--server", &server.url]].concat());
    assert_eq!(there(&["caption", &image, &video]), here);
    assert_eq!(there(&["summarize", &video, "--shots", "2"]), board);
    assert_eq!(there(&["summarize", &asset, "--shots", "2"])[0]["shots"], board[0]["shots"]);
    assert_eq!(there(&["caption", &asset]).len(), 3);
    // The data folder's own server answers too, without being named.
    assert_eq!(held.json(&["caption", &image])[0]["caption"], here[0]["caption"]);

    let args = ["summarize", &asset, "--clip", "x.mp4", "--server", &server.url];
    let refused = client.run(&args).expect_code(1);
    assert!(refused.stderr.contains("name it by its path"), "{}", refused.stderr);
    let refused =
        client.run(&["caption", &sample("sounds/engine.mp3"), "--server", &server.url]).expect_code(1);
    assert!(refused.stderr.contains("no caption decoder for audio"), "{}", refused.stderr);
}

/// The rows of captions in what `get` says of an asset.
fn captions(asset: &Value) -> Vec<&str> {
    let parts = asset.pointer("/payload/_captions/parts").and_then(Value::as_array);
    let parts = parts.map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
}

#[test]
fn captions_are_kept_found_resumed_and_deleted_with_their_asset() {
    let sensorium = Sensorium::new();
    let media = tempfile::tempdir().expect("a folder");
    for name in ["images/dog_on_grass.jpg", "clips/day_out.mkv", "sounds/engine.mp3", "texts/cats.txt"] {
        let from = samples().join(name);
        fs_err::copy(&from, media.path().join(from.file_name().expect("a name"))).expect("copies");
    }
    let folder = media.path().to_str().expect("UTF-8");
    sensorium.index(media.path());
    assert_eq!(sensorium.json(&["stats"])[0]["captions"], Value::Null);
    let before = sensorium.json(&["search", "a dog on the grass"]);
    let counts = |made: u64, missing: u64| serde_json::json!({ "made": made, "missing": missing });

    let run = sensorium.run(&["index", folder, "--captions", "--json"]).expect_code(0);
    let events = run.json();
    assert_eq!(events.len(), 5, "one event a file, and the summary: {events:?}");
    assert!(run.stderr.contains("captions: 2 assets put into words"), "{}", run.stderr);
    assert_eq!(sensorium.json(&["stats"])[0]["captions"], counts(2, 0));
    // A new file later: the collection goes on without being told again, and leaves the others alone.
    fs_err::copy(samples().join("images/pizza.jpg"), media.path().join("pizza.jpg")).expect("copies");
    let run = sensorium.run(&["index", folder]).expect_code(0);
    assert!(run.stderr.contains("captions: 1 asset put into words"), "{}", run.stderr);
    assert!(!sensorium.run(&["index", folder]).expect_code(0).stderr.contains("captions"));

    let assets = sensorium.json(&["get", "--filter", "modality = \"video\""]);
    let words = captions(&assets[0]);
    assert_eq!(words.len(), 3, "one of each part: {assets:?}");
    let whole = words.join(" ");
    let said = sensorium.json(&["search", words[0], "--all"]);
    let video = said.iter().find(|hit| hit["modality"] == "video").expect("the video");
    assert!(
        video["payload"]["_caption"]["text"].as_str().is_some_and(|text| whole.contains(text)),
        "{video}"
    );
    assert!(video["payload"].get("_captions").is_none(), "{video}");
    // What images are found by what they show keep their order and their scores.
    let after = sensorium.json(&["search", "a dog on the grass"]);
    let ranked = |hits: &[Value]| -> Vec<(Value, Value)> {
        let known =
            hits.iter().filter(|hit| hit["path"].as_str().is_some_and(|path| !path.ends_with("pizza.jpg")));
        known.map(|hit| (hit["asset"].clone(), hit["score"].clone())).collect()
    };
    assert_eq!(ranked(&after)[..2], ranked(&before)[..2]);
    let table = sensorium.run(&["search", "a dog on the grass", "--limit", "1"]).expect_code(0).stdout;
    let caption = after[0]["payload"]["_caption"]["text"].as_str().expect("a caption");
    assert!(table.contains(caption), "{table}");
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true);

    // A server goes on by itself, and is told per collection.
    let id = assets[0]["asset"].as_str().expect("an id").to_owned();
    sensorium.run(&["delete", &id]).expect_code(0);
    assert_eq!(sensorium.json(&["stats"])[0]["captions"], counts(2, 0));
    let server = sensorium.serve();
    sensorium.run(&["index", folder, "--captions=off"]).expect_code(0);
    assert_eq!(sensorium.json(&["stats"])[0]["captions"], Value::Null);
    sensorium.run(&["index", folder, "--captions"]).expect_code(0);
    let begun = std::time::Instant::now();
    while sensorium.json(&["stats"])[0]["captions"] != counts(3, 0) {
        assert!(begun.elapsed() < HANG, "{:?}", sensorium.json(&["stats"]));
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    drop(server);
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true);
}
