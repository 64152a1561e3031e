//! Which keys match a query, as SQL.

use crate::store::value::{Value, values};
use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::TimeDelta;

use super::read::until_unused;
use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::domain::key::{KeyId, KeyKind, KeyState};
use crate::domain::key_filter::{KeyField, KeyFilter, KeyTerm, Span};
use crate::domain::platform::Catalog;
use crate::domain::text::fold;
use crate::store::{Reader, StoreError, convert, users};

/// A condition on `keys k`, ` AND ...`, with its values. All its columns are in the index `keys_by_name`.
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// What has the keys that it leaves, and others.
    pub(super) narrower: Vec<Candidates>,
    /// Whether it looks into tables of use for each key: fast in the order of the key IDs, in which those tables are.
    pub(super) looks_at_use: bool,
    scope: Scope,
    now: Instant,
    soon: TimeDelta,
}

impl Condition {
    /// All keys. States are judged at `now`.
    pub(super) fn new(scope: Scope, now: Instant, soon: TimeDelta) -> Self {
        let (sql, values, narrower) = (String::new(), Vec::new(), Vec::new());
        Self { sql, values, narrower, looks_at_use: false, scope, now, soon }
    }

    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let _ = write!(self.sql, " AND {sql}");
        self.values.extend(values);
    }

    pub(super) fn state(&mut self, r: &Reader<'_>, state: KeyState) -> Result<(), StoreError> {
        let (now, soon) = (self.now.timestamp(), (self.now + self.soon).timestamp());
        let by_themselves = ended_by_themselves(r, self.now)?;
        let (unused, paused) = (is_one_of(&by_themselves.unused), is_one_of(&by_themselves.disabled));
        let lasting = format!("k.canary = 0 AND NOT {unused}");
        let works = format!("{lasting} AND k.is_disabled = 0 AND NOT {paused}");
        match state {
            KeyState::Valid => self.and(&format!("{works} AND k.expires > ?"), [soon.into()]),
            KeyState::ExpiresSoon => {
                self.and(&format!("{works} AND k.expires > ? AND k.expires <= ?"), [now.into(), soon.into()]);
            }
            KeyState::Expired => {
                self.and("k.canary = 0 AND k.expires <= ? AND k.replaced_by IS NULL", [now.into()]);
            }
            KeyState::Replaced => self.and(
                &format!("k.canary = 0 AND (k.expires <= ? AND k.replaced_by IS NOT NULL OR {unused})"),
                [now.into()],
            ),
            KeyState::Disabled => self.and(
                &format!("{lasting} AND (k.is_disabled = 1 OR {paused}) AND k.expires > ?"),
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
                    self.looks_at_use = true;
                    let sql =
                        "k.canary = 0 AND NOT EXISTS (SELECT 1 FROM key_use x WHERE x.key_id = k.key_id)";
                    self.and(sql, []);
                    self.narrower.push(Candidates::never_used(self.scope));
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
        self.looks_at_use = true;
        self.and(&sql, [with.into()]);
        self.narrower.push(Candidates::used(self.scope, compared, with));
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
            any.push(in_folded(r, |folded| format!("instr({folded}, ?) > 0")));
        }
        if matches!(field, KeyField::Owner | KeyField::Note) {
            any.push(in_folded(r, |folded| {
                format!("instr({folded}, ?) > 0 AND instr({}, ?) > 0", line_of(field, folded))
            }));
        }
        let texts = any.iter().map(|sql| sql.matches('?').count()).sum();
        values.extend(std::iter::repeat_n(Value::from(text), texts));
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
            if !slugs.is_empty() {
                any.push(format!("k.platform IN ({})", vec!["?"; slugs.len()].join(",")));
            }
            values.extend(slugs.into_iter().map(|slug| Value::from(slug.to_owned())));
        }
        if is(KeyField::Creator) {
            let ids: Vec<String> = users::matching(r, text)?.iter().map(|id| id.0.to_string()).collect();
            if !ids.is_empty() {
                any.push(format!("k.creator_id IN ({})", ids.join(",")));
            }
        }
        // Most words could not be in an address.
        let is_possible = text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
        if field == KeyField::Source || (field == KeyField::Any && is_possible) {
            let address = text.parse::<IpAddr>().ok().filter(|_| field == KeyField::Source);
            let found = match address {
                Some(address) => Some(vec![address.to_canonical().to_string()]),
                None => sources_with(r, text)?,
            };
            let is_needed = found.as_ref().is_none_or(|found| !found.is_empty());
            if let (KeyField::Any, Some(found)) = (field, &found) {
                // Not for each of a million keys: once for the keys of the addresses.
                if is_needed {
                    let keys = Candidates::of_sources(found.clone());
                    any.push(format!("k.key_id IN ({})", keys.sql));
                    values.extend(keys.values);
                }
            } else if is_needed {
                self.looks_at_use = true;
                let compared = if address.is_some() { "x.source = ?" } else { "instr(x.source, ?) > 0" };
                any.push(format!(
                    "EXISTS (SELECT 1 FROM key_sources x WHERE x.key_id = k.key_id AND x.reason = '' AND {compared})"
                ));
                let compared =
                    address.map_or_else(|| text.to_owned(), |address| address.to_canonical().to_string());
                values.push(compared.into());
            }
            if field == KeyField::Source && is_needed {
                self.narrower.extend(found.map(Candidates::of_sources));
            }
        }
        // No field can have it.
        let any = if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") };
        self.and(&format!("({any})"), values);
        Ok(())
    }
}

