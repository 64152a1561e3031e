//! The four screens: a line of what is shown, and the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::page::{Page, cells, pad};
use super::table::{Column, Table};
use super::text::{cut, mark, words};
use super::{Hits, Look, modal};
use crate::domain::expiry::{relative, relative_short};
use crate::domain::key::{Key, KeyState};
use crate::domain::text::inert;
use crate::domain::user::{Creator, UserStatus};
use crate::store::audit::AuditRow;
use crate::store::keys::KeySort;
use crate::tui::app::App;
use crate::tui::app::list::{List, Row};
use crate::tui::app::msg::Chain;
use crate::tui::app::screen::Filter;

type Cursor = Option<(u16, u16)>;

/// The sign, the word and the look of a state.
#[must_use]
pub fn state(state: KeyState, look: &Look) -> (String, Style) {
    let (sign, style) = match state {
        KeyState::Valid => (look.glyphs.valid, look.theme.good),
        KeyState::ExpiresSoon => (look.glyphs.soon, look.theme.warning),
        KeyState::Expired => (look.glyphs.expired, look.theme.danger),
        KeyState::Disabled => (look.glyphs.disabled, look.theme.dim),
    };
    (format!("{sign} {}", state.label()), style)
}

/// The creator as the rules of the product page have it.
#[must_use]
pub fn creator(creator: &Creator) -> String {
    match (&creator.email, creator.status) {
        (Some(email), UserStatus::Disabled) => format!("{email} (disabled)"),
        (Some(email), _) => email.to_string(),
        (None, _) => "(deleted user)".to_owned(),
    }
}

/// Screen 1: Developer settings.
pub fn keys(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.keys;
    let (list_area, pane) = if screen.has_pane {
        let pane = (area.width * 3 / 10).clamp(38, 64);
        let list = Rect { width: area.width - pane - 2, ..area };
        (list, Some(Rect { x: list.right() + 2, width: pane, ..area }))
    } else {
        (area, None)
    };
    let mut facts = vec![Span::styled(
        format!("State: {}", screen.state.map_or("all", KeyState::label)),
        if screen.state.is_some() { look.theme.accent } else { look.theme.dim },
    )];
    if !screen.picked.is_empty() {
        facts.push(Span::styled(
            format!("{} {} selected", look.glyphs.picked, screen.picked.len()),
            look.theme.accent,
        ));
    }
    if let Some(total) = screen.total {
        facts.push(Span::styled(count(total, "key"), look.theme.dim));
    }
    let cursor = filter_line(
        &screen.filter,
        facts,
        screen.list.is_stale() && screen.list.is_loaded(),
        look,
        list_area,
        buffer,
    );
    let below = Rect { y: list_area.y + 1, height: list_area.height.saturating_sub(1), ..list_area };
    if let Some(text) = nothing(&screen.list, screen.error.as_deref(), screen.is_narrowed(), &empty_keys(app))
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let columns = key_columns(app, list_area.width);
    let columns_only: Vec<Column> = columns.iter().map(|(_, column)| *column).collect();
    let found = words(screen.filter.text());
    let (rows, selected) = screen.list.visible();
    let table = Table {
        columns: &columns_only,
        rows: rows.iter().map(|key| key_cells(app, look, key, &columns, &found)).collect(),
        selected,
        more: screen.list.more(),
    };
    let row = table.render(below, look, buffer, hits);
    if let Some(pane) = pane {
        details_pane(app, look, pane, buffer);
    }
    cursor.or(row)
}

/// What the list's cells are about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Mark,
    Sorted(KeySort),
}

