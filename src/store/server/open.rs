//! Opens a connection: tries the servers of a URL in their order, and takes the first primary that is not an old one.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket, config};

use super::cancel::{Address, Route};
use super::fault::{self, Fault, FaultKind};
use super::settings::{Complete, Endpoint};
use super::timeline::{LatestTimeline, Timeline, timeline_number};
use super::tls::Tls;
use super::version;
use super::wait::lock;
use crate::domain::postgres_url::{ChannelBinding, Encryption, Host, is_loopback};

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectOptions {
    /// How long an attempt to connect to one address may take, where the URL does not say so.
    pub(crate) attempt: Duration,
    /// How long all attempts together may take.
    pub(crate) connect: Duration,
    /// How long a statement may run without an answer.
    pub(crate) patience: Duration,
    /// With which server of the URL to begin. After the last one comes the first one.
    pub(crate) first: usize,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(5),
            connect: Duration::from_secs(30),
            patience: Duration::from_mins(1),
            first: 0,
        }
    }
}

/// After this idle time the system checks that the server is still there, so often, at this interval.
const KEEPALIVE: (Duration, u32, Duration) = (Duration::from_secs(10), 3, Duration::from_secs(5));

/// A connection whose data was not acknowledged for this long is lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// The number of notices that are kept for each statement.
const MOST_NOTICES: usize = 32;

/// What the background thread hears from the server besides answers.
#[derive(Debug, Default)]
pub(in crate::store) struct Heard {
    pub(in crate::store) notices: Vec<DbError>,
    /// Why the connection ended.
    pub(in crate::store) end: Option<Fault>,
}

/// An open connection, also to a standby.
pub(super) struct Session {
    pub(super) client: Client,
    heard: Arc<Mutex<Heard>>,
    /// Ends the connection at once.
    pub(super) driver: AbortHandle,
}

pub(in crate::store) struct Opened {
    pub(in crate::store) client: Client,
    pub(in crate::store) route: Route,
    pub(in crate::store) heard: Arc<Mutex<Heard>>,
    /// Ends the connection at once.
    pub(in crate::store) driver: AbortHandle,
    pub(in crate::store) facts: Facts,
}

/// What is known about an open connection.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "the unit tests read all of them")]
pub(crate) struct Facts {
    /// The server that was reached, such as `db.internal:5432`.
    pub(crate) server: String,
    /// Such as 150020 for 15.20.
    pub(crate) version: i64,
    pub(crate) session_user: String,
    /// None where the server does not say it, as some hosted ones do.
    pub(crate) timeline: Option<Timeline>,
    pub(crate) encryption: Encryption,
}

impl Facts {
    fn supported(self) -> Result<Self, Fault> {
        version::confirm(self.version).map(|()| self)
    }
}

/// Connects to the first primary among the servers.
pub(in crate::store) async fn open(
    complete: Complete,
    options: ConnectOptions,
    latest: Arc<LatestTimeline>,
) -> Result<Opened, Fault> {
    let needs_tls = complete.endpoints.iter().any(|endpoint| endpoint.encryption == Encryption::Verified);
    let root = complete.settings.root_certificate.as_ref();
    let tls = if needs_tls { Some(Tls::new(root)?) } else { None };
    let limit = complete.settings.connect_timeout.unwrap_or(options.attempt);
    let mut faults: Vec<Fault> = Vec::new();
    let first = options.first.checked_rem(complete.endpoints.len()).unwrap_or(0);
    let (before, after) = complete.endpoints.split_at(first);
    for endpoint in after.iter().chain(before) {
        let addresses = match tokio::time::timeout(limit, addresses(endpoint)).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(fault)) => {
                faults.push(fault);
                continue;
            }
            Err(_) => {
                let fault = Fault::new(FaultKind::UnknownHost, "the name server did not answer");
                faults.push(fault.about(&endpoint.host));
                continue;
            }
        };
        for address in addresses {
            let attempt = Attempt { complete: &complete, endpoint, address, limit, latest: &latest };
            let fault = match tokio::time::timeout(limit, attempt.run(tls.as_ref())).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(fault)) => fault,
                Err(_) => {
                    Fault::new(FaultKind::Unreachable, format!("no answer within {}", fault::seconds(limit)))
                }
            };
            let fault = fault.about(endpoint);
            // As in libpq: another server would not decide otherwise.
            if matches!(fault.kind(), FaultKind::Login | FaultKind::NoPassword | FaultKind::NoDatabase) {
                return Err(complete.warnings.iter().fold(fault, |fault, warning| fault.and(warning)));
            }
            faults.push(fault);
        }
    }
    Err(combined(faults))
}

