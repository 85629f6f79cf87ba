//! A stream of items to a stream of outcomes, over as many connections as it takes.

use futures::{Stream, StreamExt};
use sensorium_api::Fault;
use sensorium_types::{IngestItem, ItemOutcome};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::session::{Lost, Work, session};
use crate::{Client, ClientError};

/// Outcomes that wait to be read.
const UNREAD_OUTCOMES: usize = 64;

impl Client {
    /// Sends items, and gives one outcome for each, with its place in the stream of items (from 0), in the order in which
    /// they are done. Items are taken from the stream
    /// as the server has room for them. After an error the stream of outcomes ends; items without an outcome may or may
    /// not have been written, and may be sent again. Dropping the outcomes ends the work.
    pub fn ingest<S>(
        &self,
        items: S,
    ) -> impl Stream<Item = Result<(u64, ItemOutcome), ClientError>> + Send + use<S>
    where
        S: Stream<Item = IngestItem> + Send + Unpin + 'static,
    {
        let (outcomes, receiver) = mpsc::channel(UNREAD_OUTCOMES);
        let work =
            Work { client: self.clone(), items: items.fuse(), next_index: 0, again: Vec::new(), outcomes };
        tokio::spawn(run(work));
        ReceiverStream::new(receiver)
    }
}

async fn run<S>(mut work: Work<S>)
where
    S: Stream<Item = IngestItem> + Send + Unpin + 'static,
{
    let mut failed = 0;
    loop {
        let progress = match session(&mut work).await {
            Ok(()) => return,
            Err(lost) => lost,
        };
        let Lost { error, results } = progress;
        // A connection that brought results begins the count anew.
        failed = if results > 0 { 1 } else { failed + 1 };
        let told = || Fault::new(error.kind(), error.to_string());
        let fault = error.refusal().cloned().unwrap_or_else(told);
        match work.client.options.retry.wait_after(failed, &fault) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => {
                // Nobody reads any more if this fails, so nobody needs to know.
                let _ = work.outcomes.send(Err(error)).await;
                return;
            }
        }
    }
}
