//! Reads that both front ends need.

use chrono::{Datelike, Months, TimeDelta};

use super::Who;
use super::attention::Attention;
use super::sources::{self, UsedSource};
use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId, Scope};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::key::{Key, KeyId, Tombstone};
use crate::domain::source::AllowedSources;
use crate::domain::text::{Name, fold};
use crate::domain::user::{Account, SignIn, User, UserId};
use crate::host::clock::Zone;
use crate::host::identity;
use crate::store::audit::{self, AuditRow};
use crate::store::usage::{self, Refused, Source, SourceAddress};
use crate::store::{Anchor, Reader, StoreError, Window, keys, roles, users};

/// A key with its use.
#[derive(Clone, Debug)]
pub struct KeyDetails {
    pub key: Key,
    /// Accepted requests of each of the last 30 days, the oldest first.
    pub days: Vec<u64>,
    /// Rejected requests of the last 30 days, the latest reason first.
    pub refused: Vec<Refused>,
    /// The sources of accepted requests, the latest first; the older ones, counted together, last.
    pub sources: Vec<UsedSource>,
    /// The sources of the uses of a canary key, or of the requests that were rejected during the last outage of another key.
    pub rejected: Vec<UsedSource>,
    /// When its successor was delivered; none when there is no successor.
    pub replaced: Option<Instant>,
}

impl KeyDetails {
    /// Returns the accepted requests of the last 30 days.
    #[must_use]
    pub fn uses(&self) -> u64 {
        self.days.iter().sum()
    }

    /// Returns whether the key has been used since its successor was delivered; none when that says nothing.
    #[must_use]
    pub fn used_since_rotation(&self, now: Instant) -> Option<bool> {
        self.key.is_still_used(self.replaced?, now)
    }
}

/// A user with what they did last.
#[derive(Clone, Debug)]
pub struct UserDetails {
    pub user: User,
    /// None without a login.
    pub sign_in: Option<SignIn>,
    /// The last entry of the audit log by or about them.
    pub last_change: Option<AuditRow>,
}

/// What remains of a deleted key, and who still uses it.
#[derive(Clone, Debug)]
pub struct Remains {
    pub tombstone: Tombstone,
    /// Rejected requests of the last 30 days, the latest reason first.
    pub refused: Vec<Refused>,
    /// The sources of requests since the deletion, in the order of those of a key.
    pub sources: Vec<UsedSource>,
}

/// The caller and the Application that they work with.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    pub who: Who,
    /// The login name of the caller, or their role.
    pub login: String,
    /// What the users of the database sign in with.
    pub account: Account,
    /// The Application whose keys are shown, or all; none while there is none.
    pub scope: Option<Scope>,
    /// All Applications, by name.
    pub applications: Vec<Application>,
    pub attention: Attention,
    /// Warnings about the database, such as a file that others can read.
    pub warnings: Vec<String>,
    /// What the caller must know of their login before they set up the database.
    pub notice: Option<&'static str>,
    /// Email address to suggest for the first user.
    pub suggested_email: String,
}

impl SessionInfo {
    /// Returns the Application with an ID.
    #[must_use]
    pub fn application(&self, id: ApplicationId) -> Option<&Application> {
        self.applications.iter().find(|application| application.id == id)
    }
}

