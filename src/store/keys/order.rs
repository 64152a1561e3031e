//! The orders of the list of keys, and the walks along indexes that they consist of.

use crate::store::value::Value;
use std::cmp::Reverse;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::domain::Instant;
use crate::domain::key::{Key, KeyId};
use crate::store::convert::WITH_KEYS;
use crate::store::{Reader, convert, users};

/// The columns that a list can be ordered by. Keys of the same value are ordered by their IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum KeySort {
    /// Naturally (2 before 10) and without regard to case.
    Name,
    #[strum(serialize = "id")]
    KeyId,
    /// By the platform's slug, generic keys first.
    Platform,
    Expires,
    /// What needs action first: valid keys by expiration date, then disabled ones, then those that have ended, the latest
    /// first.
    State,
    /// By the creator's email, deleted creators last.
    Creator,
    /// By last use, never used keys first.
    LastUsed,
}

/// The run of the state order that has the keys that have ended.
const ENDED: i64 = 2;

impl KeySort {
    /// In the order of the columns.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The columns that order, without the key ID.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["k.name_order"],
            Self::KeyId => &[],
            Self::Platform => &["k.platform"],
            Self::Expires => &["k.expires"],
            Self::State => &["k.is_disabled", "k.expires"],
            Self::Creator => &["u.sort_email"],
            Self::LastUsed => &["coalesce(s.last, 0)"],
        }
    }

    /// The values of those columns.
    pub(super) fn values(self, key: &Key) -> Vec<Value> {
        match self {
            Self::Name => vec![convert::name_order(&key.name).into()],
            Self::KeyId => vec![],
            Self::Platform => vec![key.kind.platform().unwrap_or_default().to_owned().into()],
            Self::Expires => vec![key.expires.timestamp().into()],
            Self::State => vec![i64::from(key.stays_disabled()).into(), key.expires.timestamp().into()],
            Self::Creator => vec![users::sort_email(&key.creator).into()],
            Self::LastUsed => vec![key.last_used.map_or(0, |at| at.timestamp()).into()],
        }
    }

    /// Where a key with these values is at an instant.
    pub(super) fn place(self, values: Vec<Value>, id: KeyId, now: Instant) -> Place {
        if let (Self::State, [Value::Integer(_), Value::Integer(Some(expires))]) = (self, values.as_slice())
            && *expires <= now.timestamp()
        {
            return vec![Part::Number(ENDED), Part::Number(-expires), Part::Back(Reverse(id))];
        }
        let part = |value| match value {
            Value::Integer(number) => Part::Number(number.unwrap_or_default()),
            Value::Text(text) => Part::Text(text.unwrap_or_default()),
            // No order has one.
            _ => Part::Number(0),
        };
        values.into_iter().map(part).chain([Part::Id(id)]).collect()
    }

    /// The number of the run that a place is in.
    pub(super) fn run_of(self, place: &Place) -> usize {
        match (self, place.first()) {
            (Self::State, Some(Part::Number(run))) => usize::try_from(*run).unwrap_or_default(),
            // First the keys that were never used.
            (Self::LastUsed, Some(Part::Number(used))) => usize::from(*used != 0),
            _ => 0,
        }
    }

    /// The walks that make up this order at an instant.
    pub(super) fn runs(self, now: Instant) -> Vec<Run> {
        let all = |along| {
            let (columns, within) = (self.columns(), "");
            vec![Run { sort: self, along, columns, within, begins: String::new(), is_backward: false }]
        };
        match self {
            Self::Name => all(Along::Keys("keys_by_name")),
            Self::KeyId => all(Along::Keys("keys_by_id")),
            Self::Platform => all(Along::Keys("keys_by_platform")),
            Self::Expires => all(Along::Keys("keys_by_expires")),
            Self::State => {
                let run = |index, within, begins, is_backward| {
                    let begins = format!(" AND k.expires {begins} {}", now.timestamp());
                    let along = Along::Keys(index);
                    Run { sort: self, along, columns: &["k.expires"], within, begins, is_backward }
                };
                vec![
                    run("keys_by_state", " AND k.is_disabled = 0", ">", false),
                    run("keys_by_state", " AND k.is_disabled = 1", ">", false),
                    run("keys_by_expires", "", "<=", true),
                ]
            }
            Self::Creator => all(Along::Creators),
            Self::LastUsed => {
                let run = |along, columns| {
                    let (within, begins) = ("", String::new());
                    Run { sort: self, along, columns, within, begins, is_backward: false }
                };
                vec![run(Along::NeverUsed, &[]), run(Along::Used, &["s.last"])]
            }
        }
    }
}

/// Where a key is in an order: compares as SQLite compares the columns.
pub(super) type Place = Vec<Part>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Number(i64),
    Text(String),
    Id(KeyId),
    Back(Reverse<KeyId>),
}

/// What a walk goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    /// An index of the keys.
    Keys(&'static str),
    /// The creators by their emails, and the keys of each: no sorting of a million rows.
    Creators,
    /// The keys that were used, by last use.
    Used,
    /// The keys that were never used.
    NeverUsed,
}

impl Along {
    /// Joins the keys `k`, their creators `u` and their last use `s`.
    fn tables(self) -> String {
        match self {
            Self::Keys(index) => format!("keys k INDEXED BY {index} {WITH_KEYS}"),
            Self::Creators => "users u CROSS JOIN keys k INDEXED BY keys_by_creator ON k.creator_id = u.id \
                               LEFT JOIN key_use s ON s.key_id = k.key_id"
                .into(),
            Self::Used => "key_use s INDEXED BY key_use_by_last CROSS JOIN keys k ON k.key_id = s.key_id \
                           CROSS JOIN users u ON u.id = k.creator_id"
                .into(),
            Self::NeverUsed => format!("never_used n CROSS JOIN keys k ON k.key_id = n.key_id {WITH_KEYS}"),
        }
    }

