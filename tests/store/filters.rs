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
use keydesk::store::usage::{self, SourceAddress};
use keydesk::store::{Anchor, Window};
use proptest::prelude::*;

use crate::engines::on_both_engines;
use crate::fixtures::{application, colleague, listed, many, name, picked};
use crate::support::{self, Engine, TestDesk};

on_both_engines!(
    each_term_is_true_of_some_keys_and_not_of_others,
    use_is_found_among_many_keys,
    each_combination_of_terms_finds_what_the_rows_say,
);

const SOON: TimeDelta = TimeDelta::days(7);
const SOURCES: [Option<&str>; 5] =
    [None, Some("10.0.0.9"), Some("10.0.0.90"), Some("2001:db8::9"), Some("192.168.10.0")];

/// Keys of two creators, of all kinds and states, used from several addresses at several times.
fn filled(engine: Engine) -> TestDesk {
    let mut desk = TestDesk::in_memory_on(engine);
    colleague(&mut desk, "ben", 1001);
    let application = application(&desk);
    let mut used: Vec<String> = Vec::new();
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
            let at = support::noon() - TimeDelta::days([0, 1, 7, 30, 45][place / 5 % 5]);
            let (at, id, here) = (at.timestamp(), created.key.id, application.0);
            used.push(format!("INSERT INTO key_use VALUES ('{id}', {here}, {at}, {at}, '{source}');"));
            let earlier = SOURCES[place / 5 % 5].filter(|earlier| *earlier != source);
            for (source, at) in [(Some(source), at), (earlier, at - 1)] {
                if let Some(source) = source {
                    used.push(format!(
                        "INSERT INTO key_sources VALUES ('{id}', '', '{source}', 1, {at}, {at});"
                    ));
                }
            }
            // Rejected requests are no use.
            used.push(format!("INSERT INTO key_sources VALUES ('{id}', 'disabled', '10.7.7.7', 1, 5, 5);"));
        }
    }
    desk.sql(&used.concat());
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

/// The addresses that used a key.
fn sources(desk: &TestDesk, key: &Key) -> Vec<String> {
    let sources = desk.store.read(|r| usage::sources(r, key.id, None)).unwrap();
    let known = sources.into_iter().filter_map(|source| match source.address {
        SourceAddress::Known(address) => Some(address),
        SourceAddress::Unknown | SourceAddress::Older => None,
    });
    known.collect()
}

