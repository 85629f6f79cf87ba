//! Where the spans of requests are sent, and which: what is typed or in the environment, before what the file says.

use percent_encoding::percent_decode_str;
use sensorium_server::{DEFAULT_SERVICE_NAME, Export, Sampler};
use serde::Deserialize;

use crate::args::traces::TraceSettings;

/// The one way in which spans are sent.
const PROTOCOL: &str = "grpc";

/// What a settings file says of traces.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TracesFile {
    pub(super) endpoint: Option<String>,
    pub(super) service: Option<String>,
    pub(super) sampler: Option<String>,
    pub(super) sampler_arg: Option<f64>,
}

/// What is typed, and what the file says where nothing is; what cannot be read is left as the file has it.
pub(super) fn merged(typed: &TraceSettings, file: &TracesFile) -> TracesFile {
    let or = |typed: &Option<String>, file: &Option<String>| {
        typed.clone().filter(|text| !text.is_empty()).or_else(|| file.clone())
    };
    let share = typed.traces_sampler_arg.as_ref().and_then(|text| text.parse().ok());
    TracesFile {
        endpoint: or(&typed.traces_endpoint, &file.endpoint),
        service: or(&typed.traces_service, &file.service),
        sampler: or(&typed.traces_sampler, &file.sampler),
        sampler_arg: share.or(file.sampler_arg),
    }
}

/// Where spans are sent; `None`: nowhere, and nothing else is looked at.
///
/// # Errors
/// What is wrong.
pub(super) fn export(typed: &TraceSettings, file: &TracesFile) -> Result<Option<Export>, String> {
    let TracesFile { endpoint, service, sampler, sampler_arg: share } = merged(typed, file);
    let Some(endpoint) = endpoint else { return Ok(None) };
    // As the standard has it, an empty value is none.
    let text = |typed: &Option<String>| typed.clone().filter(|text| !text.is_empty());
    if let Some(protocol) = text(&typed.traces_protocol)
        && protocol != PROTOCOL
    {
        return Err(format!(
            "traces are sent by {PROTOCOL} alone, not by {protocol:?} (OTEL_EXPORTER_OTLP_PROTOCOL): name the collector's port for it, 4317 as a rule"
        ));
    }
    let mut sampler = match sampler {
        Some(name) => name
            .parse::<Sampler>()
            .map_err(|names| format!("there is no sampler {name:?} of traces: {names}"))?,
        None => Sampler::default(),
    };
    if let Some(text) = text(&typed.traces_sampler_arg).filter(|text| text.parse::<f64>().is_err()) {
        return Err(share_error(&text));
    }
    if let Some(share) = share {
        if !(0.0..=1.0).contains(&share) {
            return Err(share_error(&share.to_string()));
        }
        sampler = sampler.with_share(share);
    }
    let headers = typed.traces_header.iter().filter(|header| !header.trim().is_empty());
    let headers = headers.map(|header| self::header(header)).collect::<Result<_, _>>()?;
    let service_name = service.unwrap_or_else(|| DEFAULT_SERVICE_NAME.to_owned());
    Ok(Some(Export { endpoint, service_name, sampler, headers }))
}

fn share_error(text: &str) -> String {
    format!("the share of traces that are kept is a number from 0 to 1, not {text:?}")
}

/// A header as the standard writes it.
fn header(text: &str) -> Result<(String, String), String> {
    // The value may be a secret.
    let wrong = || "a header for the collector of traces is NAME=VALUE, percent-encoded".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let decoded = |text: &str| {
        let text = percent_decode_str(text.trim()).decode_utf8();
        text.map(std::borrow::Cow::into_owned).map_err(|_| wrong())
    };
    Ok((decoded(name)?, decoded(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_typed_goes_before_the_file_and_an_empty_value_is_none() {
        let file = TracesFile {
            endpoint: text("http://file:4317"),
            service: text("of-file"),
            sampler: None,
            sampler_arg: Some(0.5),
        };
        let typed = TraceSettings {
            traces_endpoint: text(""),
            traces_service: text("typed"),
            traces_sampler: text("traceidratio"),
            traces_header: vec!["Authorization=Bearer%20a%2Cb".to_owned()],
            traces_protocol: text("grpc"),
            ..TraceSettings::default()
        };
        let export = export(&typed, &file).expect("settles").expect("somewhere");
        assert_eq!((export.endpoint.as_str(), export.service_name.as_str()), ("http://file:4317", "typed"));
        assert_eq!(export.headers, [("Authorization".to_owned(), "Bearer a,b".to_owned())]);
        assert_eq!(export.sampler, "traceidratio".parse::<Sampler>().expect("a name").with_share(0.5));
    }

    #[test]
    fn without_a_collector_nothing_is_looked_at() {
        let typed = TraceSettings {
            traces_sampler: text("nonsense"),
            traces_protocol: text("http/protobuf"),
            ..TraceSettings::default()
        };
        assert_eq!(export(&typed, &TracesFile::default()), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let of = |change: fn(&mut TraceSettings)| {
            let mut typed =
                TraceSettings { traces_endpoint: text("http://h:4317"), ..TraceSettings::default() };
            change(&mut typed);
            export(&typed, &TracesFile::default()).expect_err("wrong")
        };
        assert!(of(|typed| typed.traces_sampler = text("jaeger")).contains("always_on"));
        assert!(of(|typed| typed.traces_sampler_arg = text("2")).contains("from 0 to 1"));
        assert!(of(|typed| typed.traces_sampler_arg = text("much")).contains("\"much\""));
        assert!(of(|typed| typed.traces_protocol = text("http/protobuf")).contains("4317"));
        let secret = of(|typed| typed.traces_header = vec!["hush".to_owned()]);
        assert!(secret.contains("NAME=VALUE") && !secret.contains("hush"));
    }
}
