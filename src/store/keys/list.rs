//! The list of keys as windows: every order by key from an index, filters that go through a covering one.

use crate::store::value::Value;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use chrono::TimeDelta;

use super::bulk::get_all;
use super::filter::{Candidates, Condition};
use super::order::{Edge, KeySort, Part, Place, Run};
use super::read::get;
use super::walk::{self, Matching, Plan};
use crate::domain::Instant;
use crate::domain::application::{ApplicationId, Scope};
use crate::domain::key::{Key, KeyId, KeyKind, KeyState};
use crate::domain::key_filter::KeyFilter;
use crate::domain::platform::Catalog;
use crate::store::convert::{self, KEY_COLUMNS};
use crate::store::page::{self, Page, Step, Window};
use crate::store::{Reader, StoreError, applications};

/// Which keys, in which order.
#[derive(Clone, Debug)]
pub struct KeyQuery {
    pub scope: Scope,
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
        self.terms() > 0
    }

    /// How many conditions it consists of.
    fn terms(&self) -> usize {
        self.filter.terms.len() + usize::from(self.state.is_some()) + usize::from(self.platform.is_some())
    }
}

fn condition(r: &Reader<'_>, query: &KeyQuery, catalog: &Catalog) -> Result<Condition, StoreError> {
    let mut condition = Condition::new(query.scope, query.now, query.soon);
    if let Some(state) = query.state {
        condition.state(r, state)?;
    }
    if let Some(kind) = &query.platform {
        condition.platform(kind);
    }
    condition.filter(r, &query.filter, catalog)?;
    Ok(condition)
}

/// How many keys are looked at along the order before a filter goes through all of them.
const GLANCE: usize = 3_000;

/// A list that is being read in one direction.
struct List<'a> {
    r: &'a Reader<'a>,
    query: &'a KeyQuery,
    condition: &'a Condition,
    applications: &'a [ApplicationId],
}

