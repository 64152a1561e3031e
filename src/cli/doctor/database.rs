//! Checks of the database: format, integrity, users, audit log.

use std::path::Path;

use crate::cli::checks::{Finding, Outcome, failed};
use crate::cli::context::is_default;
use crate::cli::output::text;
use crate::desk::known_head::{KnownHeads, LogMismatch};
use crate::desk::{AuditVerification, AuditVerifier};
use crate::domain::Instant;
use crate::domain::clock::{self, Whose};
use crate::domain::location::Location;
use crate::domain::text::inert;
use crate::domain::user::{Account, Caller, User, UserStatus};
use crate::host::identity;
use crate::host::known_head_files::KnownHeadFiles;
use crate::store::audit;
use crate::store::inspect::{self, Inspection, ReserveState};
use crate::store::keys::{self, RestrictedKeys};
use crate::store::{Reader, Store, StoreError, migrate, open, users};

/// What the checks read from.
pub(super) trait Readable {
    fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError>;

    fn account(&self) -> Account;
}

impl Readable for Inspection {
    fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.read(f)
    }

    fn account(&self) -> Account {
        Account::Login
    }
}

impl Readable for Store {
    fn read<T>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.read(f)
    }

    fn account(&self) -> Account {
        self.location().account()
    }
}

/// What the audit log belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file of the newest format.
    File,
    /// A file of an older format, whose tables differ.
    OlderFile,
    DamagedFile,
    Server,
}

const RESTORE: &str = "Stop keydesk everywhere, move the database and its -wal and -shm files away, then copy the latest \
                       backup into place";
/// Maximum number of differences listed in a finding.
const MOST_NAMED: usize = 3;

pub(super) fn check(path: &Path, now: Instant) -> Vec<Finding> {
    let mut findings = vec![Finding::new("sqlite", sqlite())];
    let inspection = match Inspection::open(path) {
        Ok(inspection) => inspection,
        Err(error) => {
            findings.push(Finding::new("database", failed(&error)));
            return findings;
        }
    };
    findings.push(Finding::new("database", format(path, &inspection)));
    let sound = inspection.integrity();
    let damaged = sound.is_err();
    let newest = matches!(inspection.format(), Ok(found) if found == migrate::NEWEST);
    let kind = match (damaged, newest) {
        (true, _) => Kind::DamagedFile,
        (false, true) => Kind::File,
        (false, false) => Kind::OlderFile,
    };
    findings.push(Finding::new(
        "integrity",
        match sound {
            Ok(()) => Outcome::good("all pages, indexes and references are valid"),
            Err(error) => Outcome::fault(inert(&error.to_string()), RESTORE),
        },
    ));
    let caller = identity::caller();
    findings.extend(people(&inspection, &caller));
    findings.extend([
        Finding::new("deleted users", deleted_users(&inspection, RESTORE)),
        Finding::new("audit log", chain(&inspection, kind)),
        Finding::new("clock", time(&inspection, Whose::System, now)),
        Finding::new("reserve", reserve(path)),
    ]);
    if kind == Kind::File {
        findings.push(Finding::new("schema", schema(&inspection)));
        findings.extend(allowed_sources(&inspection, now));
        findings.extend(
            known_head(&Location::from(path), &caller).map(|outcome| Finding::new("known head", outcome)),
        );
    }
    findings
}

/// Reports whether the endpoint knows the addresses of the clients of keys with allowed sources, as far as the recorded
/// requests tell; none without such keys.
pub(super) fn allowed_sources(database: &impl Readable, now: Instant) -> Option<Finding> {
    const TRUST: &str = "Behind a proxy, run \"keydesk serve\" with --trusted-proxy (its address, or unix for a Unix \
                         socket), and let the proxy send X-Forwarded-For";
    let outcome = match database.read(|reader| keys::restricted(reader, now)) {
        Err(error) => failed(&error),
        Ok(RestrictedKeys { keys: 0, .. }) => return None,
        Ok(RestrictedKeys { keys, accepted, rejected }) => {
            let keys = text::count(keys, "key has", "keys have");
            if rejected > 0 {
                let requests = text::count(rejected, "request", "requests");
                let what = format!(
                    "{keys} allowed sources, and {requests} without the address of a client were rejected"
                );
                Outcome::note(what, TRUST)
            } else if accepted > 0 {
                Outcome::good(format!("{keys} allowed sources, and the addresses of their clients are known"))
            } else {
                Outcome::note(format!("{keys} allowed sources: they need the address of the client"), TRUST)
            }
        }
    };
    Some(Finding::new("allowed sources", outcome))
}

/// Reports triggers, indexes, views and tables that were added or removed.
fn schema(inspection: &Inspection) -> Result<Outcome, StoreError> {
    let differences = inspection.schema_differences()?;
    if differences.is_empty() {
        return Ok(Outcome::good("as keydesk created it"));
    }
    let named = first_of(&differences, differences.len());
    Ok(Outcome::fault(format!("changed outside keydesk, so that keydesk is read-only: {named}"), RESTORE))
}

/// Compares the log with the known head of this user.
pub(super) fn known_head(database: &Location, caller: &Caller) -> Option<Outcome> {
    // A database that cannot be opened already has a finding.
    let store = Store::open_read_only(database).ok()?;
    let known_heads = KnownHeadFiles::at_default_location().map(KnownHeads::new)?;
    let check = known_heads.check(&store, caller);
    let Some(mismatch) = check.mismatch else {
        return Some(match (check.problem(), check.known) {
            (Some(problem), _) => Outcome::note(
                inert(&problem),
                "Compare the log with a head stored elsewhere: keydesk audit verify --expect HEAD",
            ),
            (None, Some(_)) => Outcome::good("the audit log contains the known head"),
            (None, None) => Outcome::good("first use of this database: its current head is saved"),
        });
    };
    let named = (!is_default(database)).then_some(database);
    let restored = mismatch.restored_keys().map(|restored| format!("; {restored}")).unwrap_or_default();
    let hint = match mismatch.delete_command(named) {
        Some(deletion) => format!("{deletion}, then {}", LogMismatch::accept_command(named)),
        None => format!("If you know the reason: {}", LogMismatch::accept_command(named)),
    };
    Some(Outcome::fault(format!("{mismatch}{restored}"), hint))
}

