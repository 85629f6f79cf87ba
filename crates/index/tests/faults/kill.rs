//! The process is killed between two steps of writing (`src/failpoint.rs`). Built with the feature `failpoints` alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::*;
use crate::load::{Done, Part, say};

const TEST: &str = "kill::nothing_acknowledged_is_lost_when_the_process_is_killed_between_any_two_steps";
/// Kills a run: a tenth of what `make stress` does in ten rounds.
const KILLS: usize = 50;
/// Steps of each writer before the part in which the process is killed, and after it.
const STEPS: [usize; 2] = [60, 140];
/// Children that ended before they came to the place where they were to be killed, for one that was killed.
const MOST_MISSES: usize = 4;

/// What the child says, and whether it was killed.
fn run(command: &mut Command) -> (Vec<String>, bool) {
    let ended = command.stdout(Stdio::piped()).output().expect("the child starts");
    let said = String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect();
    let was_killed = ended.status.code().is_none();
    assert!(
        was_killed || ended.status.success(),
        "the child fails: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
    (said, was_killed)
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = quick_folder();
    let copied =
        Command::new("cp").arg("-r").arg(from).arg(to.path().join("data")).status().expect("cp starts");
    assert!(copied.success());
    to
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed_between_any_two_steps() {
    if let Some((part, data)) = Part::of_child() {
        part.run(&data);
        for (name, number) in sensorium_index::passed() {
            say(&format!("passed {name}:{number}"));
        }
        return;
    }
    let seed = sensorium_testkit::seed("the kills", 1);
    let mut random = Random(seed);
    let before = quick_folder();
    let data = before.path().join("data");
    let first = Part { seed, from: 0, to: STEPS[0], is_clean: false };
    let (said_before, _) = run(&mut first.command(TEST, &data));
    // All places, by a run that is not killed.
    let part = Part { seed, from: STEPS[0], to: STEPS[1], is_clean: true };
    let (said, _) = run(&mut part.command(TEST, &copy(&data).path().join("data")));
    let places: BTreeMap<&str, usize> = said
        .iter()
        .filter_map(|line| line.strip_prefix("passed ")?.rsplit_once(':'))
        .map(|(name, number)| (name, number.parse().expect("a number")))
        .collect();
    assert!(places.len() > 20, "{places:?}");
    let names: Vec<_> = places.keys().copied().collect();
    let (kills, mut killed, mut misses) = (rounds(KILLS), 0, 0);
    while killed < kills {
        let name = names[random.below(names.len())];
        let place = format!("{name}:{}", 1 + random.below(places[name]));
        let folder = copy(&data);
        let data = folder.path().join("data");
        let (said, was_killed) = run(part.command(TEST, &data).env("SENSORIUM_KILL_AT", &place));
        if was_killed {
            killed += 1
        } else {
            misses += 1
        }
        let done = Done::of(&[said_before.clone(), said].concat());
        done.check(seed, &data).unwrap_or_else(|what| panic!("killed at {place}, {done:?}: {what}"));
    }
    assert!(misses <= kills * MOST_MISSES, "{misses} children came to no place");
    println!("{killed} kills at {} places, {misses} ended before: nothing is lost", names.len());
}
