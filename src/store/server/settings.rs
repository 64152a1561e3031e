//! What a connection needs, from the URL, the service file, the environment and the defaults of libpq, in this order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::password_file::{Login, PasswordFile};
use super::service_file::{self, Service};
use crate::domain::postgres_url::{Encryption, Host, PostgresUrl, RootCertificate, Settings};
use crate::domain::secret::Secret;
use crate::host::identity;

/// Variables of libpq, with the parameters that they set.
const VARIABLES: [(&str, &str); 10] = [
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGAPPNAME", "application_name"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGPASSFILE", "passfile"),
];

/// Where the packages of distributions, and PostgreSQL itself, put the socket.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Where the packages of distributions put the service file of the system.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc"];

/// What libpq reads besides the URL.
#[derive(Debug, Default)]
pub(in crate::store) struct Environment {
    pub(in crate::store) variables: BTreeMap<String, String>,
    /// `PGPASSWORD`.
    pub(in crate::store) password: Option<Secret>,
    pub(in crate::store) home: Option<PathBuf>,
    pub(in crate::store) login: String,
}

impl Environment {
    pub(in crate::store) fn of_process() -> Self {
        let names = VARIABLES.iter().map(|(name, _)| *name);
        Self {
            variables: names
                .chain(["PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR"])
                .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
            password: std::env::var("PGPASSWORD").ok().filter(|text| !text.is_empty()).map(Secret::new),
            home: std::env::home_dir(),
            login: identity::caller().login,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    fn settings(&self) -> Result<Settings, Fault> {
        let mut settings = Settings::default();
        for (name, keyword) in VARIABLES {
            if let Some(value) = self.get(name) {
                settings.set(keyword, value).map_err(|error| Fault::settings(&error).about(name))?;
            }
        }
        Ok(settings)
    }

    fn service_files(&self) -> Vec<PathBuf> {
        let of_user = match (self.get("PGSERVICEFILE"), &self.home) {
            (Some(path), _) => Some(PathBuf::from(path)),
            (None, Some(home)) => Some(home.join(".pg_service.conf")),
            (None, None) => None,
        };
        let of_system = match self.get("PGSYSCONFDIR") {
            Some(folder) => vec![folder],
            None => SYSTEM_FOLDERS.to_vec(),
        };
        let of_system = of_system.into_iter().map(|folder| Path::new(folder).join("pg_service.conf"));
        of_user.into_iter().chain(of_system).collect()
    }
}

/// The complete settings of a connection.
#[derive(Debug)]
pub(in crate::store) struct Complete {
    pub(in crate::store) endpoints: Vec<Endpoint>,
    pub(in crate::store) user: String,
    pub(in crate::store) database: String,
    /// The rest. Hosts, ports, user and database are the fields above.
    pub(in crate::store) settings: Settings,
    /// Sentences about files that were ignored or that others can read.
    pub(in crate::store) warnings: Vec<String>,
}

/// A server to try.
#[derive(Debug)]
pub(in crate::store) struct Endpoint {
    pub(in crate::store) host: Host,
    pub(in crate::store) port: u16,
    pub(in crate::store) encryption: Encryption,
    pub(in crate::store) password: Option<Secret>,
}

impl Complete {
    /// # Errors
    /// When a value is not valid, or would leave a connection unprotected.
    pub(in crate::store) fn new(url: &PostgresUrl, environment: &Environment) -> Result<Self, Fault> {
        let service = match url.service().or_else(|| environment.get("PGSERVICE")) {
            Some(name) => service_file::find(name, &environment.service_files())?,
            None => Service::default(),
        };
        let Service { settings: of_service, password: of_service_password, warning } = service;
        let mut settings = url.settings().clone().or(of_service).or(environment.settings()?);
        if settings.hosts.is_empty() {
            settings.hosts.push(default_host(settings.ports.first().copied().flatten()));
        }
        settings.check().map_err(|error| Fault::settings(&error))?;
        let user = settings.user.clone().unwrap_or_else(|| environment.login.clone());
        let database = settings.database.clone().unwrap_or_else(|| user.clone());
        let mut warnings = Vec::from_iter(warning);
        let password = of_service_password.or_else(|| environment.password.clone());
        let file = match (&password, environment.password_file(&settings)) {
            (None, Some(path)) => PasswordFile::read(&path).map_err(|why| warnings.push(why)).ok(),
            _ => None,
        };
        let endpoint = |(host, port): (&Host, u16)| {
            let login = Login { host, port, database: &database, user: &user };
            Ok(Endpoint {
                host: host.clone(),
                port,
                encryption: settings.encryption(host).map_err(|error| Fault::settings(&error))?,
                password: password.clone().or_else(|| file.as_ref()?.find(login)),
            })
        };
        let endpoints = settings.endpoints().map(endpoint).collect::<Result<Vec<_>, Fault>>()?;
        // Not earlier: this file does not ask for TLS to a loopback address, as sslrootcert does.
        settings.root_certificate =
            settings.root_certificate.take().or_else(|| environment.root_certificate());
        Ok(Self { endpoints, user, database, settings, warnings })
    }
}

impl Environment {
    fn password_file(&self, settings: &Settings) -> Option<PathBuf> {
        settings.password_file.clone().or_else(|| Some(self.home.as_ref()?.join(".pgpass")))
    }

    /// The certificate that libpq uses where none is named.
    fn root_certificate(&self) -> Option<RootCertificate> {
        let path = self.home.as_ref()?.join(".postgresql/root.crt");
        path.is_file().then_some(RootCertificate::File(path))
    }
}

fn default_host(port: Option<u16>) -> Host {
    let socket = format!(".s.PGSQL.{}", port.unwrap_or(crate::domain::postgres_url::DEFAULT_PORT));
    let folders = SOCKET_FOLDERS.map(Path::new);
    let found = folders.iter().find(|folder| folder.join(&socket).exists());
    Host::Unix(found.unwrap_or(&folders[0]).to_path_buf())
}

/// `host:port`, or the path of the socket.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Tcp(_) => write!(f, "{}:{}", self.host, self.port),
            Host::Unix(_) => write!(f, "{}/.s.PGSQL.{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::server::FaultKind;

    struct Place {
        home: tempfile::TempDir,
        environment: Environment,
    }

    impl Place {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let mut variables = BTreeMap::new();
            variables.insert("PGSYSCONFDIR".to_owned(), home.path().join("system").display().to_string());
            let path = Some(home.path().to_owned());
            let environment =
                Environment { variables, home: path, login: "ana".to_owned(), ..Environment::default() };
            Self { home, environment }
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn set(&mut self, name: &str, value: &str) {
            self.environment.variables.insert(name.to_owned(), value.to_owned());
        }

        fn complete(&self, url: &str) -> Result<Complete, Fault> {
            Complete::new(&url.parse().unwrap(), &self.environment)
        }

        fn password(&self, url: &str) -> Option<String> {
            let complete = self.complete(url).unwrap();
            complete.endpoints[0].password.as_ref().map(|secret| secret.expose().to_owned())
        }
    }

    #[test]
    fn the_defaults_are_those_of_libpq() {
        let complete = Place::new().complete("postgres://").unwrap();
        assert_eq!((complete.user.as_str(), complete.database.as_str()), ("ana", "ana"));
        assert!(matches!(&complete.endpoints[..], [Endpoint { host: Host::Unix(_), port: 5432, .. }]));
        let complete = Place::new().complete("postgres://bob@localhost").unwrap();
        assert_eq!((complete.user.as_str(), complete.database.as_str()), ("bob", "bob"));
    }

    #[test]
    fn the_url_comes_before_the_service_before_the_environment() {
        let mut place = Place::new();
        place.write(".pg_service.conf", "[main]\nhost=from-service\nuser=of_service\n");
        place.set("PGHOST", "from-environment");
        place.set("PGUSER", "of_environment");
        place.set("PGDATABASE", "keydesk");
        let facts = |url: &str| {
            let complete = place.complete(url).unwrap();
            (complete.endpoints[0].to_string(), complete.user, complete.database)
        };
        let expected =
            |host: &str, user: &str, database: &str| (host.to_owned(), user.to_owned(), database.to_owned());
        assert_eq!(facts("postgres://"), expected("from-environment:5432", "of_environment", "keydesk"));
        assert_eq!(facts("postgres://?service=main"), expected("from-service:5432", "of_service", "keydesk"));
        assert_eq!(facts("postgres://u@h:1/d?service=main"), expected("h:1", "u", "d"));
    }

    #[test]
    fn passwords_come_from_the_service_file_the_environment_or_the_password_file() {
        let mut place = Place::new();
        place.write(".pgpass", "db:5432:*:*:of_file\n");
        place.write("other", "db:5432:*:*:of_other_file\n");
        place.write("system/pg_service.conf", "[main]\nhost=db\npassword=of_service\n");
        assert_eq!(place.password("postgres://db").as_deref(), Some("of_file"));
        assert_eq!(place.password("postgres://db:1").as_deref(), None);
        let other = place.home.path().join("other").display().to_string();
        assert_eq!(
            place.password(&format!("postgres://db?passfile={other}")).as_deref(),
            Some("of_other_file")
        );
        place.set("PGPASSFILE", &other);
        assert_eq!(place.password("postgres://db").as_deref(), Some("of_other_file"));
        place.environment.password = Some(Secret::new("of_environment".to_owned()));
        assert_eq!(place.password("postgres://db").as_deref(), Some("of_environment"));
        assert_eq!(place.password("postgres://?service=main").as_deref(), Some("of_service"));
        let debug = format!("{:?} {:?}", place.complete("postgres://db").unwrap(), place.environment);
        assert!(!debug.contains("of_environment"), "{debug}");
    }

    #[test]
    fn a_service_or_a_variable_cannot_remove_the_protection() {
        let mut place = Place::new();
        place.write(".pg_service.conf", "[main]\nhost=db.internal\nsslmode=prefer\n");
        let fault = place.complete("postgres://?service=main").unwrap_err();
        assert!(
            fault.to_string().contains("sslmode=prefer does not protect a connection to db.internal"),
            "{fault}"
        );
        place.set("PGSSLMODE", "disable");
        assert_eq!(place.complete("postgres://db.internal").unwrap_err().kind(), FaultKind::Settings);
        assert_eq!(place.complete("postgres://localhost").unwrap().endpoints[0].encryption, Encryption::None);
        place.set("PGSSLMODE", "nonsense");
        assert!(
            place.complete("postgres://db").unwrap_err().to_string().starts_with("PGSSLMODE: invalid value")
        );
    }

    #[test]
    fn the_certificate_of_libpq_is_used_where_none_is_named() {
        let place = Place::new();
        assert_eq!(place.complete("postgres://db").unwrap().settings.root_certificate, None);
        place.write(".postgresql/root.crt", "");
        let root = |url| place.complete(url).unwrap().settings.root_certificate;
        let expected = place.home.path().join(".postgresql/root.crt");
        assert_eq!(root("postgres://db"), Some(RootCertificate::File(expected)));
        assert_eq!(place.complete("postgres://localhost").unwrap().endpoints[0].encryption, Encryption::None);
        assert_eq!(root("postgres://db?sslrootcert=system"), Some(RootCertificate::System));
    }

    #[test]
    fn a_password_file_that_others_can_read_is_ignored_with_a_warning() {
        let place = Place::new();
        place.write(".pgpass", "*:*:*:*:hunter2\n");
        let path = place.home.path().join(".pgpass");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let complete = place.complete("postgres://db").unwrap();
        assert!(complete.endpoints[0].password.is_none());
        assert!(complete.warnings[0].contains(".pgpass was ignored"), "{:?}", complete.warnings);
    }
}
