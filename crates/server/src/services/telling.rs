//! A run that tells what happens, and does not wait for who is told.

use std::time::Duration;

use sensorium_types::Cancel;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::answers::{AnswerSender, Unsent};

/// Events of a run that wait for a client that reads slowly. The run does not wait for its client; where more of it is
/// unread than this, or nothing was read for the idle timeout, it is ended.
const MOST_UNREAD_EVENTS: usize = 100_000;
/// How often they are counted.
const COUNT_EVERY: Duration = Duration::from_millis(100);

/// How far the client was told of a run.
#[derive(Debug)]
pub(super) enum Told {
    All,
    Left,
    Unread,
}

/// Passes events on until the run ends or the client leaves.
pub(super) async fn tell<E, T>(
    mut events: mpsc::UnboundedReceiver<E>,
    answers: &AnswerSender<T>,
    answer_of: impl Fn(E) -> T,
    (patience, cancel): (Duration, Cancel),
) -> Told {
    let ended = 'telling: loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = answers.closed() => break Told::Left,
        };
        let Some(event) = event else { return Told::All };
        let mut answer = answer_of(event);
        let since = Instant::now();
        loop {
            let sent = tokio::select! {
                sent = answers.send(answer) => sent,
                () = too_many(&events) => break 'telling Told::Unread,
            };
            match sent {
                Ok(()) => break,
                Err(Unsent::Left) => break 'telling Told::Left,
                // While the run goes on, a reader who pauses is waited for.
                Err(Unsent::Unread(back)) if !events.is_closed() && since.elapsed() < patience => {
                    answer = back
                }
                Err(Unsent::Unread(_)) => break 'telling Told::Unread,
            }
        }
    };
    cancel.cancel();
    ended
}

/// Completes once more events wait than may.
async fn too_many<E>(events: &mpsc::UnboundedReceiver<E>) {
    while events.len() < MOST_UNREAD_EVENTS {
        tokio::time::sleep(COUNT_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::services::answers::answers;

    const fn same(files: u32) -> u32 {
        files
    }

    #[tokio::test]
    async fn a_run_waits_for_a_reader_who_pauses_and_not_after_its_end() {
        let (sender, mut told) = answers(1, Duration::from_millis(1));
        let (events, received) = mpsc::unbounded_channel();
        let cancel = Cancel::default();
        let telling = {
            let cancel = cancel.clone();
            let patience = Duration::from_secs(3600);
            tokio::spawn(async move { (tell(received, &sender, same, (patience, cancel)).await, sender) })
        };
        (0_u32..10).for_each(|files| events.send(files).expect("received"));
        // Its patience of a millisecond is over many times when the reader comes back.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let read: Vec<_> = told.by_ref().take(10).collect().await;
        assert!(read.iter().all(Result::is_ok));
        assert!(!cancel.is_cancelled());
        drop(events);
        assert!(matches!(telling.await.expect("no panic"), (Told::All, _)));

        let (sender, _unread) = answers(1, Duration::from_millis(1));
        let (events, received) = mpsc::unbounded_channel();
        (0_u32..10).for_each(|files| events.send(files).expect("received"));
        drop(events);
        let patience = Duration::from_secs(3600);
        assert!(matches!(tell(received, &sender, same, (patience, cancel.clone())).await, Told::Unread));
        assert!(cancel.is_cancelled());

        // One who pauses for too long ends a run that goes on.
        let (sender, _unread) = answers(1, Duration::from_millis(1));
        let (events, received) = mpsc::unbounded_channel();
        let cancel = Cancel::default();
        (0_u32..10).for_each(|files| events.send(files).expect("received"));
        let told = tell(received, &sender, same, (Duration::from_millis(20), cancel.clone())).await;
        assert!(matches!(told, Told::Unread));
        assert!(cancel.is_cancelled() && events.is_closed());
    }
}
