//! Between columns and the types of the domain.

use crate::store::row::{Row, RowFault, RowResult};
use chrono::TimeDelta;

use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId};
use crate::domain::key::{Key, KeyId, KeyKind, KeyType, Outage};
use crate::domain::source::AllowedSources;
use crate::domain::text::{Name, Note, fold, natural};
use crate::domain::until_unused::{Gap, UntilUnused};
use crate::domain::user::{Creator, Email, User, UserId, UserStatus};

/// The columns of [`until_unused`] for a key `k`. All but the first two are empty unless it ends when it is unused.
macro_rules! until_unused_columns {
    () => {
        "k.unused_for, k.unused_since, \
         CASE WHEN k.unused_for IS NOT NULL THEN (WITH RECURSIVE line (id) AS (SELECT k.replaced_by UNION \
         SELECT n.replaced_by FROM line JOIN keys n ON n.key_id = line.id WHERE n.replaced_by IS NOT NULL) \
         SELECT min(first) FROM line JOIN key_use ON key_use.key_id = line.id) END, \
         CASE WHEN k.unused_for IS NOT NULL THEN (SELECT min(complete_until) FROM recorders) END, \
         CASE WHEN k.unused_for IS NOT NULL THEN (SELECT string_agg(since || ':' || until, ',') \
         FROM recording_gaps WHERE until > k.unused_since) END"
    };
}
pub(super) use until_unused_columns;

/// The columns of a key `k` with what [`WITH_KEYS`] joins.
pub(super) const KEY_COLUMNS: &str = concat!(
    "k.key_id, k.application_id, k.name, k.prefix, k.platform, k.type, k.created, k.creator_id, u.email, u.status, \
     k.expires, k.disabled, k.delivered, s.last, s.last_from, k.replaces, k.replaced_by, k.version, k.disabled_until, \
     k.owner, k.note, k.allowed_sources, k.canary, k.acknowledged, ",
    until_unused_columns!(),
    ", k.latest_expires, \
     CASE WHEN k.canary = 1 THEN (SELECT max(last) FROM key_sources WHERE key_id = k.key_id AND reason = 'canary') END"
);

/// The number of columns in [`KEY_COLUMNS`].
pub(super) const KEY_COLUMN_COUNT: usize = 31;

/// The creator of a key `k`, and its last use.
pub(super) const WITH_KEYS: &str =
    "CROSS JOIN users u ON u.id = k.creator_id LEFT JOIN key_use s ON s.key_id = k.key_id";

/// A condition on the canary keys `k` with a use that was not acknowledged.
pub(super) const HAS_ALARM: &str = "k.canary = 1 AND EXISTS (SELECT 1 FROM key_sources a WHERE a.key_id = k.key_id \
     AND a.reason = 'canary' AND (k.acknowledged IS NULL OR a.last > k.acknowledged))";

/// What lists are ordered by where they are ordered by name.
pub(super) fn name_order(name: &Name) -> String {
    natural(&fold(name.as_str()))
}

/// The same, different for each name.
pub(super) fn unique_name_order(name: &Name) -> String {
    format!("{}\n{}", name_order(name), fold(name.as_str()))
}

/// The text that a filter looks through.
pub(super) fn folded(
    name: &Name,
    id: KeyId,
    kind: &KeyKind,
    owner: Option<&Name>,
    note: Option<&Note>,
) -> String {
    let (platform, owner) = (kind.platform().unwrap_or("generic"), owner.map_or("", Name::as_str));
    let note = note.map_or("", Note::as_str);
    fold(format!("{}\n{id}\n{platform}\n{owner}\n{note}", name.as_str()).trim_end_matches('\n'))
}

fn wrong(column: usize, what: &'static str) -> RowFault {
    RowFault::wrong(column, what)
}

pub(super) fn instant(row: &Row<'_>, column: usize) -> RowResult<Instant> {
    Instant::from_timestamp(row.get(column)?, 0).ok_or_else(|| wrong(column, "an instant"))
}

pub(super) fn maybe_instant(row: &Row<'_>, column: usize) -> RowResult<Option<Instant>> {
    let seconds: Option<i64> = row.get(column)?;
    seconds
        .map(|seconds| Instant::from_timestamp(seconds, 0).ok_or_else(|| wrong(column, "an instant")))
        .transpose()
}

pub(super) fn key_id(row: &Row<'_>, column: usize) -> RowResult<KeyId> {
    row.text(column)?.parse().map_err(|_| wrong(column, "a key ID"))
}

pub(super) fn maybe_key_id(row: &Row<'_>, column: usize) -> RowResult<Option<KeyId>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|_| wrong(column, "a key ID"))).transpose()
}

pub(super) fn key_type(row: &Row<'_>, column: usize) -> RowResult<KeyType> {
    row.text(column)?.parse().map_err(|_| wrong(column, "a key's type"))
}

pub(super) fn status(row: &Row<'_>, column: usize) -> RowResult<UserStatus> {
    row.text(column)?.parse().map_err(|_| wrong(column, "a user's status"))
}

