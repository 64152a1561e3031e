//! Filters as they are typed: terms, marks, the number of matches, and what a second `/` does.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::desk;
use keydesk::domain::key::{KeyKind, NewKey};
use keydesk::domain::text::Name;

use crate::script::Script;
use crate::support::TestDesk;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 36)];

/// Keys of two platforms and two creators, some of them used, and three Applications.
fn filled() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.add_user("ben@example.com", Some("ben"));
    for (name, platform, days) in [
        ("Job 19", None, 20),
        ("Job 20", None, 3),
        ("Checkout", Some("braze"), 90),
        ("Loyalty job", Some("braze"), 5),
        ("Newsletter", Some("segment"), 400),
    ] {
        let kind = KeyKind::from_platform(platform.map(str::to_owned));
        let new = NewKey { kind, ..desk.new_key(name, days) };
        let key = desk.deliver(&new).key;
        if name.contains("Job") {
            let raw = rusqlite::Connection::open(desk.path()).unwrap();
            let used = (desk.now - TimeDelta::days(40)).timestamp();
            let sql = "INSERT INTO key_use SELECT key_id, application_id, ?1, ?1, '10.0.0.9' FROM keys WHERE key_id = ?2";
            raw.execute(sql, (used, key.id.as_str())).unwrap();
            let sql = "INSERT INTO key_sources VALUES (?2, '', '10.0.0.9', 1, ?1, ?1)";
            raw.execute(sql, (used, key.id.as_str())).unwrap();
        }
    }
    for name in ["Tools", "Yard job runner"] {
        desk::create_application(&mut desk.session(), &Name::parse(name).unwrap()).unwrap();
    }
    desk
}

/// The names of the rows, top to bottom.
fn names(script: &Script) -> Vec<String> {
    script.app.screens.keys.list.rows.loaded().iter().map(|key| key.name.to_string()).collect()
}

fn footer(script: &Script) -> String {
    script.screen().trim_end().lines().last().unwrap().to_owned()
}

#[test]
fn terms_narrow_the_keys_while_they_are_typed() {
    let mut script = Script::on(filled(), 120, 36);
    for (filter, expected) in [
        ("\"job 20\"", &["Job 20"][..]),
        ("job", &["Job 20", "Loyalty job", "Job 19"]),
        ("job platform:braze", &["Loyalty job"]),
        ("state:soon", &["Job 20", "Loyalty job"]),
        ("expires:<14d used:never", &["Loyalty job"]),
        ("used:>30d expires:>14d", &["Job 19"]),
        ("source:10.0.0.9 10.0", &["Job 20", "Job 19"]),
        ("creator:ben@", &[]),
        ("type:production segment", &["Newsletter"]),
        ("foo:bar", &[]),
    ] {
        script.press("/").text(filter).press("enter");
        assert_eq!(names(&script), expected, "{filter}");
        let matches =
            if expected.len() == 1 { "1 match".into() } else { format!("{} matches", expected.len()) };
        assert!(script.screen().contains(&format!("  {matches}  ")), "{filter}: {}", script.screen());
    }
}

#[test]
fn an_invalid_term_is_explained_beside_the_filter_and_not_kept() {
    for (columns, rows) in SIZES {
        let mut script = Script::on(filled(), columns, rows);
        script.press("/").text("job state:");
        assert_eq!(names(&script).len(), 3, "an unfinished term narrows nothing");
        script.text("so");
        assert_snapshot!(format!("filter_invalid_{columns}"), script.picture());
        script.press("enter");
        assert!(script.screen().contains("Invalid filter term \"state:so\""), "{}", script.screen());
        assert!(script.app.is_typing() && script.app.screens.keys.picked.is_empty(), "typing continues");
        script.text("on").press("enter");
        assert_eq!(names(&script), ["Job 20", "Loyalty job"]);
        assert!(!script.app.is_typing() && !script.screen().contains("Invalid"), "{}", script.screen());
    }
}

#[test]
fn the_footer_shows_only_what_works_while_typing() {
    let mut script = Script::on(filled(), 80, 24);
    script.press("/").text("?nq:");
    assert!(script.app.modals.is_empty() && !script.quit, "they are letters");
    assert_eq!(footer(&script), "Enter keep  Esc clear");
    assert_eq!(script.app.screens.keys.list.filter.text(), "?nq:");
    script.press("esc");
    assert_eq!(names(&script).len(), 5);
    assert!(footer(&script).contains("? help"));
}

#[test]
fn a_second_slash_selects_the_text() {
    for (columns, rows) in SIZES {
        let mut script = Script::on(filled(), columns, rows);
        let text = |script: &Script| script.app.screens.keys.list.filter.text().to_owned();
        script.press("/").text("job").press("enter /");
        assert_snapshot!(format!("filter_again_{columns}"), script.picture());
        script.text("news");
        assert_eq!(text(&script), "news", "typing replaces it");
        script.press("enter / end").text("x");
        assert_eq!(text(&script), "newsx", "moving the cursor keeps it");
        script.press("enter / left backspace");
        assert_eq!(text(&script), "newx");
        script.press("enter / backspace");
        assert_eq!(text(&script), "");
        assert_eq!(names(&script).len(), 5);
    }
}

#[test]
fn matches_are_marked_in_their_columns() {
    for (columns, rows) in SIZES {
        let mut script = Script::on(filled(), columns, rows);
        script.press("/").text("\"yalty job\" platform:braze creator:ana@ state:soon").press("enter");
        assert_eq!(names(&script), ["Loyalty job"]);
        assert_snapshot!(format!("filter_marks_{columns}"), script.picture());
    }
}

#[test]
fn every_screen_counts_its_matches() {
    for (columns, rows) in SIZES {
        let mut script = Script::on(filled(), columns, rows);
        for (screen, filter, count) in [
            ("1", "job", "3 matches"),
            ("2", "\"job r\"", "1 match"),
            ("3", "BEN@", "1 match"),
            ("4", "\"job 20\"", "2 matches"),
        ] {
            script.press(screen).press("/").text(filter);
            assert!(script.screen().contains(&format!(" {count}")), "{screen}: {}", script.screen());
            if screen == "4" {
                assert_snapshot!(format!("filter_audit_{columns}"), script.picture());
            }
            script.press("enter");
            assert!(footer(&script).contains("Esc clear"), "{screen}: {}", footer(&script));
            script.press("esc");
            assert!(!script.screen().contains(" match"), "{screen}: {}", script.screen());
        }
    }
}
