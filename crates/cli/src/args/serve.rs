//! What can be typed of a server: `serve`, its settings, and its keys.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sensorium_server::{DEFAULT_GRACE_HOURS, Limit};

use super::traces::TraceSettings;

/// `serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Settings, as `sensorium config show` writes them; what is typed, or in the environment, goes before
    #[arg(long, value_name = "FILE", env = "SENSORIUM_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// What is typed of the settings.
    #[command(flatten)]
    pub(crate) settings: ServeSettings,
}

/// Settings of a server, each also in the environment and in a file.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeSettings {
    /// Address; one that other machines reach needs keys, and TLS or --insecure [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDR:PORT", env = "SENSORIUM_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Encrypt with this certificate (PEM), which is read anew when it changes or on SIGHUP
    #[arg(long, value_name = "FILE", env = "SENSORIUM_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "SENSORIUM_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Refuse clients without a certificate of these roots (PEM)
    #[arg(long, value_name = "FILE", env = "SENSORIUM_TLS_CLIENT_CA")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Answer other machines without encryption
    #[arg(long, env = "SENSORIUM_INSECURE")]
    pub(crate) insecure: bool,
    /// Ask for keys on an address of this machine too
    #[arg(long, env = "SENSORIUM_REQUIRE_KEY")]
    pub(crate) require_key: bool,
    /// A further name by which the server is asked, of a proxy for instance (may be repeated)
    #[arg(long, value_name = "NAME", env = "SENSORIUM_ALLOW_HOST", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,
    /// Below which path the page and HTTP lie, as in /media
    #[arg(long, value_name = "PATH", env = "SENSORIUM_BASE_PATH", value_parser = base_path)]
    pub(crate) base_path: Option<String>,
    /// A folder whose files clients may have indexed by path (may be repeated)
    #[arg(long, value_name = "DIR", env = "SENSORIUM_ALLOW_PATH", value_delimiter = ':')]
    pub(crate) allow_path: Vec<PathBuf>,
    /// A place whose addresses clients may give in place of media, and all below it, as in `https://media.example.org`,
    /// https://*.example.org/footage or file:///mnt/footage (may be repeated) [default: none, nothing is fetched]
    #[arg(long, value_name = "URI", env = "SENSORIUM_ALLOW_URI", value_delimiter = ',')]
    pub(crate) allow_uri: Vec<String>,
    /// Files decoded at a time [default: one a core]
    #[arg(long, value_name = "N", env = "SENSORIUM_JOBS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Where the spans of requests are sent.
    #[command(flatten)]
    pub(crate) traces: TraceSettings,
    /// A limit, as in max_calls=128; `sensorium config show` lists them (may be repeated)
    #[arg(long, value_name = "NAME=N", env = "SENSORIUM_LIMIT", value_delimiter = ',', value_parser = limit)]
    pub(crate) limit: Vec<(String, u64)>,
}

/// A limit as it is typed.
fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=N, as in max_calls=128")?;
    let known = Limit::find(name).ok_or("there is no such limit; `sensorium config show` lists them")?;
    let value: u64 = value.parse().map_err(|_| "N must be a whole number".to_owned())?;
    if value < known.least {
        return Err(format!("at least {}", known.least));
    }
    Ok((name.to_owned(), value))
}

/// `config`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Read a settings file, and say what is wrong with it, and where
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print the settings of `serve` as a file: every one, with what it is for and where its value comes from
    Show {
        /// The file [default: SENSORIUM_CONFIG]
        #[arg(long, value_name = "FILE", env = "SENSORIUM_CONFIG")]
        config: Option<PathBuf>,
    },
}

/// A path that begins with a slash and ends without one.
pub(crate) fn base_path(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/-_.~".contains(letter);
    if path.is_empty() || (path.starts_with('/') && !path.contains("//") && path.chars().all(is_plain)) {
        Ok(path.to_owned())
    } else {
        Err("a path such as /media".to_owned())
    }
}

/// `keys`
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key, which is shown this once
    Create(CreateKey),
    /// List the keys, without what is secret
    List,
    /// Take a key back
    Revoke {
        /// Its id
        id: String,
    },
}

/// `keys create`
#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// What it is good for; each includes those before it
    #[arg(long, value_enum)]
    pub(crate) scope: KeyScope,
    /// What it is for, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) name: String,
    /// A collection that it reaches (may be repeated) [default: all]
    #[arg(long = "reach", value_name = "COLLECTION")]
    pub(crate) reach: Vec<String>,
    /// Days until it ends [default: until it is revoked]
    #[arg(long, value_name = "N")]
    pub(crate) expires_days: Option<u32>,
    /// The id of a key whose place it takes
    #[arg(long, value_name = "ID")]
    pub(crate) replace: Option<String>,
    /// Hours that the key before is good still
    #[arg(long, value_name = "N", default_value_t = DEFAULT_GRACE_HOURS, requires = "replace")]
    pub(crate) grace_hours: u32,
}

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyScope {
    /// Queries, assets and their media
    Read,
    /// Also ingest, payloads and deletion of assets
    Write,
    /// Everything
    Admin,
}
