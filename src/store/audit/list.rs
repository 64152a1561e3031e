//! The audit log as a list, newest first: in windows for the terminal UI, streamed for commands.

use super::entries::{ENTRY, entry};
use crate::domain::audit::{AuditAction, AuditEntry, ChainHash};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::text::{Name, fold, inert};
use crate::domain::user::Email;
use crate::store::page::{self, Page, Step, Window};
use crate::store::row::{Row, RowResult};
use crate::store::value::Value;
use crate::store::{Reader, StoreError, convert};

/// An entry with the present names of its actor and targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub entry: AuditEntry,
    /// The hash of the entry.
    pub hash: ChainHash,
    /// The actor's email; none for a deleted user.
    pub actor_email: Option<Email>,
    /// The Application's name; none for a deleted one.
    pub application: Option<Name>,
    /// The key's name, also of a deleted key.
    pub key: Option<Name>,
    /// The email of the target user; none once they are deleted.
    pub user_email: Option<Email>,
}

impl AuditRow {
    /// The target for display: the key, the user or the Application.
    #[must_use]
    pub(crate) fn subject(&self) -> String {
        if let Some(key) = self.entry.key {
            let name = self.key.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
            return format!("{name}{key}");
        }
        if let Some(user) = self.entry.user {
            return self.user_email.as_ref().map_or_else(|| format!("user {}", user.0), ToString::to_string);
        }
        let logged = || {
            let changes = self.entry.changes();
            let name = changes.iter().find(|c| c.field == "name")?;
            name.after.as_deref().or(name.before.as_deref()).map(inert)
        };
        self.application.as_ref().map(ToString::to_string).or_else(logged).unwrap_or_default()
    }
}

fn audit_row(row: &Row<'_>) -> RowResult<AuditRow> {
    let (entry, hash) = entry(row)?;
    let name =
        |column| -> RowResult<Option<Name>> { Ok(row.get::<Option<String>>(column)?.map(Name::from_stored)) };
    Ok(AuditRow {
        entry,
        hash,
        actor_email: convert::email(row, 11)?,
        application: name(12)?,
        key: name(13)?,
        user_email: convert::email(row, 14)?,
    })
}

// What a text is searched in: columns of the log itself, and sets that are read once. No entry that does not match costs
// a look into another table.

/// By what is stored and by what is displayed.
fn action(text: &str) -> String {
    let labeled = AuditAction::ALL.iter().filter(|action| fold(action.label()).contains(text));
    let labeled: Vec<String> =
        labeled.map(|action| format!(" OR l.action = '{}'", action.as_str())).collect();
    format!("(instr(l.action, ?) > 0{})", labeled.concat())
}

const KEY: &str = "(instr(lower(l.key_id), ?) > 0 OR l.key_id IN \
    (SELECT key_id FROM keys WHERE instr(substr(folded, 1, instr(folded, char(10))), ?) > 0 \
     UNION ALL SELECT key_id FROM tombstones WHERE instr(lower(name), ?) > 0))";
const USER: &str = "(l.actor IN (SELECT id FROM users WHERE instr(lower(email), ?) > 0) OR \
    l.user_id IN (SELECT id FROM users WHERE instr(lower(email), ?) > 0))";
const APPLICATION: &str = "l.application_id IN (SELECT id FROM applications WHERE instr(folded, ?) > 0)";
/// Fields and values, except dates: those have terms of their own. Only an entry whose text contains what is searched is
/// taken apart, and a damaged one never is.
const CHANGES: &str = "(instr(lower(l.changes), substr(json_quote(?), 2, length(json_quote(?)) - 2)) > 0 \
    AND json_valid(l.changes) AND EXISTS (SELECT 1 FROM json_tree(l.changes) c WHERE c.type = 'text' \
    AND instr(lower(c.atom), ?) > 0 AND c.atom NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*Z'))";
