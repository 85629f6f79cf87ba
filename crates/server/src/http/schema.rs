//! The messages and calls of `proto/`, known at run time.

use std::sync::LazyLock;

use sensorium_api::reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use sensorium_api::{DOCUMENTED_SET, Fault, Message};
use sensorium_types::ErrorKind;

/// The package of every message.
pub(super) const PACKAGE: &str = "sensorium.v1";

/// Every message and service.
pub(super) static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DOCUMENTED_SET).unwrap_or_else(|error| {
        tracing::error!(%error, "the built-in description of the calls cannot be read");
        DescriptorPool::new()
    })
});

/// A call by its service and name, as in `QueryService/Query`.
///
/// # Errors
/// If there is none, which a test rules out for the table of routes.
pub(super) fn method(rpc: &str) -> Result<MethodDescriptor, Fault> {
    let found = rpc.split_once('/').and_then(|(service, method)| {
        let service = POOL.get_service_by_name(&format!("{PACKAGE}.{service}"))?;
        service.methods().find(|known| known.name() == method)
    });
    found.ok_or_else(|| Fault::new(ErrorKind::Bug, format!("there is no call {rpc}")))
}

/// What a comment of the protos says of a thing: its leading comment, without the marks.
pub(super) fn comment(file: &sensorium_api::reflect::FileDescriptor, path: &[i32]) -> Option<String> {
    let proto = file.file_descriptor_proto();
    let info = proto.source_code_info.as_ref()?;
    let comment = info.location.iter().find(|location| location.path == path)?.leading_comments.as_deref()?;
    let lines: Vec<_> = comment.lines().map(str::trim).collect();
    let text = lines.join(" ").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A typed message as one that is known at run time.
///
/// # Errors
/// If the descriptions are not those that the type was made of.
pub(super) fn dynamic(message: &impl Message, name: &str) -> Result<DynamicMessage, Fault> {
    let unknown = || Fault::new(ErrorKind::Bug, format!("there is no message {name}"));
    let descriptor = POOL.get_message_by_name(&format!("{PACKAGE}.{name}")).ok_or_else(unknown)?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| Fault::new(ErrorKind::Bug, format!("read {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_and_have_comments() {
        let query = method("QueryService/Query").expect("known");
        let service = query.parent_service();
        assert!(comment(&service.parent_file(), query.path()).is_some_and(|text| text.len() > 5));
        assert!(method("QueryService/Ask").is_err());
        assert!(method("Query").is_err());
    }
}
