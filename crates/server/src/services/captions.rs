//! Puts media into words, piece by piece.

use std::sync::Arc;

use sensorium_api::v1;
use sensorium_engine::{Engine, EngineError};
use sensorium_types::{CaptionEvent, CaptionInput, CaptionRequest, SummaryLength};
use tokio::sync::mpsc::{self, UnboundedSender};
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::answers::{AnswerSender, Answers, Unsent, answers};
use crate::context::Context;
use crate::convert::{caption_request, captioned, summarize_request, summarized};
use crate::fault::fault;
use crate::fetching::{Brought, media_of_caption};
use crate::gate::{Place, enter};
use crate::stopping::stopped;

/// Answers that wait for a slow client.
const UNREAD_ANSWERS: usize = 16;

/// What is asked of an engine.
#[derive(Debug)]
enum Work {
    Caption(CaptionRequest),
    Summarize(CaptionInput, SummaryLength),
}

impl Work {
    async fn run(self, engine: &Engine, events: UnboundedSender<CaptionEvent>) -> Result<(), EngineError> {
        match self {
            Self::Caption(request) => engine.caption(request, events).await,
            Self::Summarize(input, length) => engine.summarize(input, length, events).await,
        }
    }
}

/// `CaptionService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }

    /// Brings the medium here, where it is named by address.
    async fn bring(&self, input: &mut Option<v1::CaptionInput>) -> Result<Brought, Status> {
        let limit = self.context.settings().call_timeout;
        Ok(self.context.fetching().bring_now(media_of_caption(input), limit).await?)
    }

    /// Starts the work; what happens is told as `answer` says, `None` being nothing.
    async fn start<T: Send + 'static>(
        &self,
        held: (Option<Place>, Brought),
        (collection, work): (String, Work),
        answer: fn(CaptionEvent) -> Option<T>,
    ) -> Result<Response<Answers<T>>, Status> {
        let engine = self.context.reader(&collection).await?;
        // Said at once, and not as the first answer of a stream that began well.
        self.context.within(engine.check_captions()).await?;
        let context = self.context.clone();
        let (sender, answers) = answers(UNREAD_ANSWERS, context.settings().unread_timeout);
        let telling = async move {
            let _held = held;
            run(context, engine, work, sender, answer).await;
        };
        tokio::spawn(telling.in_current_span());
        Ok(Response::new(answers))
    }
}

/// Tells what happens until the work ends, the client leaves or does not read, or the server stops.
async fn run<T>(
    context: Context,
    engine: Arc<Engine>,
    work: Work,
    answers: AnswerSender<T>,
    answer: fn(CaptionEvent) -> Option<T>,
) {
    let (sender, mut events) = mpsc::unbounded_channel();
    let telling = async {
        loop {
            // A client may leave long before the first word.
            let event = tokio::select! {
                event = events.recv() => event,
                () = answers.closed() => {
                    drop(events);
                    return Err(Unsent::Left);
                }
            };
            let Some(event) = event else { break };
            let Some(answer) = answer(event) else { continue };
            if let Err(unsent) = answers.send(answer).await {
                // The work ends where nobody listens.
                drop(events);
                return Err(unsent);
            }
        }
        Ok(())
    };
    let work = async { Box::pin(work.run(&engine, sender)).await.map_err(|error| fault(&error)) };
    let mut stopping = context.stopping();
    let (ended, told) = tokio::select! {
        ended = async { tokio::join!(work, telling) } => ended,
        () = stopped(&mut stopping) => return,
    };
    match (told, ended) {
        (Err(Unsent::Left), _) => tracing::debug!("the client of a caption left before its end"),
        (Err(Unsent::Unread(_)), _) => answers.end_unread(),
        (Ok(()), Err(fault)) => answers.end(fault),
        (Ok(()), Ok(())) => {}
    }
}

#[tonic::async_trait]
impl v1::caption_service_server::CaptionService for Service {
    type CaptionStream = Answers<v1::CaptionResponse>;
    type SummarizeStream = Answers<v1::SummarizeResponse>;

    async fn caption(
        &self,
        request: Request<v1::CaptionRequest>,
    ) -> Result<Response<Self::CaptionStream>, Status> {
        use v1::caption_response::Message;
        let (place, mut message) = enter(request);
        let brought = self.bring(&mut message.input).await?;
        let answer = |event: CaptionEvent| {
            Some(match event {
                CaptionEvent::Piece(piece) => {
                    v1::CaptionResponse { message: Some(Message::Piece(piece)), span: None }
                }
                CaptionEvent::Done(part) => captioned(part),
            })
        };
        let (collection, request) = caption_request(message, self.context.uploads())?;
        self.start((place, brought), (collection, Work::Caption(request)), answer).await
    }

    async fn summarize(
        &self,
        request: Request<v1::SummarizeRequest>,
    ) -> Result<Response<Self::SummarizeStream>, Status> {
        let (place, mut message) = enter(request);
        let brought = self.bring(&mut message.input).await?;
        let answer = |event: CaptionEvent| match event {
            CaptionEvent::Piece(_) => None,
            CaptionEvent::Done(part) => Some(summarized(part)),
        };
        let (collection, input, length) = summarize_request(message, self.context.uploads())?;
        self.start((place, brought), (collection, Work::Summarize(input, length)), answer).await
    }
}
