//! The tables that are copied.

/// The type of a column.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Integer,
    Text,
    Blob,
}
use Kind::{Blob, Integer, Text};

pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// Which rows.
    pub(super) condition: &'static str,
    pub(super) order: &'static str,
    /// Differs where rows were changed without an entry in the audit log.
    pub(super) sum: &'static str,
}

impl Table {
    /// The columns as a list of SQL.
    pub(super) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The query for its rows, in the order in which they are added to another database.
    pub(super) fn query(&self) -> String {
        format!("SELECT {} FROM {} {} ORDER BY {}", self.names(), self.name, self.condition, self.order)
    }
}

/// Everything but the identity, the processes that record use, and what triggers write. A table comes after those that it
/// refers to.
pub(super) const TABLES: [Table; 11] = [
    Table {
        name: "users",
        columns: &[
            ("id", Integer),
            ("email", Text),
            ("login", Text),
            ("uid", Integer),
            ("status", Text),
            ("created", Integer),
            ("version", Integer),
            ("salt", Blob),
        ],
        condition: "",
        order: "id",
        sum: "version",
    },
    Table {
        name: "applications",
        columns: &[
            ("id", Integer),
            ("name", Text),
            ("folded", Text),
            ("name_order", Text),
            ("created", Integer),
            ("version", Integer),
        ],
        condition: "",
        order: "id",
        sum: "version",
    },
    Table {
        name: "keys",
        columns: &[
            ("key_id", Text),
            ("hash", Blob),
            ("application_id", Integer),
            ("name", Text),
            ("name_order", Text),
            ("folded", Text),
            ("prefix", Text),
            ("type", Text),
            ("platform", Text),
            ("creator_id", Integer),
            ("created", Integer),
            ("expires", Integer),
            ("disabled", Integer),
            ("disabled_until", Integer),
            ("delivered", Integer),
            ("replaces", Text),
            ("replaced_by", Text),
            ("latest_expires", Integer),
            ("unused_for", Integer),
            ("unused_since", Integer),
            ("owner", Text),
            ("note", Text),
            ("allowed_sources", Text),
            ("canary", Integer),
            ("acknowledged", Integer),
            ("throwaway", Integer),
            ("version", Integer),
            ("is_disabled", Integer),
        ],
        condition: "",
        order: "key_id",
        sum: "version",
    },
    Table {
        name: "tombstones",
        columns: &[
            ("key_id", Text),
            ("hash", Blob),
            ("application_id", Integer),
            ("name", Text),
            ("prefix", Text),
            ("type", Text),
            ("platform", Text),
            ("throwaway", Integer),
            ("deleted", Integer),
            ("deleted_by", Integer),
            ("last_used", Integer),
            ("last_used_from", Text),
            ("first_refused", Integer),
            ("first_refused_from", Text),
        ],
        condition: "",
        order: "key_id",
        sum: "coalesce(last_used, 0) + coalesce(first_refused, 0)",
    },
    Table {
        name: "audit",
        columns: &[
            ("number", Integer),
            ("at", Integer),
            ("actor", Integer),
            ("actor_uid", Integer),
            ("action", Text),
            ("application_id", Integer),
            ("key_id", Text),
            ("user_id", Integer),
            ("changes", Text),
            ("commitment", Blob),
            ("hash", Blob),
        ],
        condition: "",
        order: "number",
        sum: "0",
    },
    Table {
        name: "key_use",
        columns: &[
            ("key_id", Text),
            ("application_id", Integer),
            ("first", Integer),
            ("last", Integer),
            ("last_from", Text),
        ],
        // Use that was written late may be about a key that was deleted.
        condition: "WHERE EXISTS (SELECT 1 FROM keys k WHERE k.key_id = key_use.key_id)",
        order: "key_id",
        sum: "last",
    },
    Table {
        name: "key_uses",
        columns: &[("key_id", Text), ("day", Integer), ("count", Integer)],
        condition: "",
        order: "key_id, day",
        sum: "count",
    },
    Table {
        name: "key_sources",
        columns: &[
            ("key_id", Text),
            ("reason", Text),
            ("source", Text),
            ("requests", Integer),
            ("first", Integer),
            ("last", Integer),
        ],
        condition: "",
        order: "key_id, reason, source",
        sum: "requests",
    },
    Table {
        name: "refusals",
        columns: &[
            ("day", Integer),
            ("reason", Text),
            ("key_id", Text),
            ("count", Integer),
            ("last", Integer),
            ("last_from", Text),
        ],
        condition: "",
        order: "day, reason, key_id",
        sum: "count",
    },
    Table {
        name: "use_backlog",
        columns: &[
            ("key_id", Text),
            ("reason", Text),
            ("source", Text),
            ("count", Integer),
            ("first", Integer),
            ("last", Integer),
        ],
        condition: "",
        order: "number",
        sum: "count",
    },
    Table {
        name: "recording_gaps",
        columns: &[("since", Integer), ("until", Integer)],
        condition: "",
        order: "number",
        sum: "since + until",
    },
];
