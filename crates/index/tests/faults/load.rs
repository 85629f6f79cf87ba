//! The load: what each writer does is known from the seed alone, so that who checks knows what must be there.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sensorium_index::{Collection, Database, GraphParams, MemoryBudget, OpenOptions, Planning, Tuning};
use sensorium_types::{CAPTIONS_FIELD, Change, Modality, PointKey, PointRecord, StoredAsset, Track};

use crate::common::*;

/// Writers of the first collection; one more makes and drops collections.
const WRITERS: usize = 2;
const LIFECYCLE: usize = WRITERS;
/// Assets of a writer.
const ASSETS: usize = 60;
/// Steps of the writers while a collection is made, or dropped.
const CHANGES_A_COLLECTION: usize = 25;
/// Assets of a collection that is made and dropped.
const EXTRA: usize = 5;
/// The name of the first collection.
pub(crate) const FIRST: &str = "default";

/// The variable that makes a test be the child: its part of the load.
const VARIABLE: &str = "SENSORIUM_FAULT_LOAD";

/// A part of the load, for one child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) seed: u64,
    /// Steps of each writer that were done before.
    pub(crate) from: usize,
    /// Steps of each writer after this part.
    pub(crate) to: usize,
    /// Whether the child stops cleanly, or just ends.
    pub(crate) is_clean: bool,
}

impl Part {
    /// A command that runs a test of this binary as the child, on a data folder.
    pub(crate) fn command(self, test: &str, data: &Path) -> Command {
        let Self { seed, from, to, is_clean } = self;
        let mut command = Command::new(std::env::current_exe().expect("a test"));
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, format!("{seed} {from} {to} {} {}", u8::from(is_clean), data.display()));
        command
    }

    /// The part that this process is the child for, with its data folder.
    pub(crate) fn of_child() -> Option<(Self, std::path::PathBuf)> {
        let text = std::env::var(VARIABLE).ok()?;
        let mut words = text.splitn(5, ' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
        let (seed, from, to, is_clean) = (number(), number() as usize, number() as usize, number() == 1);
        Some((Self { seed, from, to, is_clean }, words.next().expect("a folder").into()))
    }

    /// Does the part. What is done is said.
    pub(crate) fn run(self, data: &Path) {
        let database = open_database(data);
        let first = database.create_or_open(FIRST, &space()).expect("opens");
        say("ready");
        std::thread::scope(|scope| {
            for writer in 0..=WRITERS {
                let (database, first) = (&database, Arc::clone(&first));
                scope.spawn(move || self.write(writer, database, &first));
            }
        });
        if !self.is_clean {
            std::process::exit(0);
        }
    }

    fn write(self, writer: usize, database: &Database, first: &Arc<Collection>) {
        // To make a collection takes as long as many changes.
        let every = if writer == LIFECYCLE { CHANGES_A_COLLECTION } else { 1 };
        for number in self.from / every..self.to / every {
            attempt(self.seed, writer, number, database, first).expect("is done");
            say(&format!("done {writer} {}", number + 1));
        }
    }
}

/// Does one step of a writer.
pub(crate) fn attempt(
    seed: u64,
    writer: usize,
    number: usize,
    database: &Database,
    first: &Collection,
) -> Result<(), sensorium_index::IndexError> {
    step(seed, writer, number).run(writer, database, first)
}

/// Says a line, all at once; the test harness may be in the middle of one.
pub(crate) fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).expect("somebody listens");
}

/// Seals, files of assets, tables and compactions all happen within a short load.
pub(crate) fn open_database(data: &Path) -> Database {
    let graph = GraphParams { m: 8, ef_construct: 32, ef: 32 };
    let tuning = Tuning {
        seal_points: 30,
        asset_file_changes: 10,
        planning: Planning::Walk,
        graph,
        ..Tuning::default()
    };
    let budget = MemoryBudget { write_buffer_bytes: 1 << 20, ..MemoryBudget::default() };
    Database::open_tuned(data, OpenOptions { budget, ..OpenOptions::default() }, tuning).expect("opens")
}

/// A change of an asset. The version decides all that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Put { asset: usize, version: u64 },
    Caption { asset: usize, version: u64 },
    Delete { asset: usize },
}

/// What a writer does at once.
#[derive(Debug, Clone)]
enum Step {
    Edit(Vec<Edit>),
    Seal,
    Make(String),
    Drop(String),
}

/// An asset as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    version: u64,
    captions: Option<u64>,
}

fn mixed(numbers: &[u64]) -> Random {
    let mut random = Random(0);
    for number in numbers {
        random.0 ^= *number;
        random.next();
    }
    random
}

