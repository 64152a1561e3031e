//! Applications.

use super::convert;
use super::page::{self, Page, TextOrder, Window};
use super::{Reader, StoreError, WriteTx};
use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId, Scope};
use crate::domain::text::{Name, fold};
use crate::store::value::{Value, values};

const COLUMNS: &str = "a.id, a.name, a.created, a.key_count, a.version";

const BY_NAME: TextOrder<'_> =
    TextOrder { select: COLUMNS, from: "applications a", column: "a.name_order", haystack: "a.folded" };

/// The rows of a window, by name.
pub fn page(
    r: &Reader<'_>,
    words: &[String],
    window: &Window<Application>,
) -> Result<Page<Application>, StoreError> {
    let cursor =
        |seen: &Application| Ok(convert::unique_name_order(&get(r, seen.id)?.as_ref().unwrap_or(seen).name));
    page::by_text(r, "reading the Applications", &BY_NAME, words, window, cursor, convert::application)
}

fn one(r: &Reader<'_>, condition: &str, values: &[Value]) -> Result<Option<Application>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM applications a WHERE {condition}");
    r.first("reading an Application", &sql, values, convert::application)
}

pub fn get(r: &Reader<'_>, id: ApplicationId) -> Result<Option<Application>, StoreError> {
    one(r, "a.id = ?1", values![id.0])
}

/// The Application of a name, without regard to case.
pub fn named(r: &Reader<'_>, name: &str) -> Result<Option<Application>, StoreError> {
    one(r, "a.folded = ?1", values![fold(name.trim())])
}

pub fn first(r: &Reader<'_>) -> Result<Option<Application>, StoreError> {
    one(r, "TRUE ORDER BY a.name_order LIMIT 1", &[])
}

/// How many Applications have names that contain all of these folded texts.
pub(crate) fn count_matching(r: &Reader<'_>, words: &[String]) -> Result<u64, StoreError> {
    BY_NAME.count(r, "counting the Applications", words)
}

pub fn count(r: &Reader<'_>) -> Result<u64, StoreError> {
    r.value("counting the Applications", "SELECT count(*) FROM applications", &[])
}

/// How many keys there are in all Applications.
pub fn key_count(r: &Reader<'_>) -> Result<u64, StoreError> {
    let sql = "SELECT CAST(coalesce(sum(key_count), 0) AS bigint) FROM applications";
    r.value("counting the keys", sql, &[])
}

/// The one Application, or all that have keys.
pub(super) fn of(r: &Reader<'_>, scope: Scope) -> Result<Vec<ApplicationId>, StoreError> {
    if let Scope::Application(id) = scope {
        return Ok(vec![id]);
    }
    let sql = "SELECT id FROM applications WHERE key_count > 0 ORDER BY id";
    r.all("reading the Applications", sql, &[], |row| Ok(ApplicationId(row.get(0)?)))
}

/// The first `limit` by name.
pub fn all(r: &Reader<'_>, limit: usize) -> Result<Vec<Application>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM applications a ORDER BY a.name_order LIMIT {limit}");
    r.all("reading the Applications", &sql, &[], convert::application)
}

/// Adds an Application. `None` means that there is one of that name.
pub fn insert(tx: &WriteTx<'_>, name: &Name, now: Instant) -> Result<Option<ApplicationId>, StoreError> {
    let what = "adding an Application";
    let folded = fold(name.as_str());
    if is_taken(tx, what, &folded, ApplicationId(0))? {
        return Ok(None);
    }
    let added = tx.first(
        what,
        "INSERT INTO applications (name, folded, name_order, created) VALUES (?1, ?2, ?3, ?4) RETURNING id",
        values![name.as_str(), folded, convert::unique_name_order(name), now.timestamp()],
        |row| row.get(0).map(ApplicationId),
    )?;
    let id = added.ok_or(StoreError::NotMade { what })?;
    expect_name(tx, what, id, name);
    Ok(Some(id))
}

/// Whether another Application has a folded name.
fn is_taken(
    tx: &WriteTx<'_>,
    what: &'static str,
    folded: &str,
    other_than: ApplicationId,
) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM applications WHERE folded = ?1 AND id <> ?2)";
    tx.value(what, sql, values![folded, other_than.0])
}

/// Renames an Application. `false` means that there is one of that name.
pub fn rename(tx: &WriteTx<'_>, id: ApplicationId, name: &Name) -> Result<bool, StoreError> {
    let what = "renaming an Application";
    let folded = fold(name.as_str());
    if is_taken(tx, what, &folded, id)? {
        return Ok(false);
    }
    tx.change_one(
        what,
        "UPDATE applications SET name = ?2, folded = ?3, name_order = ?4, version = version + 1 WHERE id = ?1",
        values![id.0, name.as_str(), folded, convert::unique_name_order(name)],
    )?;
    expect_name(tx, what, id, name);
    Ok(true)
}

fn expect_name(tx: &WriteTx<'_>, what: &'static str, id: ApplicationId, name: &Name) {
    tx.expect(
        what,
        "SELECT EXISTS (SELECT 1 FROM applications WHERE id = ? AND name = ?)",
        [id.0.into(), name.as_str().to_owned().into()],
    );
}

/// Deletes an Application without keys.
pub fn delete(tx: &WriteTx<'_>, id: ApplicationId) -> Result<(), StoreError> {
    let what = "deleting an Application";
    tx.change_one(what, "DELETE FROM applications WHERE id = ?1", values![id.0])?;
    tx.expect(what, "SELECT NOT EXISTS (SELECT 1 FROM applications WHERE id = ?)", [id.0.into()]);
    Ok(())
}
