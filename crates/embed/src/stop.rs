//! What stops encoding that nobody waits for any more.
//!
//! Every encoder computes through `Threads::map`, one call an item: an image, a frame of a video, an audio clip, a run of texts, the
//! images that a text is read beside. Before each call it looks at the flag under which its caller works. So no encoder has to pass the
//! flag on, and none can forget to. What takes tens of milliseconds by itself looks in between too: the stem of images, the caption decoder.

use std::cell::RefCell;

use sensorium_types::Cancel;

use crate::EmbedError;

thread_local! {
    static CURRENT: RefCell<Option<Cancel>> = const { RefCell::new(None) };
}

/// Puts the flag of before back, also after a panic.
struct Before(Option<Cancel>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Encodes until a flag is set. Whatever this thread asks of encoders and caption decoders in `work` then fails with
/// [`EmbedError::Cancelled`]: no item is begun after it.
pub fn until_cancelled<T>(cancel: &Cancel, work: impl FnOnce() -> T) -> T {
    let _before = Before(CURRENT.replace(Some(cancel.clone())));
    work()
}

/// The flag under which this thread works.
pub(crate) fn current() -> Option<Cancel> {
    CURRENT.with_borrow(Clone::clone)
}

/// An error once the flag under which this thread works is set.
pub(crate) fn check() -> Result<(), EmbedError> {
    match CURRENT.with_borrow(|cancel| cancel.as_ref().is_some_and(Cancel::is_cancelled)) {
        true => Err(EmbedError::Cancelled),
        false => Ok(()),
    }
}
