//! The power goes while the load runs: of what was written, only what was synced is certain to be left.

use std::process::Stdio;

use sensorium_testkit::Seeded;
use sensorium_testkit::disk::{Broken, Event, Log, PowerLoss, Recorder};

use crate::common::{quick_folder, rounds};
use crate::load::{Done, Part};

/// Losses a run: a tenth of what `make stress` does in ten rounds.
const LOSSES: usize = 20;
/// Steps of each writer, over all children.
const STEPS: usize = 600;
/// Children, one after another: each finds what the one before left.
const CHILDREN: usize = 4;

/// Runs the load under the recorder.
fn recorded(test: &str, seed: u64) -> Log {
    let folder = tempfile::tempdir().expect("folder");
    let recorder = Recorder::new();
    for child in 0..CHILDREN {
        let share = STEPS / CHILDREN;
        let part = Part { seed, from: child * share, to: (child + 1) * share, is_clean: child % 2 == 1 };
        let mut command = part.command(test, &folder.path().join("data"));
        recorder.attach(&mut command, folder.path());
        let ended = command.stdout(Stdio::null()).status().expect("the child starts");
        assert!(ended.success(), "the child fails: {ended}");
    }
    let log = recorder.log();
    assert!(log.syncs() > STEPS, "only {} syncs were recorded", log.syncs());
    log
}

/// When the power goes: at any event, in the making of the database, or as a sync is about to end, when most is at stake.
fn cut(log: &Log, loss: usize, random: &mut Seeded) -> usize {
    let mut any = |end: usize| random.below(end as u64) as usize;
    match loss % 4 {
        0 => any(log.len()),
        1 => any(log.len() / 20),
        _ => {
            let from = any(log.len());
            let later =
                log.events().iter().skip(from).position(|(_, event)| matches!(event, Event::Sync { .. }));
            from + later.unwrap_or(0)
        }
    }
}

/// Loses the power at random moments; gives what was found wrong.
fn lose(log: &Log, losses: usize, broken: Broken, seed: u64) -> Vec<String> {
    let mut random = Seeded::new(seed);
    let mut wrong = Vec::new();
    for loss in 0..losses {
        let cut = cut(log, loss, &mut random);
        let folder = quick_folder();
        PowerLoss::new(log, broken).at(cut, &mut random, folder.path());
        let data = folder.path().join("data");
        let done = Done::of(&log.said(cut));
        let checked = done.check_reading(seed, &data).and_then(|()| done.check(seed, &data));
        if let Err(what) = checked {
            wrong.push(format!("loss {loss} after {cut} of {} events, {done:?}: {what}", log.len()));
        }
    }
    wrong
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    if let Some((part, data)) = Part::of_child() {
        return part.run(&data);
    }
    let seed = sensorium_testkit::seed("the power losses", 1);
    let losses = rounds(LOSSES);
    let log = recorded("power::nothing_acknowledged_is_lost_with_the_power", seed);
    let wrong = lose(&log, losses, Broken::Nothing, seed);
    assert!(wrong.is_empty(), "{} of {losses}: {}", wrong.len(), wrong.join("\n"));
    // The same test finds what is lost where syncs do nothing.
    for broken in [Broken::SyncsOf(".log"), Broken::SyncsOfFolders] {
        let wrong = lose(&log, LOSSES, broken, seed);
        assert!(!wrong.is_empty(), "{broken:?} makes no difference");
        println!("{broken:?}: {} of {LOSSES} lose something", wrong.len());
    }
    println!("{losses} losses of {} events with {} syncs: nothing is lost", log.len(), log.syncs());
}
