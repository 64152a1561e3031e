//! What can go wrong with a server, by SQLSTATE and by type, never by the text of a message.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::domain::postgres_url::{PostgresUrl, UrlError};
use crate::domain::text::inert;

/// Why a statement or a connection failed.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    kind: FaultKind,
    /// Inert, without a password.
    reason: String,
    /// From the server.
    state: Option<SqlState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Another session held a lock for too long, or both waited for each other.
    Busy,
    /// Another thread stopped the statement.
    Interrupted,
    /// The server did not answer in time.
    TimedOut,
    /// A unique value already exists.
    Taken,
    /// The disk of the server is full.
    DiskFull,
    /// The server takes no writes.
    ReadOnly,
    /// The role may not do this.
    NoRights,
    /// The server does not know the role, or the password is wrong.
    Login,
    /// The server asks for a password, and none is stored.
    NoPassword,
    NoDatabase,
    /// The server starts, stops, or has no free connection.
    Unavailable,
    /// The version of the server is not supported.
    TooOld,
    /// The server follows another one.
    Standby,
    /// Another server was promoted since, and this one continues.
    OldPrimary,
    /// No server answers at the address.
    Unreachable,
    /// The name of the host cannot be resolved.
    UnknownHost,
    /// The server does not offer TLS.
    NoTls,
    /// The certificate of the server is not valid.
    Certificate,
    /// TLS failed for another reason.
    Tls,
    /// The connection was lost.
    Closed,
    /// The commit is on the primary alone: the wait for a synchronous standby was canceled.
    NotReplicated,
    /// The transaction had failed before its commit.
    Aborted,
    /// What is configured about the connection is not valid.
    Settings,
    /// Any other error.
    Other,
}

impl Fault {
    pub(in crate::store) fn new(kind: FaultKind, reason: impl AsRef<str>) -> Self {
        Self { kind, reason: inert(reason.as_ref()), state: None }
    }

    pub(in crate::store) fn timed_out(limit: Duration) -> Self {
        Self::new(FaultKind::TimedOut, format!("no answer within {}", seconds(limit)))
    }

    pub(in crate::store) fn settings(error: &UrlError) -> Self {
        Self::new(FaultKind::Settings, format!("{error}. {}", error.hint()))
    }

