//! The list of keys as windows: every order by key from an index, filters that go through a covering one.

use chrono::TimeDelta;
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::filter::Condition;
use super::read::{get, select};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::key::{Key, KeyId, KeyKind, KeyState};
use crate::domain::key_filter::KeyFilter;
use crate::domain::platform::Catalog;
use crate::store::convert::{self, KEY_COLUMNS};
use crate::store::page::{self, Page, Step, Window};
use crate::store::{Reader, StoreError, applications, users};

/// The columns that a list can be ordered by. Within one value keys are ordered by their IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeySort {
    /// Without regard to case.
    Name,
    #[strum(serialize = "id")]
    KeyId,
    /// By the platform's slug, generic keys first.
    Platform,
    Expires,
    /// What needs attention first: by expiration date, disabled keys last.
    State,
    /// By the creator's email, deleted creators last.
    Creator,
    /// By last use, never used keys first.
    LastUsed,
}

impl KeySort {
    /// In the order of the columns.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The columns that order, without the key ID.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["k.folded"],
            Self::KeyId => &[],
            Self::Platform => &["k.platform"],
            Self::Expires => &["k.expires"],
            Self::State => &["k.is_disabled", "k.expires"],
            Self::Creator => &["u.sort_email"],
            Self::LastUsed => &["k.used_order"],
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Name => "keys_by_name",
            Self::KeyId => "keys_by_id",
            Self::Platform => "keys_by_platform",
            Self::Expires => "keys_by_expires",
            Self::State => "keys_by_state",
            Self::Creator => "keys_by_creator",
            Self::LastUsed => "keys_by_used",
        }
    }

    /// Where a key stands in this order.
    fn cursor(self, key: &Key) -> Vec<Value> {
        let mut cursor = match self {
            Self::Name => vec![convert::folded(&key.name, key.id, &key.kind).into()],
            Self::KeyId => vec![],
            Self::Platform => vec![key.kind.platform().unwrap_or_default().to_owned().into()],
            Self::Expires => vec![key.expires.timestamp().into()],
            Self::State => vec![i64::from(key.disabled.is_some()).into(), key.expires.timestamp().into()],
            Self::Creator => vec![users::sort_email(&key.creator).into()],
            Self::LastUsed => vec![key.last_used.map_or(0, |at| at.timestamp()).into()],
        };
        cursor.push(key.id.to_string().into());
        cursor
    }
}

/// Which keys, in which order.
#[derive(Clone, Debug)]
pub struct KeyQuery {
    pub application: ApplicationId,
    pub filter: KeyFilter,
    pub state: Option<KeyState>,
    /// Generic, or of which platform.
    pub platform: Option<KeyKind>,
    /// The column to order by.
    pub sort: KeySort,
    pub descending: bool,
    /// The instant at which states are judged.
    pub now: Instant,
    /// How long before its end a key expires soon.
    pub soon: TimeDelta,
}

impl KeyQuery {
    /// Whether it leaves keys out.
    fn is_filtered(&self) -> bool {
        !self.filter.is_empty() || self.state.is_some() || self.platform.is_some()
    }
}

fn condition(r: &Reader<'_>, query: &KeyQuery, catalog: &Catalog) -> Result<Condition, StoreError> {
    let mut condition = Condition::new(query.application, query.now, query.soon);
    if let Some(state) = query.state {
        condition.state(state);
    }
    if let Some(kind) = &query.platform {
        condition.platform(kind);
    }
    condition.filter(r, &query.filter, catalog)?;
    Ok(condition)
}

/// How a step of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    /// Along the index of the order, until there are enough rows.
    Along,
    /// The same, but looking at so many rows only: where matches are common that is enough.
    AlongFor(usize),
    /// One walk over the index that has all that a filter looks at; only the first rows are kept and ordered.
    Through,
}

/// How many rows are looked at along the order before a filter goes through all of them.
const GLANCE: usize = 3_000;

/// The statement of one step through a list.
fn statement(query: &KeyQuery, condition: &str, from: bool, forward: bool, strategy: Strategy) -> String {
    let sort = query.sort;
    let mut columns = sort.columns().to_vec();
    columns.push("k.key_id");
    let ascending = forward != query.descending;
    let direction = if ascending { "" } else { " DESC" };
    let order: Vec<String> = columns.iter().map(|column| format!("{column}{direction}")).collect();
    let order = order.join(", ");
    let compare = match (forward, ascending) {
        (true, true) => ">=",
        (true, false) => "<=",
        (false, true) => ">",
        (false, false) => "<",
    };
    let start = if !from {
        String::new()
    } else if sort == KeySort::Creator {
        // A row value over two tables uses no index: the creator bounds the outer loop.
        let edge = if ascending { ">=" } else { "<=" };
        format!(" AND u.sort_email {edge} ? AND (u.sort_email, k.key_id) {compare} (?, ?)")
    } else {
        format!(" AND ({}) {compare} ({})", columns.join(", "), vec!["?"; columns.len()].join(", "))
    };
    let along = if sort == KeySort::Creator {
        // The creators in the order of their emails outside, the keys of each inside: no sorting of a million rows.
        "users u CROSS JOIN keys k INDEXED BY keys_by_creator ON k.creator_id = u.id".to_owned()
    } else {
        format!("keys k INDEXED BY {} CROSS JOIN users u ON u.id = k.creator_id", sort.index())
    };
    match strategy {
        Strategy::Along => {
            format!("SELECT {KEY_COLUMNS} FROM {along} WHERE {condition}{start} ORDER BY {order} LIMIT ?")
        }
        Strategy::AlongFor(rows) => format!(
            "SELECT {KEY_COLUMNS} FROM (SELECT k.key_id FROM {along} WHERE k.application_id = {app}{start} \
             ORDER BY {order} LIMIT {rows}) m CROSS JOIN keys k ON k.key_id = m.key_id \
             CROSS JOIN users u ON u.id = k.creator_id WHERE {condition} ORDER BY {order} LIMIT ?",
            app = query.application.0
        ),
        Strategy::Through => format!(
            "SELECT {KEY_COLUMNS} FROM (SELECT k.key_id FROM keys k INDEXED BY keys_by_name \
             CROSS JOIN users u ON u.id = k.creator_id WHERE {condition}{start} ORDER BY {order} LIMIT ?) m \
             CROSS JOIN keys k ON k.key_id = m.key_id CROSS JOIN users u ON u.id = k.creator_id ORDER BY {order}"
        ),
    }
}

