//! Lists as windows: every order, both directions, filters, rows that come and go; and never a sort of all rows.

use std::cmp::Ordering;

use chrono::TimeDelta;
use keydesk::desk;
use keydesk::domain::application::Scope;
use keydesk::domain::key::{Key, KeyKind, KeyState, KeyType, NewKey};
use keydesk::domain::key_filter::{KeyField, KeyFilter, KeyTerm};
use keydesk::domain::platform::Catalog;
use keydesk::domain::source::AllowedSources;
use keydesk::domain::user::Caller;
use keydesk::store::keys::{self, KeyQuery, KeySort};
use keydesk::store::{Anchor, Window, applications};
use proptest::prelude::*;

use crate::engines::on_both_engines;
use crate::fixtures::{application, colleague, listed, many, name, picked, user};
use crate::support::{self, Engine, TestDesk};

on_both_engines!(
    every_order_is_that_of_the_model_in_windows_of_both_directions,
    rare_matches_among_many_keys_come_in_every_order,
    a_filter_looks_at_name_id_platform_and_creator,
    states_are_distinguished,
    a_window_stays_at_its_row,
);

const PLATFORMS: [Option<&str>; 4] = [None, Some("braze"), Some("segment"), Some("gone")];

const NAMES: [&str; 6] = ["Checkout", "checkout EU", "Job 10", "Öffnung", "job 2", "Zoo"];

/// That many keys of two Applications and three creators, one of them deleted, in all states, and the successors of some
/// of them.
fn filled(engine: Engine, count: usize) -> TestDesk {
    let mut desk = TestDesk::on(engine);
    colleague(&mut desk, "ben", 1001);
    colleague(&mut desk, "eve", 1002);
    let here = application(&desk);
    let other = desk::create_application(&mut desk.session(), &name("Warehouse")).unwrap().id;
    for place in 0..count {
        desk.caller = Caller {
            uid: 1000 + u32::try_from(place % 3).unwrap(),
            login: ["ana", "ben", "eve"][place % 3].into(),
        };
        desk.now = support::noon() - TimeDelta::days(30);
        let new = NewKey {
            application: if place % 5 == 1 { other } else { here },
            name: name(NAMES[place / 2 % 6]),
            kind: KeyKind::from_platform(PLATFORMS[place * 5 % 4].map(str::to_owned)),
            key_type: KeyType::Production,
            expires: desk.now + TimeDelta::days([10, 33, 33, 400][place * 3 % 4]),
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
        };
        let created = desk::create_key(&mut desk.session(), &new).unwrap();
        if place % 5 == 0 {
            desk::set_access(&mut desk.session(), &picked(&created.key), desk::KeyAccess::Disabled).unwrap();
        } else if place % 7 == 3 {
            let ending = [desk::Ending::AtOnce, desk::Ending::After(TimeDelta::days(60))][place % 2];
            desk.now += TimeDelta::days(1);
            desk::rotate_keys(&mut desk.session(), &picked(&created.key), ending).unwrap();
        }
    }
    desk.caller = support::ana();
    desk.now = support::noon();
    let eve = user(&desk, "eve");
    desk::delete_user(&mut desk.session(), eve.id, eve.version, &|_| true).unwrap();
    desk
}

fn query(desk: &TestDesk, sort: KeySort, descending: bool) -> KeyQuery {
    KeyQuery {
        scope: Scope::Application(application(desk)),
        filter: KeyFilter::default(),
        state: None,
        platform: None,
        sort,
        descending,
        now: desk.now,
        soon: TimeDelta::days(7),
    }
}

fn page(
    desk: &TestDesk,
    query: &KeyQuery,
    anchor: Anchor<Key>,
    before: usize,
    after: usize,
) -> keydesk::store::Page<Key> {
    let catalog = Catalog::built_in().unwrap();
    desk.store.read(|r| keys::page(r, query, &catalog, &Window { anchor, before, after })).unwrap()
}

/// The parts of a name between which numbers begin or end: texts without regard to case, numbers by their value.
fn natural(name: &str) -> Vec<(u128, String)> {
    let mut parts: Vec<(u128, String)> = Vec::new();
    let mut rest = name.to_lowercase();
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let tail = rest.split_off(end);
        parts.push(if is_number { (rest.parse().unwrap(), String::new()) } else { (0, rest) });
        rest = tail;
    }
    parts
}

