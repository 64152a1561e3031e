//! Lists as windows: every order, both directions, filters, rows that come and go; and never a sort of all rows.

use chrono::TimeDelta;
use keydesk::desk;
use keydesk::domain::key::{Key, KeyKind, KeyState, KeyType, NewKey};
use keydesk::domain::key_filter::KeyFilter;
use keydesk::domain::platform::Catalog;
use keydesk::domain::user::Caller;
use keydesk::store::keys::{self, KeyQuery, KeySort};
use keydesk::store::{Anchor, Window};
use proptest::prelude::*;

use crate::fixtures::{application, colleague, name, picked, user};
use crate::support::{self, TestDesk};

const PLATFORMS: [Option<&str>; 4] = [None, Some("braze"), Some("segment"), Some("gone")];

/// That many keys of three creators, one of them deleted, in all states, and the successors of some of them.
fn filled(count: usize) -> TestDesk {
    let mut desk = TestDesk::new();
    colleague(&mut desk, "ben", 1001);
    colleague(&mut desk, "eve", 1002);
    let application = application(&desk);
    for place in 0..count {
        desk.caller = Caller {
            uid: 1000 + u32::try_from(place % 3).unwrap(),
            login: ["ana", "ben", "eve"][place % 3].into(),
        };
        desk.now = support::noon() - TimeDelta::days(30);
        let new = NewKey {
            application,
            name: name(["Checkout", "checkout EU", "Öffnung", "Zoo"][place * 7 % 4]),
            kind: KeyKind::from_platform(PLATFORMS[place * 5 % 4].map(str::to_owned)),
            key_type: KeyType::Production,
            expires: desk.now + TimeDelta::days([10, 33, 33, 400][place * 3 % 4]),
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
    desk::delete_user(&mut desk.session(), eve.id, eve.version).unwrap();
    desk
}

fn query(desk: &TestDesk, sort: KeySort, descending: bool) -> KeyQuery {
    KeyQuery {
        application: application(desk),
        filter: KeyFilter::default(),
        state: None,
        platform: None,
        sort,
        descending,
        now: desk.now,
        soon: TimeDelta::days(7),
    }
}

fn all(desk: &TestDesk, query: &KeyQuery) -> Vec<Key> {
    let mut found = Vec::new();
    let catalog = Catalog::built_in().unwrap();
    desk.store
        .read(|r| {
            keys::each(r, query, &catalog, usize::MAX, |key| {
                found.push(key);
                Ok(())
            })
        })
        .unwrap();
    found
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

/// What the order must be, told by the rows themselves.
fn rank(sort: KeySort, key: &Key) -> (i64, String, i64) {
    let text = |text: &str| (0, text.to_lowercase(), 0);
    match sort {
        KeySort::Name => text(key.name.as_str()),
        KeySort::KeyId => (0, String::new(), 0),
        KeySort::Platform => text(key.kind.platform().unwrap_or_default()),
        KeySort::Expires => (key.expires.timestamp(), String::new(), 0),
        KeySort::State => (i64::from(key.disabled.is_some()), String::new(), key.expires.timestamp()),
        KeySort::Creator => match &key.creator.email {
            Some(email) => (0, email.as_str().to_owned(), 0),
            None => (1, String::new(), 0),
        },
        KeySort::LastUsed => (key.last_used.map_or(0, |at| at.timestamp()), String::new(), 0),
    }
}

#[test]
fn every_sort_order_pages_in_both_directions() {
    let desk = filled(60);
    for &sort in KeySort::ALL {
        for descending in [false, true] {
            let query = query(&desk, sort, descending);
            let expected = all(&desk, &query);
            assert_eq!(expected.len(), 60 + 7, "{sort:?}");
            let mut ranks: Vec<_> = expected.iter().map(|key| rank(sort, key)).collect();
            if descending {
                ranks.reverse();
            }
            assert!(ranks.is_sorted(), "{sort:?} {descending}");
            let mut walked = Vec::new();
            let mut next = page(&desk, &query, Anchor::First, 0, 7);
            loop {
                walked.extend(next.rows.iter().skip(usize::from(!walked.is_empty())).cloned());
                if !next.more_after {
                    break;
                }
                next = page(&desk, &query, Anchor::At(Box::new(next.rows.last().unwrap().clone())), 0, 8);
            }
            assert_eq!(walked, expected, "{sort:?} {descending} forward");
            let mut back = page(&desk, &query, Anchor::Last, 6, 0);
            let mut walked = back.rows.clone();
            while back.more_before {
                back = page(&desk, &query, Anchor::At(Box::new(walked[0].clone())), 7, 0);
                walked.splice(0..0, back.rows.clone());
            }
            assert_eq!(walked, expected, "{sort:?} {descending} backward");
        }
    }
}

#[test]
fn no_order_sorts_all_rows() {
    let desk = filled(10);
    let catalog = Catalog::built_in().unwrap();
    for &sort in KeySort::ALL {
        for descending in [false, true] {
            let mut query = query(&desk, sort, descending);
            for filter in ["", "check braze"] {
                query.filter = KeyFilter::parse(filter).0;
                let from = all(&desk, &KeyQuery { filter: KeyFilter::default(), ..query.clone() })[3].clone();
                let plan = desk.store.read(|r| keys::plan(r, &query, &catalog, &from)).unwrap();
                if filter.is_empty() {
                    assert!(!plan.contains("TEMP B-TREE"), "{sort:?} {descending}: {plan}");
                    assert!(!plan.contains("SCAN k"), "{sort:?} {descending}: {plan}");
                } else {
                    assert!(plan.contains("COVERING INDEX keys_by_name"), "{sort:?} {descending}: {plan}");
                }
            }
        }
    }
}

#[test]
fn a_filter_looks_at_name_id_platform_and_creator() {
    let desk = filled(40);
    let everything = all(&desk, &query(&desk, KeySort::Name, false));
    let found = |filter: &str| {
        let mut query = query(&desk, KeySort::Name, false);
        query.filter = KeyFilter::parse(filter).0;
        let rows = all(&desk, &query);
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
        those(&|k| k.name.as_str() == "checkout EU" && rank(KeySort::Creator, k).1.starts_with("ana"))
    );
    let id = everything[5].id.to_string();
    assert!(found(&id.to_lowercase()).iter().any(|key| key.id == everything[5].id));
    assert_eq!(found("eve@").len(), 0, "a deleted creator is found by nothing");
    assert_eq!(found("%").len() + found("_").len() + found("' OR 1=1 --").len(), 0, "no wildcards, no SQL");
}

#[test]
fn states_are_distinguished() {
    let desk = filled(40);
    let soon = TimeDelta::days(7);
    for &state in KeyState::ALL {
        let mut wanted = query(&desk, KeySort::Expires, false);
        wanted.state = Some(state);
        let rows = all(&desk, &wanted);
        assert!(!rows.is_empty() && rows.iter().all(|key| key.state(desk.now, soon) == state), "{state:?}");
    }
    let here = application(&desk);
    let attention = desk.store.read(|r| keys::attention(r, here, desk.now, soon)).unwrap();
    let everything = all(&desk, &query(&desk, KeySort::Name, false));
    let expected = everything.iter().filter(|key| key.state(desk.now, soon) == KeyState::ExpiresSoon).count();
    assert_eq!(usize::try_from(attention).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_window_stays_at_its_row(
        sort in proptest::sample::select(KeySort::ALL.to_vec()),
        descending in any::<bool>(),
        at in 0_usize..30,
        before in 0_usize..12,
        after in 1_usize..12,
        gone in any::<bool>(),
    ) {
        let mut desk = filled(30);
        let query = query(&desk, sort, descending);
        let rows = all(&desk, &query);
        let row = rows[at].clone();
        if gone {
            desk::delete_keys(&mut desk.session(), &picked(&row)).unwrap();
        }
        let left = all(&desk, &query);
        let found = page(&desk, &query, Anchor::At(Box::new(row.clone())), before, after);
        let place = if gone { at.min(left.len() - 1) } else { at };
        prop_assert_eq!(&found.rows[found.anchor].id, &left[place].id, "the row, or the next, or the last");
        let first = left.iter().position(|key| key.id == found.rows[0].id).unwrap();
        prop_assert_eq!(&found.rows[..], &left[first..first + found.rows.len()]);
        prop_assert_eq!(found.more_before, first > 0);
        prop_assert_eq!(found.more_after, first + found.rows.len() < left.len());
    }
}