/// The same in PostgreSQL, which has no test whether a text is JSON: its strings, other than names of fields.
const CHANGES_POSTGRES: &str = r#"(instr(lower(l.changes), (SELECT substr(j.text, 2, length(j.text) - 2)
    FROM (SELECT CAST(to_json(?) AS TEXT) AS text) j)) > 0 AND EXISTS (SELECT 1 FROM (SELECT
    (CAST(m.parts[1] AS JSON) #>> '{}') COLLATE "C" AS atom FROM regexp_matches(l.changes,
    '("([^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u00(0[1-9a-f]|1[0-9a-f]))*")(:{0,1})', 'g') m (parts) WHERE m.parts[4] = '') c
    WHERE instr(lower(c.atom), ?) > 0 AND c.atom !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z$'))"#;

/// The condition of a filter, as SQL with its values.
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    fn of(r: &Reader<'_>, filter: &AuditFilter) -> Self {
        let mut condition = Self { sql: "TRUE".into(), values: Vec::new() };
        // The cheapest first: the rest is evaluated only where those do not match.
        if let Some(since) = filter.since {
            condition.add("l.at >= ?", since.timestamp());
        }
        if let Some(until) = filter.until {
            condition.add("l.at < ?", until.timestamp());
        }
        if let Some(key) = filter.key_id {
            condition.add("l.key_id = ?", key.as_str().to_owned());
        }
        if let Some(application) = filter.application_id {
            condition.add("l.application_id = ?", application.0);
        }
        if let Some(user) = filter.user_id {
            condition.add("? IN (l.actor, l.user_id)", user.0);
        }
        for text in &filter.action {
            condition.add(&action(text), text.clone());
        }
        for (texts, place) in [(&filter.application, APPLICATION), (&filter.user, USER), (&filter.key, KEY)] {
            for text in texts {
                condition.add(place, text.clone());
            }
        }
        let changes = r.pick(CHANGES, CHANGES_POSTGRES);
        for text in &filter.words {
            let anywhere = [&action(text), changes, APPLICATION, USER, KEY].join(" OR ");
            condition.add(&format!("({anywhere})"), text.clone());
        }
        condition
    }

    /// Adds a condition. The value stands for every question mark in it.
    fn add(&mut self, sql: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        let value = value.into();
        self.values.extend(std::iter::repeat_n(value, sql.matches('?').count()));
    }
}

const NAMES: &str = "LEFT JOIN users a ON a.id = l.actor LEFT JOIN users s ON s.id = l.user_id \
    LEFT JOIN applications p ON p.id = l.application_id LEFT JOIN keys k ON k.key_id = l.key_id \
    LEFT JOIN tombstones t ON t.key_id = l.key_id";
const NAMED: &str = "a.email, p.name, coalesce(k.name, t.name), s.email";

/// A few rows: first they are found, then their names are looked up.
fn some(condition: &str, direction: &str, limit: usize) -> String {
    format!(
        "SELECT {ENTRY}, {NAMED} \
         FROM (SELECT * FROM audit l WHERE {condition} ORDER BY l.number {direction} LIMIT {limit}) l {NAMES} \
         ORDER BY l.number {direction}"
    )
}

/// Any number of rows, in the order in which they are found, without sorting.
fn streamed(condition: &str, limit: usize) -> String {
    format!(
        "SELECT {ENTRY}, {NAMED} FROM audit l {NAMES} WHERE {condition} ORDER BY l.number DESC LIMIT {limit}"
    )
}

/// Returns the rows of a window, newest first.
pub fn page(
    r: &Reader<'_>,
    filter: &AuditFilter,
    window: &Window<AuditRow>,
) -> Result<Page<AuditRow>, StoreError> {
    let Condition { sql: condition, values } = Condition::of(r, filter);
    let cursor = |seen: &AuditRow| Ok(i64::try_from(seen.entry.number).unwrap_or(i64::MAX));
    page::fetch(window, cursor, |step, limit| {
        // Newest first: smaller numbers follow.
        let (from, compare, direction) = match step {
            Step::Forward(from) => (from, "<=", "DESC"),
            Step::Backward(from) => (from, ">", "ASC"),
        };
        let start = from.map_or_else(String::new, |_| format!(" AND l.number {compare} ?"));
        let sql = some(&format!("{condition}{start}"), direction, limit);
        let values: Vec<Value> = values.iter().cloned().chain(from.map(|from| Value::from(*from))).collect();
        r.all("reading the audit log", &sql, &values, audit_row)
    })
}

pub fn count(r: &Reader<'_>, filter: &AuditFilter) -> Result<u64, StoreError> {
    let Condition { sql, values } = Condition::of(r, filter);
    let sql = format!("SELECT count(*) FROM audit l WHERE {sql}");
    r.value("counting the entries of the audit log", &sql, &values)
}

/// Calls `f` with each matching entry, newest first, at most `limit` times and until it fails.
pub fn each<E: From<StoreError>>(
    r: &Reader<'_>,
    filter: &AuditFilter,
    limit: Option<usize>,
    f: impl FnMut(AuditRow) -> Result<(), E>,
) -> Result<(), E> {
    let Condition { sql, values } = Condition::of(r, filter);
    let most = limit.unwrap_or(usize::MAX).min(usize::try_from(i64::MAX).unwrap_or(usize::MAX));
    r.each("reading the audit log", &streamed(&sql, most), &values, audit_row, f)
}