    /// An error of the operating system while connecting.
    pub(in crate::store) fn unreachable(error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::ConnectionRefused => "no server is listening".to_owned(),
            io::ErrorKind::NotFound => "the socket does not exist".to_owned(),
            io::ErrorKind::TimedOut => "no answer".to_owned(),
            _ => error.to_string(),
        };
        Self::new(FaultKind::Unreachable, reason)
    }

    /// An error of an open connection.
    pub(in crate::store) fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self::of_server(error);
        }
        if error.is_closed() || find::<io::Error>(error).is_some() {
            let reason =
                error.source().map_or_else(|| "the connection was lost".to_owned(), ToString::to_string);
            return Self::new(FaultKind::Closed, reason);
        }
        Self::new(FaultKind::Other, with_source(error))
    }

    /// An error that the server reports. Its detail is left out, since it may contain values.
    pub(in crate::store) fn of_server(error: &DbError) -> Self {
        let kind = kind_of(error.code());
        Self { state: Some(error.code().clone()), ..Self::new(kind, error.message()) }
    }

    /// An error of TLS.
    pub(in crate::store) fn of_tls(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(invalid) = error else {
            return Self::new(FaultKind::Tls, error.to_string());
        };
        let reason = match invalid {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet".to_owned()
            }
            CertificateError::UnknownIssuer => {
                "its certificate was issued by an unknown authority".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host name".to_owned()
            }
            CertificateError::Revoked => "its certificate was revoked".to_owned(),
            invalid => format!("its certificate is not valid: {invalid}"),
        };
        Self::new(FaultKind::Certificate, reason)
    }

    pub(crate) fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The SQLSTATE, if the server reported the error.
    pub(crate) fn state(&self) -> Option<&SqlState> {
        self.state.as_ref()
    }

    /// Puts what it is about before the reason.
    pub(in crate::store) fn about(mut self, subject: impl fmt::Display) -> Self {
        self.reason = format!("{}: {}", inert(&subject.to_string()), self.reason);
        self
    }

    /// Replaces the reason.
    pub(in crate::store) fn because(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    /// Adds to the reason.
    pub(in crate::store) fn and(mut self, more: &str) -> Self {
        self.reason = format!("{}; {}", self.reason, inert(more));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

/// By SQLSTATE.
fn kind_of(state: &SqlState) -> FaultKind {
    if *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::T_R_SERIALIZATION_FAILURE
        || *state == SqlState::T_R_DEADLOCK_DETECTED
    {
        FaultKind::Busy
    } else if *state == SqlState::QUERY_CANCELED {
        FaultKind::Interrupted
    } else if *state == SqlState::UNIQUE_VIOLATION {
        FaultKind::Taken
    } else if *state == SqlState::DISK_FULL {
        FaultKind::DiskFull
    } else if *state == SqlState::READ_ONLY_SQL_TRANSACTION {
        FaultKind::ReadOnly
    } else if *state == SqlState::INSUFFICIENT_PRIVILEGE {
        FaultKind::NoRights
    } else if *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION || *state == SqlState::INVALID_PASSWORD
    {
        FaultKind::Login
    } else if *state == SqlState::INVALID_CATALOG_NAME {
        FaultKind::NoDatabase
    } else if *state == SqlState::ADMIN_SHUTDOWN
        || *state == SqlState::CRASH_SHUTDOWN
        || *state == SqlState::CANNOT_CONNECT_NOW
        || *state == SqlState::TOO_MANY_CONNECTIONS
    {
        FaultKind::Unavailable
    } else if *state == SqlState::IN_FAILED_SQL_TRANSACTION {
        FaultKind::Aborted
    } else {
        FaultKind::Other
    }
}

/// Whether the server ends the connection with this error.
pub(in crate::store) fn is_last(error: &DbError) -> bool {
    matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Finds an error of a type among the causes of another. An error of input and output may contain one.
pub(in crate::store) fn find<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The message of an error with that of its cause.
pub(in crate::store) fn with_source(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

pub(in crate::store) fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

/// A server could not do what was asked.
#[derive(Clone, Debug)]
pub struct ServerError {
    url: PostgresUrl,
    what: &'static str,
    fault: Fault,
}

impl ServerError {
    /// A fault that occurred while doing `what` with the database at `url`.
    pub(crate) fn new(fault: Fault, what: &'static str, url: &PostgresUrl) -> Self {
        Self { url: url.clone(), what, fault }
    }

    /// Whether the role may not do it.
    pub(crate) fn lacks_rights(&self) -> bool {
        self.fault.kind == FaultKind::NoRights
    }

    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.fault.kind {
            FaultKind::Busy => "busy",
            FaultKind::Interrupted => "interrupted",
            FaultKind::TimedOut => "server_timeout",
            FaultKind::DiskFull => "disk_full",
            FaultKind::ReadOnly => "read_only",
            FaultKind::NoRights => "no_rights",
            FaultKind::Login => "login_rejected",
            FaultKind::NoPassword => "no_password",
            FaultKind::NoDatabase => "no_database",
            FaultKind::Unavailable => "server_unavailable",
            FaultKind::TooOld => "unsupported_server",
            FaultKind::Standby => "standby",
            FaultKind::OldPrimary => "old_primary",
            FaultKind::Unreachable => "unreachable",
            FaultKind::UnknownHost => "unknown_host",
            FaultKind::NoTls => "tls_required",
            FaultKind::Certificate => "invalid_certificate",
            FaultKind::Tls => "tls",
            FaultKind::Closed => "connection_lost",
            FaultKind::NotReplicated => "outcome_unknown",
            FaultKind::Settings => "invalid_connection_settings",
            FaultKind::Taken | FaultKind::Aborted | FaultKind::Other => "database",
        }
    }

    /// How to fix it, if known: a sentence.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.fault.kind {
            FaultKind::TimedOut => "Check the load of the server and the network, then try again.",
            FaultKind::DiskFull => "Free some disk space on the server and try again.",
            FaultKind::ReadOnly => "Connect to the primary, and check default_transaction_read_only.",
            FaultKind::NoRights => "Use a role with the rights that \"keydesk init\" grants.",
            FaultKind::Login => {
                "Check the role, its password in ~/.pgpass or the service file, and pg_hba.conf on the server."
            }
            FaultKind::NoPassword => {
                "Store the password in ~/.pgpass (mode 0600): HOST:PORT:DATABASE:USER:PASSWORD"
            }
            FaultKind::NoDatabase => "Create the database with createdb, or fix its name in the URL.",
            FaultKind::Unavailable => "Try again in a moment.",
            FaultKind::TooOld => "Upgrade the server to PostgreSQL 15 or newer.",
            FaultKind::Standby => {
                "Use the URL of the primary, or list all servers: postgres://USER@HOST1,HOST2/DATABASE"
            }
            FaultKind::OldPrimary => {
                "Stop the old primary, and list all servers: postgres://USER@HOST1,HOST2/DATABASE"
            }
            FaultKind::Unreachable => {
                "Check host and port of the URL, the firewall, and that the server is running."
            }
            FaultKind::UnknownHost => "Check the host in the URL, and the name server of this system.",
            FaultKind::NoTls => {
                "Set ssl = on in postgresql.conf. Only loopback addresses and Unix sockets need no TLS."
            }
            FaultKind::Certificate => {
                "Use the host name of the certificate in the URL, and sslrootcert=FILE with the certificate of its authority."
            }
            FaultKind::Tls => "Check that the server supports TLS 1.2 or 1.3.",
            FaultKind::Closed => "Check that the server is running, then try again.",
            FaultKind::NotReplicated => {
                "Check the synchronous standby, then check the list before you try again."
            }
            FaultKind::Settings => "Fix the URL, the service file or the environment variable.",
            FaultKind::Busy
            | FaultKind::Interrupted
            | FaultKind::Taken
            | FaultKind::Aborted
            | FaultKind::Other => return None,
        })
    }
}

/// Names the server without a password.
impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database {} failed while {}: {}", self.url, self.what, self.fault)
    }
}

impl std::error::Error for ServerError {}
