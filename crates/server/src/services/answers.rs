//! Answers on a stream: a bounded queue, and a last word that needs no room in it.
//!
//! ```text
//! AnswerSender::send ─► queue of a few answers ─► the client
//!     the queue stays full for `unread`: Unsent::Unread, and whoever sends ends the stream
//! AnswerSender::end  ─► the status, told behind what is queued, whenever the client reads on
//! ```

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Where answers are put. Dropped, it ends the stream well.
#[derive(Debug)]
pub(super) struct AnswerSender<T> {
    queue: mpsc::Sender<T>,
    last: oneshot::Sender<Status>,
    unread: Duration,
}

/// An answer that found no way.
#[derive(Debug)]
pub(super) enum Unsent<T> {
    /// The client has left.
    Left,
    /// The client did not read in time; the answer comes back.
    Unread(T),
}

/// A stream of answers of which so many wait to be read, each for so long.
pub(super) fn answers<T: Send + 'static>(waiting: usize, unread: Duration) -> (AnswerSender<T>, Answers<T>) {
    let (queue, queued) = mpsc::channel(waiting);
    let (last, end) = oneshot::channel();
    let end = stream::once(end).filter_map(|end| std::future::ready(end.ok().map(Err)));
    let answers = ReceiverStream::new(queued).map(Ok).chain(end);
    (AnswerSender { queue, last, unread }, Box::pin(answers))
}

impl<T> AnswerSender<T> {
    /// Puts an answer in, waiting for room as long as an answer may stay unread.
    pub(super) async fn send(&self, answer: T) -> Result<(), Unsent<T>> {
        self.queue.send_timeout(answer, self.unread).await.map_err(|error| match error {
            SendTimeoutError::Closed(_) => Unsent::Left,
            SendTimeoutError::Timeout(answer) => Unsent::Unread(answer),
        })
    }

    /// Completes when the client has left.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Ends the stream with a fault, which the client meets once it has read what was answered before.
    pub(super) fn end(self, fault: Fault) {
        let Self { queue, last, .. } = self;
        let told = last.send(fault.into());
        drop(queue);
        if told.is_err() {
            tracing::debug!("the client of a stream left before it was told why it ends");
        }
    }

    /// Ends the stream of a client that does not read.
    pub(super) fn end_unread(self) {
        let fault = self.not_read();
        self.end(fault);
    }

    /// The fault of a client that does not read.
    pub(super) fn not_read(&self) -> Fault {
        let message = format!("the answers of this stream were not read for {} s", self.unread.as_secs_f64());
        Fault::new(ErrorKind::DeadlineExceeded, message)
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    const NO_TIME: Duration = Duration::ZERO;

    #[tokio::test]
    async fn a_full_queue_hides_no_last_word() {
        let (sender, mut answers) = answers(2, NO_TIME);
        for answer in [1, 2] {
            sender.send(answer).await.expect("room");
        }
        assert!(matches!(sender.send(3).await, Err(Unsent::Unread(3))));
        sender.end_unread();
        assert_eq!(answers.next().await.expect("an answer").expect("well"), 1);
        assert_eq!(answers.next().await.expect("an answer").expect("well"), 2);
        let status = answers.next().await.expect("a last word").expect_err("a fault");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(answers.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_without_a_fault_ends_well_and_one_that_is_left_is_told() {
        let (sender, mut answers) = answers(1, NO_TIME);
        sender.send("one").await.expect("room");
        drop(sender);
        assert_eq!(answers.next().await.expect("an answer").expect("well"), "one");
        assert!(answers.next().await.is_none());

        let (sender, answers) = super::answers(1, NO_TIME);
        drop(answers);
        sender.closed().await;
        assert!(matches!(sender.send("two").await, Err(Unsent::Left)));
    }
}