/// One fault for all attempts. Its kind is the one that says most.
fn combined(faults: Vec<Fault>) -> Fault {
    let rank = |fault: &Fault| match fault.kind() {
        FaultKind::UnknownHost => 0,
        FaultKind::Unreachable => 1,
        FaultKind::Unavailable => 2,
        FaultKind::Standby => 3,
        FaultKind::OldPrimary => 4,
        _ => 5,
    };
    let mut reasons: Vec<String> = Vec::new();
    for reason in faults.iter().map(Fault::to_string) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    match faults.into_iter().max_by_key(rank) {
        Some(fault) => fault.because(&reasons.join("; ")),
        None => Fault::new(FaultKind::Settings, "the URL names no host"),
    }
}

pub(super) async fn addresses(endpoint: &Endpoint) -> Result<Vec<Address>, Fault> {
    let name = match &endpoint.host {
        Host::Unix(folder) => {
            return Ok(vec![Address::Unix(folder.join(format!(".s.PGSQL.{}", endpoint.port)))]);
        }
        Host::Tcp(name) => name,
    };
    let unknown = |why: &str| Fault::new(FaultKind::UnknownHost, why).about(name);
    let found = tokio::net::lookup_host((name.as_str(), endpoint.port))
        .await
        .map_err(|_| unknown("the host name cannot be resolved"))?;
    // What needs no TLS must not leave this machine, regardless of what the name server says.
    let allowed = |address: &SocketAddr| !is_loopback(name) || address.ip().to_canonical().is_loopback();
    let found: Vec<Address> =
        found.filter(allowed).map(|address| Address::Tcp { address, host: name.clone() }).collect();
    if found.is_empty() { Err(unknown("the host name has no address")) } else { Ok(found) }
}

/// An attempt to connect to one address.
pub(super) struct Attempt<'a> {
    pub(super) complete: &'a Complete,
    pub(super) endpoint: &'a Endpoint,
    pub(super) address: Address,
    pub(super) limit: Duration,
    pub(super) latest: &'a LatestTimeline,
}

