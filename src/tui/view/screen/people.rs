//! Screens 2 and 3: Applications, Users.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Cursor, count, filter_line, nothing, paragraph};
use crate::domain::expiry::relative_short;
use crate::domain::text::inert;
use crate::domain::user::UserStatus;
use crate::tui::app::App;
use crate::tui::view::table::{Column, Table};
use crate::tui::view::text::{mark, words};
use crate::tui::view::{Hits, Look};

/// Screen 2: Applications.
pub fn applications(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.screens.applications;
    let here = app.shared.session.as_ref().and_then(|s| s.application.as_ref()).map(|a| a.id);
    let total = app
        .shared
        .session
        .as_ref()
        .map(|s| Span::styled(count(s.applications, "Application"), look.theme.dim));
    let cursor = filter_line(
        &screen.list.filter,
        total.into_iter().collect(),
        screen.list.rows.is_stale(),
        look,
        area,
        buffer,
    );
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let empty = "There are no Applications yet. Press n to create one.";
    if let Some(text) =
        nothing(&screen.list.rows, screen.list.error.as_deref(), screen.list.is_narrowed(), empty)
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found = words(screen.list.filter.text());
    let columns = [
        Column::fixed("", 1),
        Column::flexible("NAME", 12, 1, 60),
        Column::fixed("KEYS", 9).on_the_right(),
        Column::fixed("CREATED", 10).on_the_right(),
    ];
    let (rows, selected) = screen.list.rows.visible();
    let rows = rows
        .iter()
        .map(|application| {
            let sign = if Some(application.id) == here { look.glyphs.pointer } else { " " };
            vec![
                Line::styled(sign, look.theme.accent),
                Line::from(mark(application.name.to_string(), &found, look.theme.text, look.theme.matched)),
                Line::raw(application.keys.to_string()),
                Line::raw(relative_short(application.created, app.shared.now)),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.rows.more() };
    cursor.or(table.render(below, look, buffer, hits))
}

/// Screen 3: Users.
pub fn users(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.screens.users;
    let cursor = filter_line(&screen.list.filter, vec![], screen.list.rows.is_stale(), look, area, buffer);
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let narrowed = screen.list.is_narrowed();
    if let Some(text) =
        nothing(&screen.list.rows, screen.list.error.as_deref(), narrowed, "There are no users yet.")
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found = words(screen.list.filter.text());
    let columns = [
        Column::fixed("#", 4).on_the_right(),
        Column::flexible("EMAIL", 14, 3, 60),
        Column::flexible("LOGIN", 8, 1, 24),
        Column::fixed("STATUS", 10),
        Column::fixed("KEYS", 6).on_the_right(),
        Column::fixed("ADDED", 9).on_the_right(),
    ];
    let (rows, selected) = screen.list.rows.visible();
    let rows = rows
        .iter()
        .map(|user| {
            let status = match user.status {
                UserStatus::Active => Line::styled(format!("{} Active", look.glyphs.valid), look.theme.good),
                UserStatus::Disabled => {
                    Line::styled(format!("{} Disabled", look.glyphs.disabled), look.theme.warning)
                }
                UserStatus::Deleted => {
                    Line::styled(format!("{} Deleted", look.glyphs.expired), look.theme.dim)
                }
            };
            let email = match &user.email {
                Some(email) => {
                    Line::from(mark(email.to_string(), &found, look.theme.text, look.theme.matched))
                }
                None => Line::styled("(deleted user)", look.theme.dim),
            };
            vec![
                Line::styled(user.id.0.to_string(), look.theme.dim),
                email,
                Line::raw(user.login.as_deref().map(inert).unwrap_or_default()),
                status,
                Line::raw(user.keys.to_string()),
                Line::raw(relative_short(user.created, app.shared.now)),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.rows.more() };
    cursor.or(table.render(below, look, buffer, hits))
}
