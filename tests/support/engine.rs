//! The database of a test, in SQLite or in PostgreSQL, and SQL on it past keydesk.

use std::ffi::OsString;

use keydesk::domain::Instant;
use keydesk::domain::location::Location;
use keydesk::domain::postgres_url::PostgresUrl;
use proptest::test_runner::Config;

use super::TestDesk;
use super::postgres::{Database, psql, timed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn is_sqlite(self) -> bool {
        self == Self::Sqlite
    }

    pub fn pick<T>(self, sqlite: T, postgres: T) -> T {
        if self.is_sqlite() { sqlite } else { postgres }
    }

    /// The number of random cases of a test. On a server, where each statement is a round trip, a quarter of them.
    pub fn cases(self, cases: u32) -> Config {
        Config { cases: self.pick(cases, cases.div_ceil(4)), failure_persistence: None, ..Config::default() }
    }
}

/// Where the database of a desk is.
pub(super) enum Place {
    File,
    Server(Database<'static>),
}

impl Place {
    pub(super) fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::File,
            Engine::Postgres => Self::Server(timed::server().database()),
        }
    }

    /// Sets the clock of a server, until it is set again. That of a file is what operations are told.
    pub(super) fn set_clock(&self, now: Instant) {
        if let Self::Server(_) = self {
            timed::set_clock(now.timestamp());
        }
    }

    pub(super) fn location(&self, folder: &std::path::Path) -> Location {
        match self {
            Self::File => folder.join("keydesk.db").into(),
            Self::Server(database) => database.socket_url().parse::<PostgresUrl>().expect("a URL").into(),
        }
    }
}

impl TestDesk {
    pub fn engine(&self) -> Engine {
        match self.place {
            Place::File => Engine::Sqlite,
            Place::Server(_) => Engine::Postgres,
        }
    }

    /// What `--db` and the library take.
    pub fn address(&self) -> OsString {
        match &self.place {
            Place::File => self.path().into(),
            Place::Server(database) => database.socket_url().into(),
        }
    }

    /// Runs statements past keydesk; the error is what the engine says.
    pub fn try_sql(&self, sql: &str) -> Result<(), String> {
        match &self.place {
            Place::File => {
                let connection = rusqlite::Connection::open(self.path()).expect("a connection");
                connection.execute_batch(sql).map_err(|error| error.to_string())
            }
            Place::Server(database) => {
                let said = psql(&database.socket_url(), sql);
                if said.code == 0 { Ok(()) } else { Err(said.err) }
            }
        }
    }

    /// The same for statements that succeed.
    pub fn sql(&self, sql: &str) {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        // A server plans lists by its statistics. Those of tests with a fake clock never update them by themselves.
        if let Place::Server(database) = &self.place
            && sql.contains("INSERT INTO keys")
        {
            database.psql("VACUUM ANALYZE");
        }
    }

    /// The value of a query for a text.
    pub fn text(&self, sql: &str) -> String {
        match &self.place {
            Place::File => {
                let connection = rusqlite::Connection::open(self.path()).expect("a connection");
                connection.query_row(sql, [], |row| row.get(0)).expect("a row")
            }
            Place::Server(database) => database.psql_as_ana(sql),
        }
    }
}