pub(super) fn email(row: &Row<'_>, column: usize) -> RowResult<Option<Email>> {
    Ok(row.get::<Option<String>>(column)?.map(Email::from_stored))
}

pub(super) fn name(row: &Row<'_>, column: usize) -> RowResult<Name> {
    Ok(Name::from_stored(row.get(column)?))
}

pub(super) fn kind(row: &Row<'_>, column: usize) -> RowResult<KeyKind> {
    let slug: String = row.get(column)?;
    Ok(KeyKind::from_platform((!slug.is_empty()).then_some(slug)))
}

pub(super) fn allowed_sources(row: &Row<'_>, column: usize) -> RowResult<AllowedSources> {
    AllowedSources::parse(row.text(column)?).map_err(|_| wrong(column, "a list of sources"))
}

/// The end of a predecessor from five columns: the length in seconds, the beginning, the first use of a key that takes its
/// place (its successor, the successor of that, ...), up to when use is recorded, and the gaps
/// (`since:until,since:until`). While it was disabled it could not be used either.
pub(super) fn until_unused(
    row: &Row<'_>,
    column: usize,
    outage: Option<Outage>,
) -> RowResult<Option<UntilUnused>> {
    let Some(length) = row.get::<Option<i64>>(column)? else { return Ok(None) };
    let gaps: Option<String> = row.get(column + 4)?;
    let gap = |text: &str| {
        let (since, until) = text.split_once(':')?;
        let at = |text: &str| Instant::from_timestamp(text.parse().ok()?, 0);
        Some(Gap { since: at(since)?, until: at(until)? })
    };
    let gaps = gaps.as_deref().unwrap_or_default().split_terminator(',');
    let gaps: Option<Vec<Gap>> = gaps.map(gap).collect();
    let mut gaps = gaps.ok_or_else(|| wrong(column + 4, "a gap"))?;
    gaps.extend(
        outage.map(|outage| Gap { since: outage.since, until: outage.until.unwrap_or(Instant::MAX_UTC) }),
    );
    gaps.sort_by_key(|gap| gap.since);
    Ok(Some(UntilUnused {
        length: TimeDelta::try_seconds(length).ok_or_else(|| wrong(column, "a duration"))?,
        since: instant(row, column + 1)?,
        successor_used: maybe_instant(row, column + 2)?,
        recorded_until: maybe_instant(row, column + 3)?,
        gaps,
    }))
}

/// The outage from two columns: its beginning and its end.
pub(super) fn outage(row: &Row<'_>, column: usize) -> RowResult<Option<Outage>> {
    Ok(Outage::new(maybe_instant(row, column)?, maybe_instant(row, column + 1)?))
}

/// A key from [`KEY_COLUMNS`].
pub(super) fn key(row: &Row<'_>) -> RowResult<Key> {
    let (disabled, disabled_until) = (maybe_instant(row, 11)?, maybe_instant(row, 18)?);
    Ok(Key {
        id: key_id(row, 0)?,
        application: ApplicationId(row.get(1)?),
        name: name(row, 2)?,
        prefix: row.get(3)?,
        kind: kind(row, 4)?,
        key_type: key_type(row, 5)?,
        created: instant(row, 6)?,
        creator: Creator { id: UserId(row.get(7)?), email: email(row, 8)?, status: status(row, 9)? },
        expires: instant(row, 10)?,
        disabled,
        delivered: maybe_instant(row, 12)?,
        last_used: maybe_instant(row, 13)?,
        last_used_from: row.get(14)?,
        replaces: maybe_key_id(row, 15)?,
        replaced_by: maybe_key_id(row, 16)?,
        version: row.get(17)?,
        disabled_until,
        owner: row.get::<Option<String>>(19)?.map(Name::from_stored),
        note: row.get::<Option<String>>(20)?.map(Note::from_stored),
        allowed_sources: allowed_sources(row, 21)?,
        is_canary: row.get(22)?,
        canary_used: maybe_instant(row, 30)?,
        acknowledged: maybe_instant(row, 23)?,
        until_unused: until_unused(row, 24, Outage::new(disabled, disabled_until))?.map(Box::new),
        latest_expires: maybe_instant(row, 29)?,
    })
}

/// An Application from `id, name, created, keys, version`.
pub(super) fn application(row: &Row<'_>) -> RowResult<Application> {
    Ok(Application {
        id: ApplicationId(row.get(0)?),
        name: name(row, 1)?,
        created: instant(row, 2)?,
        keys: row.get(3)?,
        version: row.get(4)?,
    })
}

/// A user from `id, email, login, uid, status, created, keys, version`.
pub(super) fn user(row: &Row<'_>) -> RowResult<User> {
    Ok(User {
        id: UserId(row.get(0)?),
        email: email(row, 1)?,
        login: row.get(2)?,
        uid: row.get(3)?,
        status: status(row, 4)?,
        created: instant(row, 5)?,
        keys: row.get(6)?,
        version: row.get(7)?,
    })
}