fn key_columns(app: &App, width: u16) -> Vec<(Cell, Column)> {
    let screen = &app.keys;
    let sorted = |sort: KeySort, column: Column| {
        (Cell::Sorted(sort), column.sorted((screen.sort == sort).then_some(screen.descending)))
    };
    let mut columns = vec![(Cell::Mark, Column::fixed("", 1))];
    columns.push(sorted(KeySort::Name, Column::flexible("NAME", 10, 6, 36)));
    if width >= 70 {
        columns.push(sorted(KeySort::KeyId, Column::fixed("KEY ID", 10)));
    }
    if width >= 58 {
        columns.push(sorted(KeySort::Platform, Column::flexible("PLATFORM", 10, 2, 29)));
    }
    columns.push(sorted(KeySort::Expires, Column::fixed("EXPIRES", 9).on_the_right()));
    columns.push(sorted(KeySort::State, Column::fixed("STATE", 14)));
    if width >= 76 {
        columns.push(sorted(KeySort::Creator, Column::flexible("CREATOR", 11, 5, 36)));
    }
    if width >= 104 {
        columns.push(sorted(KeySort::LastUsed, Column::fixed("LAST USED", 11).on_the_right()));
    }
    columns
}

fn key_cells(
    app: &App,
    look: &Look,
    key: &Key,
    columns: &[(Cell, Column)],
    found: &[String],
) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let marked = |text: String| Line::from(mark(text, found, theme.text, theme.matched));
    columns
        .iter()
        .map(|(cell, _)| match cell {
            Cell::Mark => {
                let picked = app.keys.picked.contains_key(&key.id);
                Line::styled(if picked { look.glyphs.picked } else { " " }, theme.accent)
            }
            Cell::Sorted(KeySort::Name) => marked(key.name.to_string()),
            Cell::Sorted(KeySort::KeyId) => marked(key.id.to_string()),
            Cell::Sorted(KeySort::Platform) => marked(app.around.catalogue.label(&key.kind)),
            Cell::Sorted(KeySort::Expires) => Line::raw(relative_short(key.expires, app.now)),
            Cell::Sorted(KeySort::State) => {
                let (text, style) = state(key.state(app.now, app.around.settings.expires_soon), look);
                Line::styled(text, style)
            }
            Cell::Sorted(KeySort::Creator) => {
                let text = creator(&key.creator);
                if key.creator.email.is_some() { marked(text) } else { Line::styled(text, theme.dim) }
            }
            Cell::Sorted(KeySort::LastUsed) => match (key.last_used, key.delivered) {
                (Some(at), _) => Line::raw(relative_short(at, app.now)),
                (None, Some(_)) => Line::styled("never", theme.dim),
                (None, None) => Line::styled("never shown", theme.warning),
            },
        })
        .collect()
}

fn empty_keys(app: &App) -> String {
    let Some(standing) = &app.standing else { return String::new() };
    let Some(application) = &standing.application else {
        return "There is no Application yet. A key belongs to one: press 2, then n.".into();
    };
    let key = app
        .around
        .keymap
        .first_chord(&["keys"], crate::tui::app::action::Action::Create)
        .map_or_else(String::new, |chord| chord.to_string());
    format!(
        "{} has no API keys yet.\n\nAn API key lets a piece of software into the Integration API of {}: your own \
         integration layer (a generic key), or a third-party platform. Each has an expiration date, and its secret \
         is shown once.\n\nPress {key} to create the first one.",
        application.name, application.name
    )
}

fn details_pane(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) {
    for y in area.y..area.bottom() {
        buffer.set_string(area.x - 1, y, if look.glyphs.ascii { "|" } else { "│" }, look.theme.border);
    }
    let inner = Rect { x: area.x + 1, width: area.width - 1, ..area };
    let Some(details) = &app.keys.details else { return };
    let mut page = Page::new(look, usize::from(inner.width));
    modal::details::key(app, details, &mut page);
    for (line, y) in page.lines.iter().zip(inner.y..inner.bottom()) {
        buffer.set_line(inner.x, y, line, inner.width);
    }
}