/// What a writer does, and when.
fn step(seed: u64, writer: usize, number: usize) -> Step {
    let mut random = mixed(&[seed, writer as u64, number as u64]);
    if writer == LIFECYCLE {
        let name = format!("extra {:04}", number / 2);
        return if number.is_multiple_of(2) { Step::Make(name) } else { Step::Drop(name) };
    }
    if random.below(60) == 0 {
        return Step::Seal;
    }
    let count = if random.below(4) == 0 { 1 + random.below(20) } else { 1 };
    let edits = (0..count as u64).map(|at| {
        let version = (number as u64) << 8 | at;
        let asset = random.below(ASSETS);
        match random.below(6) {
            0 => Edit::Delete { asset },
            1 => Edit::Caption { asset, version },
            _ => Edit::Put { asset, version },
        }
    });
    Step::Edit(edits.collect())
}

impl Step {
    fn run(
        &self,
        writer: usize,
        database: &Database,
        first: &Collection,
    ) -> Result<(), sensorium_index::IndexError> {
        match self {
            Self::Edit(edits) => {
                first.apply(edits.iter().map(|edit| edit.change(writer)).collect()).map(drop)
            }
            Self::Seal => first.seal(),
            Self::Make(name) => {
                let made = database.create_or_open(name, &space())?;
                made.apply((0..EXTRA).map(|asset| Edit::Put { asset, version: 1 }.change(writer)).collect())
                    .map(drop)
            }
            Self::Drop(name) => database.drop_collection(name).map(drop),
        }
    }
}

fn name(writer: usize, asset: usize) -> String {
    format!("{writer} {asset:03}")
}

fn thumb(version: u64) -> Vec<u8> {
    format!("thumbnail of version {version}").into_bytes()
}

fn vector(asset: usize, version: u64) -> Vec<f32> {
    mixed(&[asset as u64, version]).unit(DIM)
}

impl Edit {
    const fn asset(self) -> usize {
        match self {
            Self::Put { asset, .. } | Self::Caption { asset, .. } | Self::Delete { asset } => asset,
        }
    }

    fn change(self, writer: usize) -> Change {
        let name = name(writer, self.asset());
        match self {
            Self::Put { asset, version } => {
                let mut record = record(&name, Modality::Image);
                record.facts.set("version", version);
                record.from_source = asset.is_multiple_of(2);
                let source = record.from_source.then(|| (source_key(&name), source_row(&name)));
                let image = point(Track::Image, 0, vector(asset, version));
                let points = vec![PointRecord { thumb: Some(thumb(version)), ..image }];
                Change::Upsert { asset: record, points, source }
            }
            Self::Caption { asset, version } => {
                let points = vec![point(Track::Caption, 0, vector(asset, !version))];
                Change::PutCaptions { asset: id(&name), hash: None, captions: version.into(), points }
            }
            Self::Delete { .. } => Change::Delete { asset: id(&name) },
        }
    }

    /// What becomes of the asset.
    fn apply(self, kept: Option<Kept>) -> Option<Kept> {
        match self {
            Self::Put { version, .. } => Some(Kept { version, captions: None }),
            Self::Caption { version, .. } => kept.map(|kept| Kept { captions: Some(version), ..kept }),
            Self::Delete { .. } => None,
        }
    }
}

/// How much was said to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) is_ready: bool,
    steps: [usize; WRITERS + 1],
}

