//! Random keys, pastes, clicks and sizes against the whole App.
//!
//! Whatever comes: no panic, Esc leads home, and nothing is deleted without the exact typed text.

use std::ops::ControlFlow;

use keydesk::domain::audit_filter::AuditFilter;
use keydesk::domain::secret::Secret;
use keydesk::store::{applications, audit};
use keydesk::tui::app::modal::Modal;
use keydesk::tui::app::modal::delete::Asks;
use keydesk::tui::app::modal::reveal::Mode;
use keydesk::tui::app::msg::{Msg, Target};
use proptest::prelude::*;

use crate::script::Script;

#[derive(Clone, Debug)]
enum Blow {
    Key(&'static str),
    Letter(char),
    Paste(String),
    Size(u16, u16),
    Click(usize),
    Tick,
}

fn blow() -> impl Strategy<Value = Blow> {
    let keys = [
        "enter",
        "esc",
        "space",
        "tab",
        "shift-tab",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pageup",
        "pagedown",
        "backspace",
        "delete",
        "ctrl-p",
        "ctrl-l",
        "ctrl-z",
        "ctrl-u",
        "ctrl-w",
        "f5",
        "n",
        "d",
        "x",
        "e",
        "u",
        "f",
        "s",
        "S",
        "a",
        "r",
        "t",
        "y",
        "c",
        "w",
        "v",
        "C",
        "1",
        "2",
        "3",
        "4",
        "?",
        ":",
        "/",
        "A",
        "T",
        "j",
        "k",
        "g",
        "G",
        "q",
    ];
    prop_oneof![
        12 => proptest::sample::select(keys.to_vec()).prop_map(Blow::Key),
        2 => any::<char>().prop_map(Blow::Letter),
        1 => "\\PC{0,40}|[\\x00-\\x1f\\u{200b}\\u{202e}a-z]{0,40}".prop_map(Blow::Paste),
        1 => (0_u16..220, 0_u16..70).prop_map(|(columns, rows)| Blow::Size(columns, rows)),
        1 => (0_usize..30).prop_map(Blow::Click),
        1 => Just(Blow::Tick),
    ]
}

fn strike(script: &mut Script, blow: &Blow) -> ControlFlow<()> {
    match blow {
        Blow::Key(key) => {
            script.press(key);
        }
        Blow::Letter(' ') => {
            script.press("space");
        }
        Blow::Letter(c) if c.is_control() => {}
        Blow::Letter(c) => {
            script.text(&c.to_string());
        }
        Blow::Paste(text) => {
            script.msg(Msg::Paste(Secret::new(text.clone())));
        }
        Blow::Size(columns, rows) => {
            script.msg(Msg::Resize(*columns, *rows));
        }
        Blow::Click(place) => {
            let target = if place % 2 == 0 { Target::Row(*place) } else { Target::Choice(*place / 4) };
            script.msg(Msg::Click(target));
        }
        Blow::Tick => {
            script.msg(Msg::Tick);
        }
    }
    if script.quit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// What is in every delete dialog is what was typed into it; where it matches, or asks for Yes only, a deletion would be
/// rightful.
fn is_confirmed(script: &Script) -> bool {
    script
        .app
        .modals
        .iter()
        .any(|modal| matches!(modal, Modal::Delete(delete) if delete.matches() || delete.asks() == Asks::Yes))
}

fn deletions(script: &mut Script) -> usize {
    let mut found = 0;
    script.elsewhere(|session| {
        let window =
            keydesk::store::Window { anchor: keydesk::store::Anchor::First, before: 0, after: 10_000 };
        let filter = AuditFilter { action: vec!["deleted".into()], ..AuditFilter::default() };
        let page = session.store.read(|r| audit::page(r, &filter, &window)).unwrap();
        found = page.rows.iter().filter(|row| row.entry.action.ends_with(".deleted")).count();
    });
    found
}

fn weather(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(weather(48))]

    #[test]
    fn random_input_never_panics_and_esc_returns_to_the_list(blows in proptest::collection::vec(blow(), 1..160)) {
        let mut script = Script::new(80, 24);
        script.press("n n enter enter c esc n y enter enter enter c esc");
        let mut rightful = false;
        for blow in &blows {
            let confirmed = is_confirmed(&script);
            if strike(&mut script, blow).is_break() {
                return Ok(());
            }
            rightful |= confirmed;
            let debug = format!("{:?}", script.app);
            // A copied prefix is shorter, and no secret.
            for hidden in script.copied.iter().filter_map(|copied| copied.expose().get(20..40)) {
                prop_assert!(!debug.contains(hidden), "the secret is in Debug");
            }
        }
        // The one question that Esc does not answer with a loss: a secret that nobody has yet.
        for _ in 0..12 {
            if script.app.modals.is_empty() {
                break;
            }
            script.press("esc");
            let asking = |modal: &Modal| matches!(modal, Modal::Reveal(r) if matches!(r.mode, Mode::Asking { .. }));
            if script.app.modals.last().is_some_and(asking) {
                script.press("y");
            }
        }
        if !script.quit {
            prop_assert!(script.app.modals.is_empty(), "Esc leads home:\n{}", script.screen());
        }
        if !rightful {
            prop_assert_eq!(deletions(&mut script), 0, "nothing is deleted without the exact typed text");
        }
    }

    #[test]
    fn many_terminal_sizes_are_drawn(sizes in proptest::collection::vec((0_u16..250, 0_u16..80), 1..60), keys in "[1-4nudxA?:]{0,3}") {
        let mut script = Script::new(80, 24);
        script.text(&keys);
        for (columns, rows) in sizes {
            script.msg(Msg::Resize(columns, rows));
        }
        let mut count = 0;
        script.elsewhere(|session| count = session.store.read(applications::count).unwrap());
        prop_assert_eq!(count, 1);
    }
}
