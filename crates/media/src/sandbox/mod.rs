//! What a decoder may do when a file has taken it over: compute, and answer through the pipes that it has.
//!
//! ```text
//! worker ─► Sandbox::enter: descriptors, network, rights, files, calls ─► thread of a file ─► Sandbox::only(file) ─► decode
//!                                                                                          └─► ffmpeg, which inherits all of it
//! ```
//!
//! | file | layer | from the kernel |
//! | --- | --- | --- |
//! | `descriptors.rs` | nothing is open but the three pipes | `close_range` |
//! | `network.rs` | a network without interfaces | a namespace, in one of users where that is needed |
//! | `rights.rs` | no privilege is left, none can be gained | capabilities, `no_new_privs` |
//! | `files.rs`, `programs.rs` | nothing is written; one file is read, besides programs and libraries | Landlock |
//! | `calls.rs` | no sockets, no tracing, no mounts, no namespaces | seccomp |
//! | `kernel.rs` | the two calls that no library offers as safe | |
//! | `report.rs`, `trial.rs` | whether all this holds: a worker tries what it must not do | |
//!
//! A layer that the kernel refuses (an old one, or a container's own filter) is left out; `sensorium doctor` says so, and
//! decoding goes on. What reads the file within the worker's own process is kept to the file by thread, so code that takes over the
//! whole process may read what the user may read, but can neither write nor send it; of ffmpeg, a process of its own, all holds.

mod calls;
mod descriptors;
mod files;
mod kernel;
mod network;
mod programs;
mod report;
mod rights;
mod trial;

use std::io;
use std::path::Path;

pub use report::{LayerReport, SandboxReport, Tried, try_sandbox};
pub(crate) use trial::trial;

/// How a layer is in force, or why it is not.
type Given = Result<String, String>;

/// The layers around this process.
#[derive(Debug)]
pub(crate) struct Sandbox {
    descriptors: Given,
    network: Given,
    rights: Given,
    files: Given,
    /// What may be read besides a file.
    allowed: files::Allowed,
    calls: Given,
}

impl Sandbox {
    /// Shuts this process in, as far as the kernel lets it. It must have one thread, and nothing open that it needs but its
    /// three pipes.
    pub(crate) fn enter() -> Self {
        let descriptors = descriptors::close();
        let network = network::leave();
        let rights = rights::give_up();
        let (files, allowed) = files::shut();
        // Last: the others make calls that are refused from then on.
        let calls = calls::refuse();
        Self { descriptors, network, rights, files, allowed, calls }
    }

    /// From here on this thread, and whatever it starts, can read this one file besides programs and libraries.
    ///
    /// # Errors
    /// If the kernel gave the layer of files to this process and now refuses it.
    pub(crate) fn only(&self, file: &Path) -> io::Result<()> {
        match &self.files {
            Ok(_) => files::only(file, &self.allowed),
            Err(_) => Ok(()),
        }
    }

    /// Every layer by its name.
    fn layers(&self) -> [(&'static str, &Given); 5] {
        let Self { descriptors, network, rights, files, allowed: _, calls } = self;
        [
            ("network", network),
            ("files", files),
            ("calls", calls),
            ("rights", rights),
            ("descriptors", descriptors),
        ]
    }
}
