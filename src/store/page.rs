//! Windows of lists: rows around an anchor, fetched by key from an index, never by OFFSET.

use super::value::Value;
use super::{Reader, StoreError};
use crate::store::row::{Row, RowResult};

#[derive(Clone, Debug)]
pub enum Anchor<T> {
    First,
    Last,
    /// A row that was read before, at its present place, or where it was if it no longer exists.
    At(Box<T>),
}

#[derive(Clone, Debug)]
pub struct Window<T> {
    pub anchor: Anchor<T>,
    /// Number of rows before the anchor.
    pub before: usize,
    /// Number of rows from the anchor on, including it.
    pub after: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows in the order of the list.
    pub rows: Vec<T>,
    /// The index of the anchor among them; 0 when there are none.
    pub anchor: usize,
    /// Whether there are rows before these.
    pub more_before: bool,
    /// Whether there are rows after these.
    pub more_after: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), anchor: 0, more_before: false, more_after: false }
    }
}

/// A read in one direction: from a cursor (inclusive forward, exclusive backward) or from an end.
pub(super) enum Step<'a, C> {
    Forward(Option<&'a C>),
    Backward(Option<&'a C>),
}

/// Assembles a page from two steps that each fetch one row more than wanted, which tells whether there are more.
pub(super) fn fetch<T, C, E>(
    window: &Window<T>,
    cursor: impl FnOnce(&T) -> Result<C, E>,
    mut step: impl FnMut(Step<'_, C>, usize) -> Result<Vec<T>, E>,
) -> Result<Page<T>, E> {
    let (mut before, mut after) = match &window.anchor {
        Anchor::First => (Vec::new(), step(Step::Forward(None), window.after + 1)?),
        Anchor::Last => (step(Step::Backward(None), window.before + 2)?, Vec::new()),
        Anchor::At(row) => {
            let cursor = cursor(row)?;
            let after = step(Step::Forward(Some(&cursor)), window.after + 1)?;
            // Without a row at or after the anchor, the last one is the anchor.
            let wanted = if after.is_empty() { window.before.max(1) } else { window.before };
            (step(Step::Backward(Some(&cursor)), wanted + 1)?, after)
        }
    };
    let (wanted_before, wanted_after) = match &window.anchor {
        Anchor::Last => (window.before + 1, 0),
        Anchor::At(_) if after.is_empty() => (window.before.max(1), 0),
        _ => (window.before, window.after),
    };
    let more_before = before.len() > wanted_before;
    let more_after = after.len() > wanted_after;
    before.truncate(wanted_before);
    after.truncate(wanted_after);
    let anchor = if after.is_empty() { before.len().saturating_sub(1) } else { before.len() };
    before.reverse();
    before.append(&mut after);
    Ok(Page { rows: before, anchor, more_before, more_after })
}

fn values_of(words: &[String]) -> Vec<Value> {
    words.iter().map(Value::from).collect()
}

/// A list that is ordered by one unique column of text.
pub(super) struct TextOrder<'a> {
    /// The columns of a row.
    pub(super) select: &'a str,
    pub(super) from: &'a str,
    /// What the list is ordered by.
    pub(super) column: &'a str,
    /// What each word of a filter is searched in.
    pub(super) haystack: &'a str,
}

impl TextOrder<'_> {
    /// What the texts of a filter must meet.
    fn condition(&self, words: &[String]) -> String {
        format!(" AND instr({}, ?) > 0", self.haystack).repeat(words.len())
    }

    /// How many rows contain all of these folded texts.
    pub(super) fn count(
        &self,
        r: &Reader<'_>,
        what: &'static str,
        words: &[String],
    ) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {} WHERE TRUE{}", self.from, self.condition(words));
        r.value(what, &sql, &values_of(words))
    }
}

/// The rows of a window whose `haystack` contains all of these folded texts.
pub(super) fn by_text<T>(
    r: &Reader<'_>,
    what: &'static str,
    order: &TextOrder<'_>,
    words: &[String],
    window: &Window<T>,
    cursor: impl FnOnce(&T) -> Result<String, StoreError>,
    read: fn(&Row<'_>) -> RowResult<T>,
) -> Result<Page<T>, StoreError> {
    let TextOrder { select, from: table, column, .. } = order;
    let condition = order.condition(words);
    fetch(window, cursor, |step, limit| {
        let (from, compare, direction) = match step {
            Step::Forward(from) => (from, ">=", ""),
            Step::Backward(from) => (from, "<", " DESC"),
        };
        let start = from.map_or_else(String::new, |_| format!(" AND {column} {compare} ?"));
        let sql = format!(
            "SELECT {select} FROM {table} WHERE TRUE{condition}{start} ORDER BY {column}{direction} LIMIT {limit}"
        );
        r.all(what, &sql, &[values_of(words), from.map(Value::from).into_iter().collect()].concat(), read)
    })
}
