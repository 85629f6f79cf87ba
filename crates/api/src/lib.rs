//! The protobuf messages of Sensorium, their conversions to and from `types`, and the one table of status codes.
//!
//! | module | holds |
//! | --- | --- |
//! | [`v1`] | what is generated from `proto/sensorium/v1` |
//! | [`convert`] | messages to and from the words of `types`, one idea a file |
//! | `code` | [`code`]: error kind to gRPC code, the only such table |
//! | `fault` | [`Fault`]: an error on its way over the wire, as a `google.rpc.Status` with details |
//! | `window` | the windows of HTTP/2, and why they are as they are |
//! | `rpc` | the few messages of `google.rpc` that details are made of |
//! | `error` | [`ConvertError`]: a message that breaks a rule |

mod code;
pub mod convert;
mod error;
mod fault;
mod rpc;
mod window;

pub use code::{code, code_name, http_status, kind_of};
pub use error::ConvertError;
pub use fault::{DOMAIN, Fault};
pub use window::{MAX_STREAMS_OF_CONNECTION, STREAM_WINDOW_BYTES, connection_window_bytes};

/// What every message can do; `prost` is named here alone.
pub use prost::Message;
/// Messages that are known at run time, by their descriptions.
pub use prost_reflect as reflect;

/// Version of the protocol, as `server.json` and `AdminService.Info` give it. It rises when an old client would err.
pub const PROTOCOL: u32 = 1;

/// Most bytes in a message, unless a server is told otherwise: an item with its media.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The protos as an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sensorium.v1.bin"));

/// The same with the comments of the protos, for documents that are made of them.
pub const DOCUMENTED_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sensorium.v1.documented.bin"));

/// Messages and services of `proto/sensorium/v1`, generated.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    rustdoc::all,
    clippy::all,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::unused_async,
    clippy::large_futures,
    clippy::cast_possible_truncation,
    reason = "generated code"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/sensorium.v1.rs"));
}
