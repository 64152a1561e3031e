//! Filters of keys: each term, compared with what the rows themselves say.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::TimeDelta;
use keydesk::desk;
use keydesk::domain::application::Scope;
use keydesk::domain::key::{Key, KeyKind, KeyType, NewKey};
use keydesk::domain::key_filter::{KeyField, KeyFilter, KeyTerm, Span};
use keydesk::domain::platform::Catalog;
use keydesk::domain::source::AllowedSources;
use keydesk::domain::text::{Note, parse_owner};
use keydesk::domain::user::Caller;
use keydesk::store::keys::{self, KeyQuery, KeySort};
use keydesk::store::{Anchor, Window};
use proptest::prelude::*;

use crate::fixtures::{application, colleague, listed, name, picked};
use crate::support::{self, TestDesk};

const SOON: TimeDelta = TimeDelta::days(7);
const SOURCES: [Option<&str>; 5] =
    [None, Some("10.0.0.9"), Some("10.0.0.90"), Some("2001:db8::9"), Some("192.168.10.0")];

/// Keys of two creators, of all kinds and states, used from several addresses at several times.
fn filled() -> TestDesk {
    let mut desk = TestDesk::in_memory();
    colleague(&mut desk, "ben", 1001);
    let application = application(&desk);
    for place in 0..60 {
        desk.caller =
            Caller { uid: 1000 + u32::try_from(place % 2).unwrap(), login: ["ana", "ben"][place % 2].into() };
        desk.now = support::noon() - TimeDelta::days(60);
        let new = NewKey {
            application,
            name: name(["Job 20", "Job 2 0", "Öffnung \"EU\"", "Test: braze", "https://x"][place % 5]),
            kind: KeyKind::from_platform([None, Some("braze"), Some("gone")][place % 3].map(str::to_owned)),
            key_type: [KeyType::Production, KeyType::Test][place / 2 % 2],
            expires: desk.now + TimeDelta::days([30, 63, 67, 74, 74, 400, 90][place % 7]),
            owner: parse_owner(["", "Payments TEAM", "job 20", "Öl"][place % 4]).unwrap(),
            note: Note::parse(["", "ticket 4711", "payments", "braze, generic"][place / 3 % 4]).unwrap(),
            allowed_sources: AllowedSources::default(),
        };
        let created = desk::create_key(&mut desk.session(), &new).unwrap();
        if place % 9 == 0 {
            desk::set_access(&mut desk.session(), &picked(&created.key), desk::KeyAccess::Disabled).unwrap();
        }
        if let Some(source) = SOURCES[place % 5] {
            let used = support::noon() - TimeDelta::days([0, 1, 7, 30, 45][place / 5 % 5]);
            let raw = rusqlite::Connection::open(desk.path()).unwrap();
            raw.execute(
                "INSERT INTO key_use SELECT key_id, application_id, ?1, ?1, ?2 FROM keys WHERE key_id = ?3",
                (used.timestamp(), source, created.key.id.as_str()),
            )
            .unwrap();
            raw.execute(
                "INSERT INTO key_sources VALUES (?3, '', ?2, 1, ?1, ?1)",
                (used.timestamp(), source, created.key.id.as_str()),
            )
            .unwrap();
        }
    }
    desk.caller = support::ana();
    desk.now = support::noon();
    desk
}

fn query(desk: &TestDesk, filter: KeyFilter, sort: KeySort) -> KeyQuery {
    KeyQuery {
        scope: Scope::Application(application(desk)),
        filter,
        state: None,
        platform: None,
        sort,
        descending: false,
        now: desk.now,
        soon: SOON,
    }
}