/// The words of a filter that consists of nothing else.
fn words(query: &KeyQuery) -> Vec<&str> {
    let mut words = Vec::new();
    for term in &query.filter.terms {
        assert!(matches!(term, KeyTerm::Text(KeyField::Any, _)), "{term:?}");
        if let KeyTerm::Text(_, word) = term {
            words.push(word.as_str());
        }
    }
    words
}

/// What a list must be, from the keys one by one.
fn model(desk: &TestDesk, query: &KeyQuery) -> Vec<Key> {
    let mut found: Vec<Key> = desk
        .store
        .read(|r| {
            let mut found = Vec::new();
            for application in applications::all(r, 10)? {
                if matches!(query.scope, Scope::Application(id) if id != application.id) {
                    continue;
                }
                for id in keys::ids_of(r, application.id)? {
                    found.extend(keys::get(r, id)?);
                }
            }
            Ok(found)
        })
        .unwrap();
    let email = |key: &Key| key.creator.email.as_ref().map(|email| email.as_str().to_owned());
    found.retain(|key| {
        let text = format!("{}{}{:?}{:?}", key.name.as_str(), key.id, key.kind.platform(), email(key))
            .to_lowercase();
        words(query).iter().all(|word| text.contains(*word))
            && query.state.is_none_or(|state| key.state(query.now, query.soon) == state)
    });
    found.sort_by(|a, b| {
        let order = match query.sort {
            KeySort::Name => natural(a.name.as_str()).cmp(&natural(b.name.as_str())),
            KeySort::KeyId => Ordering::Equal,
            KeySort::Platform => a.kind.platform().cmp(&b.kind.platform()),
            KeySort::Expires => a.expires.cmp(&b.expires),
            KeySort::State => {
                let group = |key: &Key| match key.state(query.now, query.soon) {
                    KeyState::ExpiresSoon | KeyState::Valid | KeyState::Canary => 0,
                    KeyState::Disabled => 1,
                    KeyState::Expired | KeyState::Replaced => 2,
                };
                let by_date = match group(a) {
                    2 => b.expires.cmp(&a.expires),
                    _ => a.expires.cmp(&b.expires),
                };
                group(a).cmp(&group(b)).then(by_date)
            }
            KeySort::Creator => {
                let creator = |key: &Key| (key.creator.email.is_none(), email(key), key.creator.id);
                creator(a).cmp(&creator(b))
            }
            KeySort::LastUsed => a.last_used.cmp(&b.last_used),
        };
        // The latest of the keys that have ended come first, and so their IDs go backward.
        let is_backward = query.sort == KeySort::State && a.expires <= query.now;
        order.then(if is_backward { b.id.cmp(&a.id) } else { a.id.cmp(&b.id) })
    });
    if query.descending {
        found.reverse();
    }
    found
}

/// Reads a list in windows from both ends.
fn walk_both_ways(desk: &TestDesk, query: &KeyQuery, expected: &[Key]) {
    let context = format!("{query:?}");
    let ids = |keys: &[Key]| keys.iter().map(|key| key.id).collect::<Vec<_>>();
    let mut walked = Vec::new();
    let mut next = page(desk, query, Anchor::First, 0, 7);
    loop {
        walked.extend(next.rows.iter().skip(usize::from(!walked.is_empty())).cloned());
        if !next.more_after {
            break;
        }
        next = page(desk, query, Anchor::At(Box::new(next.rows.last().unwrap().clone())), 0, 8);
    }
    assert_eq!(ids(&walked), ids(expected), "{context} forward");
    let mut back = page(desk, query, Anchor::Last, 6, 0);
    let mut walked = back.rows.clone();
    while back.more_before {
        back = page(desk, query, Anchor::At(Box::new(walked[0].clone())), 7, 0);
        walked.splice(0..0, back.rows.clone());
    }
    assert_eq!(ids(&walked), ids(expected), "{context} backward");
}

fn scopes(desk: &TestDesk) -> [Scope; 2] {
    [Scope::Application(application(desk)), Scope::All]
}

