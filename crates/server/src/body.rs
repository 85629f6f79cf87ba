//! Bodies that hold something: a place, a turn, a count, until all of them is sent or their reader has left.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

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
