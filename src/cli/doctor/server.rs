//! Checks of a database on a PostgreSQL server.

use std::sync::Arc;

use super::database::{self, Kind};
use super::postgres;
use crate::cli::checks::{Finding, Outcome, failed};
use crate::domain::Instant;
use crate::domain::location::Location;
use crate::domain::postgres_url::PostgresUrl;
use crate::domain::text::inert;
use crate::host::identity;
use crate::store::server_facts::{NEWEST, RoleKind, ServerFacts, ServerInspection, TESTED_VERSIONS};
use crate::store::{Store, StoreError};

const RESTORE: &str = "Stop keydesk everywhere, then restore the latest backup of the database";

pub(super) fn check(url: &Arc<PostgresUrl>, now: Instant) -> Vec<Finding> {
    let opened = ServerInspection::open(url);
    let (inspection, facts) = match opened.and_then(|opened| Ok((opened.facts()?, opened))) {
        Ok((facts, inspection)) => (inspection, facts),
        Err(error) => return vec![Finding::new("server", failed(&error))],
    };
    let mut findings = postgres::check(&facts);
    findings.extend(pooler(&inspection).map(|outcome| Finding::new("pooler", outcome)));
    findings.extend(
        inspection.warnings().iter().map(|warning| Finding::new("password file", password_file(warning))),
    );
    let format = format(url, &inspection);
    let (is_ours, has_rights) = (format.is_ok(), !format.as_ref().is_err_and(StoreError::lacks_rights));
    if has_rights {
        findings.push(Finding::new("database", format));
    }
    if is_ours {
        findings.push(Finding::new("schema", schema(&inspection, &facts)));
    }
    if is_ours || !has_rights {
        findings.push(Finding::new("role", postgres::role(&facts.role)));
    }
    if is_ours && facts.role.kind != RoleKind::Other {
        findings.extend(content(url, facts.role.kind, now));
    }
    findings
}

/// Checks what a role of this kind may read, which is one that has rights.
fn content(url: &Arc<PostgresUrl>, role: RoleKind, now: Instant) -> Vec<Finding> {
    let location = Location::Postgres(Arc::clone(url));
    let opened = Store::open_read_only(&location);
    let (store, caller) = match opened.and_then(|store| Ok((store.database_caller()?, store))) {
        Ok((caller, store)) => (store, caller.unwrap_or_else(identity::caller)),
        Err(error) => return vec![Finding::new("content", failed(&error))],
    };
    let mut findings = Vec::new();
    // A gateway may not read users and the text of the audit log.
    if role != RoleKind::Gateway {
        findings.extend(database::people(&store, &caller));
        findings.extend([
            Finding::new("deleted users", database::deleted_users(&store, RESTORE)),
            Finding::new("audit log", database::chain(&store, Kind::Server)),
            Finding::new("clock", database::time(&store, store.clock().whose(), store.clock().now(now))),
        ]);
    }
    findings.extend(database::allowed_sources(&store, now));
    findings
        .extend(database::known_head(&location, &caller).map(|outcome| Finding::new("known head", outcome)));
    findings
}

fn format(url: &PostgresUrl, inspection: &ServerInspection) -> Result<Outcome, StoreError> {
    let found = inspection.format()?;
    Ok(if found == NEWEST {
        Outcome::good(format!("{url}, format {found}"))
    } else {
        Outcome::note(
            format!("{url}, format {found}: this version of keydesk uses format {NEWEST}"),
            "Back up the database, then start keydesk once as the owner of the tables to migrate it",
        )
    })
}

/// Reports objects that were added, removed or changed.
fn schema(inspection: &ServerInspection, facts: &ServerFacts) -> Result<Outcome, StoreError> {
    let differences = inspection.schema_differences()?;
    if !differences.is_empty() {
        let named = database::first_of(&differences, differences.len());
        return Ok(Outcome::fault(
            format!("changed outside keydesk, so that keydesk makes no changes: {named}"),
            "Undo the changes as the owner of the tables, or restore the latest backup of the database",
        ));
    }
    Ok(Outcome::good(if TESTED_VERSIONS.contains(&facts.major_version) {
        "as keydesk created it"
    } else {
        "has all objects; their definitions are not compared on this version of PostgreSQL"
    }))
}

/// None for a direct connection.
fn pooler(inspection: &ServerInspection) -> Option<Outcome> {
    match inspection.is_pooled() {
        Ok(false) => None,
        Ok(true) => Some(Outcome::good(
            "connections share those of a pooler, such as pgbouncer in transaction mode: keydesk works through it",
        )),
        Err(error) => Some(failed(&error)),
    }
}

fn password_file(warning: &str) -> Outcome {
    Outcome::note(inert(warning), "Use a regular file that belongs to this user, with mode 0600")
}
