//! Which keys match a query, as SQL.

use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::TimeDelta;
use rusqlite::types::Value;

use super::read::until_unused;
use crate::domain::Instant;
use crate::domain::key::{KeyId, KeyKind, KeyState};
use crate::domain::key_filter::{KeyField, KeyFilter, KeyTerm, Span};
use crate::domain::platform::Catalog;
use crate::domain::text::fold;
use crate::store::{Reader, StoreError, convert, users};

/// A condition on `keys k`, ` AND ...`, with its values. All its columns are in the index `keys_by_name`.
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    now: Instant,
    soon: TimeDelta,
}

impl Condition {
    /// All keys. States are judged at `now`.
    pub(super) fn new(now: Instant, soon: TimeDelta) -> Self {
        Self { sql: String::new(), values: Vec::new(), now, soon }
    }

    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let _ = write!(self.sql, " AND {sql}");
        self.values.extend(values);
    }

    pub(super) fn state(&mut self, r: &Reader<'_>, state: KeyState) -> Result<(), StoreError> {
        let (now, soon) = (self.now.timestamp(), (self.now + self.soon).timestamp());
        let by_themselves = ended_by_themselves(r, self.now)?;
        let (unused, paused) = (ids(&by_themselves.unused), ids(&by_themselves.disabled));
        let lasting = format!("k.canary = 0 AND k.key_id NOT IN ({unused})");
        let works = format!("{lasting} AND k.is_disabled = 0 AND k.key_id NOT IN ({paused})");
        match state {
            KeyState::Valid => self.and(&format!("{works} AND k.expires > ?"), [soon.into()]),
            KeyState::ExpiresSoon => {
                self.and(&format!("{works} AND k.expires > ? AND k.expires <= ?"), [now.into(), soon.into()]);
            }
            KeyState::Expired => {
                self.and("k.canary = 0 AND k.expires <= ? AND k.replaced_by IS NULL", [now.into()]);
            }
            KeyState::Replaced => self.and(
                &format!("k.canary = 0 AND (k.expires <= ? AND k.replaced_by IS NOT NULL OR k.key_id IN ({unused}))"),
                [now.into()],
            ),
            KeyState::Disabled => self.and(
                &format!("{lasting} AND (k.is_disabled = 1 OR k.key_id IN ({paused})) AND k.expires > ?"),
                [now.into()],
            ),
            KeyState::Canary => self.and("k.canary = 1", []),
        }
        Ok(())
    }

    pub(super) fn platform(&mut self, kind: &KeyKind) {
        self.and("k.platform = ?", [kind.platform().unwrap_or_default().to_owned().into()]);
    }

    pub(super) fn filter(
        &mut self,
        r: &Reader<'_>,
        filter: &KeyFilter,
        catalog: &Catalog,
    ) -> Result<(), StoreError> {
        let now = self.now;
        let ago = |length: &TimeDelta| (now - *length).timestamp();
        let from_now = |length: &TimeDelta| (now + *length).timestamp();
        for term in &filter.terms {
            match term {
                KeyTerm::Text(field, text) => self.text(r, *field, text, catalog)?,
                KeyTerm::State(state) => self.state(r, *state)?,
                KeyTerm::Type(key_type) => self.and("k.type = ?", [key_type.as_str().to_owned().into()]),
                KeyTerm::NeverUsed => {
                    let sql =
                        "k.canary = 0 AND NOT EXISTS (SELECT 1 FROM key_use x WHERE x.key_id = k.key_id)";
                    self.and(sql, []);
                }
                KeyTerm::Used(Span::LessThan(length)) => self.used(">", ago(length)),
                KeyTerm::Used(Span::MoreThan(length)) => self.used("<", ago(length)),
                KeyTerm::Expires(Span::LessThan(length)) => {
                    let until = from_now(length);
                    let sql = "k.canary = 0 AND k.expires > ? AND k.expires < ?";
                    self.and(sql, [now.timestamp().into(), until.into()]);
                }
                KeyTerm::Expires(Span::MoreThan(length)) => {
                    self.and("k.canary = 0 AND k.expires > ?", [from_now(length).into()]);
                }
            }
        }
        Ok(())
    }

    fn used(&mut self, compared: &str, with: i64) {
        let sql =
            format!("EXISTS (SELECT 1 FROM key_use x WHERE x.key_id = k.key_id AND x.last {compared} ?)");
        self.and(&sql, [with.into()]);
    }

    /// Users and platforms are few: those that match are looked up first, so that a million keys need no join for it.
    fn text(
        &mut self,
        r: &Reader<'_>,
        field: KeyField,
        text: &str,
        catalog: &Catalog,
    ) -> Result<(), StoreError> {
        let is = |one| field == one || field == KeyField::Any;
        let mut any: Vec<String> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        if field == KeyField::Any {
            any.push("instr(k.folded, ?) > 0".into());
            values.push(text.to_owned().into());
        }
        if let Some(line) = line_of(field) {
            any.push(format!("instr(k.folded, ?) > 0 AND instr({line}, ?) > 0"));
            values.extend([text.to_owned().into(), text.to_owned().into()]);
        }
        if is(KeyField::Platform) {
            let mut slugs: Vec<&str> = catalog
                .iter()
                .filter(|platform| fold(&platform.name).contains(text))
                .map(|platform| platform.slug.as_str())
                .collect();
            if field == KeyField::Platform {
                any.push("instr(k.platform, ?) > 0".into());
                values.push(text.to_owned().into());
                if "generic".contains(text) {
                    slugs.push("");
                }
            }
            any.push(format!("k.platform IN ({})", vec!["?"; slugs.len()].join(",")));
            values.extend(slugs.into_iter().map(|slug| Value::from(slug.to_owned())));
        }
        if is(KeyField::Creator) {
            let ids: Vec<String> = users::matching(r, text)?.iter().map(|id| id.0.to_string()).collect();
            any.push(format!("k.creator_id IN ({})", ids.join(",")));
        }
        // Most words could not be in an address, and a million comparisons take a while.
        let is_possible = text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
        if field == KeyField::Source || (field == KeyField::Any && is_possible) {
            let address = text.parse::<IpAddr>().ok().filter(|_| field == KeyField::Source);
            let compared = if address.is_some() { "source = ?" } else { "instr(source, ?) > 0" };
            any.push(format!(
                "k.key_id IN (SELECT key_id FROM key_sources WHERE reason = '' AND {compared})"
            ));
            values.push(address.map_or_else(|| text.to_owned(), |address| address.to_string()).into());
        }
        self.and(&format!("({})", any.join(" OR ")), values);
        Ok(())
    }
}