/// Reads a key with its use; none when there is no such key.
///
/// # Errors
/// When the database cannot be read.
pub fn key_details(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Option<KeyDetails>, StoreError> {
    keys::get(r, id)?.map(|key| details_of(r, key, now)).transpose()
}

/// Reads the use of a key.
///
/// # Errors
/// When the database cannot be read.
pub fn details_of(r: &Reader<'_>, key: Key, now: Instant) -> Result<KeyDetails, StoreError> {
    let (days, refused) = (usage::last_30_days(r, key.id, now)?, usage::refused(r, key.id, now)?);
    let replaced = keys::replaced_at(r, &key)?;
    let (sources, rejected) = (sources::used_sources(r, &key)?, sources::rejected_meanwhile(r, &key)?);
    Ok(KeyDetails { key, days, refused, sources, rejected, replaced })
}

/// Reads from where a key was used in the last 30 days without being allowed to, the latest first. Without an address
/// it is not known whether a use was allowed.
///
/// # Errors
/// When the database cannot be read.
pub fn sources_outside(
    r: &Reader<'_>,
    id: KeyId,
    allowed: &AllowedSources,
    now: Instant,
) -> Result<Vec<Source>, StoreError> {
    let mut sources = usage::sources(r, id, None)?;
    sources.retain(|source| is_outside(source, allowed, now));
    Ok(sources)
}

/// Whether a source of the last 30 days is not allowed.
#[must_use]
pub fn is_outside(source: &Source, allowed: &AllowedSources, now: Instant) -> bool {
    let SourceAddress::Known(address) = &source.address else { return false };
    source.last > now - TimeDelta::days(30) && !allowed.allow(address.parse().ok())
}

/// Reads a user with what they did last; none when there is no such user.
///
/// # Errors
/// When the database cannot be read.
pub fn user_details(r: &Reader<'_>, id: UserId) -> Result<Option<UserDetails>, StoreError> {
    let Some(user) = users::get(r, id)? else { return Ok(None) };
    let filter = AuditFilter { user_id: Some(id), ..AuditFilter::default() };
    let last = Window { anchor: Anchor::First, before: 0, after: 1 };
    let last_change = audit::page(r, &filter, &last)?.rows.into_iter().next();
    Ok(Some(UserDetails { sign_in: sign_in(r, &user)?, user, last_change }))
}

/// Returns whether a user can sign in with their login; none without one.
///
/// # Errors
/// When the database cannot be read.
pub fn sign_in(r: &Reader<'_>, user: &User) -> Result<Option<SignIn>, StoreError> {
    Ok(match &user.login {
        login if r.is_on_server() => login.as_ref().map(|login| roles::sign_in(r, login)).transpose()?,
        _ if identity::can_sign_in(user) => Some(SignIn::Possible),
        None if user.uid.is_none() => None,
        _ => Some(SignIn::NoLogin),
    })
}

/// Reads what remains of a deleted key; none when no such key was deleted.
///
/// # Errors
/// When the database cannot be read.
pub fn remains(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Option<Remains>, StoreError> {
    let Some(tombstone) = keys::tombstone(r, id)? else { return Ok(None) };
    let refused = usage::refused(r, id, now)?;
    let sources = sources::rejected_sources(r, id, usage::DELETED)?;
    Ok(Some(Remains { tombstone, refused, sources }))
}

/// Returns what a front end shows first: the Application with the name, else the scope, else the first Application.
pub(super) fn scope_to_show(all: &[Application], named: Option<&str>, scope: Option<Scope>) -> Option<Scope> {
    let named = named.map(|name| fold(name.trim()));
    let of_name =
        named.and_then(|name| all.iter().find(|application| fold(application.name.as_str()) == name));
    let exists = |scope: &Scope| match scope {
        Scope::Application(id) => all.iter().any(|application| application.id == *id),
        Scope::All => !all.is_empty(),
    };
    let of = |application: &Application| Scope::Application(application.id);
    of_name.map(of).or(scope.filter(exists)).or_else(|| all.first().map(of))
}

/// Returns the start of the month of an instant and the start of the next one, in a time zone.
#[must_use]
pub fn month_of(at: Instant, zone: &Zone) -> Option<(Instant, Instant)> {
    let first = zone.local(at).date_naive().with_day(1)?;
    let next = first.checked_add_months(Months::new(1))?;
    Some((zone.start_of(first)?, zone.start_of(next)?))
}

/// Returns how many keys of an Application expire in the month of an instant.
///
/// # Errors
/// When the database cannot be read.
pub fn expiring_in_month(
    r: &Reader<'_>,
    application: ApplicationId,
    at: Instant,
    zone: &Zone,
) -> Result<u64, StoreError> {
    month_of(at, zone)
        .map_or(Ok(0), |(from, until)| keys::expiring(r, Scope::Application(application), from, until))
}

/// Returns a name that no key of the Application has: this one, or this one with the lowest number from 2 behind it.
/// Falls back to the name itself when the numbers up to 100 are in use.
///
/// # Errors
/// When the database cannot be read.
pub fn unused_name(r: &Reader<'_>, application: ApplicationId, name: &Name) -> Result<Name, StoreError> {
    let numbered = (2..=100).filter_map(|number| Name::parse(&format!("{} {number}", name.as_str())).ok());
    for candidate in std::iter::once(name.clone()).chain(numbered) {
        if keys::named(r, application, candidate.as_str())?.is_empty() {
            return Ok(candidate);
        }
    }
    Ok(name.clone())
}
