//! Which keys match a query, as SQL.

use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::TimeDelta;
use rusqlite::types::Value;

use crate::domain::Instant;
use crate::domain::key::{KeyKind, KeyState};
use crate::domain::key_filter::{KeyField, KeyFilter, KeyTerm, Span};
use crate::domain::platform::Catalog;
use crate::domain::text::fold;
use crate::store::{Reader, StoreError, users};

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

    pub(super) fn state(&mut self, state: KeyState) {
        let (now, soon) = (self.now.timestamp(), (self.now + self.soon).timestamp());
        match state {
            KeyState::Valid => self.and("k.is_disabled = 0 AND k.expires > ?", [soon.into()]),
            KeyState::ExpiresSoon => {
                self.and("k.is_disabled = 0 AND k.expires > ? AND k.expires <= ?", [now.into(), soon.into()]);
            }
            KeyState::Expired => self.and("k.expires <= ? AND k.replaced_by IS NULL", [now.into()]),
            KeyState::Replaced => self.and("k.expires <= ? AND k.replaced_by IS NOT NULL", [now.into()]),
            KeyState::Disabled => self.and("k.is_disabled = 1 AND k.expires > ?", [now.into()]),
        }
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
                KeyTerm::State(state) => self.state(*state),
                KeyTerm::Type(key_type) => self.and("k.type = ?", [key_type.as_str().to_owned().into()]),
                KeyTerm::NeverUsed => self.and("k.used_order = 0", []),
                KeyTerm::Used(Span::LessThan(length)) => self.and("k.used_order > ?", [ago(length).into()]),
                KeyTerm::Used(Span::MoreThan(length)) => {
                    self.and("k.used_order > 0 AND k.used_order < ?", [ago(length).into()]);
                }
                KeyTerm::Expires(Span::LessThan(length)) => {
                    let until = from_now(length);
                    self.and("k.expires > ? AND k.expires < ?", [now.timestamp().into(), until.into()]);
                }
                KeyTerm::Expires(Span::MoreThan(length)) => {
                    self.and("k.expires > ?", [from_now(length).into()]);
                }
            }
        }
        Ok(())
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
            any.push(match address {
                Some(_) => "k.last_used_from = ?".into(),
                None => "instr(k.last_used_from, ?) > 0".into(),
            });
            values.push(address.map_or_else(|| text.to_owned(), |address| address.to_string()).into());
        }
        self.and(&format!("({})", any.join(" OR ")), values);
        Ok(())
    }
}
