//! `keydesk serve`: the forward-auth endpoint.

mod check_config;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::log;
use crate::cli::values;
use crate::domain::expiry;
use crate::domain::key::KeyType;
use crate::host;
use crate::serve::{
    self, Bounds, ListenAddress, Options, Reach, RequiredKind, Restriction, ServeError, TrustedProxies,
};
use crate::store::{StoreError, keys};
use chrono::TimeDelta;

/// Maximum number of threads: more than the processors of most servers.
const MOST_THREADS: usize = 64;

const EXAMPLES: Examples = Examples(&[
    ("keydesk serve", ""),
    ("keydesk serve --require-type production --trusted-proxy 127.0.0.1", ""),
    ("keydesk serve --listen 127.0.0.1:7767 --check-config", ""),
    ("keydesk serve --unix /run/keydesk/auth.sock --unix-mode 666 \\\n    --trusted-proxy unix", ""),
]);

/// Run the forward-auth endpoint for nginx, Caddy, Traefik, Envoy, HAProxy
///
/// /auth and /auth/APPLICATION respond with 204 when the key is valid, with 401 when it is not. For Envoy, which appends
/// the path of the request, /envoy/-/... and /envoy/APPLICATION/... respond with 200 or 401. /healthz reports whether the
/// database can be read. /metrics serves Prometheus metrics.
///
/// Rejected requests are logged to standard error. Set KEYDESK_LOG=keydesk=debug to log accepted requests too. The
/// README has configuration examples for nginx, Caddy, Traefik, Envoy, HAProxy and systemd.
///
/// With --check-config, the exit code is 0 if the endpoint could start. An address in use, also by a running endpoint, is
/// a fault. A database of an older format is not migrated.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Listen on this address [default: 127.0.0.1:7766, or the sockets passed by systemd]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    /// Listen on this Unix socket
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Permissions of the Unix socket, in octal
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = mode, requires = "unix")]
    unix_mode: u32,
    /// Allow listening on a non-loopback address
    #[arg(long)]
    allow_remote: bool,
    /// Accept only keys of this type
    #[arg(long, value_name = "TYPE",
        value_parser = values::one_of(KeyType::ALL, KeyType::as_str))]
    require_type: Option<KeyType>,
    /// Accept only keys of this kind
    #[arg(long, value_name = "KIND",
        value_parser = values::one_of(RequiredKind::ALL, RequiredKind::as_str))]
    require_kind: Option<RequiredKind>,
    /// Trust X-Forwarded-For and X-Real-IP from this address or network, or from the Unix socket ("unix"). Can be repeated
    #[arg(long, value_name = "ADDR")]
    trusted_proxy: Vec<String>,
    /// Number of threads that answer requests. One is enough for most APIs
    #[arg(long, value_name = "N", default_value = "1", value_parser = threads)]
    threads: NonZeroUsize,
    /// Maximum number of concurrent connections
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = number(1, 100_000))]
    max_connections: usize,
    /// Maximum size of a request head, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, value_parser = number(8_192, 1_048_576))]
    max_head: usize,
    /// Timeout for reading a request head
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = expiry::parse_duration)]
    head_timeout: TimeDelta,
    /// Check options, configuration, database and addresses, print the results, and do not start
    #[arg(long)]
    check_config: bool,
}

fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "use an octal mode such as 660".into())
}

fn number(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        text.parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("use a number from {least} to {most}"))
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let said = || format!("use a number from 1 to {MOST_THREADS}");
    text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST_THREADS).ok_or_else(said)
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    if args.check_config {
        return check_config::run(context, args);
    }
    let _log = log::begin_on_stderr();
    if context.database.file().is_some() {
        migrate(context)?;
    }
    host::raise_descriptor_limit();
    let options = options(context, args)?;
    let unknown_sources = if options.trusted.is_empty() { restricted_keys(context) } else { 0 };
    serve::run(options, |addresses| {
        ready(addresses);
        if unknown_sources > 0 {
            tracing::warn!(
                keys = unknown_sources,
                "keys have allowed sources, and no proxy is trusted: behind a proxy they are rejected, unless you add \
                 --trusted-proxy"
            );
        }
    })?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

impl Args {
    fn trusted(&self) -> Result<TrustedProxies, CommandError> {
        TrustedProxies::parse(self.trusted_proxy.iter().map(String::as_str)).map_err(|error| {
            CommandError::usage("bad_proxy", format!("--trusted-proxy: {error}"))
                .hint("Run \"keydesk serve --help\" for help")
        })
    }

    fn addresses(&self) -> Vec<ListenAddress> {
        let unix = self.unix.clone().map(|path| ListenAddress::Unix(path, self.unix_mode));
        self.listen.iter().copied().map(ListenAddress::Tcp).chain(unix).collect()
    }

    fn reach(&self) -> Reach {
        if self.allow_remote { Reach::Network } else { Reach::Loopback }
    }
}

fn options(context: &Context, args: &Args) -> Result<Options, CommandError> {
    // Durations are never negative (`expiry::parse_duration`).
    let head_timeout = args.head_timeout.to_std().unwrap_or_default();
    Ok(Options {
        database: context.database.clone(),
        threads: args.threads,
        listen: args.addresses(),
        reach: args.reach(),
        bounds: Bounds { head: args.max_head, head_timeout, connections: args.max_connections },
        application: context.application.as_deref().map(|name| name.trim().to_owned()),
        restriction: Restriction { key_type: args.require_type, kind: args.require_kind },
        trusted: args.trusted()?,
        soon: context.settings.expires_soon,
    })
}

/// Migrates a database of an older format. A read-only database is served too, without recording use.
fn migrate(context: &Context) -> Result<(), CommandError> {
    match context.desk_without_known_head() {
        Ok(mut desk) => context.check_known_head(&mut desk),
        Err(StoreError::ReadOnly { .. }) => {
            tracing::warn!("use is not recorded: the database is read-only");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The number of keys with allowed sources, if that can be read.
fn restricted_keys(context: &Context) -> u64 {
    let desk = context.desk_without_known_head();
    desk.and_then(|desk| desk.store().read(keys::count_restricted)).unwrap_or_default()
}

fn ready(addresses: Vec<String>) {
    for address in addresses {
        tracing::info!(address, "listening");
    }
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "could not notify systemd that the endpoint is ready");
    }
}

impl From<ServeError> for CommandError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Database(error) => error.into(),
            ServeError::Remote(_) => Self::usage("remote_address", error.to_string())
                .hint("Add --allow-remote to allow it, or listen on 127.0.0.1 or a Unix socket"),
            ServeError::Listen { .. } => Self::failed("listen", error.to_string())
                .hint("Choose another address with --listen ADDR:PORT or --unix PATH"),
            ServeError::System { .. } => Self::failed("system", error.to_string()),
        }
    }
}