/// Whether a key matches, without SQL.
fn matches(term: &KeyTerm, key: &Key, desk: &TestDesk, catalog: &Catalog) -> bool {
    let unused = key.last_used.map(|used| desk.now - used);
    let left = key.expires - desk.now;
    match term {
        KeyTerm::Text(field, text) => {
            let has = |value: &str| value.to_lowercase().contains(text);
            let source = key.last_used_from.as_deref().unwrap_or_default();
            let platform = || has(key.kind.platform().unwrap_or("generic")) || has(&catalog.label(&key.kind));
            let creator = || key.creator.email.as_ref().is_some_and(|email| has(email.as_str()));
            let owner = || key.owner.as_ref().is_some_and(|owner| has(owner.as_str()));
            let note = || key.note.as_ref().is_some_and(|note| has(note.as_str()));
            match field {
                KeyField::Any => {
                    let names = has(key.name.as_str()) || has(key.id.as_str());
                    names || platform() || creator() || owner() || note() || has(source)
                }
                KeyField::Platform => platform(),
                KeyField::Creator => creator(),
                KeyField::Owner => owner(),
                KeyField::Note => note(),
                KeyField::Source if text.parse::<IpAddr>().is_ok() => source == text,
                KeyField::Source => has(source),
            }
        }
        KeyTerm::State(state) => key.state(desk.now, SOON) == *state,
        KeyTerm::Type(key_type) => key.key_type == *key_type,
        KeyTerm::NeverUsed => unused.is_none(),
        KeyTerm::Used(Span::LessThan(length)) => unused.is_some_and(|unused| unused < *length),
        KeyTerm::Used(Span::MoreThan(length)) => unused.is_some_and(|unused| unused > *length),
        KeyTerm::Expires(Span::LessThan(length)) => left > TimeDelta::zero() && left < *length,
        KeyTerm::Expires(Span::MoreThan(length)) => left > *length,
    }
}

const TERMS: [&str; 41] = [
    "job",
    "20",
    "\"job 20\"",
    "\"job 2 0\"",
    "öFF",
    "\"EU\"",
    "eu\"",
    "https://x",
    "test:",
    "generic",
    "braze",
    "BEN@",
    "10.0.0.9",
    "2001:db8",
    "foo:bar",
    "state:soon",
    "state:valid",
    "state:expired",
    "state:disabled",
    "platform:braze",
    "platform:Generic",
    "platform:gon",
    "creator:ana@",
    "creator:\"BEN@\"",
    "payments",
    "owner:payments",
    "owner:\"S te\"",
    "owner:ÖL",
    "note:4711",
    "note:payments",
    "note:braze",
    "used:never",
    "used:>7d",
    "used:<7d",
    "used:>1w",
    "expires:<14d",
    "expires:>14d",
    "source:10.0.0.9",
    "source:2001:DB8::9",
    "source:10.0",
    "type:test",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_combination_of_terms_finds_what_the_rows_say(
        chosen in proptest::collection::vec(
            proptest::collection::vec(proptest::sample::select(TERMS.to_vec()), 1..4), 40..41),
    ) {
        let desk = filled();
        let catalog = Catalog::built_in().unwrap();
        let everything = listed(&desk, &query(&desk, KeyFilter::default(), KeySort::Name));
        let alone = TERMS.iter().map(|term| vec![*term]);
        for (place, text) in alone.chain(chosen).map(|terms| terms.join(" ")).enumerate() {
            let (filter, invalid) = KeyFilter::parse(&text);
            prop_assert_eq!(invalid, None);
            let wanted = everything
                .iter()
                .filter(|key| filter.terms.iter().all(|term| matches(term, key, &desk, &catalog)))
                .count();
            let query = query(&desk, filter, KeySort::ALL[place % KeySort::ALL.len()]);
            let found = listed(&desk, &query);
            prop_assert_eq!(found.len(), wanted, "{}", &text);
            let (count, page) = desk
                .store
                .read(|r| {
                    let window = Window { anchor: Anchor::First, before: 0, after: 100 };
                    Ok((keys::count(r, &query, &catalog)?, keys::page(r, &query, &catalog, &window)?))
                })
                .unwrap();
            prop_assert_eq!(usize::try_from(count).unwrap(), wanted, "{}", &text);
            prop_assert_eq!(&page.rows, &found, "{}", &text);
            let ids = |limit| {
                let ids = desk.store.read(|r| keys::ids(r, &query, &catalog, limit)).unwrap();
                ids.into_iter().collect::<BTreeSet<_>>()
            };
            prop_assert_eq!(ids(3), found.iter().map(|key| key.id).take(3).collect::<BTreeSet<_>>(), "{}", &text);
            prop_assert_eq!(ids(100).len(), wanted, "{}", &text);
            let plan = desk.store.read(|r| keys::plan(r, &query, &catalog, &everything[0])).unwrap();
            prop_assert!(plan.contains("COVERING INDEX keys_by_name"), "{}: {}", &text, plan);
        }
    }
}

#[test]
fn each_term_is_true_of_some_keys_and_not_of_others() {
    let desk = filled();
    let everything = listed(&desk, &query(&desk, KeyFilter::default(), KeySort::Name));
    for text in TERMS.iter().filter(|text| **text != "foo:bar") {
        let found = listed(&desk, &query(&desk, KeyFilter::parse(text).0, KeySort::Name)).len();
        assert!(found > 0 && found < everything.len(), "{text}: {found}");
    }
}
