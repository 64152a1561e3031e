//! `keydesk serve`: the forward-auth endpoint, from the command line or from systemd.

use super::args_serve::ServeArgs;
use super::exit::Exit;
use super::failure::{Failure, Stop};
use super::log;
use super::run::Run;
use crate::host;
use crate::serve::{self, Bounds, Options, Place, ServeError, Server, TrustedProxies, listen};

/// Serves until it is told to end.
pub(crate) fn run(run: &Run, args: ServeArgs) -> Result<Exit, Stop> {
    // What is still to be logged is written when this goes.
    let _log = log::begin_on_stderr();
    bring_up_to_date(run)?;
    host::raise_descriptor_limit();
    let trusted = TrustedProxies::parse(args.trusted_proxy.iter().map(String::as_str))
        .map_err(|error| Failure::usage("bad_proxy", format!("--trusted-proxy: {error}")))?;
    let handed = listen::from_systemd()?;
    let mut places: Vec<Place> = args.listen.into_iter().map(Place::Tcp).collect();
    places.extend(args.unix.map(|path| Place::Unix(path, args.unix_mode)));
    if places.is_empty() && handed.is_empty() {
        places.extend(serve::USUAL_ADDRESS.parse().map(Place::Tcp));
    }
    let head_timeout = args.head_timeout.to_std().unwrap_or(Bounds::default().head_timeout);
    let options = Options {
        database: run.database.clone(),
        places,
        handed,
        remote: args.allow_remote,
        bounds: Bounds { head: args.max_head, head_timeout, connections: args.max_connections },
        application: run.application.clone(),
        required: args.require_type,
        trusted,
        soon: run.settings.expires_soon,
    };
    serve::run(options, ready)?;
    tracing::info!("ended");
    Ok(Exit::Done)
}

/// An older format is brought up to date first. Whoever may only read the database can serve all the same; only use
/// is not recorded then.
fn bring_up_to_date(run: &Run) -> Result<(), Stop> {
    match run.store() {
        Ok(store) => drop(store),
        Err(Stop::Failed(failure)) if failure.code() == "read_only" => {
            tracing::warn!("the database cannot be written: use will not be recorded");
        }
        Err(stop) => return Err(stop),
    }
    Ok(())
}

fn ready(server: &Server) {
    for place in server.places() {
        tracing::info!(place, "listening");
    }
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "systemd could not be told that the endpoint is ready");
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Database(error) => error.into(),
            ServeError::Remote(_) => Self::usage("remote_address", error.to_string())
                .hint("If that is meant: --allow-remote. Otherwise listen at 127.0.0.1 or at a Unix socket"),
            ServeError::Listen { .. } => Self::failed("listen", error.to_string())
                .hint("Choose another place with --listen ADDR:PORT or --unix PATH"),
            ServeError::Nowhere => Self::usage("nowhere", error.to_string()),
            ServeError::System { .. } => Self::failed("system", error.to_string()),
        }
    }
}

impl From<ServeError> for Stop {
    fn from(error: ServeError) -> Self {
        Failure::from(error).into()
    }
}
