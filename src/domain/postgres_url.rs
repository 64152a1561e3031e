//! The URL of a PostgreSQL database, with the parameters that libpq users know.
//!
//! It never contains a password: a URL is on the command line, in the history of the shell and in the list of
//! processes. No error repeats text that could be part of one.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::text::inert;

/// The port of PostgreSQL.
pub const DEFAULT_PORT: u16 = 5432;

/// The location of a database on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PostgresUrl {
    /// The section of the service file, which fills in what the URL leaves out.
    service: Option<String>,
    settings: Settings,
}

/// What a URL, a section of a service file or the environment says about a connection. Absent values come from the next
/// one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// In the order in which they are tried.
    pub hosts: Vec<Host>,
    /// One for all hosts, or one for each. `None` stands for the default port.
    pub ports: Vec<Option<u16>>,
    pub user: Option<String>,
    pub database: Option<String>,
    pub ssl_mode: Option<SslMode>,
    pub root_certificate: Option<RootCertificate>,
    pub channel_binding: Option<ChannelBinding>,
    /// How long an attempt to connect to one address may take.
    pub connect_timeout: Option<Duration>,
    pub application_name: Option<String>,
    pub password_file: Option<PathBuf>,
}

/// A host of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name or an address.
    Tcp(String),
    /// The directory of a Unix socket.
    Unix(PathBuf),
}

/// `sslmode`. keydesk knows two kinds of connections: without TLS, for loopback addresses and Unix sockets only, and with
/// TLS and a verified certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// `sslrootcert`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RootCertificate {
    /// The certificates that this system trusts.
    System,
    File(PathBuf),
}

/// `channel_binding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// To a loopback address or a Unix socket.
    None,
    /// TLS. The certificate must be valid for the name of the host.
    Verified,
}

/// Why a text is not the URL of a database. Contains no part of the text that could belong to a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the database URL contains a password")]
    Password,
    #[error("unknown scheme in the database URL")]
    Scheme,
    #[error("the database URL is not valid UTF-8")]
    NotUnicode,
    #[error("the database URL contains a character that must be percent-encoded")]
    Character,
    #[error("the database URL contains an invalid percent-encoding")]
    Encoding,
    #[error("invalid host in the database URL")]
    Host,
    #[error("invalid port in the database URL: not a number from 1 to 65535")]
    Port,
    #[error("the numbers of hosts and ports differ")]
    Ports,
    #[error("unknown connection parameter \"{}\"", inert(.0))]
    Unknown(String),
    #[error("connection parameter without a value")]
    NoValue,
    #[error("invalid value \"{}\" of the connection parameter {keyword}", inert(value))]
    Value { keyword: &'static str, value: String },
    #[error("sslmode={mode} does not protect a connection to {}", inert(host))]
    Unprotected { mode: SslMode, host: String },
}

impl UrlError {
    /// The stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Password => "password_in_url",
            Self::Unprotected { .. } => "tls_required",
            _ => "invalid_url",
        }
    }

    /// How to fix it: a sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Password => {
                "Remove the password from the URL. Store it in ~/.pgpass (mode 0600), in the file that PGPASSFILE names, \
                 or in a service file."
                    .into()
            }
            Self::Scheme => "Use postgres://USER@HOST/DATABASE, or the path of a file.".into(),
            Self::Character | Self::Encoding => {
                "Write \"@\" as %40, \"/\" as %2F, \":\" as %3A, \"%\" as %25 and a space as %20. Do not put a password \
                 in the URL."
                    .into()
            }
            Self::Unknown(_) => format!("Use only: {}.", KEYWORDS.join(", ")),
            Self::Value { keyword: "sslmode", .. } => {
                "Use sslmode=verify-full. Only loopback addresses and Unix sockets may have sslmode=disable.".into()
            }
            Self::Value { keyword: "target_session_attrs", .. } => {
                "Remove it: keydesk always uses the primary.".into()
            }
            Self::Unprotected { .. } => {
                "Use sslmode=verify-full, with sslrootcert=FILE where the system does not trust the certificate.".into()
            }
            Self::NotUnicode | Self::Host | Self::Port | Self::Ports | Self::NoValue | Self::Value { .. } => {
                "Use postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full.".into()
            }
        }
    }
}

/// The parameters of a URL and of a section of a service file.
const KEYWORDS: [&str; 13] = [
    "host",
    "port",
    "user",
    "dbname",
    "sslmode",
    "sslrootcert",
    "connect_timeout",
    "application_name",
    "channel_binding",
    "passfile",
    "service",
    "target_session_attrs",
    "client_encoding",
];