/// A condition on the folded text of a key. In PostgreSQL the index has it where it fits, and few keys have a longer one.
fn in_folded(r: &Reader<'_>, condition: impl Fn(&str) -> String) -> String {
    let (fitting, long) = (condition(r.pick("k.folded", "k.searched")), condition("l.folded"));
    let long = format!(
        "({fitting} OR k.key_id IN (SELECT l.key_id FROM keys l WHERE octet_length(l.folded) > 1800 AND {long}))"
    );
    r.pick(fitting, long)
}

/// The line of an owner or a note in a folded text: behind those of the name, the key ID and the platform. Lines that are
/// empty at the end are left out.
fn line_of(field: KeyField, folded: &str) -> String {
    // A key ID and its line break are 11 characters.
    let platform = format!("substr({folded}, instr({folded}, char(10)) + {})", KeyId::LENGTH + 2);
    let owner = format!("substr({platform}, instr({platform} || char(10), char(10)) + 1)");
    let end = format!("instr({owner} || char(10), char(10))");
    if field == KeyField::Owner {
        format!("substr({owner}, 1, {end} - 1)")
    } else {
        format!("substr({owner}, {end} + 1)")
    }
}

/// Keys that may match, read from an index: a statement for their IDs, with its values.
pub(super) struct Candidates {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// Whether the condition that it belongs to leaves all of them.
    is_exact: bool,
}

/// More candidates are not looked up one by one.
const MOST_CANDIDATES: u64 = 20_000;

impl Candidates {
    fn never_used(scope: Scope) -> Self {
        // Canary keys are there to be never used.
        let sql = format!(
            "SELECT key_id FROM never_used WHERE {} \
             AND key_id NOT IN (SELECT key_id FROM keys INDEXED BY keys_canaries WHERE canary = 1)",
            of_applications(scope)
        );
        Self { sql, values: Vec::new(), is_exact: true }
    }

    fn used(scope: Scope, compared: &str, with: i64) -> Self {
        let sql = format!(
            "SELECT key_id FROM key_use INDEXED BY key_use_by_last WHERE {} AND last {compared} ?",
            of_applications(scope)
        );
        Self { sql, values: vec![with.into()], is_exact: true }
    }

    /// Of deleted keys and those of other Applications too.
    fn of_sources(sources: Vec<String>) -> Self {
        let sql = format!(
            "SELECT DISTINCT key_id FROM key_sources INDEXED BY key_sources_by_source WHERE reason = '' \
             AND source IN ({})",
            vec!["?"; sources.len()].join(",")
        );
        Self { sql, values: sources.into_iter().map(Value::from).collect(), is_exact: false }
    }

    /// How many there are; none when they are too many to look them up.
    fn count(&self, r: &Reader<'_>) -> Result<Option<u64>, StoreError> {
        let sql = format!("SELECT count(*) FROM ({} LIMIT {MOST_CANDIDATES}) c", self.sql);
        let count: u64 = r.value("looking for keys by their use", &sql, &self.values)?;
        Ok((count < MOST_CANDIDATES).then_some(count))
    }
}

/// The condition that a row belongs to the Applications of a list, for an index that begins with the Application.
fn of_applications(scope: Scope) -> String {
    match scope {
        Scope::Application(id) => format!("application_id = {}", id.0),
        Scope::All => "application_id IN (SELECT id FROM applications)".into(),
    }
}

impl Condition {
    /// The fewest candidates, if they are few.
    pub(super) fn candidates(&self, r: &Reader<'_>) -> Result<Option<&Candidates>, StoreError> {
        let mut fewest: Option<(u64, &Candidates)> = None;
        for candidates in &self.narrower {
            if let Some(count) = candidates.count(r)?
                && fewest.is_none_or(|(least, _)| count < least)
            {
                fewest = Some((count, candidates));
            }
        }
        Ok(fewest.map(|(_, candidates)| candidates))
    }

    /// The keys that it leaves, if an index has exactly these. `terms` is the number of terms that it is made of.
    pub(super) fn exactly(&self, terms: usize) -> Option<&Candidates> {
        match self.narrower.as_slice() {
            [only] if terms == 1 && only.is_exact => Some(only),
            _ => None,
        }
    }
}

/// How many addresses are looked through for a text.
const MOST_SOURCES: usize = 5_000;

/// How many addresses with a text are looked up.
const MOST_FOUND: usize = 200;

/// The addresses that have used keys and contain a text; none when there are too many addresses to tell, or to look up.
/// Each costs one step in the index, however many keys it uses.
fn sources_with(r: &Reader<'_>, text: &str) -> Result<Option<Vec<String>>, StoreError> {
    const FROM: &str = "FROM key_sources INDEXED BY key_sources_by_source WHERE reason = ''";
    let sql = format!(
        "WITH RECURSIVE each (source) AS (SELECT min(source) {FROM} UNION ALL \
         SELECT (SELECT min(source) {FROM} AND source > each.source) FROM each WHERE each.source IS NOT NULL) \
         SELECT source FROM each WHERE source IS NOT NULL LIMIT ?1"
    );
    let all: Vec<String> = r.all("reading the sources", &sql, values![MOST_SOURCES], |row| row.get(0))?;
    if all.len() == MOST_SOURCES {
        return Ok(None);
    }
    let found: Vec<String> = all.into_iter().filter(|source| source.contains(text)).collect();
    Ok((found.len() <= MOST_FOUND).then_some(found))
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
    let disabled = r.all("reading which keys are disabled", sql, values![now.timestamp()], |row| {
        convert::key_id(row, 0)
    })?;
    let unused =
        until_unused(r)?.into_iter().filter(|key| key.ended(now).is_some()).map(|key| key.id).collect();
    Ok(ByThemselves { unused, disabled })
}

/// The condition that a key is one of these. IDs are letters and digits.
fn is_one_of(ids: &[KeyId]) -> String {
    if ids.is_empty() {
        return "FALSE".into();
    }
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    format!("(k.key_id IN ({}))", ids.join(","))
}
