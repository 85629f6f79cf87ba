//! Settings of a server: a TOML file, before it the environment, before both what is typed.

mod traces;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sensorium_server::{AllowedUri, DEFAULT_LISTEN, LIMITS, Limit, Settings, TlsFiles};
use serde::Deserialize;

use crate::args::serve::{ServeSettings, base_path};
use crate::failure::CliError;

/// A settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    listen: Option<SocketAddr>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    tls_client_ca: Option<PathBuf>,
    insecure: Option<bool>,
    require_key: Option<bool>,
    allow_host: Option<Vec<String>>,
    base_path: Option<String>,
    allow_path: Option<Vec<PathBuf>>,
    allow_uri: Option<Vec<String>>,
    jobs: Option<u16>,
    #[serde(default)]
    traces: traces::TracesFile,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or says what nothing reads; the error names the line.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let text = fs_err::read_to_string(path)
            .map_err(|source| CliError::Settings { path: path.to_path_buf(), what: source.to_string() })?;
        Self::parse(&text).map_err(|what| CliError::Settings { path: path.to_path_buf(), what })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        // Limits are names of a table that the parser does not know: their lines are looked for.
        for (name, value) in &file.limits {
            let at = |what: String| {
                let is_its = |line: &str| line.trim_start().starts_with(name.as_str());
                let line = text.lines().position(is_its).map_or(0, |place| place + 1);
                format!("line {line}: {what}")
            };
            let limit = Limit::find(name).ok_or_else(|| at(format!("there is no limit {name:?}")))?;
            if *value < limit.least {
                return Err(at(format!("{name} must be at least {}", limit.least)));
            }
        }
        for place in file.allow_uri.iter().flatten() {
            if let Err(error) = AllowedUri::parse(place) {
                let line = text.lines().position(|line| line.contains(place.as_str())).map_or(0, |at| at + 1);
                return Err(format!("line {line}: allow_uri: {}", in_full(&error)));
            }
        }
        if file.jobs == Some(0) {
            return Err("jobs must be at least 1".to_owned());
        }
        Ok(Self { base_path: file.base_path.as_deref().map(base_path).transpose()?, ..file })
    }
}

/// The settings of a server.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Those of the server.
    pub(crate) settings: Settings,
    /// Files decoded at a time.
    pub(crate) jobs: Option<u16>,
}