/// The line of an owner or a note in the folded text: behind those of the name, the key ID and the platform. Lines that
/// are empty at the end are left out.
fn line_of(field: KeyField) -> Option<String> {
    // A key ID and its line break are 11 characters.
    let platform = format!("substr(k.folded, instr(k.folded, char(10)) + {})", KeyId::LENGTH + 2);
    let owner = format!("substr({platform}, instr({platform} || char(10), char(10)) + 1)");
    let end = format!("instr({owner} || char(10), char(10))");
    match field {
        KeyField::Owner => Some(format!("substr({owner}, 1, {end} - 1)")),
        KeyField::Note => Some(format!("substr({owner}, {end} + 1)")),
        KeyField::Any | KeyField::Platform | KeyField::Creator | KeyField::Source => None,
    }
}

/// The keys whose state depends on more than their own row.
struct ByThemselves {
    /// They ended since they were no longer used.
    unused: Vec<KeyId>,
    /// They are disabled for a time.
    disabled: Vec<KeyId>,
}

fn ended_by_themselves(r: &Reader<'_>, now: Instant) -> Result<ByThemselves, StoreError> {
    let sql =
        "SELECT key_id FROM keys INDEXED BY keys_disabled_until WHERE disabled_until > ?1 AND disabled <= ?1";
    let disabled =
        r.all("reading which keys are disabled", sql, [now.timestamp()], |row| convert::key_id(row, 0))?;
    let unused =
        until_unused(r)?.into_iter().filter(|key| key.ended(now).is_some()).map(|key| key.id).collect();
    Ok(ByThemselves { unused, disabled })
}

/// IDs as a list for SQL: letters and digits.
fn ids(ids: &[KeyId]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    ids.join(",")
}
