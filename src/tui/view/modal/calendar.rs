//! The calendar of a month.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use ratatui::style::Style;
use ratatui::text::Span;

use crate::config::bindings::{Action, Context};
use crate::tui::app::App;
use crate::tui::app::modal::calendar::Calendar;
use crate::tui::app::msg::Target;
use crate::tui::view::page::{Page, cells};

/// Cells of a week: three for each day, and one for a bracket behind the last.
const WIDTH: usize = 22;

/// The maximum number of weeks of a month.
const WEEKS: u64 = 6;

/// Draws the month of the selected day, and the keys that move at its right.
pub(super) fn draw(app: &App, calendar: &Calendar, page: &mut Page<'_>) {
    let theme = page.theme();
    let start = app.shared.environment.week_start;
    let legend = legend(app);
    let widest = legend.iter().map(String::len).max().unwrap_or_default();
    let indent = page.field_column().min(page.width.saturating_sub(WIDTH + 2 + widest)).saturating_sub(1);
    let has_room = page.width > indent + WIDTH + widest;
    let mut legend = legend.into_iter().filter(|_| has_room);
    let mut line = |mut spans: Vec<Span<'static>>, page: &mut Page<'_>| {
        spans.insert(0, Span::raw(" ".repeat(indent)));
        if let Some(text) = legend.next() {
            spans.push(Span::styled(format!("  {text}"), theme.dim));
        }
        page.line(spans);
    };
    let month = calendar.selected().format("%B %Y").to_string();
    line(vec![Span::styled(format!("{month:^WIDTH$}"), theme.heading)], page);
    let names: Vec<_> = days_of_week(start).map(|day| format!("{:.2}", day.to_string())).collect();
    line(vec![Span::styled(format!(" {} ", names.join(" ")), theme.dim)], page);
    let Some(first) = calendar.selected().with_day(1).map(|first| first.week(start).first_day()) else {
        return;
    };
    for week in 0..WEEKS {
        let days = (0..7).filter_map(|day| first.checked_add_days(Days::new(week * 7 + day)));
        let at = page.lines.len();
        let mut spans = Vec::new();
        let mut bracket = " ";
        for (place, date) in days.enumerate() {
            if date.month() != calendar.selected().month() {
                spans.push(Span::raw(format!("{bracket}  ")));
                bracket = " ";
                continue;
            }
            let is_selected = date == calendar.selected();
            let style = day_style(calendar, date, page);
            let before = if is_selected { "[" } else { bracket };
            bracket = if is_selected { "]" } else { " " };
            spans.push(Span::styled(
                before,
                if is_selected || before == "]" { theme.accent } else { theme.text },
            ));
            spans.push(Span::styled(format!("{:2}", date.day()), style));
            page.hits.push((at, cells(indent + place * 3), 3, Target::Day(date)));
            if is_selected {
                page.focus = page.focus.map(|line| line.max(at));
            }
        }
        spans.push(Span::styled(bracket, theme.accent));
        line(spans, page);
    }
}

fn days_of_week(start: Weekday) -> impl Iterator<Item = Weekday> {
    std::iter::successors(Some(start), |day| Some(day.succ())).take(7)
}

fn day_style(calendar: &Calendar, date: NaiveDate, page: &Page<'_>) -> Style {
    let theme = page.theme();
    if date == calendar.selected() {
        theme.selection
    } else if !calendar.allows(date) {
        theme.dim
    } else if date == calendar.today() {
        theme.heading
    } else {
        theme.text
    }
}

/// The keys that move, from the bindings.
fn legend(app: &App) -> Vec<String> {
    let key = |action| {
        let binding = app.shared.bindings().get(Context::Calendar, action)?;
        Some(binding.chords.first()?.to_string())
    };
    let pairs: [(&[Action], &str); 4] = [
        (&[Action::Left, Action::Right], "day"),
        (&[Action::Up, Action::Down], "week"),
        (&[Action::PageUp, Action::PageDown], "month"),
        (&[Action::First], "today"),
    ];
    let line = |(actions, step): (&[Action], &str)| {
        let keys: Vec<String> = actions.iter().filter_map(|action| key(*action)).collect();
        format!("{:9}  {step}", keys.join("/"))
    };
    std::iter::once(String::new())
        .chain(pairs.into_iter().map(line))
        .chain(["or type a date".to_owned()])
        .collect()
}
