//! The stages between walk and commit: read, hash and decode files while the encoders take their parts, then wait for
//! the last vectors.

use std::collections::hash_map::Entry;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use sensorium_embed::Priority;
use sensorium_media::MediaInput;
use sensorium_types::{AssetId, AssetRecord, ContentHash, StoredAsset, Track};
use tokio::sync::mpsc;

use super::hash::{changed, hash_file, is_unchanged};
use super::job::{Before, Found, Job, Ready, Seen, Task, is_news};
use super::rows::is_of_the_path;
use super::shared::{Outcome, Run};
use crate::EngineError;
use crate::encode::{Encoding, Feed, is_of_the_file, reason_of};
use crate::stages::{DECODE, ENCODE, READ};
use crate::warning::Warning;

/// A file whose parts are with the encoders.
#[derive(Debug)]
pub(super) struct Encoded {
    job: Job,
    seen: Seen,
    encoding: Encoding,
}

/// Where a job goes next.
#[derive(Debug)]
enum Next {
    /// To the encoders.
    Encode(Box<Encoded>),
    /// To the commit.
    Commit(Ready),
    /// Nowhere: it waits for another file of the same bytes, or the run is cancelled.
    Nowhere,
    /// Its failure says nothing about others of the same bytes, which are to be read now.
    FailedAlone(Ready, Vec<Job>),
}