    /// The columns of the Application and of the key ID that the index has.
    fn application_and_id(self) -> (&'static str, &'static str) {
        match self {
            Self::Keys(_) | Self::Creators => ("k.application_id", "k.key_id"),
            Self::Used => ("s.application_id", "s.key_id"),
            Self::NeverUsed => ("n.application_id", "n.key_id"),
        }
    }
}

/// A part of an order that one walk along an index reads in each Application.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) sort: KeySort,
    along: Along,
    columns: &'static [&'static str],
    /// A condition that the keys of this part fulfill.
    within: &'static str,
    /// The condition that excludes the keys of the index before the first one of this part.
    begins: String,
    /// Whether the index is walked against its order.
    is_backward: bool,
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    At,
    Behind,
}

impl Run {
    /// The statement of a walk through one Application. Its values: the Application, those of `condition`, those of
    /// [`Self::edge_values`], and the maximum number of rows.
    pub(super) fn statement(
        &self,
        r: &Reader<'_>,
        select: &str,
        condition: &str,
        edge: Option<Edge>,
        ascending: bool,
    ) -> String {
        // A walk away from the beginning needs no second bound, and SQLite may use it instead of the edge.
        let begins = if edge.is_some() && ascending { "" } else { &self.begins };
        let ascending = ascending != self.is_backward;
        let is_by_creator = self.along == Along::Creators;
        let (application, id) = self.along.application_and_id();
        let columns: Vec<&str> = self.columns.iter().copied().chain([id]).collect();
        let (sign, direction) = if ascending { (">", "") } else { ("<", " DESC") };
        let order: Vec<String> = columns.iter().map(|column| format!("{column}{direction}")).collect();
        let start = edge.map_or_else(String::new, |edge| {
            let equal = if edge == Edge::At { "=" } else { "" };
            let marks = vec!["?"; columns.len()].join(", ");
            // A row value over two tables uses no index: the creator bounds the outer loop.
            let bound = if is_by_creator { format!(" AND u.sort_email {sign}= ?") } else { String::new() };
            format!("{bound} AND ({}) {sign}{equal} ({marks})", columns.join(", "))
        });
        let order = order.join(", ");
        if is_by_creator && r.pick(false, true) {
            return by_creator(select, condition, edge, ascending);
        }
        let found =
            format!("{application} = ?{}{begins}{condition}{start} ORDER BY {order} LIMIT ?", self.within);
        if let (KeySort::Name, Along::Keys(index), false) = (self.sort, self.along, condition.is_empty()) {
            // The index of the names has all columns of a condition: only keys that match are looked up in the table.
            return format!(
                "SELECT {select} FROM (SELECT k.key_id AS id FROM keys k INDEXED BY {index} WHERE {found}) m \
                 CROSS JOIN keys k ON k.key_id = m.id {WITH_KEYS} ORDER BY {order}"
            );
        }
        if let (Along::Used | Along::NeverUsed, true, true) =
            (self.along, condition.is_empty(), r.pick(false, true))
        {
            // PostgreSQL would walk over the keys from the first one, beside the table that has the order.
            let (table, name) =
                if self.along == Along::Used { ("key_use", "s") } else { ("never_used", "n") };
            let (columns, outer) = (columns.join(", "), order.replace(&format!("{name}."), "m."));
            return format!(
                "SELECT {select} FROM (SELECT {columns} FROM {table} {name} WHERE {found}) m \
                 JOIN keys k ON k.key_id = m.key_id {WITH_KEYS} ORDER BY {outer}"
            );
        }
        format!("SELECT {select} FROM {} WHERE {found}", self.along.tables())
    }

    /// The values that say where a walk begins. Those of creators are in the order of [`by_creator`] too.
    pub(super) fn edge_values(&self, key: &Key) -> Vec<Value> {
        let mut values = self.sort.values(key);
        values.drain(..values.len() - self.columns.len());
        if self.sort == KeySort::Creator {
            values.extend(values.first().cloned());
        }
        values.push(key.id.to_string().into());
        values
    }
}

/// A walk by creators in PostgreSQL, which would sort all keys of a creator: a few of each are enough. The edge is a bound on
/// the keys of its creator alone.
fn by_creator(select: &str, condition: &str, edge: Option<Edge>, ascending: bool) -> String {
    let (sign, direction, least) = if ascending { (">", "", "") } else { ("<", " DESC", "~") };
    let start = edge.map_or_else(String::new, |edge| {
        let equal = if edge == Edge::At { "=" } else { "" };
        format!(
            " AND u.sort_email {sign}= ? AND k.key_id {sign}{equal} CASE WHEN u.sort_email = ? THEN ? ELSE '{least}' END"
        )
    });
    let found = format!(
        "SELECT {select} FROM users u JOIN LATERAL (SELECT * FROM keys k WHERE k.application_id = ?{condition} \
         AND k.creator_id = u.id{start} ORDER BY k.key_id{direction} LIMIT ?) k ON TRUE \
         LEFT JOIN key_use s ON s.key_id = k.key_id"
    );
    let limit = found.matches('?').count();
    format!("{found} ORDER BY u.sort_email{direction}, k.key_id{direction} LIMIT ?{limit}")
}
