//! Owner, note and allowed sources: in the wizard, in the dialog that edits a key, in its details.

use insta::assert_snapshot;
use keydesk::desk::{self, KeyProperties, Picked};
use keydesk::domain::key::Key;
use keydesk::domain::source::AllowedSources;
use keydesk::domain::text::{Name, Note};
use keydesk::store::{applications, keys};
use keydesk::tui::app::msg::{Msg, Target};

use crate::script::{Script, Start};
use crate::support::TestDesk;

/// A key with all optional fields that was used from three addresses.
fn used() -> TestDesk {
    let mut desk = TestDesk::new();
    let mut new = desk.new_key("Checkout", 90);
    new.owner = Some(Name::parse("Payments team").unwrap());
    new.note = Note::parse("ticket 4711").unwrap();
    let key = desk.deliver(&new).key;
    let used = desk.now - chrono::TimeDelta::minutes(5);
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    for (place, source) in ["10.0.0.4", "10.0.0.5", "2001:db8::7"].into_iter().enumerate() {
        raw.execute(
            "INSERT INTO key_sources VALUES (?1, '', ?2, 7, ?3, ?3)",
            (key.id.as_str(), source, used.timestamp() - i64::try_from(place).unwrap()),
        )
        .unwrap();
    }
    desk
}

/// The key with a name.
fn key(script: &mut Script, name: &str) -> Option<Key> {
    let mut found = None;
    script.elsewhere(|session| {
        let named = session.store.read(|r| keys::named(r, applications::all(r, 1)?[0].id, name));
        found = named.unwrap().pop();
    });
    found
}

#[test]
fn a_key_is_edited_and_the_sources_seen_so_far_are_proposed() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::on(used(), columns, rows);
        let snapshot = |name: &str, script: &Script| {
            assert_snapshot!(format!("{name}_{columns}"), script.picture());
        };
        script.press("E");
        snapshot("edit", &script);
        script.press("end").text(" EU").press("tab ctrl-u").text("Shop team").press("tab ctrl-u tab");
        // The field and the button are next to each other.
        script.text("10.0.0.4");
        assert!(script.screen().contains("Add the 2 sources seen so far"), "{}", script.screen());
        assert!(script.screen().contains("The key was used from 10.0.0.5"), "{}", script.screen());
        script.press("tab");
        snapshot("edit_proposal", &script);
        script.press("enter");
        assert!(script.screen().contains("10.0.0.4, 10.0.0.5, 2001:db8::7"), "{}", script.screen());
        assert!(!script.screen().contains("seen so far") && !script.screen().contains("was used from"));
        script.press("enter");
        assert!(script.app.modals.is_empty(), "{}", script.screen());
        assert!(
            script.screen().contains("edited: name, owner, note and allowed sources."),
            "{}",
            script.screen()
        );
        let edited = key(&mut script, "checkout eu").unwrap();
        assert_eq!(edited.owner.as_ref().map(Name::as_str), Some("Shop team"));
        assert_eq!(edited.note, None);
        assert_eq!(edited.allowed_sources.to_string(), "10.0.0.4,10.0.0.5,2001:db8::7");
        // From the details too, which show what was saved.
        script.press("enter");
        snapshot("edit_details", &script);
        script.press("E tab tab").text("ticket 4711").press("enter");
        assert_eq!(key(&mut script, "checkout eu").unwrap().note, Note::parse("ticket 4711").unwrap());
        // Who to ask is named before the deletion.
        script.press("d");
        assert!(script.screen().contains("Owner         Shop team"), "{}", script.screen());
    }
}

#[test]
fn what_is_unchanged_is_said() {
    let mut script = Script::on(used(), 80, 24);
    script.press("E enter");
    assert!(script.app.modals.is_empty() && script.screen().contains("is unchanged."), "{}", script.screen());
    script.press("E").text("x").press("esc");
    assert!(key(&mut script, "Checkout").is_some());
}

#[test]
fn wrong_values_are_explained_in_the_dialog_and_the_text_stays() {
    let mut script = Script::on(used(), 80, 24);
    script.press("E tab tab tab").text("10.0.0.0/33").press("enter");
    assert!(script.screen().contains("\"10.0.0.0/33\" is not an address"), "{}", script.screen());
    script.press("ctrl-u up tab tab tab");
    script.msg(Msg::Click(Target::Choice(1))).press("ctrl-u").text("<ana@example.com>").press("enter");
    let screen = script.screen();
    assert!(screen.contains("The owner contains the email of a user. Name a team"), "{screen}");
    assert!(screen.contains("<ana@example.com>"), "{screen}");
    let secret = format!("ik_live_7Qm2x9KdPa_{}", "a".repeat(49));
    script.press("ctrl-u tab ctrl-u").text(&secret).press("enter");
    assert!(script.screen().contains("The note contains the secret of a key."), "{}", script.screen());
    script.press("esc");
    assert_eq!(key(&mut script, "Checkout").unwrap().note, Note::parse("ticket 4711").unwrap());
}

