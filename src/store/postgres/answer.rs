//! The statement of a verification and its answer.

use std::sync::Arc;

use tokio_postgres::Row as ServerRow;

use crate::domain::Instant;
use crate::domain::audit::ChainHash;
use crate::domain::key::{Accepted, KeyId};
use crate::domain::secret::KeyHash;
use crate::store::continuity::Head;
use crate::store::convert;
use crate::store::id_row::{IdRow, Match};
use crate::store::known_key::{Claim, KnownKey, LookupResult};
use crate::store::row::{Row, RowFault, RowResult};
use crate::store::server::{self, timeline_number};
use crate::store::value::Value;

/// What the statement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// No key.
    Database,
    /// Keys, without what ends those that are no longer used. Planning that would take the server longer than all the rest.
    Ordinary,
    /// Keys with all of it.
    UntilUnused,
}

/// Of each row. The first one is about the database, and always there.
const DATABASE: i64 = 0;
const KEY: i64 = 1;
const TOMBSTONE: i64 = 2;

macro_rules! database {
    ($timeline:expr, $more:literal) => {
        concat!(
            "SELECT 0::bigint, NULL::text, h.hash, d.identity, d.status, d.moved_to, NULL::text, NULL::text, NULL::text, \
             h.number, floor(extract(epoch FROM clock_timestamp()))::bigint, pg_is_in_recovery()::int::bigint, ",
            $timeline,
            ", NULL::bigint",
            $more,
            " FROM head h, database d WHERE h.id = 1 AND d.id = 1"
        )
    };
}

macro_rules! keys {
    ($until_unused:expr, $last_used:literal) => {
        concat!(
            " UNION ALL SELECT 1, k.key_id, k.hash, NULL, k.name, a.name, k.platform, k.type, k.allowed_sources, k.expires, \
             k.disabled, k.disabled_until, k.canary, ",
            $until_unused,
            " FROM keys k JOIN applications a ON a.id = k.application_id",
            $last_used,
            " WHERE k.key_id = ANY (string_to_array(?1, ','))"
        )
    };
}

macro_rules! tombstones {
    ($more:literal) => {
        concat!(
            " UNION ALL SELECT 2, key_id, hash, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
            $more,
            " FROM tombstones WHERE key_id = ANY (string_to_array(?1, ','))"
        )
    };
}

macro_rules! statements {
    ($timeline:expr) => {
        Statements {
            database: database!($timeline, ""),
            ordinary: concat!(database!($timeline, ""), keys!("k.unused_for", ""), tombstones!("")),
            until_unused: concat!(
                database!($timeline, ", NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::bigint"),
                keys!(
                    concat!(convert::until_unused_columns!(), ", s.last"),
                    " LEFT JOIN key_use s ON s.key_id = k.key_id AND k.unused_for IS NOT NULL"
                ),
                tombstones!(", NULL, NULL, NULL, NULL, NULL")
            ),
        }
    };
}

struct Statements {
    database: &'static str,
    ordinary: &'static str,
    until_unused: &'static str,
}

const WITH_TIMELINE: Statements = statements!(timeline_number!());

/// For a server that does not say it.
const WITHOUT_TIMELINE: Statements = statements!("NULL::bigint");

impl Scope {
    /// The statement for a connection to a server.
    pub(super) fn sql(self, server: &server::Facts) -> &'static str {
        let statements = if server.timeline.is_some() { WITH_TIMELINE } else { WITHOUT_TIMELINE };
        match self {
            Self::Database => statements.database,
            Self::Ordinary => statements.ordinary,
            Self::UntilUnused => statements.until_unused,
        }
    }

    /// The values of the statement.
    pub(super) fn values(self, ids: &[KeyId]) -> Vec<Value> {
        if self == Self::Database {
            return Vec::new();
        }
        let mut text = String::with_capacity(ids.len() * (KeyId::LENGTH + 1));
        for id in ids {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(id.as_str());
        }
        vec![text.into()]
    }
}

/// The facts about the database of an answer.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) identity: [u8; 16],
    pub(super) status: String,
    pub(super) moved_to: Option<String>,
    pub(super) is_in_recovery: bool,
    /// The number of the timeline of a primary, where the server says it.
    pub(super) timeline: Option<i64>,
    /// The last entry of the audit log.
    pub(super) head: Option<Head>,
    /// What the server's clock showed.
    pub(super) clock: Instant,
}