impl PostgresUrl {
    /// Whether a text has the scheme of PostgreSQL.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        rest(text).is_some()
    }

    /// # Errors
    /// When the text is not valid, contains a password, or asks for a connection without protection.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let rest = rest(text).ok_or(UrlError::Scheme)?;
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before_query.split_once('/').unwrap_or((before_query, ""));
        // A password with one of these characters would otherwise become a host, a database or a parameter.
        if rest.matches('@').count() > 1 || database.contains(['@', '/']) || query.contains('@') {
            return Err(UrlError::Character);
        }
        let (user, hosts) = authority.split_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        if user.contains(':') {
            return Err(UrlError::Password);
        }
        let mut url = Self::default();
        let some = |text: String| (!text.is_empty()).then_some(text);
        url.settings.user = some(decode(user)?);
        url.settings.database = some(decode(database)?);
        url.settings.set_authority(hosts)?;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (keyword, value) = parameter.split_once('=').ok_or(UrlError::NoValue)?;
            match decode(keyword)?.as_str() {
                "service" => url.service = some(decode(value)?),
                "password" | "sslpassword" => return Err(UrlError::Password),
                keyword => url.settings.set(keyword, &decode(value)?)?,
            }
        }
        url.settings.check()?;
        Ok(url)
    }

    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl FromStr for PostgresUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

fn rest(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
}

impl Settings {
    /// Sets `host1:port1,host2:port2`.
    fn set_authority(&mut self, text: &str) -> Result<(), UrlError> {
        if text.is_empty() {
            return Ok(());
        }
        for part in text.split(',') {
            let (host, port) = if let Some(rest) = part.strip_prefix('[') {
                let (address, port) = rest.split_once(']').ok_or(UrlError::Host)?;
                let address: std::net::Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
                let port = match port.strip_prefix(':') {
                    Some(port) => port,
                    None if port.is_empty() => "",
                    None => return Err(UrlError::Host),
                };
                (address.to_string(), port)
            } else {
                let (host, port) = part.split_once(':').unwrap_or((part, ""));
                (decode(host)?, port)
            };
            if !host.is_empty() {
                self.hosts.push(host.parse()?);
            }
            self.ports.push(parse_port(port)?);
        }
        self.ports_fit()
    }

    /// Sets a parameter by its name in a URL or a service file.
    ///
    /// # Errors
    /// When the parameter is unknown or its value is not valid.
    pub fn set(&mut self, keyword: &str, value: &str) -> Result<(), UrlError> {
        let some = || (!value.is_empty()).then(|| value.to_owned());
        match keyword {
            "host" => {
                self.hosts = value
                    .split(',')
                    .filter(|host| !host.is_empty())
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
            }
            "port" => self.ports = value.split(',').map(parse_port).collect::<Result<_, _>>()?,
            "user" => self.user = some(),
            "dbname" => self.database = some(),
            "sslmode" => self.ssl_mode = Some(parse_value("sslmode", value)?),
            "sslrootcert" => {
                self.root_certificate = some().map(|text| match text.as_str() {
                    "system" => RootCertificate::System,
                    file => RootCertificate::File(file.into()),
                });
            }
            "channel_binding" => self.channel_binding = Some(parse_value("channel_binding", value)?),
            "connect_timeout" => {
                let seconds: i32 = parse_value("connect_timeout", value)?;
                // As libpq, 0 and less stand for the default.
                self.connect_timeout =
                    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
            }
            "application_name" => self.application_name = some(),
            "passfile" => self.password_file = some().map(PathBuf::from),
            // A standby cannot be used, and all text is UTF-8.
            "target_session_attrs" if matches!(value, "any" | "read-write" | "primary") => {}
            "target_session_attrs" => {
                return Err(UrlError::Value { keyword: "target_session_attrs", value: value.to_owned() });
            }
            "client_encoding" if value.eq_ignore_ascii_case("utf8") || value == "auto" => {}
            "client_encoding" => {
                return Err(UrlError::Value { keyword: "client_encoding", value: value.to_owned() });
            }
            _ => return Err(UrlError::Unknown(keyword.to_owned())),
        }
        Ok(())
    }

    /// Fills in what is absent here.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            hosts: if self.hosts.is_empty() { other.hosts } else { self.hosts },
            ports: if self.ports.iter().all(Option::is_none) { other.ports } else { self.ports },
            user: self.user.or(other.user),
            database: self.database.or(other.database),
            ssl_mode: self.ssl_mode.or(other.ssl_mode),
            root_certificate: self.root_certificate.or(other.root_certificate),
            channel_binding: self.channel_binding.or(other.channel_binding),
            connect_timeout: self.connect_timeout.or(other.connect_timeout),
            application_name: self.application_name.or(other.application_name),
            password_file: self.password_file.or(other.password_file),
        }
    }

    fn ports_fit(&self) -> Result<(), UrlError> {
        let fits = self.ports.len() <= 1 || self.hosts.len() == self.ports.len();
        if fits { Ok(()) } else { Err(UrlError::Ports) }
    }

    /// Checks the ports, and that each host may be reached in this mode.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), UrlError> {
        self.ports_fit()?;
        self.hosts.iter().try_for_each(|host| self.encryption(host).map(drop))
    }

    /// How to connect to a host. A loopback address or a Unix socket needs no TLS; every other host needs it, and TLS
    /// always includes the check of certificate and name.
    ///
    /// # Errors
    /// When the mode would leave a connection unprotected.
    pub fn encryption(&self, host: &Host) -> Result<Encryption, UrlError> {
        match (host, self.ssl_mode) {
            (Host::Unix(_), _) => Ok(Encryption::None),
            (Host::Tcp(name), Some(mode @ (SslMode::Disable | SslMode::Allow | SslMode::Prefer))) => {
                if is_loopback(name) {
                    Ok(Encryption::None)
                } else {
                    Err(UrlError::Unprotected { mode, host: name.clone() })
                }
            }
            (Host::Tcp(_), Some(SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull)) => {
                Ok(Encryption::Verified)
            }
            (Host::Tcp(name), None) if is_loopback(name) && self.root_certificate.is_none() => {
                Ok(Encryption::None)
            }
            (Host::Tcp(_), None) => Ok(Encryption::Verified),
        }
    }

    /// Hosts with their ports, in the order in which they are tried.
    pub fn endpoints(&self) -> impl Iterator<Item = (&Host, u16)> {
        self.hosts.iter().enumerate().map(|(at, host)| {
            let port = self.ports.get(at).or_else(|| self.ports.first()).copied().flatten();
            (host, port.unwrap_or(DEFAULT_PORT))
        })
    }
}

