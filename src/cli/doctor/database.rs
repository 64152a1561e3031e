//! The database: is it there, ours, sound; who may change it; does its log hold.

use std::path::Path;

use super::finding::Finding;
use crate::cli::output::text;
use crate::desk::known_head::{KnownHeads, LogMismatch};
use crate::desk::{AuditVerification, AuditVerifier};
use crate::domain::Instant;
use crate::domain::clock;
use crate::domain::text::inert;
use crate::domain::user::UserStatus;
use crate::host::known_head_files::KnownHeadFiles;
use crate::host::{identity, locations};
use crate::store::audit;
use crate::store::inspect::{self, Inspection, ReserveState};
use crate::store::replay::Findings;
use crate::store::{Store, StoreError, migrate, open, users};

const RESTORE: &str = "Stop keydesk everywhere, put the file with its -wal and -shm aside, then copy the latest backup to \
                       its place";
/// How many keys, users and Applications that the log does not tell of are named.
const MOST_NAMED: usize = 3;

/// Looks at the file that is there, or says what is.
pub(super) fn check(path: &Path, now: Instant) -> Vec<Finding> {
    let mut findings = vec![sqlite()];
    let inspection = match Inspection::open(path) {
        Ok(inspection) => inspection,
        Err(error) => {
            findings.push(failed("database", &error));
            return findings;
        }
    };
    findings.push(format(path, &inspection));
    let sound = inspection.integrity();
    let damaged = sound.is_err();
    findings.push(match sound {
        Ok(()) => Finding::good("integrity", "every page, index and reference is sound"),
        Err(error) => Finding::fault("integrity", inert(&error.to_string()), RESTORE),
    });
    findings.extend(people(&inspection));
    findings.push(chain(&inspection, damaged));
    findings.push(time(&inspection, now));
    findings.push(reserve(path));
    if !damaged && matches!(inspection.format(), Ok(found) if found == migrate::NEWEST) {
        findings.push(schema(&inspection));
        findings.extend(known_head(path));
    }
    findings
}

/// Whether somebody added or removed a trigger, an index, a view or a table.
fn schema(inspection: &Inspection) -> Finding {
    const CHECK: &str = "schema";
    match inspection.schema_differences() {
        Ok(differences) if differences.is_empty() => Finding::good(CHECK, "as keydesk created it"),
        Ok(differences) => {
            let mut named: Vec<String> =
                differences.iter().take(MOST_NAMED).map(ToString::to_string).collect();
            if differences.len() > named.len() {
                named.push(format!("and {} more", differences.len() - named.len()));
            }
            Finding::fault(
                CHECK,
                format!("altered, so that nothing can be changed: {}", named.join("; ")),
                RESTORE,
            )
        }
        Err(error) => failed(CHECK, &error),
    }
}

/// Compares the log with the known head of this user.
fn known_head(path: &Path) -> Option<Finding> {
    const CHECK: &str = "known head";
    // What cannot be opened has its finding already.
    let store = Store::open_read_only(path).ok()?;
    let known_heads = KnownHeadFiles::at_default_location().map(KnownHeads::new)?;
    let check = known_heads.check(&store, &identity::caller());
    let Some(mismatch) = check.mismatch else {
        return Some(match (check.problem(), check.known) {
            (Some(problem), _) => Finding::note(
                CHECK,
                inert(&problem),
                "Compare the log with a head stored elsewhere: keydesk audit verify --expect HEAD",
            ),
            (None, Some(_)) => Finding::good(CHECK, "the audit log contains the known head"),
            (None, None) => Finding::good(CHECK, "first use of this database: its present head is saved"),
        });
    };
    let usual = locations::default().is_some_and(|locations| locations.database == path);
    let named = (!usual).then_some(path);
    let restored = mismatch.restored_keys().map(|restored| format!("; {restored}")).unwrap_or_default();
    let hint = match mismatch.delete_command(named) {
        Some(deletion) => format!("{deletion}, then {}", LogMismatch::accept_command(named)),
        None => format!("If you know the reason: {}", LogMismatch::accept_command(named)),
    };
    Some(Finding::fault(CHECK, format!("{mismatch}{restored}"), hint))
}

fn failed(check: &'static str, error: &StoreError) -> Finding {
    let hint =
        error.hint().unwrap_or_else(|| "Look at the owner and mode of the file and of its folder.".into());
    Finding::fault(check, inert(&error.to_string()), hint)
}

fn sqlite() -> Finding {
    match open::check_sqlite() {
        Ok(()) => Finding::good("sqlite", format!("SQLite {}", open::sqlite_version())),
        Err(error) => {
            Finding::fault("sqlite", error.to_string(), "Build keydesk with the SQLite that it brings along")
        }
    }
}

