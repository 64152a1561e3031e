//! Create API Key, step by step.

use chrono::Datelike;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use ratatui::widgets::calendar::{CalendarEventStore, Monthly};
use time::{Date, Month};

use crate::config::bindings::Action;
use crate::desk::text::THIRD_PARTY_QUESTION;
use crate::domain::expiry::PRESETS;
use crate::domain::key::KeyType;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::calendar::Calendar;
use crate::tui::app::modal::wizard::{Focus, Step, Wizard};
use crate::tui::app::msg::Target;
use crate::tui::view::facts::exact;
use crate::tui::view::page::{Button, ButtonTone, Page, cells};

/// The step that one is in.
pub(super) fn panel(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    match wizard.step {
        Step::Service => service(wizard, page),
        Step::Platform => platform(app, wizard, page),
        Step::Details => details(app, wizard, page),
        Step::Review => review(app, wizard, page),
    }
    if let Some(error) = &wizard.submission.error {
        page.blank().text(&inert(error), theme.danger);
    }
    let (number, all) = wizard.progress();
    page.title = format!("Create API Key: step {number} of {all}");
}

fn service(wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    page.text(THIRD_PARTY_QUESTION, theme.text).blank();
    let answers = [
        ("No", "a generic key, for your own integration layer"),
        ("Yes", "a key for a platform such as Braze"),
    ];
    for (place, (answer, meaning)) in answers.into_iter().enumerate() {
        let chosen = wizard.third_party == (place == 1);
        let line =
            vec![Span::styled(format!("{answer:<5}"), theme.accent), Span::styled(meaning, theme.text)];
        page.choice(line, chosen, place);
    }
}

fn platform(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    page.field("Platform", &wizard.menu.filter, true, usize::MAX).blank();
    for (place, slug) in wizard.platforms.iter().enumerate() {
        let name = inert(app.shared.catalog().name_of(slug));
        page.choice(vec![Span::styled(name, theme.text)], place == wizard.menu.chosen, place);
    }
}

fn details(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    page.field("Name", &wizard.name, wizard.focus == Focus::Name, 0);
    let types: Vec<_> = KeyType::ALL.iter().map(|t| (t.as_str().to_owned(), wizard.key_type == *t)).collect();
    options("Type", &types, wizard.focus == Focus::Type, 1, page);
    let mut expiries: Vec<(String, bool)> = (0..)
        .zip(PRESETS)
        .map(|(place, preset)| (format!("{} days", preset.days), wizard.preset == Some(place)))
        .collect();
    expiries.push(("a date".to_owned(), wizard.preset.is_none()));
    options("Expiration date", &expiries, wizard.focus == Focus::Expiry, 3, page);
    if wizard.preset.is_none() {
        let place = 3 + PRESETS.len() + 1;
        page.field("Date", wizard.calendar.field(), wizard.focus == Focus::Date, place);
        month(&wizard.calendar, wizard.focus == Focus::Date, page);
    }
    instant(app, wizard, page);
}

/// The instant as it will be stored, and what to think about.
fn instant(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    match wizard.expires_at(app.shared.now) {
        Ok(at) => {
            page.facts(&[("Refused from", &exact(app, at))]);
        }
        Err(error) => drop(page.text(&inert(&error), theme.danger)),
    }
    for warning in wizard.warnings(app.shared.now, &app.shared.zone()) {
        page.text(&format!("! {warning}"), theme.warning);
    }
}