fn every_order_is_that_of_the_model_in_windows_of_both_directions(engine: Engine) {
    let mut desk = filled(engine, 60);
    // Without keys: no place in the list of all.
    desk::create_application(&mut desk.session(), &name("Yard")).unwrap();
    for scope in scopes(&desk) {
        for &sort in KeySort::ALL {
            for descending in [false, true] {
                let mut query = KeyQuery { scope, ..query(&desk, sort, descending) };
                let expected = model(&desk, &query);
                assert_eq!(expected.len(), if scope == Scope::All { 60 + 7 } else { 48 + 6 });
                assert_eq!(listed(&desk, &query), expected, "{query:?}");
                walk_both_ways(&desk, &query, &expected);
                query.filter = KeyFilter::parse("ana").0;
                let expected = model(&desk, &query);
                assert!(!expected.is_empty());
                assert_eq!(listed(&desk, &query), expected, "{query:?}");
                walk_both_ways(&desk, &query, &expected);
            }
        }
    }
}

fn rare_matches_among_many_keys_come_in_every_order(engine: Engine) {
    let desk = filled(engine, 60);
    let (id, hash) = (many::id(engine, "i * 7919 % 10007"), many::hash(engine));
    // More than are looked at one by one.
    let many = engine.pick(7_000, 3_500);
    desk.sql(&format!(
        "{}WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
         INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform,
                           creator_id, created, expires)
         SELECT {id}, {hash}, 1 + i % 2, 'Many', 'many', 'many', 'ik_live_' || i, 'production',
                CASE WHEN i % 3 = 0 THEN 'braze' ELSE '' END, 1 + i % 2, 5, 1795424400 + (i * 7919 % 10007 - 5000) * 600
         FROM n",
        engine.pick("PRAGMA synchronous = OFF; ", ""),
    ));
    // On a server each window takes many round trips.
    for scope in scopes(&desk).into_iter().take(engine.pick(usize::MAX, 1)) {
        for &sort in KeySort::ALL {
            for descending in [false, true] {
                let filter = KeyFilter::parse("check").0;
                let query = KeyQuery { scope, filter, ..query(&desk, sort, descending) };
                let expected = model(&desk, &query);
                assert!(expected.len() > 10);
                assert_eq!(listed(&desk, &query), expected, "{query:?}");
                walk_both_ways(&desk, &query, &expected);
            }
        }
    }
}

#[test]
fn no_order_sorts_all_rows() {
    let desk = filled(Engine::Sqlite, 10);
    let catalog = Catalog::built_in().unwrap();
    for scope in scopes(&desk) {
        for &sort in KeySort::ALL {
            for descending in [false, true] {
                let mut query = KeyQuery { scope, ..query(&desk, sort, descending) };
                for filter in ["", "check braze"] {
                    query.filter = KeyFilter::parse(filter).0;
                    let from =
                        listed(&desk, &KeyQuery { filter: KeyFilter::default(), ..query.clone() })[3].clone();
                    let plan = desk.store.read(|r| keys::plan(r, &query, &catalog, &from)).unwrap();
                    assert!(!plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
                    if filter.is_empty() {
                        assert!(!plan.contains("SCAN k"), "{query:?}: {plan}");
                        let bound = match sort {
                            KeySort::Creator => "SEARCH u USING INDEX users_by_email (sort_email>",
                            KeySort::KeyId => "(application_id=? AND key_id>",
                            KeySort::Name => "(application_id=? AND (name_order,key_id)>",
                            KeySort::Platform => "(application_id=? AND (platform,key_id)>",
                            KeySort::Expires => "(application_id=? AND (expires,key_id)>",
                            KeySort::State => "(application_id=? AND is_disabled=? AND (expires,key_id)>",
                            KeySort::LastUsed => "(application_id=? AND (last,key_id)>",
                        };
                        let plan = plan.replace('<', ">").replace("expires>? AND ", "");
                        assert!(plan.contains(bound), "{query:?}: {plan}");
                    } else {
                        assert!(plan.contains("COVERING INDEX keys_by_name"), "{query:?}: {plan}");
                    }
                }
            }
        }
    }
}

fn a_filter_looks_at_name_id_platform_and_creator(engine: Engine) {
    let desk = filled(engine, 40);
    let everything = listed(&desk, &query(&desk, KeySort::Name, false));
    let found = |filter: &str| {
        let mut query = query(&desk, KeySort::Name, false);
        query.filter = KeyFilter::parse(filter).0;
        let rows = listed(&desk, &query);
        let catalog = Catalog::built_in().unwrap();
        let count = desk.store.read(|r| keys::count(r, &query, &catalog)).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), rows.len(), "{filter}");
        rows
    };
    let those = |is: &dyn Fn(&Key) -> bool| everything.iter().filter(|key| is(key)).count();
    assert_eq!(found("öFF").len(), those(&|k| k.name.as_str() == "Öffnung"), "without regard to case");
    assert_eq!(
        found("BEN@").len(),
        those(&|k| k.creator.email.as_ref().is_some_and(|e| e.as_str().starts_with("ben")))
    );
    assert_eq!(found("segm").len(), those(&|k| k.kind.platform() == Some("segment")));
    assert_eq!(
        found("eu ana").len(),
        those(&|k| k.name.as_str() == "checkout EU"
            && k.creator.email.as_ref().is_some_and(|email| email.as_str().starts_with("ana")))
    );
    let id = everything[5].id.to_string();
    assert!(found(&id.to_lowercase()).iter().any(|key| key.id == everything[5].id));
    assert_eq!(found("eve@").len(), 0, "a deleted creator is found by nothing");
    assert_eq!(found("%").len() + found("_").len() + found("' OR 1=1 --").len(), 0, "no wildcards, no SQL");
}

