//! How many calls are let in at a time.
//!
//! The gate stands before the message is read, so that a call turned away costs no memory, and is told at once.

use std::sync::Arc;
use std::time::Duration;

use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// How long a call that is turned away is asked to wait.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Lets a bounded number of calls in.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    limit: usize,
    what: &'static str,
}

impl Gate {
    /// A gate with so many places for `what` (in the plural).
    pub(crate) fn new(limit: usize, what: &'static str) -> Self {
        Self { places: Arc::new(Semaphore::new(limit)), limit, what }
    }

    /// Whether nobody is in.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.available_permits() >= self.limit
    }

    /// A place, if there is one.
    ///
    /// # Errors
    /// An `Overloaded` that says when to ask again.
    pub(crate) fn enter_now(&self) -> Result<Place, Fault> {
        let busy = |_| {
            let message =
                format!("the server is busy with {} {}, its limit: ask again", self.limit, self.what);
            Fault::new(ErrorKind::Overloaded, message).retry_after(RETRY_AFTER).quota(self.what)
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(busy)?;
        Ok(Place { _held: Arc::new(place) })
    }
}

impl Interceptor for Gate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let place = self.enter_now()?;
        request.extensions_mut().insert(place);
        Ok(request)
    }
}

/// A call's place; free when the last clone goes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    _held: Arc<OwnedSemaphorePermit>,
}

/// Takes a request apart. The place is held until it is dropped.
pub(crate) fn enter<T>(request: Request<T>) -> (Option<Place>, T) {
    let (_, mut extensions, message) = request.into_parts();
    (extensions.remove::<Place>(), message)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_call_ends() {
        let mut gate = Gate::new(1, "calls");
        let first = gate.call(Request::new(())).expect("let in");
        let status = gate.call(Request::new(())).expect_err("turned away");
        assert_eq!(status.code(), Code::ResourceExhausted);
        let fault = Fault::from_status(&status);
        assert_eq!((fault.retry_after, fault.quota.as_deref()), (Some(RETRY_AFTER), Some("calls")));
        let (place, ()) = enter(first);
        assert!(gate.call(Request::new(())).is_err());
        drop(place);
        assert!(gate.call(Request::new(())).is_ok());
    }
}