/// A field of options side by side, over several lines where it must be.
fn options(label: &str, options: &[(String, bool)], focused: bool, first: usize, page: &mut Page<'_>) {
    let theme = page.theme();
    let column = 18.min(page.width / 2);
    let mut spans =
        vec![Span::styled(format!("{label:column$}"), if focused { theme.accent } else { theme.dim })];
    let mut x = column;
    let mut at = page.lines.len();
    for (place, (text, chosen)) in options.iter().enumerate() {
        let text = if *chosen { format!("({text})") } else { format!(" {text} ") };
        let width = Span::raw(text.as_str()).width();
        if x + width > page.width && x > column {
            page.lines.push(Line::from(std::mem::replace(&mut spans, vec![Span::raw(" ".repeat(column))])));
            at += 1;
            x = column;
        }
        let style = match (chosen, focused) {
            (true, true) => theme.selection,
            (true, false) => theme.accent,
            _ => theme.text,
        };
        page.hits.push((at, cells(x), cells(width), Target::Choice(first + place)));
        if *chosen && focused {
            page.cursor = Some((at, cells(x)));
            page.focus = Some(at);
        }
        spans.push(Span::styled(text, style));
        x += width;
    }
    page.line(spans);
}

fn date_of(date: chrono::NaiveDate) -> Option<Date> {
    let month = Month::try_from(u8::try_from(date.month()).ok()?).ok()?;
    Date::from_calendar_date(date.year(), month, u8::try_from(date.day()).ok()?).ok()
}

/// ratatui's calendar of the month, drawn aside and taken over line by line, with its days to click on.
fn month(calendar: &Calendar, focused: bool, page: &mut Page<'_>) {
    const WIDTH: u16 = 21;
    const HEIGHT: u16 = 8;
    let theme = page.theme();
    let (Some(selected), Some(today)) = (date_of(calendar.selected()), date_of(calendar.today())) else {
        return;
    };
    let mut events = CalendarEventStore::default();
    events.add(today, theme.heading);
    events.add(selected, if focused { theme.selection } else { theme.accent });
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut buffer = Buffer::empty(area);
    Monthly::new(selected, &events)
        .show_month_header(theme.heading)
        .show_weekdays_header(theme.dim)
        .default_style(theme.text)
        .render(area, &mut buffer);
    let indent = 18.min(page.width / 2).min(page.width.saturating_sub(usize::from(WIDTH)));
    let first_line = page.lines.len();
    for y in 0..HEIGHT {
        let mut spans = vec![Span::raw(" ".repeat(indent))];
        spans.extend((0..WIDTH).map(|x| {
            let cell = &buffer[(x, y)];
            Span::styled(cell.symbol().to_owned(), cell.style())
        }));
        page.line(spans);
    }
    days(calendar, first_line + 2, indent, page);
    // A month of four or five weeks leaves empty lines.
    while page.lines.last().is_some_and(|line| line.spans.iter().all(|span| span.content.trim().is_empty())) {
        page.lines.pop();
    }
}

/// Where the days of the month stand: weeks begin on Sunday, three cells a day.
fn days(calendar: &Calendar, first_line: usize, indent: usize, page: &mut Page<'_>) {
    let Some(first) = calendar.selected().with_day(1) else { return };
    let offset = usize::try_from(first.weekday().num_days_from_sunday()).unwrap_or_default();
    for (place, date) in first.iter_days().take_while(|date| date.month() == first.month()).enumerate() {
        let (week, day) = ((offset + place) / 7, (offset + place) % 7);
        page.hits.push((first_line + week, cells(indent + day * 3), 3, Target::Day(date)));
        if date == calendar.selected() {
            page.focus = page.focus.map(|line| line.max(first_line + week));
        }
    }
}

fn review(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    let application = app.shared.application().map_or_else(String::new, |a| a.name.to_string());
    page.facts(&[
        ("Application", &application),
        ("Name", &inert(wizard.name.text())),
        ("Platform", &app.shared.catalog().label(&wizard.kind())),
        ("Type", &wizard.key_type.as_str()),
    ]);
    instant(app, wizard, page);
    page.blank();
    page.text("The secret is shown in the next step, once. Have the place ready where it goes.", theme.dim)
        .blank();
    let submitting = wizard.submission.is_pending();
    let label = if submitting { "Creating..." } else { "Create API Key" };
    page.buttons(&[Button {
        label,
        focused: !submitting,
        tone: ButtonTone::Off,
        target: Target::Action(Action::Confirm),
    }]);
}