/// Reads, hashes and decodes until no work is left.
pub(super) fn read_all(
    run: &Run,
    work: &Receiver<Job>,
    encoding: &Sender<Encoded>,
    ready: &mpsc::Sender<Outcome>,
) {
    while let Ok(job) = work.recv() {
        let mut waiting = vec![job];
        while let Some(job) = waiting.pop() {
            if run.cancel.is_cancelled() {
                return;
            }
            let goes_on = match advance(run, job) {
                Ok(Next::Encode(encoded)) => encoding.send(*encoded).is_ok(),
                Ok(Next::Commit(outcome)) => ready.blocking_send(Ok(outcome)).is_ok(),
                Ok(Next::Nowhere) => true,
                Ok(Next::FailedAlone(outcome, others)) => {
                    waiting.extend(others);
                    ready.blocking_send(Ok(outcome)).is_ok()
                }
                Err(error) => {
                    let _ = ready.blocking_send(Err(error));
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// Waits for vectors, in order of decoding, until no file is left.
pub(super) fn assemble_all(run: &Run, encoding: &Receiver<Encoded>, ready: &mpsc::Sender<Outcome>) {
    while let Ok(encoded) = encoding.recv() {
        if run.cancel.is_cancelled() {
            continue;
        }
        let Encoded { job, seen, encoding } = encoded;
        let (points, waited) = encoding.wait_timed();
        run.stages.time(ENCODE, waited);
        let outcome = match points {
            Ok(points) => Ok(job.new_asset(&run.rows, seen, points, &run.space_revision)),
            Err(error) if is_of_the_file(&error) => {
                Ok(job.failed(&run.rows, reason_of(&error), Some(AssetId::from_content(&seen.hash))))
            }
            Err(_) if run.cancel.is_cancelled() => continue,
            Err(error) => Err(error),
        };
        if ready.blocking_send(outcome).is_err() {
            return;
        }
    }
}

fn advance(run: &Run, job: Job) -> Result<Next, EngineError> {
    if let Task::Check { asset, .. } = &job.task
        && let Some(stored) = look_up(run, asset)?
    {
        let merge = is_news(&job.metadata, &stored.record.metadata);
        return Ok(Next::Commit(job.known(&run.rows, found(stored.record), merge, None)));
    }
    let begun = Instant::now();
    let hash = hash_file(&job.path, job.stamp, &run.cancel);
    run.stages.time(READ, begun.elapsed());
    let hash = match hash {
        Ok(Some(hash)) => hash,
        Ok(None) => return Ok(Next::Nowhere),
        Err(reason) => return Ok(Next::Commit(job.failed_alone(&run.rows, reason))),
    };
    let asset = AssetId::from_content(&hash);
    let job = Job { task: task_of_bytes(job.task, &asset), ..job };
    match run.in_flight.lock().entry(asset.clone()) {
        Entry::Occupied(mut others) => {
            others.get_mut().push(job);
            return Ok(Next::Nowhere);
        }
        Entry::Vacant(place) => {
            if let Some(reason) = run.failed.lock().get(&asset) {
                return Ok(Next::Commit(job.failed(&run.rows, reason.clone(), None)));
            }
            place.insert(Vec::new());
        }
    }
    let Some(StoredAsset { record, points, .. }) = look_up(run, &asset)? else {
        return decode(run, job, hash, None);
    };
    let once_more = run.again.contains(&asset) && run.decoded_again.lock().insert(asset.clone());
    // Without points, `reembed` did not find its media; here it is.
    if once_more || points.is_empty() {
        let mut metadata = record.metadata.clone();
        metadata.merge(job.metadata);
        let of_bytes = points.iter().filter(|point| point.track != Track::Caption).count();
        return decode(run, Job { metadata, ..job }, hash, Some(Before { record, points: of_bytes }));
    }
    let merge = is_news(&job.metadata, &record.metadata);
    Ok(Next::Commit(job.known(&run.rows, found(record), merge, Some(asset))))
}

/// What is to be done with bytes that turned out to be these.
fn task_of_bytes(task: Task, asset: &AssetId) -> Task {
    match task {
        Task::Again { asset: expected } if expected == *asset => Task::Again { asset: expected },
        Task::Read { tries } => Task::Read { tries },
        Task::Check { .. } | Task::Again { .. } => Task::Read { tries: 0 },
    }
}

fn found(record: AssetRecord) -> Found {
    let warning = Warning::of(&record).map(|warning| warning.reason);
    Found { asset: record.id, modality: Some(record.modality), warning }
}

/// Decodes a file; `before` is the asset of its bytes that is replaced.
fn decode(run: &Run, job: Job, hash: ContentHash, before: Option<Before>) -> Result<Next, EngineError> {
    let asset = AssetId::from_content(&hash);
    let mut feed = Feed::new(run.encode.as_ref(), Priority::Bulk);
    let input = MediaInput::Path(job.path.clone());
    let begun = Instant::now();
    let decoded = run.decode.decode_each(input, Priority::Bulk, &run.cancel, &mut |part| feed.push(part))?;
    run.stages.time(DECODE, begun.elapsed().saturating_sub(feed.waited()));
    if run.cancel.is_cancelled() {
        return Ok(Next::Nowhere);
    }
    if !is_unchanged(&job.path, job.stamp) {
        let others = run.in_flight.lock().remove(&asset).unwrap_or_default();
        return Ok(Next::FailedAlone(job.failed_alone(&run.rows, changed()), others));
    }
    let (head, encoding) = match feed.finish(decoded) {
        Ok(Ok(sent)) => sent,
        Ok(Err(reason)) if is_of_the_path(&reason) => {
            let others = run.in_flight.lock().remove(&asset).unwrap_or_default();
            return Ok(Next::FailedAlone(job.failed_alone(&run.rows, reason), others));
        }
        Ok(Err(reason)) => return Ok(Next::Commit(job.failed(&run.rows, reason, Some(asset)))),
        Err(error) if is_of_the_file(&error) => {
            return Ok(Next::Commit(job.failed(&run.rows, reason_of(&error), Some(asset))));
        }
        Err(error) => return Err(error),
    };
    let seen = Seen { hash, head, before };
    Ok(Next::Encode(Box::new(Encoded { job, seen, encoding })))
}

fn look_up(run: &Run, asset: &AssetId) -> Result<Option<StoredAsset>, EngineError> {
    let found = run.runtime.block_on(run.store.get(std::slice::from_ref(asset), false))?;
    Ok(found.into_iter().next().flatten())
}
