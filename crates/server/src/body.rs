//! Bodies that hold something (a place, a turn, a count) until all of them is sent or their reader has left, and bodies that must come
//! in time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A body that holds something, where there is something to hold.
pub(crate) fn held<T: Send + Unpin + 'static>(body: Body, what: Option<T>) -> Body {
    match what {
        Some(what) => Body::new(Held { body, _what: what }),
        None => body,
    }
}

struct Held<T> {
    body: Body,
    _what: T,
}

impl<T: Unpin> http_body::Body for Held<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What has so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// All of a body.
    Whole,
    /// Each piece of it.
    Pieces,
}

/// A body that fails once its time is up.
pub(crate) struct Timed<B, E> {
    body: B,
    timing: Timing,
    limit: Duration,
    end: Pin<Box<Sleep>>,
    late: fn(Duration) -> E,
}

impl<B, E> Timed<B, E> {
    /// A body that has so long; `late` is what it fails with.
    pub(crate) fn new(body: B, timing: Timing, limit: Duration, late: fn(Duration) -> E) -> Self {
        Self { body, timing, limit, end: Box::pin(sleep(limit)), late }
    }
}

impl<B, E> http_body::Body for Timed<B, E>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    E: From<B::Error>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if self.timing == Timing::Pieces {
                let end = Instant::now() + self.limit;
                self.end.as_mut().reset(end);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(E::from)));
        }
        if self.end.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err((self.late)(self.limit))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use super::*;

    /// What came, or that it was late.
    #[derive(Debug, PartialEq)]
    struct Late(Duration);

    impl From<Infallible> for Late {
        fn from(never: Infallible) -> Self {
            match never {}
        }
    }

    /// A body of so many pieces, whose end never comes.
    struct Endless(usize);

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.checked_sub(1) {
                Some(left) => {
                    self.0 = left;
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
                }
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_to_come_fails_after_its_pieces() {
        let limit = Duration::from_millis(5);
        for timing in [Timing::Whole, Timing::Pieces] {
            let mut body = Timed::new(Endless(3), timing, limit, Late);
            let mut came = 0;
            let late = loop {
                let frame =
                    poll_fn(|context| http_body::Body::poll_frame(Pin::new(&mut body), context)).await;
                match frame.expect("it has no end") {
                    Ok(_) => came += 1,
                    Err(late) => break late,
                }
            };
            assert_eq!((came, late), (3, Late(limit)), "{timing:?}");
        }
    }
}