impl List<'_> {
    /// Calls `f` with the keys of the list from one on, or all, until it breaks.
    fn walk<E: From<StoreError>>(
        &self,
        from: Option<&Key>,
        forward: bool,
        matching: Matching,
        wanted: usize,
        mut f: impl FnMut(Key, bool) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let KeyQuery { sort, now, .. } = *self.query;
        let ascending = forward != self.query.descending;
        let first = from.map(|key| sort.run_of(&self.place(key)));
        let mut runs: Vec<(usize, Run)> = sort.runs(now).into_iter().enumerate().collect();
        if !ascending {
            runs.reverse();
        }
        let edge = if forward { Edge::At } else { Edge::Behind };
        for (number, run) in
            runs.into_iter().skip_while(|(number, _)| first.is_some_and(|first| first != *number))
        {
            let condition = (self.condition.sql.as_str(), self.condition.values.as_slice());
            let plan = Plan { run, ascending, condition, matching, now };
            let from = from.filter(|_| first == Some(number)).map(|key| (key, edge));
            if walk::walk(self.r, &plan, self.applications, from, wanted, &mut f)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn place(&self, key: &Key) -> Place {
        let KeyQuery { sort, now, .. } = *self.query;
        sort.place(sort.values(key), key.id, now)
    }

    /// The first matching keys from one on; one that goes backward leaves that one out.
    fn step(&self, from: Option<&Key>, forward: bool, limit: usize) -> Result<Vec<Key>, StoreError> {
        let query = self.query;
        let glances = query.is_filtered();
        let matching = if glances { Matching::Mark } else { Matching::Only };
        let (mut found, mut looked_at) = (Vec::new(), 0);
        self.walk(from, forward, matching, limit, |key, matches| {
            looked_at += 1;
            if matches {
                found.push(key);
            }
            let is_enough = found.len() >= limit || (glances && looked_at >= GLANCE);
            Ok::<_, StoreError>(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if glances && looked_at >= GLANCE && found.len() < limit {
            return self.through(from, forward, limit);
        }
        Ok(found)
    }

    /// The same by one walk over the index that has all that a filter looks at; it keeps only the first keys.
    fn through(&self, from: Option<&Key>, forward: bool, limit: usize) -> Result<Vec<Key>, StoreError> {
        let KeyQuery { sort, now, descending, .. } = *self.query;
        let ascending = forward != descending;
        let from = from.map(|key| self.place(key));
        let mut places: BTreeSet<Place> = BTreeSet::new();
        let (sql, values) = through(self.r, self.query, self.condition)?;
        self.r.each(
            "reading the keys",
            &sql,
            &values,
            |row| {
                let values = (1..=sort.columns().len()).map(|column| row.get(column));
                Ok(sort.place(values.collect::<Result<_, _>>()?, convert::key_id(row, 0)?, now))
            },
            |place| {
                let is_wanted = from.as_ref().is_none_or(|from| match place.cmp(from) {
                    Ordering::Equal => forward,
                    Ordering::Less => !ascending,
                    Ordering::Greater => ascending,
                });
                if is_wanted {
                    places.insert(place);
                    if places.len() > limit {
                        if ascending {
                            places.pop_last()
                        } else {
                            places.pop_first()
                        };
                    }
                }
                Ok::<_, StoreError>(())
            },
        )?;
        let ids = places.iter().filter_map(|place| match place.last()? {
            Part::Id(id) | Part::Back(Reverse(id)) => Some(*id),
            Part::Number(_) | Part::Text(_) => None,
        });
        let ids: Vec<KeyId> = ids.collect();
        let mut found = get_all(self.r, &ids)?;
        let mut keys: Vec<Key> = ids.iter().filter_map(|id| found.remove(id)).collect();
        if !ascending {
            keys.reverse();
        }
        Ok(keys)
    }
}

/// What a statement goes through to find all keys that fulfill a condition, with its values: the few that may, or all.
fn along(r: &Reader<'_>, condition: &Condition) -> Result<(String, Vec<Value>), StoreError> {
    Ok(match condition.candidates(r)? {
        Some(Candidates { sql, values, .. }) => {
            (format!("({sql}) m CROSS JOIN keys k ON k.key_id = m.key_id"), values.clone())
        }
        None if condition.looks_at_use => ("keys k INDEXED BY keys_by_id".into(), Vec::new()),
        None => ("keys k INDEXED BY keys_by_name".into(), Vec::new()),
    })
}

/// The statement that goes through all keys, with its values.
fn through(
    r: &Reader<'_>,
    query: &KeyQuery,
    condition: &Condition,
) -> Result<(String, Vec<Value>), StoreError> {
    let columns = [&["k.key_id"], query.sort.columns()].concat().join(", ");
    let users = match query.sort {
        KeySort::Creator => " CROSS JOIN users u ON u.id = k.creator_id",
        KeySort::LastUsed => " LEFT JOIN key_use s ON s.key_id = k.key_id",
        _ => "",
    };
    let (along, mut values) = along(r, condition)?;
    let (scope, in_scope) = in_scope(query);
    values.extend(in_scope);
    values.extend(condition.values.iter().cloned());
    Ok((format!("SELECT {columns} FROM {along}{users} WHERE {scope}{}", condition.sql), values))
}

/// The condition that only the keys of the Application of a query fulfill, with its values.
fn in_scope(query: &KeyQuery) -> (&'static str, Vec<Value>) {
    match query.scope {
        Scope::Application(id) => ("k.application_id = ?", vec![id.0.into()]),
        Scope::All => ("TRUE", vec![]),
    }
}

/// The rows of a window.
pub fn page(
    r: &Reader<'_>,
    query: &KeyQuery,
    catalog: &Catalog,
    window: &Window<Key>,
) -> Result<Page<Key>, StoreError> {
    let (condition, applications) = (condition(r, query, catalog)?, applications::of(r, query.scope)?);
    let list = List { r, query, condition: &condition, applications: &applications };
    // Where it is now; where it was, if it is gone.
    let cursor = |key: &Key| Ok(get(r, key.id)?.unwrap_or_else(|| key.clone()));
    page::fetch(window, cursor, |step, limit| match step {
        Step::Forward(from) => list.step(from, true, limit),
        Step::Backward(from) => list.step(from, false, limit),
    })
}

/// What the engine intends to do for a step of a list: a test checks that it never sorts all rows, nor looks at them all.
pub fn plan(r: &Reader<'_>, query: &KeyQuery, catalog: &Catalog, from: &Key) -> Result<String, StoreError> {
    let condition = condition(r, query, catalog)?;
    let mut plans = Vec::new();
    let mut explain = |sql: &str, values: Vec<Value>| -> Result<(), StoreError> {
        let (explain, column) = r.pick(("EXPLAIN QUERY PLAN", 3), ("EXPLAIN", 0));
        let steps: Vec<String> =
            r.all("planning", &format!("{explain} {sql}"), &values, |row| row.get(column))?;
        plans.extend(steps);
        Ok(())
    };
    if query.is_filtered() {
        let (sql, values) = through(r, query, &condition)?;
        explain(&sql, values)?;
        return Ok(plans.join("; "));
    }
    for run in query.sort.runs(query.now) {
        let sql = run.statement(r, KEY_COLUMNS, "", Some(Edge::At), !query.descending);
        let edge = run.edge_values(from);
        explain(&sql, [vec![from.application.0.into()], edge, vec![10_i64.into()]].concat())?;
    }
    Ok(plans.join("; "))
}

/// How many keys that match are found by one walk over the covering index; more are found along the order.
const MOST_AT_ONCE: usize = 10_000;

/// Calls `f` with the first `limit` keys, in order, until it fails. Keeps at most some thousand keys in memory.
pub fn each<E: From<StoreError>>(
    r: &Reader<'_>,
    query: &KeyQuery,
    catalog: &Catalog,
    limit: usize,
    mut f: impl FnMut(Key) -> Result<(), E>,
) -> Result<(), E> {
    let (condition, applications) = (condition(r, query, catalog)?, applications::of(r, query.scope)?);
    let list = List { r, query, condition: &condition, applications: &applications };
    if condition.candidates(r)?.is_some() {
        return list.through(None, true, limit)?.into_iter().try_for_each(f);
    }
    // By name, the walk itself goes over the covering index.
    if query.is_filtered() && (query.sort != KeySort::Name || condition.looks_at_use) {
        if limit <= GLANCE {
            return list.step(None, true, limit)?.into_iter().try_for_each(f);
        }
        let found = list.through(None, true, limit.min(MOST_AT_ONCE + 1))?;
        if found.len() <= MOST_AT_ONCE {
            return found.into_iter().try_for_each(f);
        }
    }
    let mut left = limit;
    list.walk(None, true, Matching::Only, limit, |key, _| {
        left -= 1;
        f(key)?;
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

pub fn count(r: &Reader<'_>, query: &KeyQuery, catalog: &Catalog) -> Result<u64, StoreError> {
    let (scope, mut values) = in_scope(query);
    if !query.is_filtered() {
        let sql = format!(
            "SELECT CAST(coalesce(sum(k.key_count), 0) AS BIGINT) FROM applications k WHERE {}",
            scope.replace("application_id", "id")
        );
        return r.value("counting the keys", &sql, &values);
    }
    let condition = condition(r, query, catalog)?;
    if let Some(Candidates { sql, values, .. }) = condition.exactly(query.terms()) {
        let sql = format!("SELECT count(*) FROM ({sql}) c");
        return r.value("counting the keys", &sql, values);
    }
    let (along, mut all) = along(r, &condition)?;
    all.append(&mut values);
    all.extend(condition.values);
    let sql = format!("SELECT count(*) FROM {along} WHERE {scope}{}", condition.sql);
    r.value("counting the keys", &sql, &all)
}

/// The IDs of the keys that match: the first `limit`.
pub fn ids(
    r: &Reader<'_>,
    query: &KeyQuery,
    catalog: &Catalog,
    limit: usize,
) -> Result<Vec<KeyId>, StoreError> {
    let read = |query: &KeyQuery, limit| {
        let mut ids = Vec::new();
        each(r, query, catalog, limit, |key| {
            ids.push(key.id);
            Ok::<_, StoreError>(())
        })
        .map(|()| ids)
    };
    // Rare keys are found fastest by name. The order decides only where there are too many.
    let all = read(&KeyQuery { sort: KeySort::Name, ..query.clone() }, limit.saturating_add(1))?;
    if all.len() <= limit { Ok(all) } else { read(query, limit) }
}