impl Done {
    /// Of the lines that children said, after so many steps of each.
    pub(crate) fn of(lines: &[String]) -> Self {
        let mut done = Self::default();
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["ready"] => done.is_ready = true,
                ["done", writer, steps] => {
                    done.steps[writer.parse::<usize>().expect("a writer")] = steps.parse().expect("a number");
                }
                // The test harness talks too.
                _ => {}
            }
        }
        done
    }

    /// The assets of a writer: what each may be, the last that is certain first.
    fn right(&self, seed: u64, writer: usize) -> BTreeMap<usize, Vec<Option<Kept>>> {
        let mut right: BTreeMap<_, _> = (0..ASSETS).map(|asset| (asset, vec![None])).collect();
        for number in 0..=self.steps[writer] {
            let Step::Edit(edits) = step(seed, writer, number) else { continue };
            for edit in edits {
                let states: &mut Vec<Option<Kept>> = right.get_mut(&edit.asset()).expect("known");
                let next = edit.apply(*states.last().expect("one at least"));
                if number < self.steps[writer] {
                    states.clear();
                }
                states.push(next);
            }
        }
        right
    }

    /// Opens what is left as one who only reads, before any writer mended it.
    pub(crate) fn check_reading(&self, seed: u64, data: &Path) -> Result<(), String> {
        match reader(data).open_collection(FIRST) {
            Ok(Some(first)) => self.check_assets(seed, &first),
            Ok(None) if self.is_ready => Err("a reader finds no first collection".to_owned()),
            Ok(None) => Ok(()),
            Err(error) => Err(format!("a reader: {error}")),
        }
    }

    /// Opens what is left and compares it with what was done; `Err` says what is lost or wrong.
    pub(crate) fn check(&self, seed: u64, data: &Path) -> Result<(), String> {
        let told = |error: sensorium_index::IndexError| error.to_string();
        if !self.is_ready && !data.exists() {
            return Ok(());
        }
        let database = open_database(data);
        self.check_lifecycle(&database)?;
        let Some(first) = database.open_collection(FIRST).map_err(told)? else {
            return if self.is_ready { Err("the first collection is gone".to_owned()) } else { Ok(()) };
        };
        self.check_assets(seed, &first)?;
        let again = || (0..8).find_map(|seed| wrong_search(&first, seed));
        if let Some(wrong) = again() {
            return Err(wrong);
        }
        let lost = first.lost_changes();
        let problems = first.verify().map_err(told)?;
        if lost > 0 || !problems.is_empty() {
            return Err(format!("{lost} changes lost, {problems:#?}"));
        }
        // It goes on.
        first.apply(vec![image("one more", Random(seed).unit(DIM))]).map_err(told)?;
        first.seal().map_err(told)?;
        match first.get(&[id("one more")], false).map_err(told)?[..] {
            [Some(_)] => Ok(()),
            _ => Err("a new asset is not found".to_owned()),
        }
    }

    fn check_assets(&self, seed: u64, first: &Collection) -> Result<(), String> {
        let page = first.scroll(None, None, 10_000, true).map_err(|error| error.to_string())?;
        let found: BTreeMap<_, _> =
            page.items.iter().map(|stored| (stored.record.id.as_str().to_owned(), stored)).collect();
        let mut known = 0;
        for writer in 0..WRITERS {
            for (asset, states) in self.right(seed, writer) {
                let stored = found.get(&name(writer, asset)).copied();
                known += usize::from(stored.is_some());
                let is = stored.map(|stored| kept(first, writer, asset, stored)).transpose()?;
                if !states.contains(&is) {
                    return Err(format!(
                        "asset {} is {is:?}, right is one of {states:?}",
                        name(writer, asset)
                    ));
                }
            }
        }
        if known == found.len() { Ok(()) } else { Err("assets that nobody made".to_owned()) }
    }

    fn check_lifecycle(&self, database: &Database) -> Result<(), String> {
        let mut names: Vec<_> = database
            .collections()
            .map_err(|error| error.to_string())?
            .into_iter()
            .map(|info| info.name)
            .collect();
        names.retain(|name| name != FIRST);
        let done = self.steps[LIFECYCLE];
        // Made, and the drop of it may have begun; or the next is being made.
        let is_certain = done % 2 == 1;
        let current = format!("extra {:04}", done / 2);
        if names.iter().any(|name| *name != current) {
            return Err(format!("{names:?} are there after {done} steps"));
        }
        if names.is_empty() {
            return Ok(());
        }
        match database.open_collection(&current).map_err(|error| error.to_string())? {
            Some(collection) => {
                let count = collection.count(None).map_err(|error| error.to_string())?;
                let problems = collection.verify().map_err(|error| error.to_string())?;
                let is_right = problems.is_empty() && (count == EXTRA as u64 || !is_certain);
                if is_right { Ok(()) } else { Err(format!("{current} has {count} assets, {problems:?}")) }
            }
            None => Err(format!("{current} is listed and does not open")),
        }
    }
}

/// What a stored asset holds; `Err` if its parts are of two versions.
fn kept(first: &Collection, writer: usize, asset: usize, stored: &StoredAsset) -> Result<Kept, String> {
    let name = name(writer, asset);
    let number = |field: &str| stored.record.facts.get(field).and_then(|value| value.as_u64());
    let version = number("version").ok_or("an asset without a version")?;
    let captions = number(CAPTIONS_FIELD);
    let mut vectors = vec![vector(asset, version)];
    vectors.extend(captions.map(|captions| vector(asset, !captions)));
    let key = PointKey { asset: id(&name), track: Track::Image, ordinal: 0 };
    let mut thumbs = first.thumbs(&[key]).map_err(|error| error.to_string())?;
    let shown = thumbs.pop().flatten();
    let paths = usize::from(asset.is_multiple_of(2));
    if stored.vectors != vectors || shown != Some(thumb(version)) || stored.paths.len() != paths {
        let parts = (stored.vectors == vectors, shown == Some(thumb(version)), stored.paths.len() == paths);
        return Err(format!(
            "asset {name} of version {version}, captions {captions:?}, is put together of two: {parts:?}, {} vectors, {:?}",
            stored.vectors.len(),
            stored.record
        ));
    }
    Ok(Kept { version, captions })
}

/// A search through graphs that gives other than what is there.
fn wrong_search(first: &Collection, seed: u64) -> Option<String> {
    let all = first.count(None).expect("counts") as usize;
    let reply = search(first, &request(Random(seed).unit(DIM), 1000));
    let mut found: Vec<_> = reply.hits.iter().map(|hit| hit.asset.clone()).collect();
    found.sort();
    found.dedup();
    let is_right = found.len() == all && reply.hits.len() == all;
    (!is_right).then(|| format!("a search finds {} of {all} assets", found.len()))
}
