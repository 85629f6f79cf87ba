//! How long the message of a call may take to arrive. How long its answer may take is each call's own matter.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use crate::body::{Timed, Timing};

/// Paths of calls whose messages come as long as their clients like; they see to that themselves.
pub(crate) const STREAMS: [&str; 2] =
    ["/sensorium.v1.IngestService/Ingest", "/sensorium.v1.IngestService/Upload"];

/// A service whose calls must arrive in time.
#[derive(Debug, Clone)]
pub(super) struct Arrival<S> {
    service: S,
    limit: Duration,
}

impl<S> Arrival<S> {
    pub(super) const fn new(service: S, limit: Duration) -> Self {
        Self { service, limit }
    }
}

impl<S: NamedService> NamedService for Arrival<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Arrival<S>
where
    S: Service<http::Request<Body>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if STREAMS.contains(&request.uri().path()) {
            return self.service.call(request);
        }
        let limit = self.limit;
        let timed = |body| Body::new(Timed::new(body, Timing::Whole, limit, late));
        self.service.call(request.map(timed))
    }
}

fn late(limit: Duration) -> Status {
    let message = format!("the request did not arrive within {} s", limit.as_secs_f64());
    Fault::new(ErrorKind::DeadlineExceeded, message).into()
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::Pin;

    use http_body::Frame;
    use tonic::Code;
    use tonic::codegen::Bytes;

    use super::*;

    /// A body of which only the beginning comes.
    struct Stalled(Option<Bytes>);

    impl http_body::Body for Stalled {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            match self.0.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => Poll::Pending,
            }
        }
    }

    /// A service that reads the bodies of its calls, and is called as none is.
    #[derive(Clone)]
    struct Reads;

    impl Service<http::Request<Body>> for Reads {
        type Response = Vec<Result<Bytes, Status>>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            Box::pin(async move {
                let mut body = request.into_body();
                let mut read = Vec::new();
                while let Some(frame) =
                    poll_fn(|context| http_body::Body::poll_frame(Pin::new(&mut body), context)).await
                {
                    let failed = frame.is_err();
                    read.push(frame.map(|frame| frame.into_data().unwrap_or_default()));
                    if failed {
                        break;
                    }
                }
                Ok(read)
            })
        }
    }

    fn request(path: &str) -> http::Request<Body> {
        let body = Body::new(Stalled(Some(Bytes::from_static(b"half"))));
        http::Request::builder().uri(path).body(body).expect("a request")
    }

    #[tokio::test]
    async fn a_message_that_does_not_arrive_is_given_up() {
        let mut service = Arrival::new(Reads, Duration::from_millis(5));
        let read = service.call(request("/sensorium.v1.QueryService/Query")).await.expect("no failure");
        let [Ok(half), Err(status)] = read.as_slice() else { panic!("half, then an error: {read:?}") };
        assert_eq!((half.as_ref(), status.code()), (b"half".as_slice(), Code::DeadlineExceeded));
        assert!(status.message().contains("did not arrive within 0.005 s"));
        // A stream has all the time that it wants, which is not waited for here.
        for path in STREAMS {
            let waiting = service.call(request(path));
            assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err(), "{path}");
        }
    }
}
