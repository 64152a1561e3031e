//! What is seen in each theme, without colors and in ASCII; and what the header, the footer and the dialogs say.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::config::remembered::Remembered;
use keydesk::config::settings::ThemeName;
use keydesk::tui::app::msg::Msg;

use crate::script::{Script, Start};
use crate::support::TestDesk;

fn three_keys() -> TestDesk {
    let mut desk = TestDesk::new();
    for (name, days) in [("Checkout", 5), ("Newsletter", 40), ("Returns portal", 90)] {
        desk.deliver(&desk.new_key(name, days));
    }
    desk
}

fn themed(theme: ThemeName) -> Script {
    let remembered = Remembered { theme: Some(theme), ..Remembered::default() };
    Script::starting(three_keys(), Start { remembered, ..Start::default() }, 80, 24)
}

#[test]
fn the_selected_row_is_one_block() {
    for theme in ThemeName::ALL {
        let mut script = themed(*theme);
        script.press("/").text("out").press("enter");
        let row = script.screen().lines().position(|line| line.contains("Checkout")).unwrap();
        let looks = |script: &Script, columns: std::ops::Range<u16>| {
            let row = u16::try_from(row).unwrap();
            let mut looks: Vec<_> = columns
                .map(|x| {
                    let style = script.buffer()[(x, row)].style();
                    (style.fg, style.bg, style.add_modifier.contains(ratatui::style::Modifier::DIM))
                })
                .collect();
            looks.dedup();
            looks
        };
        assert_eq!(looks(&script, 0..79).len(), 1, "{}: {}", theme.as_str(), script.picture());
        script.press("esc A");
        let row_of_choice = script.screen().lines().position(|line| line.contains("▸ Storefront")).unwrap();
        let styles: Vec<_> = (12..60)
            .map(|x| script.buffer()[(x, u16::try_from(row_of_choice).unwrap())].style())
            .map(|style| (style.fg, style.bg))
            .collect();
        assert!(styles.windows(2).all(|two| two[0] == two[1]), "{}", script.picture());
    }
}

#[test]
fn fields_are_visible_in_every_theme() {
    let starts = [
        Start { no_color: true, ..Start::default() },
        Start { no_color: true, is_ascii: true, ..Start::default() },
        Start {
            remembered: Remembered { theme: Some(ThemeName::Terminal), ..Remembered::default() },
            ..Start::default()
        },
    ];
    for start in starts {
        let mut script = Script::starting(three_keys(), start, 80, 24);
        script.press("/");
        assert!(script.screen().contains("/ ____________________"), "{}", script.screen());
        script.text("out");
        assert!(script.screen().contains("/ out_________________"), "{}", script.screen());
        script.press("esc :");
        assert!(script.screen().contains("____________________"), "{}", script.screen());
        script.press("esc 2 n");
        assert!(script.screen().contains("____________________"), "{}", script.screen());
    }
    for theme in [ThemeName::Dark, ThemeName::Light, ThemeName::HighContrast] {
        let mut script = themed(theme);
        script.press("/");
        let (field, empty) = (script.buffer()[(10, 2)].style(), script.buffer()[(50, 2)].style());
        assert_ne!(field.bg, empty.bg, "{}", theme.as_str());
    }
}

#[test]
fn attention_is_shown_at_every_width() {
    for columns in 40..=200 {
        let script = Script::on(three_keys(), columns, 24);
        let screen = script.screen();
        let header: Vec<&str> = screen.lines().take(3).collect();
        let text = if columns < 60 { "◐ 1 " } else { "◐ 1 key expires within 7 days" };
        assert!(header[1..].iter().any(|line| line.contains(text)), "{columns}: {screen}");
    }
    let mut script = Script::on(three_keys(), 80, 24);
    assert!(script.screen().lines().nth(2).unwrap().starts_with("◐ 1 key expires within 7 days"));
    script.press("/").text("news");
    let screen = script.screen();
    assert!(screen.lines().nth(1).unwrap().ends_with("◐ 1 soon"), "{screen}");
    assert!(screen.lines().nth(2).unwrap().starts_with("/ news"), "{screen}");
}

#[test]
fn the_timeline_has_a_title_and_a_legend() {
    let mut desk = three_keys();
    desk.deliver(&desk.new_key("Search", 41));
    for columns in [80, 120] {
        let mut script = Script::on(three_keys(), columns, 24);
        script.press("t");
        let screen = script.screen();
        assert!(screen.contains("Expirations in the next 12 months   █ keys per month"), "{screen}");
        assert!(!screen.contains("highest:"), "no month has more than one: {screen}");
    }
    let mut script = Script::on(desk, 80, 24);
    script.press("t");
    assert!(script.screen().contains("█ highest: 2"), "{}", script.screen());
    assert_snapshot!("timeline_legend", script.picture());
}

#[test]
fn a_key_prefix_is_copied() {
    let mut script = Script::on(three_keys(), 80, 24);
    script.press("down y");
    let prefix = script.app.screens.keys.list.rows.selected().unwrap().prefix.clone();
    assert_eq!(script.copied.last().unwrap().expose(), prefix);
    assert!(
        script.screen().contains("Key prefix: Copied to the clipboard (cleared in 45 s)."),
        "{}",
        script.screen()
    );
    script.press("enter y");
    assert_eq!(script.copied.len(), 2, "from the details too");
}

#[test]
fn a_page_that_is_cut_off_says_how_to_scroll() {
    let mut script = Script::on(three_keys(), 80, 24);
    script.press("?");
    assert!(script.screen().contains("Up/Down scroll"), "{}", script.screen());
    let first = script.screen();
    script.press("down");
    assert_ne!(script.screen(), first);
    script.press("esc 4 enter").msg(Msg::Resize(120, 40));
    assert!(!script.screen().contains("scroll"), "all of it is seen: {}", script.screen());
}

#[test]
fn commands_are_titled_plainly() {
    let mut script = Script::on(three_keys(), 120, 36);
    script.press(":");
    let screen = script.screen();
    assert!(screen.contains(" Commands ") && screen.contains("Reverse the sort order"), "{screen}");
    script.text("zzzz");
    assert!(script.screen().contains("No matching command"), "{}", script.screen());
}

#[test]
fn the_other_screens_have_their_columns() {
    for columns in [80, 120] {
        let mut desk = three_keys();
        desk.add_user("benjamin.longname@example.com", Some("benjamin"));
        desk.now += TimeDelta::days(2);
        let mut script = Script::on(desk, columns, 24);
        for (key, name, headers) in [
            ("2", "applications", "NAME KEYS CREATED"),
            ("3", "users", "# EMAIL LOGIN STATUS KEYS ADDED"),
            ("4", "audit", "# WHEN ACTOR ACTION TARGET APPLICATION"),
        ] {
            script.press(key);
            let screen = script.screen();
            let is_header = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") == headers;
            assert!(screen.lines().any(is_header), "{screen}");
            assert_snapshot!(format!("{name}_{columns}"), script.picture());
        }
    }
}