/// The values of a statement, in its order.
fn values(
    query: &KeyQuery,
    condition: &Condition,
    from: Option<&Vec<Value>>,
    strategy: Strategy,
    limit: usize,
) -> Vec<Value> {
    let mut start = Vec::new();
    if let Some(cursor) = from {
        if query.sort == KeySort::Creator {
            start.extend(cursor.first().cloned());
        }
        start.extend(cursor.iter().cloned());
    }
    let mut values = match strategy {
        Strategy::AlongFor(_) => [start, condition.values.clone()].concat(),
        Strategy::Along | Strategy::Through => [condition.values.clone(), start].concat(),
    };
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    values
}

/// The rows of a window.
pub fn page(
    r: &Reader<'_>,
    query: &KeyQuery,
    catalog: &Catalog,
    window: &Window<Key>,
) -> Result<Page<Key>, StoreError> {
    let condition = condition(r, query, catalog)?;
    let cursor = |key: &Key| -> Result<Vec<Value>, StoreError> {
        // Where it stands now; where it stood, if it is gone.
        Ok(query.sort.cursor(get(r, key.id)?.as_ref().unwrap_or(key)))
    };
    page::fetch(window, cursor, |step, limit| {
        let (from, forward) = match &step {
            Step::Forward(from) => (*from, true),
            Step::Backward(from) => (*from, false),
        };
        let read = |strategy| {
            let sql = statement(query, &condition.sql, from.is_some(), forward, strategy);
            select(r, &sql, values(query, &condition, from, strategy, limit))
        };
        // The index of the names has all that a filter looks at, and so has no need of a second strategy.
        if !query.is_filtered() || query.sort == KeySort::Name {
            return read(Strategy::Along);
        }
        let glanced = read(Strategy::AlongFor(GLANCE))?;
        if glanced.len() >= limit { Ok(glanced) } else { read(Strategy::Through) }
    })
}

/// What SQLite intends to do for a step of a list: a test looks that it never sorts all rows, nor looks at them all.
pub fn plan(r: &Reader<'_>, query: &KeyQuery, catalog: &Catalog, from: &Key) -> Result<String, StoreError> {
    let condition = condition(r, query, catalog)?;
    let strategy = if query.is_filtered() { Strategy::Through } else { Strategy::Along };
    let sql = format!("EXPLAIN QUERY PLAN {}", statement(query, &condition.sql, true, true, strategy));
    let values = values(query, &condition, Some(&query.sort.cursor(from)), strategy, 10);
    let steps: Vec<String> = r.all("planning", &sql, params_from_iter(values), |row| row.get(3))?;
    Ok(steps.join("; "))
}

/// Calls `f` with the first `limit` keys, in order, until it fails.
pub fn each<E: From<StoreError>>(
    r: &Reader<'_>,
    query: &KeyQuery,
    catalog: &Catalog,
    limit: usize,
    f: impl FnMut(Key) -> Result<(), E>,
) -> Result<(), E> {
    let condition = condition(r, query, catalog)?;
    let sql = statement(query, &condition.sql, false, true, Strategy::Along);
    let values = values(query, &condition, None, Strategy::Along, limit);
    r.each("reading the keys", &sql, params_from_iter(values), convert::key, f)
}

pub fn count(r: &Reader<'_>, query: &KeyQuery, catalog: &Catalog) -> Result<u64, StoreError> {
    if !query.is_filtered() {
        return Ok(applications::get(r, query.application)?.map_or(0, |application| application.keys));
    }
    let condition = condition(r, query, catalog)?;
    let sql = format!("SELECT count(*) FROM keys k INDEXED BY keys_by_name WHERE {}", condition.sql);
    r.value("counting the keys", &sql, params_from_iter(condition.values))
}

/// Identities and versions of the keys that match, at most `limit`.
pub fn ids(
    r: &Reader<'_>,
    query: &KeyQuery,
    catalog: &Catalog,
    limit: usize,
) -> Result<Vec<(KeyId, i64)>, StoreError> {
    let mut ids = Vec::new();
    each(r, query, catalog, limit, |key| {
        ids.push((key.id, key.version));
        Ok::<_, StoreError>(())
    })?;
    Ok(ids)
}