/// Puts together what is typed or in the environment, and what the file says.
///
/// # Errors
/// If a folder that may be indexed is not there, or half of TLS is named.
pub(crate) fn settle(typed: ServeSettings, file: File) -> Result<Settled, CliError> {
    let or = |typed: Vec<PathBuf>, file: Option<Vec<PathBuf>>| {
        if typed.is_empty() { file.unwrap_or_default() } else { typed }
    };
    let folders = or(typed.allow_path, file.allow_path).into_iter();
    let allowed =
        folders.map(|path| fs_err::canonicalize(&path).map_err(|source| CliError::Path { path, source }));
    let places =
        if typed.allow_uri.is_empty() { file.allow_uri.unwrap_or_default() } else { typed.allow_uri };
    let places = places.iter().map(|place| AllowedUri::parse(place).map_err(CliError::AllowUri));
    let cert = typed.tls_cert.or(file.tls_cert);
    let key = typed.tls_key.or(file.tls_key);
    let tls = match (cert, key) {
        (Some(cert), Some(key)) => {
            Some(TlsFiles { cert, key, client_ca: typed.tls_client_ca.or(file.tls_client_ca) })
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(CliError::HalfOfTls),
    };
    let export = traces::export(&typed.traces, &file.traces).map_err(|what| CliError::Traces { what })?;
    let mut settings = Settings {
        export,
        listen: typed.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
        tls,
        insecure: typed.insecure || file.insecure.unwrap_or(false),
        require_key: typed.require_key || file.require_key.unwrap_or(false),
        allowed_hosts: match typed.allow_host.is_empty() {
            true => file.allow_host.unwrap_or_default(),
            false => typed.allow_host,
        },
        base_path: typed.base_path.or(file.base_path).unwrap_or_default(),
        allowed_paths: allowed.collect::<Result<_, _>>()?,
        allowed_uris: places.collect::<Result<_, _>>()?,
        ..Settings::default()
    };
    // Those that are typed come last, and win.
    for (name, value) in file.limits.into_iter().chain(typed.limit) {
        if let Some(limit) = Limit::find(&name) {
            limit.set(&mut settings, value);
        }
    }
    Ok(Settled { settings, jobs: typed.jobs.or(file.jobs) })
}

/// An error with what it comes from.
fn in_full(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Where a value comes from.
fn source(is_typed: bool, is_in_file: bool) -> &'static str {
    match (is_typed, is_in_file) {
        (true, _) => "environment",
        (false, true) => "file",
        (false, false) => "default",
    }
}

/// The settings as a file that can be read back: each with what it is for and where its value comes from. `environment` is what
/// `serve` would take if nothing were typed.
///
/// # Errors
/// Those of [`settle`].
pub(crate) fn show(environment: ServeSettings, file: File) -> Result<String, CliError> {
    let has = |typed: bool, in_file: bool| source(typed, in_file);
    let from = [
        has(environment.listen.is_some(), file.listen.is_some()),
        has(environment.tls_cert.is_some(), file.tls_cert.is_some()),
        has(environment.insecure, file.insecure.is_some()),
        has(environment.require_key, file.require_key.is_some()),
        has(!environment.allow_host.is_empty(), file.allow_host.is_some()),
        has(environment.base_path.is_some(), file.base_path.is_some()),
        has(!environment.allow_path.is_empty(), file.allow_path.is_some()),
        has(!environment.allow_uri.is_empty(), file.allow_uri.is_some()),
        has(environment.jobs.is_some(), file.jobs.is_some()),
    ];
    let of_traces = {
        let (typed, filed) = (&environment.traces, &file.traces);
        [
            has(typed.traces_endpoint.is_some(), filed.endpoint.is_some()),
            has(typed.traces_service.is_some(), filed.service.is_some()),
            has(typed.traces_sampler.is_some(), filed.sampler.is_some()),
            has(typed.traces_sampler_arg.is_some(), filed.sampler_arg.is_some()),
        ]
    };
    let traces = traces::merged(&environment.traces, &file.traces);
    let typed: Vec<String> = environment.limit.iter().map(|(name, _)| name.clone()).collect();
    let filed: Vec<String> = file.limits.keys().cloned().collect();
    let Settled { settings, jobs } = settle(environment, file)?;
    let [listen, tls, insecure, require_key, allow_host, base, allow_path, allow_uri, jobs_from] = from;
    let mut text = String::new();
    let mut put = |help: &str, from: &str, name: &str, value: Option<String>| {
        // A `String` takes whatever is written.
        let _ = match value {
            Some(value) => writeln!(text, "# {help} ({from})\n{name} = {value}"),
            None => writeln!(text, "# {help} ({from})\n# {name} ="),
        };
    };
    // What JSON escapes, TOML reads.
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    let path = |path: &Path| quoted(&path.to_string_lossy());
    let list = |items: Vec<String>| format!("[{}]", items.join(", "));
    put(
        "Address; one that other machines reach needs keys, and TLS or insecure",
        listen,
        "listen",
        Some(quoted(&settings.listen.to_string())),
    );
    let files = settings.tls.as_ref();
    put("The certificate (PEM)", tls, "tls_cert", files.map(|tls| path(&tls.cert)));
    put("Its key (PEM)", tls, "tls_key", files.map(|tls| path(&tls.key)));
    put(
        "Roots of clients' certificates (PEM)",
        tls,
        "tls_client_ca",
        files.and_then(|tls| Some(path(tls.client_ca.as_deref()?))),
    );
    put(
        "Answer other machines without encryption",
        insecure,
        "insecure",
        Some(settings.insecure.to_string()),
    );
    put(
        "Ask for keys on an address of this machine too",
        require_key,
        "require_key",
        Some(settings.require_key.to_string()),
    );
    let hosts = settings.allowed_hosts.iter().map(|host| quoted(host)).collect();
    put("Further names by which the server is asked", allow_host, "allow_host", Some(list(hosts)));
    put("Below which path the page and HTTP lie", base, "base_path", Some(quoted(&settings.base_path)));
    let folders = settings.allowed_paths.iter().map(|folder| path(folder)).collect();
    put(
        "Folders whose files clients may have indexed by path",
        allow_path,
        "allow_path",
        Some(list(folders)),
    );
    let places = settings.allowed_uris.iter().map(|place| quoted(place.as_str())).collect();
    put(
        "Places whose addresses clients may give in place of media, as in https://media.example.org or file:///mnt/footage",
        allow_uri,
        "allow_uri",
        Some(list(places)),
    );
    put(
        "Files decoded at a time; left out: one a core",
        jobs_from,
        "jobs",
        jobs.map(|jobs| jobs.to_string()),
    );
    let [endpoint, service, sampler, sampler_arg] = of_traces;
    let mut put = |help: &str, from: &str, name: &str, value: Option<String>| {
        let _ = match value {
            Some(value) => writeln!(text, "# {help} ({from})\n{name} = {value}"),
            None => writeln!(text, "# {help} ({from})\n# {name} ="),
        };
    };
    put(
        "Spans of requests: the collector, by OTLP over gRPC",
        endpoint,
        "traces.endpoint",
        traces.endpoint.as_deref().map(quoted),
    );
    put("The name under which they stand", service, "traces.service", traces.service.as_deref().map(quoted));
    put(
        "Which traces are kept, as OpenTelemetry names it",
        sampler,
        "traces.sampler",
        traces.sampler.as_deref().map(quoted),
    );
    put(
        "The share that a sampler with `ratio` keeps",
        sampler_arg,
        "traces.sampler_arg",
        traces.sampler_arg.map(|share| format!("{share:?}")),
    );
    text.push_str("\n[limits]\n");
    for limit in LIMITS {
        let is = |names: &[String]| names.iter().any(|name| name == limit.name);
        let from = source(is(&typed), is(&filed));
        let _ = writeln!(text, "# {} ({from})\n{} = {}", limit.help, limit.name, limit.of(&settings));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_goes_before_the_file_and_both_before_the_defaults() {
        let text = "listen = \"127.0.0.1:9\"\nbase_path = \"/a/\"\nallow_host = [\"x\"]\n[limits]\nmax_calls = 7\nmax_limit = 9\n";
        let file = File::parse(text).expect("reads");
        let typed = ServeSettings {
            listen: Some("127.0.0.1:8".parse().expect("an address")),
            limit: vec![("max_calls".to_owned(), 8)],
            ..ServeSettings::default()
        };
        let Settled { settings, jobs } = settle(typed, file).expect("settles");
        assert_eq!((settings.listen.port(), settings.base_path.as_str(), jobs), (8, "/a", None));
        assert_eq!((settings.max_calls, settings.max_limit), (8, 9));
        assert_eq!(settings.allowed_hosts, ["x"]);
        assert_eq!(settings.max_connections, Settings::default().max_connections);
    }

    #[test]
    fn what_is_shown_is_read_back_as_the_same() {
        let text = "tls_cert = \"/c\"\ntls_key = \"/k\"\nrequire_key = true\nallow_uri = [\"https://a.org/b\"]\n[limits]\ncall_timeout_ms = 1234\n";
        let shown = show(ServeSettings::default(), File::parse(text).expect("reads")).expect("shows");
        for line in [
            "require_key = true",
            "call_timeout_ms = 1234",
            "tls_cert = \"/c\"",
            "# tls_client_ca =",
            "allow_uri = [\"https://a.org/b\"]",
        ] {
            assert!(shown.lines().any(|known| known == line), "{line}\n{shown}");
        }
        assert!(shown.contains("(file)") && shown.contains("(default)"));
        let again = show(ServeSettings::default(), File::parse(&shown).expect("reads")).expect("shows");
        let values = |text: &str| {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(values(&again), values(&shown));
        assert!(LIMITS.iter().all(|limit| shown.contains(limit.name)));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, parts) in [
            ("listen = \"here\"", ["line 1", "listen"]),
            ("\nlisen = \"127.0.0.1:1\"", ["line 2", "lisen"]),
            ("[limits]\nmax_call = 1", ["line 2", "max_call"]),
            ("[limits]\n\nmax_calls = 0", ["line 3", "at least 1"]),
            ("base_path = \"media\"", ["path", "/media"]),
            ("jobs = 0", ["jobs", "at least 1"]),
            ("\nallow_uri = [\n\"https://a.org\",\n\"ftp://b.org\"]", ["line 4", "scheme"]),
            ("allow_uri = [\"http://127.0.0.1\"]", ["line 1", "this machine"]),
            ("allow_uri = [\"file:///is/not/there\"]", ["line 1", "No such file"]),
        ] {
            let error = File::parse(text).expect_err("wrong");
            assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
        let half = File::parse("tls_cert = \"/c\"").expect("reads");
        assert!(matches!(settle(ServeSettings::default(), half), Err(CliError::HalfOfTls)));
    }
}