/// Whether a key matches, without SQL.
fn matches(term: &KeyTerm, key: &Key, desk: &TestDesk, catalog: &Catalog) -> bool {
    let unused = key.last_used.map(|used| desk.now - used);
    let left = key.expires - desk.now;
    match term {
        KeyTerm::Text(field, text) => {
            let has = |value: &str| value.to_lowercase().contains(text);
            let sources = sources(desk, key);
            let from = |is: &dyn Fn(&str) -> bool| sources.iter().any(|source| is(source));
            let platform = || has(key.kind.platform().unwrap_or("generic")) || has(&catalog.label(&key.kind));
            let creator = || key.creator.email.as_ref().is_some_and(|email| has(email.as_str()));
            let owner = || key.owner.as_ref().is_some_and(|owner| has(owner.as_str()));
            let note = || key.note.as_ref().is_some_and(|note| has(note.as_str()));
            match field {
                KeyField::Any => {
                    let names = has(key.name.as_str()) || has(key.id.as_str());
                    names || platform() || creator() || owner() || note() || from(&has)
                }
                KeyField::Platform => platform(),
                KeyField::Creator => creator(),
                KeyField::Owner => owner(),
                KeyField::Note => note(),
                KeyField::Source if text.parse::<IpAddr>().is_ok() => from(&|source| source == text),
                KeyField::Source => from(&has),
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

const TERMS: [&str; 44] = [
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
    "source:\"0.0.9\"",
    "10.0.0.90",
    "9",
    "type:test",
];

fn each_combination_of_terms_finds_what_the_rows_say(engine: Engine) {
    proptest!(engine.cases(12), |(
        chosen in proptest::collection::vec(
            proptest::collection::vec(proptest::sample::select(TERMS.to_vec()), 1..4), 40..41),
    )| {
        let desk = filled(engine);
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
            if !engine.is_sqlite() {
                continue;
            }
            let plan = desk.store.read(|r| keys::plan(r, &query, &catalog, &everything[0])).unwrap();
            // One index has all that a filter looks at, a few candidates are looked up, or the tables of use are walked
            // through beside the keys, in the order that they have in common.
            let is_fast = plan.contains("COVERING INDEX keys_by_name")
                || plan.contains("SEARCH k USING")
                || (plan.contains("INDEX keys_by_id") && plan.contains("SEARCH x "));
            prop_assert!(is_fast && !plan.contains("AUTOMATIC"), "{}: {}", &text, plan);
        }
    });
}

fn each_term_is_true_of_some_keys_and_not_of_others(engine: Engine) {
    let desk = filled(engine);
    let everything = listed(&desk, &query(&desk, KeyFilter::default(), KeySort::Name));
    for text in TERMS.iter().filter(|text| **text != "foo:bar") {
        let found = listed(&desk, &query(&desk, KeyFilter::parse(text).0, KeySort::Name)).len();
        assert!(found > 0 && found < everything.len(), "{text}: {found}");
    }
}

/// More keys than are looked up one by one: the answers are the same.
fn use_is_found_among_many_keys(engine: Engine) {
    let mut desk = TestDesk::in_memory_on(engine);
    let new = desk.new_key("Job 20", 90);
    let created = desk.create(&new);
    let (id, hash) = (many::id(engine, "i * 7919 % 100003"), many::hash(engine));
    desk.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
         INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform,
                           creator_id, created, expires)
         SELECT {id}, {hash}, 1, 'Many', 'many', 'many', 'ik_live_' || i,
                'production', '', 1, 5, 1795424400 + 86400 FROM n;
         INSERT INTO key_use SELECT key_id, 1, 5, 1795424400 - (place % 3) * 86400 * 10, '10.0.0.' || (place % 9)
         FROM (SELECT key_id, row_number() OVER (ORDER BY key_id) AS place FROM keys WHERE name = 'Many') m
         WHERE place <= 22500 ORDER BY key_id;
         INSERT INTO key_sources SELECT key_id, '', last_from, 1, 5, last FROM key_use ORDER BY key_id;"
    ));
    let catalog = Catalog::built_in().unwrap();
    for (text, expected) in [
        ("used:never", 22_501),
        ("used:never job", 1),
        ("many used:never", 22_500),
        ("used:>5d", 15_000),
        ("many used:<30d", 22_500),
        ("used:>15d", 7_500),
        ("source:10.0.0.8", 2_500),
        ("source:10.0.0", 22_500),
        ("source:10.0.0 used:<1d", 7_500),
        ("10.0.0.", 22_500),
        ("source:10.1", 0),
        ("10.1", 0),
    ] {
        for scope in [Scope::All, Scope::Application(application(&desk))] {
            let query = KeyQuery { scope, ..query(&desk, KeyFilter::parse(text).0, KeySort::LastUsed) };
            let (count, page) = desk
                .store
                .read(|r| {
                    let window = Window { anchor: Anchor::Last, before: 9, after: 0 };
                    Ok((keys::count(r, &query, &catalog)?, keys::page(r, &query, &catalog, &window)?))
                })
                .unwrap();
            assert_eq!(count, expected, "{text}");
            let all = listed(&desk, &query);
            assert_eq!(all.len() as u64, expected, "{text}");
            assert!(all.ends_with(&page.rows) && page.rows.len() == all.len().min(10), "{text}");
        }
    }
    // The first use and a deletion leave the list of keys that were never used.
    let never = |text: &str| {
        let query = query(&desk, KeyFilter::parse(text).0, KeySort::LastUsed);
        desk.store.read(|r| keys::count(r, &query, &catalog)).unwrap()
    };
    assert_eq!(never("used:never job"), 1);
    desk.sql(&format!("INSERT INTO key_use VALUES ('{}', 1, 5, 5, NULL)", created.key.id));
    assert_eq!((never("used:never job"), never("used:never")), (0, 22_500));
}
