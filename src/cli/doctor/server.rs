//! Checks of a database on a PostgreSQL server.

use std::sync::Arc;

use super::database::{self, Kind};
use crate::cli::checks::{Finding, Outcome, failed};
use crate::domain::Instant;
use crate::domain::location::Location;
use crate::domain::postgres_url::PostgresUrl;
use crate::host::identity;
use crate::store::Store;

pub(super) fn check(url: &Arc<PostgresUrl>, now: Instant) -> Vec<Finding> {
    let location = Location::Postgres(Arc::clone(url));
    let opened = Store::open_read_only(&location);
    let (store, caller) = match opened.and_then(|store| Ok((store.database_caller()?, store))) {
        Ok((caller, store)) => (store, caller.unwrap_or_else(identity::caller)),
        Err(error) => return vec![Finding::new("database", failed(&error))],
    };
    let mut findings = vec![Finding::new("database", Outcome::good(url.to_string()))];
    findings.extend(database::people(&store, &caller));
    findings.extend([
        Finding::new("audit log", database::chain(&store, Kind::Server)),
        Finding::new("clock", database::time(&store, now)),
    ]);
    findings.extend(database::allowed_sources(&store, now));
    findings
        .extend(database::known_head(&location, &caller).map(|outcome| Finding::new("known head", outcome)));
    findings
}
