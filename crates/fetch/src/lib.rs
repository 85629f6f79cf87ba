//! Bytes from addresses (`http`, `https`, `file`), from allowed places alone.
//!
//! ```text
//! address ─► on the list? ─► name ─► addresses of machines, each a public one? ─► connected to exactly these ─► head
//!    ▲                                                                                                            │
//!    └── redirect, at most 5: the same questions anew ◄───────────────────────────────────────────────────────────┤
//!                                                     pieces, bounded, hashed; a lost connection is taken up ◄────┘
//! ```
//!
//! Nothing of the environment decides where bytes come from: no proxy, no cookies, no credentials but those that a caller names, and
//! these go to the origin that was asked, never to where a redirect leads. Everything has a deadline, and ends when its future is
//! dropped.
//!
//! | module | holds |
//! | --- | --- |
//! | `address` | an address, read strictly |
//! | `allow` | the list of places that may be asked |
//! | `reach` | which machines are never connected to, and what names stand for |
//! | `connect`, `exchange` | one connection; one request with its redirects |
//! | `root` | files below a folder |
//! | `request` | what is asked for, how much and how long |
//! | `client`, `download`, `file` | what callers use: pieces, the beginning alone, or a whole file that a later call takes up |

mod address;
mod allow;
mod client;
mod connect;
mod download;
mod error;
mod exchange;
mod file;
mod reach;
mod request;
mod root;

pub use address::{Address, WebAddress};
pub use allow::{AllowError, AllowList, AllowedUri};
pub use client::{Client, InMemory};
pub use download::Download;
pub use error::FetchError;
pub use file::{Fetched, Progress, Wanted, fetch_file};
pub use reach::{Reach, refused_range};
pub use request::{Bearer, Limits, Policy, Request};