impl Facts {
    pub(super) fn read(rows: &[ServerRow]) -> RowResult<Self> {
        let about = |row: &&ServerRow| matches!(Row::Postgres(row).get::<i64>(0), Ok(DATABASE));
        let row = rows.iter().find(about).ok_or(RowFault::wrong(0, "the row about the database"))?;
        let row = &Row::Postgres(row);
        let hash: Option<[u8; 32]> = row.get(2)?;
        let number = row.get(9)?;
        Ok(Self {
            identity: row.get(3)?,
            status: row.get(4)?,
            moved_to: row.get(5)?,
            is_in_recovery: row.get(11)?,
            timeline: row.get(12)?,
            head: hash.map(|hash| (number, ChainHash(hash))),
            clock: convert::instant(row, 10)?,
        })
    }
}

/// What the database has for some key IDs.
pub(super) struct Answer {
    scope: Scope,
    rows: Vec<ServerRow>,
    /// In order.
    ids: Vec<KeyId>,
    /// For each ID.
    found: Vec<Found>,
}

/// What the database has for a key ID.
struct Found {
    row: IdRow,
    /// The number of the row of its key.
    place: Option<usize>,
    /// The same row, read once its text was presented.
    key: Option<KnownKey>,
}

impl Answer {
    /// `ids` are those that were asked for, in order and each once.
    pub(super) fn read(scope: Scope, ids: Vec<KeyId>, rows: Vec<ServerRow>) -> RowResult<Self> {
        let mut found: Vec<Found> =
            ids.iter().map(|_| Found { row: IdRow::absent(), place: None, key: None }).collect();
        for (place, row) in rows.iter().enumerate() {
            let row = &Row::Postgres(row);
            let kind: i64 = row.get(0)?;
            if kind == DATABASE {
                continue;
            }
            let id = convert::key_id(row, 1)?;
            let known = ids.binary_search(&id).ok().and_then(|place| found.get_mut(place));
            let known = known.ok_or(RowFault::wrong(1, "one of the key IDs"))?;
            let hash = KeyHash::from_bytes(row.get(2)?);
            match kind {
                KEY => {
                    known.row.key = hash;
                    known.row.is_canary = row.get(12)?;
                    known.place = Some(place);
                }
                TOMBSTONE => known.row.tombstone = hash,
                _ => return Err(RowFault::wrong(0, "a kind of row")),
            }
        }
        Ok(Self { scope, rows, ids, found })
    }

    /// Whether the text of a key was presented that ends when it is no longer used.
    pub(super) fn has_until_unused<'a>(
        &self,
        mut claims: impl Iterator<Item = Claim<'a>>,
    ) -> RowResult<bool> {
        claims.try_fold(false, |has, (id, hash)| {
            let Some(found) = self.ids.binary_search(&id).ok().and_then(|place| self.found.get(place)) else {
                return Ok(has);
            };
            match (found.row.compare(hash), found.place.and_then(|place| self.rows.get(place))) {
                (Match::Key, Some(row)) => Ok(Row::Postgres(row).get::<Option<i64>>(13)?.is_some() || has),
                _ => Ok(has),
            }
        })
    }

    /// What the database has for a text.
    pub(super) fn result(&mut self, (id, hash): Claim<'_>) -> RowResult<LookupResult<'_>> {
        let place = self.ids.binary_search(&id).ok();
        let Some(found) = place.and_then(|place| self.found.get_mut(place)) else {
            return Ok(LookupResult::Nothing);
        };
        Ok(match found.row.compare(hash) {
            Match::Deleted => LookupResult::Deleted,
            Match::Canary => LookupResult::Canary,
            Match::Nothing => LookupResult::Nothing,
            Match::Key => {
                if found.key.is_none()
                    && let Some(row) = found.place.and_then(|place| self.rows.get(place))
                {
                    found.key = Some(known_key(&Row::Postgres(row), id, self.scope)?);
                }
                found.key.as_ref().map_or(LookupResult::Nothing, LookupResult::Key)
            }
        })
    }
}

fn known_key(row: &Row<'_>, id: KeyId, scope: Scope) -> RowResult<KnownKey> {
    let outage = convert::outage(row, 10)?;
    let until_unused = match scope {
        Scope::Database | Scope::Ordinary => None,
        Scope::UntilUnused => convert::until_unused(row, 13, outage)?,
    };
    Ok(KnownKey {
        hash: KeyHash::from_bytes(row.get(2)?),
        outage,
        allowed_sources: convert::allowed_sources(row, 8)?,
        until_unused: match until_unused {
            Some(rule) => Some(Box::new((rule, convert::maybe_instant(row, 18)?))),
            None => None,
        },
        known: Arc::new(Accepted {
            id,
            name: convert::name(row, 4)?,
            application: convert::name(row, 5)?,
            platform: convert::kind(row, 6)?.platform().map(str::to_owned),
            key_type: convert::key_type(row, 7)?,
            expires: convert::instant(row, 9)?,
        }),
    })
}
