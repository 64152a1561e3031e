//! Disable keys: for how long, and Yes or No.

use chrono::TimeDelta;
use ratatui::text::Span;

use super::targets;
use crate::desk::text;
use crate::domain::Instant;
use crate::domain::expiry::until_short;
use crate::tui::app::App;
use crate::tui::app::modal::disable::{CANCEL, DISABLE, Disable, LENGTHS, Length};
use crate::tui::app::msg::Target;
use crate::tui::view::facts::exact;
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, disable: &Disable, page: &mut Page<'_>) {
    page.title = targets::title("Disable", &disable.targets);
    if !targets::draw(app, &disable.targets, page) {
        return;
    }
    let theme = page.theme();
    page.blank().text("For how long?", theme.heading);
    for (place, length) in LENGTHS.into_iter().enumerate() {
        page.choice(vec![Span::raw(label(app, length))], place == disable.chosen, place);
    }
    if disable.length() == Length::Other {
        page.field("Duration", &disable.typed, true, LENGTHS.len() - 1);
    }
    let meaning = match disable.duration().map(|length| length.and_then(|length| after(app, length))) {
        Ok(None) => {
            "Requests with a disabled key are rejected at once. You can enable it again until it expires."
                .into()
        }
        Ok(Some(until)) => format!(
            "Requests with a disabled key are rejected at once, and accepted again from {}.",
            exact(app, until)
        ),
        Err(_) => "Type 45s, 15m, 24h, 7d or 2w.".into(),
    };
    page.blank().text(&meaning, theme.text).blank().submission(&disable.submission, "Writing...");
    let is_typing = disable.length() == Length::Other;
    let button = |label, is_yes, place| Button {
        label,
        focused: !is_typing && disable.yes == is_yes,
        tone: ButtonTone::Plain,
        target: Target::Choice(place),
    };
    page.buttons(&[button("Cancel", false, CANCEL), button("Disable", true, DISABLE)]);
}

fn after(app: &App, length: TimeDelta) -> Option<Instant> {
    app.shared.now.checked_add_signed(length)
}

fn label(app: &App, length: Length) -> String {
    match length {
        Length::Unlimited => "Until you enable it again".into(),
        Length::Minutes(minutes) => {
            let (count, unit) = if minutes % 60 == 0 { (minutes / 60, "hour") } else { (minutes, "minute") };
            let until = after(app, TimeDelta::minutes(minutes.into()));
            let until = until.map(|until| until_short(until, app.shared.now, &app.shared.zone()));
            format!("For {} (until {})", text::count(count.into(), unit), until.unwrap_or_default())
        }
        Length::Other => "For another duration".into(),
    }
}