#[test]
fn a_key_that_another_session_has_edited_is_not_overwritten() {
    let mut script = Script::on(used(), 80, 24);
    let seen = key(&mut script, "Checkout").unwrap();
    let rename = |script: &mut Script, to: &str| {
        let key = key(script, "Checkout").unwrap();
        script.elsewhere(|session| {
            let new = KeyProperties { name: Name::parse(to).unwrap(), ..KeyProperties::of(&key) };
            desk::edit_key(session, Picked { id: key.id, version: key.version }, &new).unwrap();
        });
    };
    // Untouched fields follow.
    script.press("E");
    rename(&mut script, "CHECKOUT");
    assert!(script.screen().contains("Name              CHECKOUT"), "{}", script.screen());
    script.text("!");
    rename(&mut script, "Other");
    script.press("enter");
    assert!(script.screen().contains("was changed by another session"), "{}", script.screen());
    script.press("esc");
    assert_eq!(key(&mut script, "Other").map(|key| key.id), Some(seen.id));
}

#[test]
fn one_key_is_edited_at_a_time() {
    let mut desk = used();
    let other = desk.new_key("Other", 30);
    desk.deliver(&other);
    let mut script = Script::on(desk, 80, 24);
    script.press("space E");
    assert!(script.app.modals.is_empty(), "{}", script.screen());
    assert!(script.screen().contains("Clear the selection first"), "{}", script.screen());
}

#[test]
fn the_wizard_takes_owner_note_and_allowed_sources() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::new(columns, rows);
        script.press("n enter tab tab tab").text("Payments team").press("tab").text("ticket 4711");
        script.press("tab").text("10.1.2.3/16, 2001:db8::7");
        assert_snapshot!(format!("wizard_optional_{columns}"), script.picture());
        script.press("enter");
        assert_snapshot!(format!("wizard_optional_review_{columns}"), script.picture());
        script.press("enter c enter");
        let key = key(&mut script, "Generic November 2026").unwrap();
        assert_eq!(key.owner.as_ref().map(Name::as_str), Some("Payments team"));
        assert_eq!(key.note, Note::parse("ticket 4711").unwrap());
        assert_eq!(key.allowed_sources, AllowedSources::parse("10.1.0.0/16,2001:db8::7").unwrap());
    }
}

#[test]
fn a_wrong_source_stops_the_wizard_at_its_field() {
    let mut script = Script::new(80, 24);
    script.press("n enter tab tab tab tab tab").text("everywhere").press("enter");
    assert!(script.screen().contains("step 2 of 3"), "{}", script.screen());
    assert!(script.screen().contains("\"everywhere\" is not an address"), "{}", script.screen());
    script.press("ctrl-u enter");
    assert!(script.screen().contains("step 3 of 3"), "{}", script.screen());
}

#[test]
fn a_word_in_owner_or_note_finds_the_key_and_is_marked_in_its_details() {
    let mut desk = used();
    let other = desk.new_key("Other", 30);
    desk.deliver(&other);
    let mut script = Script::on(desk, 120, 36);
    script.press("/").text("owner:pay 47").press("enter enter");
    let picture = script.picture();
    assert!(picture.contains("Checkout") && !picture.contains("Other"), "{picture}");
    let looks = picture.split_once("looks:\n").unwrap().1;
    let line = |label: &str| {
        let place = picture.lines().position(|line| line.contains(label)).unwrap();
        looks.lines().nth(place).unwrap_or_default()
    };
    assert!(line("Payments team").contains("mmm") && line("ticket 4711").contains("mm"), "{picture}");
}

fn limited(columns: u16, rows: u16) -> Script {
    let start = Start { config: "max_lifetime = \"45d\"\n", ..Start::default() };
    Script::starting(used(), start, columns, rows)
}

#[test]
fn the_wizard_offers_no_lifetime_beyond_the_maximum() {
    let mut script = limited(80, 24);
    script.press("n enter");
    assert_snapshot!("wizard_max_lifetime", script.picture());
    assert!(
        !script.screen().contains("90 days") && script.screen().contains("(•) 45 days (maximum)"),
        "{}",
        script.screen()
    );
    script.press("tab tab right tab").text("2027-06-01");
    assert!(script.screen().contains("more than 45 days ahead"), "{}", script.screen());
    script.press("enter");
    assert!(script.screen().contains("step 2 of 3"), "it goes no further: {}", script.screen());
    // The last day is the one whose end is early enough.
    script.press("home pagedown pagedown pagedown");
    assert!(script.screen().contains("Date              2027-01-06 "), "{}", script.screen());
    script.press("enter enter c enter");
    assert!(key(&mut script, "Generic November 2026").is_some());
}

#[test]
fn a_successor_is_limited_to_the_maximum_and_that_is_said() {
    let mut script = limited(80, 24);
    script.press("r enter enter");
    assert!(script.screen().contains("limited to 45 days"), "{}", script.screen());
}