fn format(path: &Path, inspection: &Inspection) -> Finding {
    let place = text::path(path);
    match inspection.format() {
        Ok(found) if found == migrate::NEWEST => {
            Finding::good("database", format!("{place}, format {found}"))
        }
        Ok(found) => Finding::note(
            "database",
            format!("{place}, format {found}; this keydesk writes {}", migrate::NEWEST),
            "Make a copy of the file, then start keydesk once: it brings it up to date",
        ),
        Err(error) => failed("database", &error),
    }
}

fn people(inspection: &Inspection) -> Vec<Finding> {
    let caller = identity::caller();
    let login = inert(&caller.login);
    let found = inspection.read(|reader| Ok((users::of_caller(reader, &caller)?, users::active(reader)?)));
    let (user, active) = match found {
        Ok(found) => found,
        Err(error) => return vec![failed("users", &error)],
    };
    let email = user
        .as_ref()
        .and_then(|user| user.email.as_ref())
        .map(|email| inert(email.as_str()))
        .unwrap_or_default();
    let you = match &user {
        _ if active == 0 => Finding::fault(
            "caller",
            "there is no active user: nobody can change anything",
            "keydesk init --email EMAIL --app NAME",
        ),
        Some(user) if user.status == UserStatus::Active => {
            Finding::good("caller", format!("the login {login} is {email}, active"))
        }
        Some(_) => Finding::fault(
            "caller",
            format!("{email} is disabled, and may look but change nothing"),
            format!("Ask an active user to run: keydesk users enable {email}"),
        ),
        None => Finding::fault(
            "caller",
            format!("the login {login} belongs to no user, and may look but change nothing"),
            format!("Ask an active user to run: keydesk users add YOU@EXAMPLE.COM --login {login}"),
        ),
    };
    let many = if active == 1 {
        Finding::note(
            "users",
            "1 active user: when they are away, nobody can revoke a key",
            "keydesk users add EMAIL --login LOGIN",
        )
    } else {
        Finding::good("users", format!("{active} active users"))
    };
    let deleted = match inspection.leftovers() {
        Ok(0) => Finding::good("deleted users", "nothing of them but their numbers"),
        Ok(count) => Finding::fault(
            "deleted users",
            format!("{count} of them left an email or a login: the file was changed by hand"),
            RESTORE,
        ),
        Err(error) => failed("deleted users", &error),
    };
    vec![you, many, deleted]
}

fn chain(inspection: &Inspection, damaged: bool) -> Finding {
    const CHECK: &str = "audit log";
    // What an older format holds has other tables.
    let comparable = matches!(inspection.format(), Ok(found) if found == migrate::NEWEST);
    let verifier = AuditVerifier::new(if comparable { u64::MAX } else { 0 });
    let by_hand = |how| if damaged { RESTORE } else { how };
    match inspection.read(|reader| verifier.run(reader, &mut |_, _| {})) {
        Ok(AuditVerification::Broken { number, reason }) => Finding::fault(
            CHECK,
            format!("entry {number} is not valid: {reason}"),
            by_hand("The file was changed by hand. Compare it with a backup"),
        ),
        Ok(AuditVerification::Valid { head, findings, .. }) => {
            match findings.filter(|findings| findings.all > 0) {
                Some(findings) => Finding::fault(
                    CHECK,
                    format!("hash chain is valid, log does not match database: {}", named(&findings)),
                    by_hand("The file was changed by hand. List all differences with: keydesk audit verify"),
                ),
                None => Finding::good(
                    CHECK,
                    format!(
                        "{}, hash chain is valid, head {head}",
                        text::count(head.number, "entry", "entries")
                    ),
                ),
            }
        }
        Err(error) => failed(CHECK, &error),
    }
}

fn named(findings: &Findings) -> String {
    let mut named: Vec<String> = findings.listed.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    if findings.all > named.len() {
        named.push(format!("and {} more", findings.all - named.len()));
    }
    named.join("; ")
}

/// The space for deletions on a full disk; taken again where it is missing.
fn reserve(path: &Path) -> Finding {
    const CHECK: &str = "reserve";
    match inspect::repair_reserve(path) {
        ReserveState::There => Finding::good(CHECK, "keys can be deleted on a full disk too"),
        ReserveState::Created => Finding::note(
            CHECK,
            "was missing: on a full disk no key could have been deleted; created again",
            "Nothing to do",
        ),
        ReserveState::Missing => Finding::note(
            CHECK,
            "missing, and cannot be created: on a full disk no key could be deleted",
            "Free some disk space, then run keydesk doctor again",
        ),
    }
}

fn time(inspection: &Inspection, now: Instant) -> Finding {
    const CHECK: &str = "clock";
    match inspection.read(audit::last_at) {
        Ok(last) => match clock::behind_the_log(last, now) {
            Some(behind) => Finding::fault(CHECK, behind, clock::HINT),
            None => Finding::good(CHECK, "not behind the audit log"),
        },
        Err(error) => failed(CHECK, &error),
    }
}
