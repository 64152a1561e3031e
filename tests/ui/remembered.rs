//! What the terminal UI remembers of the choices made in it.

use keydesk::config::remembered::Remembered;
use keydesk::config::settings::ThemeName;
use keydesk::desk;
use keydesk::domain::text::Name;

use crate::script::{Script, Start};
use crate::support::TestDesk;

fn started(desk: TestDesk, remembered: Remembered) -> Script {
    Script::starting(desk, Start { remembered, ..Start::default() }, 80, 24)
}

#[test]
fn themes_are_named_and_remembered() {
    let mut script = Script::new(80, 24);
    let list = |script: &Script| script.screen().lines().take(22).map(str::to_owned).collect::<Vec<_>>();
    let dark = list(&script);
    for (theme, name) in [
        (ThemeName::Light, "light"),
        (ThemeName::HighContrast, "high-contrast"),
        (ThemeName::Terminal, "terminal"),
        (ThemeName::Dark, "dark"),
    ] {
        script.press("T");
        assert!(script.screen().contains(&format!("Theme: {name}.")), "{}", script.screen());
        assert_eq!(script.remembered.as_ref().unwrap().theme, Some(theme));
        assert_eq!(list(&script), dark, "a theme changes colors and nothing else");
    }
    let script =
        started(TestDesk::new(), Remembered { theme: Some(ThemeName::Terminal), ..Remembered::default() });
    assert_eq!(script.app.shared.theme(), ThemeName::Terminal);
}

#[test]
fn without_colors_there_is_one_theme() {
    let mut script = Script::starting(TestDesk::new(), Start { no_color: true, ..Start::default() }, 80, 24);
    script.press("T");
    assert!(script.screen().contains("NO_COLOR is set"), "{}", script.screen());
    assert_eq!(script.remembered, None);
}

#[test]
fn the_last_application_is_shown_at_the_next_start() {
    let mut script = Script::new(80, 24);
    script.press("2 n").text("Billing").press("enter 1 A").text("Billing").press("enter");
    assert!(script.screen().contains("Billing › Settings"), "{}", script.screen());
    let remembered = script.remembered.take().unwrap();
    script.press("A").text("Storefront").press("enter");
    assert_ne!(script.remembered.as_ref(), Some(&remembered));

    let add_billing = |mut with: TestDesk| {
        let name = Name::parse("Billing").unwrap();
        desk::create_application(&mut with.session(), &name).unwrap();
        with
    };
    let script = started(add_billing(TestDesk::new()), remembered.clone());
    assert!(script.screen().contains("Billing › Settings"), "{}", script.screen());
    let script = started(TestDesk::new(), remembered);
    assert!(script.screen().contains("Storefront › Settings"), "Billing is deleted: {}", script.screen());
}
