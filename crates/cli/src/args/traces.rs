//! What can be typed of the traces of a server. In the environment they have the names that OpenTelemetry gives them.

use clap::Args;

/// Where the spans of requests are sent, and which. In the environment an empty value is none.
#[derive(Debug, Default, Args)]
pub(crate) struct TraceSettings {
    /// Send the spans of requests to this collector, by OTLP over gRPC: http://HOST:4317, or https
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub(crate) traces_endpoint: Option<String>,
    /// The name under which the server's spans stand [default: sensorium]
    #[arg(long, value_name = "NAME", env = "OTEL_SERVICE_NAME")]
    pub(crate) traces_service: Option<String>,
    /// Which traces are kept, as OpenTelemetry names it, as in parentbased_traceidratio [default: parentbased_always_on]
    #[arg(long, value_name = "NAME", env = "OTEL_TRACES_SAMPLER")]
    pub(crate) traces_sampler: Option<String>,
    /// The share of traces that a sampler with `ratio` keeps, from 0 to 1
    #[arg(long, value_name = "SHARE", env = "OTEL_TRACES_SAMPLER_ARG")]
    pub(crate) traces_sampler_arg: Option<String>,
    /// A header for the collector, percent-encoded, as in authorization=Bearer%20SECRET (may be repeated; no file has it)
    #[arg(
        long,
        value_name = "NAME=VALUE",
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) traces_header: Vec<String>,
    /// How spans are sent: grpc alone
    #[arg(long, value_name = "NAME", env = "OTEL_EXPORTER_OTLP_PROTOCOL", hide = true)]
    pub(crate) traces_protocol: Option<String>,
}