impl Attempt<'_> {
    async fn run(self, tls: Option<&Tls>) -> Result<Opened, Fault> {
        let Session { client, heard, driver } = self.session(tls).await?;
        let facts = self.facts(&client).await.and_then(Facts::supported).inspect_err(|_| driver.abort())?;
        let tls = tls.filter(|_| self.endpoint.encryption == Encryption::Verified).map(Tls::connector);
        let route = Route { token: client.cancel_token(), address: self.address, tls };
        Ok(Opened { client, route, heard, driver, facts })
    }

    /// Connects, also to a standby.
    pub(super) async fn session(&self, tls: Option<&Tls>) -> Result<Session, Fault> {
        match tls.filter(|_| self.endpoint.encryption == Encryption::Verified) {
            Some(tls) => {
                tls.take_has_begun();
                self.connect(tls.clone(), Some(tls)).await
            }
            None => self.connect(NoTls, None).await,
        }
    }

    async fn connect<T>(&self, connector: T, tls: Option<&Tls>) -> Result<Session, Fault>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let config = self.config();
        let (client, connection) = config
            .connect(connector)
            .await
            .map_err(|error| self.fault(&error, tls.map(Tls::take_has_begun)))?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let driver = tokio::spawn(drive(connection, Arc::clone(&heard))).abort_handle();
        Ok(Session { client, heard, driver })
    }

    fn config(&self) -> Config {
        let settings = &self.complete.settings;
        let mut config = Config::new();
        let (idle, retries, interval) = KEEPALIVE;
        config
            .user(&self.complete.user)
            .dbname(&self.complete.database)
            .application_name(settings.application_name.as_deref().unwrap_or("keydesk"))
            .port(self.endpoint.port)
            .connect_timeout(self.limit)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .keepalives(true)
            .keepalives_idle(idle)
            .keepalives_retries(retries)
            .keepalives_interval(interval)
            .ssl_mode(match self.endpoint.encryption {
                Encryption::None => config::SslMode::Disable,
                Encryption::Verified => config::SslMode::Require,
            });
        match (&self.address, &self.endpoint.host) {
            (Address::Tcp { address, host }, _) => config.host(host).hostaddr(address.ip()),
            (Address::Unix(_), Host::Unix(folder)) => config.host_path(folder),
            (Address::Unix(path), Host::Tcp(_)) => config.host_path(path),
        };
        if let Some(binding) = settings.channel_binding {
            config.channel_binding(match binding {
                ChannelBinding::Disable => config::ChannelBinding::Disable,
                ChannelBinding::Prefer => config::ChannelBinding::Prefer,
                ChannelBinding::Require => config::ChannelBinding::Require,
            });
        }
        if let Some(password) = &self.endpoint.password {
            config.password(password.expose());
        }
        config
    }

    /// `has_begun`: whether the server has agreed to use TLS, if TLS is used.
    fn fault(&self, error: &tokio_postgres::Error, has_begun: Option<bool>) -> Fault {
        if let Some(error) = error.as_db_error() {
            return Fault::of_server(error);
        }
        if let Some(error) = fault::find::<rustls::Error>(error) {
            return Fault::of_tls(error);
        }
        if let Some(error) = fault::find::<std::io::Error>(error) {
            return Fault::unreachable(error);
        }
        if error.is_closed() {
            return Fault::new(FaultKind::Unreachable, "the server closed the connection");
        }
        match has_begun {
            Some(false) => Fault::new(FaultKind::NoTls, "the server does not offer TLS"),
            _ if self.endpoint.password.is_none() => no_password(&self.complete.user),
            _ => Fault::new(FaultKind::Login, fault::with_source(error)),
        }
    }

    /// Asks the server about itself, and rejects a standby and an old primary.
    async fn facts(&self, client: &Client) -> Result<Facts, Fault> {
        let fault = |error: tokio_postgres::Error| Fault::of(&error);
        let row = match client.query_typed_one(FACTS, &[]).await {
            Err(error) if is_without_timeline(&error) => {
                client.query_typed_one(FACTS_WITHOUT_TIMELINE, &[]).await
            }
            answer => answer,
        }
        .map_err(fault)?;
        if row.try_get(0).map_err(fault)? {
            return Err(Fault::new(FaultKind::Standby, "it is a standby"));
        }
        let (cluster, number): (Option<i64>, Option<i64>) =
            (row.try_get(3).map_err(fault)?, row.try_get(4).map_err(fault)?);
        let timeline = cluster.zip(number).map(|(cluster, number)| Timeline { cluster, number });
        timeline.map_or(Ok(()), |timeline| self.latest.admit(timeline))?;
        Ok(Facts {
            server: self.endpoint.to_string(),
            version: row.try_get(1).map_err(fault)?,
            session_user: row.try_get(2).map_err(fault)?,
            timeline,
            encryption: self.endpoint.encryption,
        })
    }
}

macro_rules! facts {
    ($cluster:expr, $timeline:expr) => {
        concat!(
            "SELECT pg_is_in_recovery(), current_setting('server_version_num')::int8, session_user::text, ",
            $cluster,
            ", ",
            $timeline
        )
    };
}

const FACTS: &str = facts!("(SELECT system_identifier FROM pg_control_system())", timeline_number!());

const FACTS_WITHOUT_TIMELINE: &str = facts!("NULL::int8", "NULL::int8");

/// Whether the server is one that does not say its timeline: the functions do not exist, or not for this role, or work only
/// with other settings.
fn is_without_timeline(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        let state = error.code();
        *state == SqlState::INSUFFICIENT_PRIVILEGE
            || *state == SqlState::UNDEFINED_FUNCTION
            || *state == SqlState::FEATURE_NOT_SUPPORTED
            || *state == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
    })
}

/// The fault of a server that asks for a password that is not stored.
fn no_password(user: &str) -> Fault {
    Fault::new(FaultKind::NoPassword, format!("no password is stored for the role \"{user}\""))
}

/// Drives a connection until it ends.
async fn drive<T>(mut connection: tokio_postgres::Connection<Socket, T>, heard: Arc<Mutex<Heard>>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                let mut heard = lock(&heard);
                if heard.notices.len() < MOST_NOTICES {
                    heard.notices.push(notice);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                lock(&heard).end = Some(Fault::of(&error));
                return;
            }
            None => return,
        }
    }
}