fn states_are_distinguished(engine: Engine) {
    let desk = filled(engine, 40);
    let soon = TimeDelta::days(7);
    let everything = listed(&desk, &query(&desk, KeySort::Name, false));
    let valid = everything.iter().find(|key| key.state(desk.now, soon) == KeyState::Valid).unwrap();
    desk.sql(&format!("UPDATE keys SET canary = 1 WHERE key_id = '{}'", valid.id));
    for &state in KeyState::ALL {
        let mut wanted = query(&desk, KeySort::Expires, false);
        wanted.state = Some(state);
        let rows = listed(&desk, &wanted);
        assert!(!rows.is_empty() && rows.iter().all(|key| key.state(desk.now, soon) == state), "{state:?}");
    }
    let here = application(&desk);
    let attention = desk.store.read(|r| keys::attention(r, here, desk.now, desk.now + soon)).unwrap();
    let everything = listed(&desk, &query(&desk, KeySort::Name, false));
    let expected = everything
        .iter()
        .filter(|key| key.state(desk.now, soon) == KeyState::ExpiresSoon && key.replaced_by.is_none())
        .count();
    assert_eq!(usize::try_from(attention).unwrap(), expected);
}

fn a_window_stays_at_its_row(engine: Engine) {
    proptest!(engine.cases(24), |(
        sort in proptest::sample::select(KeySort::ALL.to_vec()),
        descending in any::<bool>(),
        at in 0_usize..24,
        before in 0_usize..12,
        after in 1_usize..12,
        gone in any::<bool>(),
        everywhere in any::<bool>()
    )| {
        let mut desk = filled(engine, 30);
        let scope = scopes(&desk)[usize::from(everywhere)];
        let query = KeyQuery { scope, ..query(&desk, sort, descending) };
        let rows = listed(&desk, &query);
        let row = rows[at].clone();
        if gone {
            desk::delete_keys(&mut desk.session(), &picked(&row)).unwrap();
        }
        let left = listed(&desk, &query);
        let found = page(&desk, &query, Anchor::At(Box::new(row.clone())), before, after);
        let place = if gone { at.min(left.len() - 1) } else { at };
        prop_assert_eq!(&found.rows[found.anchor].id, &left[place].id, "the row, or the next, or the last");
        let first = left.iter().position(|key| key.id == found.rows[0].id).unwrap();
        prop_assert_eq!(&found.rows[..], &left[first..first + found.rows.len()]);
        prop_assert_eq!(found.more_before, first > 0);
        prop_assert_eq!(found.more_after, first + found.rows.len() < left.len());
    });
}
