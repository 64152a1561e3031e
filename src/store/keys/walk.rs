//! Keys of one or several Applications in one order, read in portions along the index of the order.

use crate::store::value::Value;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use super::order::{Edge, Place, Run};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::key::Key;
use crate::store::convert::{self, KEY_COLUMNS};
use crate::store::{Reader, StoreError};

/// The maximum number of rows of one portion.
const LARGEST_PORTION: usize = 1_024;

/// How a walk takes a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matching {
    /// Only keys that fulfill it are read.
    Only,
    /// All keys are read, each with whether it fulfills the condition.
    Mark,
}

/// What all streams of a walk have in common.
pub(super) struct Plan<'a> {
    pub(super) run: Run,
    pub(super) ascending: bool,
    /// As of [`super::list::Condition`].
    pub(super) condition: (&'a str, &'a [Value]),
    pub(super) matching: Matching,
    /// The instant at which states are judged.
    pub(super) now: Instant,
}

/// The keys of one Application.
struct Stream {
    application: ApplicationId,
    rows: VecDeque<(Key, bool)>,
    /// The last key that was read, or the one where the walk begins.
    last: Option<(Key, Edge)>,
    is_over: bool,
    portion: usize,
}

impl Stream {
    fn next(&mut self, r: &Reader<'_>, plan: &Plan<'_>) -> Result<Option<(Key, bool)>, StoreError> {
        if self.rows.is_empty() && !self.is_over {
            self.read(r, plan)?;
        }
        Ok(self.rows.pop_front())
    }

    fn read(&mut self, r: &Reader<'_>, plan: &Plan<'_>) -> Result<(), StoreError> {
        let (condition, given) = plan.condition;
        let edge = self.last.as_ref().map(|(_, edge)| *edge);
        let mut values = vec![self.application.0.into()];
        let sql = match plan.matching {
            Matching::Only => {
                values.extend(given.iter().cloned());
                plan.run.statement(r, KEY_COLUMNS, condition, edge, plan.ascending)
            }
            Matching::Mark => {
                values.splice(0..0, given.iter().cloned());
                let select = format!("{KEY_COLUMNS}, (TRUE{condition}) IS TRUE");
                plan.run.statement(r, &select, "", edge, plan.ascending)
            }
        };
        if let Some((key, _)) = &self.last {
            values.extend(plan.run.edge_values(key));
        }
        values.push(i64::try_from(self.portion).unwrap_or(i64::MAX).into());
        self.rows = r.all("reading the keys", &sql, &values, |row| {
            let matches = plan.matching == Matching::Only || row.get(convert::KEY_COLUMN_COUNT)?;
            Ok((convert::key(row)?, matches))
        })?;
        self.is_over = self.rows.len() < self.portion;
        self.portion = (self.portion * 2).clamp(1, LARGEST_PORTION);
        if let Some((key, _)) = self.rows.back() {
            self.last = Some((key.clone(), Edge::Behind));
        }
        Ok(())
    }
}

/// Calls `f` with the keys of these Applications in order, each with whether it matches, until it breaks. About `wanted`
/// keys are expected to be enough.
pub(super) fn walk<E: From<StoreError>>(
    r: &Reader<'_>,
    plan: &Plan<'_>,
    applications: &[ApplicationId],
    from: Option<(&Key, Edge)>,
    wanted: usize,
    mut f: impl FnMut(Key, bool) -> Result<ControlFlow<()>, E>,
) -> Result<ControlFlow<()>, E> {
    let portion = match applications.len() {
        0 | 1 => wanted,
        several => (wanted / several).saturating_mul(2).max(8),
    };
    let stream = |application: &ApplicationId| Stream {
        application: *application,
        rows: VecDeque::new(),
        last: from.map(|(key, edge)| (key.clone(), edge)),
        is_over: false,
        portion: portion.min(LARGEST_PORTION),
    };
    let mut streams: Vec<Stream> = applications.iter().map(stream).collect();
    if let [one] = streams.as_mut_slice() {
        while let Some((key, matches)) = one.next(r, plan)? {
            if f(key, matches)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        return Ok(ControlFlow::Continue(()));
    }
    // The next key of each Application, by its place.
    let mut heads: BTreeMap<Place, (usize, Key, bool)> = BTreeMap::new();
    let sort = plan.run.sort;
    let mut fill = |heads: &mut BTreeMap<_, _>, place: usize| -> Result<(), StoreError> {
        if let Some((key, matches)) = streams[place].next(r, plan)? {
            heads.insert(sort.place(sort.values(&key), key.id, plan.now), (place, key, matches));
        }
        Ok(())
    };
    for place in 0..applications.len() {
        fill(&mut heads, place)?;
    }
    while let Some((_, (place, key, matches))) =
        if plan.ascending { heads.pop_first() } else { heads.pop_last() }
    {
        if f(key, matches)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        fill(&mut heads, place)?;
    }
    Ok(ControlFlow::Continue(()))
}
