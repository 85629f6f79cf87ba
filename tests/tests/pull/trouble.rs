//! Hubs that break off, lie, or give nothing; processes that are killed; disks that are full.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use sensorium_tests::{HANG, Sensorium, Signal, signal};

use super::{Behaviour, Hub, ID, PULL, golden, here, run, run_with, transfers};

const WEIGHTS: &str = "model.safetensors";

fn part(sensorium: &Sensorium) -> PathBuf {
    sensorium.data().join("models/.pulling-tiny").join(format!("{WEIGHTS}.part"))
}

fn length(path: &Path) -> usize {
    fs_err::metadata(path).map_or(0, |facts| usize::try_from(facts.len()).expect("small"))
}

/// Waits until so much of a file is there.
fn wait_for_length(path: &Path, bytes: usize) {
    let begun = Instant::now();
    while length(path) != bytes {
        assert!(begun.elapsed() < HANG, "{} of {bytes} bytes came", length(path));
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn spawn(sensorium: &Sensorium, hub: &Hub) -> Child {
    let mut command = sensorium.command(&[&["models"], &PULL[..]].concat());
    command.env("HF_ENDPOINT", &hub.endpoint).env_remove("HF_TOKEN");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

#[test]
fn a_pull_that_is_killed_ten_times_goes_on_where_it_was() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    let all = length(&golden("clip-f32").join(WEIGHTS));
    let mut ranges = vec![None];
    for kill in 1..=10 {
        // At the first byte, within pieces and between them, and when all but one byte are there.
        let at = if kill == 10 { all - 1 } else { 1 + (kill - 1) * all / 10 };
        hub.behave(Behaviour { stall_at: Some(at), ..Behaviour::default() });
        let mut child = spawn(&sensorium, &hub);
        hub.wait_for_stall(kill);
        wait_for_length(&part(&sensorium), at);
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert_eq!(here(&sensorium), [""; 0], "half a model is none");
        ranges.push(Some(format!("bytes={at}-")));
    }
    hub.behave(Behaviour::default());
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(transfers(&hub.asked()), ranges);
    assert_eq!(here(&sensorium), ["tiny"]);
    run(&sensorium, &hub, &["check", "tiny"]).expect_code(0);
}

#[test]
fn a_pull_that_is_killed_between_its_steps_goes_on() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    hub.behave(Behaviour { stall_at: Some(5000), ..Behaviour::default() });
    let mut child = spawn(&sensorium, &hub);
    hub.wait_for_stall(1);
    wait_for_length(&part(&sensorium), 5000);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    hub.behave(Behaviour::default());
    hub.asked();
    // As if it had ended between the last byte and the name: nothing is asked for any more.
    fs_err::copy(golden("clip-f32").join(WEIGHTS), part(&sensorium)).expect("copied");
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(transfers(&hub.asked()).len(), 0);
    assert_eq!(here(&sensorium), ["tiny"]);

    // What is left of another commit, or is longer than the file, is not gone on with.
    let sensorium = Sensorium::new();
    let folder = sensorium.data().join("models/.pulling-tiny");
    fs_err::create_dir_all(&folder).expect("made");
    fs_err::write(folder.join(WEIGHTS), vec![7; 93_636]).expect("written");
    fs_err::write(folder.join(".source"), "another\nhub\nand commit\n").expect("written");
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(transfers(&hub.asked()), [None]);
}

#[test]
fn ctrl_c_ends_a_pull_soon_and_keeps_what_came() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    hub.behave(Behaviour { stall_at: Some(20_000), ..Behaviour::default() });
    let mut child = spawn(&sensorium, &hub);
    hub.wait_for_stall(1);
    wait_for_length(&part(&sensorium), 20_000);
    // Two at a time are refused.
    let busy = run(&sensorium, &hub, &PULL).expect_code(1);
    assert!(busy.stderr.contains("another process"), "{}", busy.stderr);
    signal(&child, Signal::INT);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("read");
    assert!(said.contains("goes on with it"), "{said}");
    assert_eq!(length(&part(&sensorium)), 20_000);
    hub.behave(Behaviour::default());
    hub.asked();
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(transfers(&hub.asked()), [Some("bytes=20000-".to_owned())]);
}

#[test]
fn connections_that_break_off_are_taken_up_by_a_range() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    hub.behave(Behaviour { cut: Some((30_000, 2)), ..Behaviour::default() });
    run(&sensorium, &hub, &PULL).expect_code(0);
    let ranges = transfers(&hub.asked());
    assert_eq!(ranges, [None, Some("bytes=30000-".to_owned()), Some("bytes=60000-".to_owned())]);
    // Where no ranges are given it is begun anew, as long as there is hope.
    let sensorium = Sensorium::new();
    hub.behave(Behaviour { cut: Some((30_000, 1)), no_ranges: true, ..Behaviour::default() });
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(here(&sensorium), ["tiny"]);
    let sensorium = Sensorium::new();
    hub.behave(Behaviour { cut: Some((30_000, usize::MAX)), no_ranges: true, ..Behaviour::default() });
    hub.asked();
    let broken = run(&sensorium, &hub, &PULL).expect_code(1);
    assert!(broken.stderr.contains("pull again to go on"), "{}", broken.stderr);
    assert!(transfers(&hub.asked()).len() < 20, "it ends");
    assert_eq!(here(&sensorium), [""; 0]);
}