/// Whether a host is this machine: a loopback address, or the name `localhost`, of which only loopback addresses are used.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

impl FromStr for Host {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        if text.is_empty() || !(text.chars().all(is_name) || text.parse::<IpAddr>().is_ok()) {
            return Err(UrlError::Host);
        }
        Ok(Self::Tcp(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(name) if name.contains(':') => write!(f, "[{name}]"),
            Self::Tcp(name) => f.write_str(name),
            Self::Unix(folder) => f.write_str(&inert(&folder.to_string_lossy())),
        }
    }
}

fn parse_port(text: &str) -> Result<Option<u16>, UrlError> {
    match text {
        "" => Ok(None),
        text => text.parse().ok().filter(|port| *port > 0).map(Some).ok_or(UrlError::Port),
    }
}

fn parse_value<T: FromStr>(keyword: &'static str, value: &str) -> Result<T, UrlError> {
    value.trim().parse().map_err(|_| UrlError::Value { keyword, value: value.to_owned() })
}

/// Decodes `%XX`.
fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit =
            || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(UrlError::Encoding);
        let value = digit()? * 16 + digit()?;
        match u8::try_from(value) {
            Ok(byte) if byte != 0 => bytes.push(byte),
            _ => return Err(UrlError::Encoding),
        }
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Encoding)
}

/// Encodes everything except for ASCII letters, digits, `-._~` and `also`.
fn encode(text: &str, also: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || also.contains(c) {
            encoded.push(c);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The URL, which contains no password. Parsing it gives the same value.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let mut query: Vec<(&str, String)> = Vec::new();
        f.write_str("postgres://")?;
        if let Some(user) = &settings.user {
            write!(f, "{}@", encode(user, ""))?;
        }
        let port = |at: usize| settings.ports.get(at).copied().flatten();
        if settings.hosts.iter().all(|host| matches!(host, Host::Tcp(_)))
            && (settings.ports.len() == settings.hosts.len() || settings.ports.iter().all(Option::is_none))
        {
            for (at, host) in settings.hosts.iter().enumerate() {
                write!(f, "{}{host}", if at > 0 { "," } else { "" })?;
                port(at).map_or(Ok(()), |port| write!(f, ":{port}"))?;
            }
        } else {
            let join = |texts: Vec<String>| texts.join(",");
            let host = |host: &Host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(folder) => folder.to_string_lossy().into_owned(),
            };
            if !settings.hosts.is_empty() {
                query.push(("host", join(settings.hosts.iter().map(host).collect())));
            }
            if settings.ports.iter().any(Option::is_some) {
                let port = |port: &Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
                query.push(("port", join(settings.ports.iter().map(port).collect())));
            }
        }
        if let Some(database) = &settings.database {
            write!(f, "/{}", encode(database, ""))?;
        }
        let file = |path: &Path| path.to_string_lossy().into_owned();
        let mut add = |keyword, value: Option<String>| query.extend(value.map(|value| (keyword, value)));
        add("sslmode", settings.ssl_mode.map(|mode| mode.to_string()));
        add(
            "sslrootcert",
            settings.root_certificate.as_ref().map(|root| match root {
                RootCertificate::System => "system".to_owned(),
                RootCertificate::File(path) => file(path),
            }),
        );
        add("channel_binding", settings.channel_binding.map(|binding| binding.to_string()));
        add("connect_timeout", settings.connect_timeout.map(|timeout| timeout.as_secs().to_string()));
        add("application_name", settings.application_name.clone());
        add("passfile", settings.password_file.as_deref().map(file));
        add("service", self.service.clone());
        for (at, (keyword, value)) in query.iter().enumerate() {
            write!(f, "{}{keyword}={}", if at > 0 { '&' } else { '?' }, encode(value, "/,:"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "postgres_url_tests.rs"]
mod tests;