/// Screen 2: Applications.
pub fn applications(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.applications;
    let here = app.standing.as_ref().and_then(|s| s.application.as_ref()).map(|a| a.id);
    let total =
        app.standing.as_ref().map(|s| Span::styled(count(s.applications, "Application"), look.theme.dim));
    let cursor = filter_line(
        &screen.filter,
        total.into_iter().collect(),
        screen.list.is_stale() && screen.list.is_loaded(),
        look,
        area,
        buffer,
    );
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let empty = "There are no Applications yet. Press n to create one.";
    if let Some(text) =
        nothing(&screen.list, screen.error.as_deref(), !screen.filter.text().is_empty(), empty)
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found = words(screen.filter.text());
    let columns = [
        Column::fixed("", 1),
        Column::flexible("NAME", 12, 1, 60),
        Column::fixed("KEYS", 9).on_the_right(),
        Column::fixed("CREATED", 10).on_the_right(),
    ];
    let (rows, selected) = screen.list.visible();
    let rows = rows
        .iter()
        .map(|application| {
            let sign = if Some(application.id) == here { look.glyphs.pointer } else { " " };
            vec![
                Line::styled(sign, look.theme.accent),
                Line::from(mark(application.name.to_string(), &found, look.theme.text, look.theme.matched)),
                Line::raw(application.keys.to_string()),
                Line::raw(relative_short(application.created, app.now)),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.more() };
    cursor.or(table.render(below, look, buffer, hits))
}

/// Screen 3: Users.
pub fn users(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.users;
    let cursor = filter_line(
        &screen.filter,
        vec![],
        screen.list.is_stale() && screen.list.is_loaded(),
        look,
        area,
        buffer,
    );
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let narrowed = !screen.filter.text().is_empty();
    if let Some(text) = nothing(&screen.list, screen.error.as_deref(), narrowed, "There are no users yet.") {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found = words(screen.filter.text());
    let columns = [
        Column::fixed("#", 4).on_the_right(),
        Column::flexible("EMAIL", 14, 3, 60),
        Column::flexible("LOGIN", 8, 1, 24),
        Column::fixed("STATUS", 10),
        Column::fixed("KEYS", 6).on_the_right(),
        Column::fixed("ADDED", 9).on_the_right(),
    ];
    let (rows, selected) = screen.list.visible();
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
                Line::raw(relative_short(user.created, app.now)),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.more() };
    cursor.or(table.render(below, look, buffer, hits))
}

/// Who did an entry, as the log may show it.
#[must_use]
pub fn actor(row: &AuditRow) -> String {
    row.actor_email.as_ref().map_or_else(|| format!("user {}", row.entry.actor.0), ToString::to_string)
}

/// What an entry is about: the key, the user or the Application.
#[must_use]
pub fn subject(row: &AuditRow) -> String {
    if let Some(key) = row.entry.key {
        let name = row.key.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
        return format!("{name}{key}");
    }
    if let Some(user) = row.entry.user {
        return row.user_email.as_ref().map_or_else(|| format!("user {}", user.0), ToString::to_string);
    }
    let logged = || {
        let changes = row.entry.changes();
        let name = changes.iter().find(|c| c.field == "name")?;
        name.after.as_deref().or(name.before.as_deref()).map(inert)
    };
    row.application.as_ref().map(ToString::to_string).or_else(logged).unwrap_or_default()
}

/// Screen 4: Audit log.
pub fn audit(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.audit;
    let chain = match &screen.chain {
        None => Span::styled("checking the chain...", look.theme.dim),
        Some(Chain::Whole(entries)) => Span::styled(
            format!("{} chain whole, {}", look.glyphs.valid, entry_count(*entries)),
            look.theme.good,
        ),
        Some(Chain::Broken(reason)) => Span::styled(format!("! CHAIN BROKEN: {reason}"), look.theme.danger),
    };
    let cursor = filter_line(
        &screen.filter,
        vec![chain],
        screen.list.is_stale() && screen.list.is_loaded(),
        look,
        area,
        buffer,
    );
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let narrowed = !screen.filter.text().is_empty();
    if let Some(text) = nothing(&screen.list, screen.error.as_deref(), narrowed, "Nothing has happened yet.")
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found = words(screen.filter.text());
    let columns = [
        Column::fixed("#", 7).on_the_right(),
        Column::fixed("WHEN", 11).on_the_right(),
        Column::flexible("WHO", 14, 2, 34),
        Column::fixed("WHAT", 19),
        Column::flexible("TO", 10, 3, 50),
        Column::flexible(
            "APPLICATION",
            if area.width >= 100 { 11 } else { 0 },
            u16::from(area.width >= 100),
            30,
        ),
    ];
    let (rows, selected) = screen.list.visible();
    let marked = |text: String| Line::from(mark(text, &found, look.theme.text, look.theme.matched));
    let rows = rows
        .iter()
        .map(|row| {
            vec![
                Line::styled(row.entry.number.to_string(), look.theme.dim),
                Line::raw(relative_short(row.entry.at, app.now)),
                marked(actor(row)),
                marked(row.entry.label()),
                marked(subject(row)),
                Line::raw(row.application.as_ref().map(ToString::to_string).unwrap_or_default()),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.more() };
    cursor.or(table.render(below, look, buffer, hits))
}

fn entry_count(entries: u64) -> String {
    if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
}

/// So many of something.
#[must_use]
pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The words to filter by, and what is shown; the cursor while one is typing.
fn filter_line(
    filter: &Filter,
    facts: Vec<Span<'static>>,
    stale: bool,
    look: &Look,
    area: Rect,
    buffer: &mut Buffer,
) -> Cursor {
    let theme = &look.theme;
    let mut right: Vec<Span<'static>> = Vec::new();
    if stale {
        right.push(Span::styled("~  ", theme.dim));
    }
    for (place, fact) in facts.into_iter().enumerate() {
        if place > 0 {
            right.push(Span::raw("  "));
        }
        right.push(fact);
    }
    let right = Line::from(right);
    let width = super::text::width(&right).min(area.width / 2 + area.width / 4);
    buffer.set_line(area.right().saturating_sub(width), area.y, &right, width);
    let room = usize::from(area.width.saturating_sub(width + 2));
    if filter.typing {
        let field = room.saturating_sub(2).clamp(1, 40);
        let scroll = filter.field.scroll(field.saturating_sub(1));
        let shown: String = filter.text().chars().skip(scroll).collect();
        let line = Line::from(vec![
            Span::styled("/ ", theme.accent),
            Span::styled(
                pad(&cut(&shown, field.saturating_sub(1), ""), field),
                theme.field.patch(theme.cursor),
            ),
        ]);
        buffer.set_line(area.x, area.y, &line, cells(room));
        let column = filter.field.cursor().saturating_sub(scroll).min(field);
        return Some((area.x + 2 + cells(column), area.y));
    }
    if !filter.text().is_empty() {
        let text = cut(&format!("/ {}", filter.text()), room, look.glyphs.cut);
        buffer.set_line(area.x, area.y, &Line::styled(text, theme.accent), cells(room));
    }
    None
}

/// What to say instead of rows, if there are none.
fn nothing<T: Row>(list: &List<T>, error: Option<&str>, narrowed: bool, empty: &str) -> Option<String> {
    match error {
        Some(error) if list.is_empty() => Some(inert(error)),
        _ if !list.is_loaded() => Some(String::new()),
        _ if list.is_empty() && narrowed => Some("Nothing matches. Press Esc to show everything.".into()),
        _ if list.is_empty() => Some(empty.to_owned()),
        _ => None,
    }
}

fn paragraph(text: &str, look: &Look, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width).min(76);
    let lines = text.lines().flat_map(|line| super::text::wrap(line, width));
    for (line, y) in lines.zip(area.y + 1..area.bottom()) {
        buffer.set_line(area.x, y, &Line::styled(line, look.theme.text), area.width);
    }
}

/// An instant with how far off it is: for details.
#[must_use]
pub fn exact(app: &App, at: crate::domain::Instant) -> String {
    format!("{} ({})", app.around.zone.show(at), relative(at, app.now))
}