#[test]
fn hubs_that_lie_are_not_believed() {
    let cases = [
        (Behaviour { wrong_bytes: true, ..Behaviour::default() }, "SHA-256"),
        (Behaviour { longer: 1, ..Behaviour::default() }, "larger than 93636 bytes"),
        (Behaviour { cut: Some((30_000, 1)), wrong_ranges: true, ..Behaviour::default() }, "another range"),
        (
            Behaviour { leads_to: Some("http://10.0.0.1/blob".to_owned()), ..Behaviour::default() },
            "nothing is fetched from there",
        ),
        (
            Behaviour { leads_to: Some("file:///etc/passwd".to_owned()), ..Behaviour::default() },
            "a redirect leads to a file of this machine",
        ),
    ];
    for (behaviour, said) in cases {
        let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
        let lies_once = behaviour.wrong_ranges;
        hub.behave(behaviour);
        if lies_once {
            // A range that is not the one that was asked for is not put together with the rest.
            run(&sensorium, &hub, &PULL).expect_code(0);
            run(&sensorium, &hub, &["check", "tiny"]).expect_code(0);
            continue;
        }
        let refused = run(&sensorium, &hub, &PULL).expect_code(1);
        assert!(refused.stderr.contains(said), "{}, not {said}", refused.stderr);
        assert!(!refused.stderr.contains("Signature"), "what may be secret is not told");
        assert_eq!(here(&sensorium), [""; 0]);
        assert_eq!(length(&part(&sensorium)), 0, "it is not kept");
    }
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    let round = format!("{}/{ID}/resolve/{}/{WEIGHTS}", hub.endpoint, super::COMMIT);
    hub.behave(Behaviour { leads_to: Some(round), ..Behaviour::default() });
    let refused = run(&sensorium, &hub, &PULL).expect_code(1);
    assert!(refused.stderr.contains("more than 5 times"), "{}", refused.stderr);
}

#[test]
fn what_is_closed_or_not_there_says_what_to_do() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    for closed in [401, 403] {
        hub.behave(Behaviour { key: Some("right"), closed, ..Behaviour::default() });
        for key in [None, Some("wrong")] {
            let refused = run_with(&sensorium, &hub, &PULL, key).expect_code(1);
            for said in ["terms", "HF_TOKEN", ID, &closed.to_string()] {
                assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
            }
            assert!(!refused.stderr.contains("wrong"), "{}", refused.stderr);
        }
    }
    hub.behave(Behaviour::default());
    for args in [["pull", "someone/Else"], ["check", "someone/Else"]] {
        let refused = run(&sensorium, &hub, &args).expect_code(1);
        assert!(refused.stderr.contains("no revision main of a model someone/Else"), "{}", refused.stderr);
    }
    let refused = run(&sensorium, &hub, &["pull", ID, "--revision", "v9"]).expect_code(1);
    assert!(refused.stderr.contains("no revision v9"), "{}", refused.stderr);
    for args in [&["pull", "no model"][..], &["pull", ID, "--revision", "../main"], &["check", "nothing"]] {
        run(&sensorium, &hub, args).expect_code(2);
    }
    let mut command = sensorium.command(&["models", "check", ID]);
    let nobody = command.env("HF_ENDPOINT", "http://127.0.0.1:1").output().expect("starts");
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(said.contains("is there a network") && said.contains("models add FOLDER"), "{said}");
    let mut command = sensorium.command(&["models", "check", ID]);
    let wrong = command.env("HF_ENDPOINT", "ftp://hub").output().expect("starts");
    assert_eq!(wrong.status.code(), Some(2), "{}", String::from_utf8_lossy(&wrong.stderr));
}

#[test]
fn a_disk_that_is_full_keeps_what_came() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    // No file may be larger than 64 KiB, which the system says as it says that a disk is full: by an error of a write.
    let program = sensorium_tests::program();
    let script = r#"trap "" XFSZ; ulimit -f 64; exec "$0" "$@""#;
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script]).arg(program).arg("models").args(PULL);
    command.env("SENSORIUM_DATA", sensorium.data()).env("HF_ENDPOINT", &hub.endpoint).env_remove("HF_TOKEN");
    let full = command.stdin(Stdio::null()).output().expect("starts");
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert_eq!(full.status.code(), Some(1), "{said}");
    assert!(said.contains("make room and pull again"), "{said}");
    assert_eq!(here(&sensorium), [""; 0]);
    let kept = length(&part(&sensorium));
    assert!((1..=64 << 10).contains(&kept), "{kept}");
    hub.asked();
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(transfers(&hub.asked()), [Some(format!("bytes={kept}-"))]);
    run(&sensorium, &hub, &["check", "tiny"]).expect_code(0);
}

#[test]
fn what_was_begun_can_be_given_up() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    run(&sensorium, &hub, &["pull", ID, "--name", "tiny"]).expect_code(1);
    assert!(sensorium.data().join("models/.pulling-tiny").is_dir());
    sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    assert!(!sensorium.data().join("models/.pulling-tiny").exists());
    sensorium.run(&["models", "rm", "tiny"]).expect_code(1);
}