fn sqlite() -> Outcome {
    match open::check_sqlite() {
        Ok(()) => Outcome::good(format!("SQLite {}", open::sqlite_version())),
        Err(error) => Outcome::fault(error.to_string(), "Build keydesk with its bundled SQLite"),
    }
}

fn format(path: &Path, inspection: &Inspection) -> Result<Outcome, StoreError> {
    let (place, found, newest) = (text::path(path), inspection.format()?, migrate::NEWEST);
    Ok(if found == newest {
        Outcome::good(format!("{place}, format {found}"))
    } else {
        Outcome::note(
            format!("{place}, format {found}: this version of keydesk uses format {newest}"),
            "Back up the file, then start keydesk once to migrate it",
        )
    })
}

pub(super) fn people(database: &impl Readable, caller: &Caller) -> Vec<Finding> {
    let found = database.read(|reader| Ok((users::of_caller(reader, caller)?, users::active(reader)?)));
    match found {
        Err(error) => vec![Finding::new("users", failed(&error))],
        Ok((user, active)) => vec![
            Finding::new("caller", you(&inert(&caller.login), database.account(), user.as_ref(), active)),
            Finding::new("users", number_of_users(active, database.account())),
        ],
    }
}

fn you(login: &str, account: Account, user: Option<&User>, active: u64) -> Outcome {
    if active == 0 {
        return Outcome::fault(
            "no active user: no one can change anything",
            "keydesk init --email EMAIL --app NAME",
        );
    }
    let Some(user) = user else {
        return Outcome::fault(
            format!("the {account} {login} belongs to no user and has read-only access"),
            format!("Ask an active user to run: keydesk users add YOU@EXAMPLE.COM --login {login}"),
        );
    };
    let email = user.email.as_ref().map(|email| inert(email.as_str())).unwrap_or_default();
    match user.status {
        UserStatus::Active => Outcome::good(format!("the {account} {login} is {email}, an active user")),
        UserStatus::Disabled | UserStatus::Deleted => Outcome::fault(
            format!("{email} is disabled and has read-only access"),
            format!("Ask an active user to run: keydesk users enable {email}"),
        ),
    }
}

fn number_of_users(active: u64, account: Account) -> Outcome {
    match active {
        1 => Outcome::note(
            "only 1 active user: no one else can revoke a key",
            format!("keydesk users add EMAIL --login {}", account.heading()),
        ),
        active => Outcome::good(format!("{active} active users")),
    }
}

pub(super) fn deleted_users(database: &impl Readable, restore: &str) -> Result<Outcome, StoreError> {
    Ok(match database.read(users::leftovers)? {
        0 => Outcome::good("only their user numbers remain"),
        count => Outcome::fault(
            format!("{count} still have an email or a login: the database was changed outside keydesk"),
            restore,
        ),
    })
}

pub(super) fn chain(database: &impl Readable, kind: Kind) -> Result<Outcome, StoreError> {
    let comparable = matches!(kind, Kind::File | Kind::Server);
    let verifier = AuditVerifier::new(if comparable { u64::MAX } else { 0 });
    let by_hand = |how| if kind == Kind::DamagedFile { RESTORE } else { how };
    Ok(match database.read(|reader| verifier.run(reader, &mut |_, _| {}))? {
        AuditVerification::Broken { number, reason } => Outcome::fault(
            format!("entry {number} is not valid: {reason}"),
            by_hand("Compare the database with a backup: it was changed outside keydesk"),
        ),
        AuditVerification::Valid { findings: Some(findings), .. } if findings.all > 0 => {
            let named = first_of(&findings.listed, findings.all);
            Outcome::fault(
                format!("hash chain is valid, log does not match database: {named}"),
                by_hand(
                    "Run \"keydesk audit verify\" to list all differences: the database was changed outside keydesk",
                ),
            )
        }
        AuditVerification::Valid { head, .. } => {
            let entries = text::count(head.number, "entry", "entries");
            Outcome::good(format!("{entries}, hash chain is valid, head {head}"))
        }
    })
}

/// Lists the first of `all` differences.
pub(super) fn first_of(differences: &[impl ToString], all: usize) -> String {
    let mut named: Vec<String> = differences.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    if all > named.len() {
        named.push(format!("and {} more", all - named.len()));
    }
    named.join("; ")
}

/// Checks the space reserved for deletions on a full disk, and reserves it again where it is missing.
fn reserve(path: &Path) -> Outcome {
    match inspect::repair_reserve(path) {
        ReserveState::There => Outcome::good("space to delete keys on a full disk is reserved"),
        ReserveState::Created => Outcome::note(
            "the space to delete keys on a full disk was missing and is reserved again",
            "No action needed",
        ),
        ReserveState::Missing => Outcome::note(
            "cannot reserve the space to delete keys on a full disk",
            "Free some disk space, then run keydesk doctor again",
        ),
    }
}

pub(super) fn time(database: &impl Readable, whose: Whose, now: Instant) -> Result<Outcome, StoreError> {
    let last = database.read(audit::last_at)?;
    Ok(match clock::behind_the_log(whose, last, now) {
        Some(behind) => Outcome::fault(behind, whose.hint()),
        None => Outcome::good("not earlier than the last entry of the audit log"),
    })
}
