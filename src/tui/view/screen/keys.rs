//! Screen 1: Developer settings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Cursor, count, creator, filter_line, nothing, paragraph, state, timeline};
use crate::config::bindings::{Action, Context};
use crate::domain::expiry::relative_short;
use crate::domain::key::{Key, KeyState};
use crate::store::keys::KeySort;
use crate::tui::app::App;
use crate::tui::view::page::Page;
use crate::tui::view::table::{Column, Table};
use crate::tui::view::text::{mark, words};
use crate::tui::view::{Hits, Look, modal};

/// Screen 1: Developer settings.
pub fn keys(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.screens.keys;
    let (list_area, pane) = if screen.has_pane {
        let pane = (area.width * 3 / 10).clamp(38, 64);
        let list = Rect { width: area.width - pane - 2, ..area };
        (list, Some(Rect { x: list.right() + 2, width: pane, ..area }))
    } else {
        (area, None)
    };
    let mut facts = vec![Span::styled(
        format!("State: {}", screen.list.query.state.map_or("all", KeyState::label)),
        if screen.list.query.state.is_some() { look.theme.accent } else { look.theme.dim },
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
    let cursor =
        filter_line(&screen.list.filter, facts, screen.list.rows.is_stale(), look, list_area, buffer);
    let mut below = Rect { y: list_area.y + 1, height: list_area.height.saturating_sub(1), ..list_area };
    if let Some(timeline) = &screen.timeline {
        let taken = timeline::height(below.height);
        if taken > 0 {
            timeline::draw(timeline, look, below, buffer);
        }
        below = Rect { y: below.y + taken, height: below.height - taken, ..below };
    }
    if let Some(text) =
        nothing(&screen.list.rows, screen.list.error.as_deref(), screen.list.is_narrowed(), &empty_keys(app))
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let columns = key_columns(app, list_area.width);
    let columns_only: Vec<Column> = columns.iter().map(|(_, column)| *column).collect();
    let found = words(screen.list.filter.text());
    let (rows, selected) = screen.list.rows.visible();
    let table = Table {
        columns: &columns_only,
        rows: rows.iter().map(|key| key_cells(app, look, key, &columns, &found)).collect(),
        selected,
        more: screen.list.rows.more(),
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

/// Cells of a key's ID, an arrow, and another's ID.
const WITH_BOTH_IDS: u16 = 23;

fn key_columns(app: &App, width: u16) -> Vec<(Cell, Column)> {
    let screen = &app.screens.keys;
    let sorted = |sort: KeySort, column: Column| {
        (
            Cell::Sorted(sort),
            column.sorted((screen.list.query.sort == sort).then_some(screen.list.query.descending)),
        )
    };
    let mut columns = vec![(Cell::Mark, Column::fixed("", 1))];
    columns.push(sorted(KeySort::Name, Column::flexible("NAME", 10, 6, 36)));
    if width >= 70 {
        // With an arrow to or from another key, and that key's ID where there is room for both.
        let is_rotated = |key: &Key| key.replaces.is_some() || key.replaced_by.is_some();
        let room = match screen.list.rows.loaded().iter().any(is_rotated) {
            true if width >= 118 => WITH_BOTH_IDS,
            true => 12,
            false => 10,
        };
        columns.push(sorted(KeySort::KeyId, Column::fixed("KEY ID", room)));
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
        .map(|(cell, column)| match cell {
            Cell::Mark => {
                let picked = app.screens.keys.picked.contains_key(&key.id);
                Line::styled(if picked { look.glyphs.picked } else { " " }, theme.accent)
            }
            Cell::Sorted(KeySort::Name) => marked(key.name.to_string()),
            Cell::Sorted(KeySort::KeyId) => {
                let mut line = marked(key.id.to_string());
                line.spans.extend(lineage(key, look, column.most).map(|text| Span::styled(text, theme.dim)));
                line
            }
            Cell::Sorted(KeySort::Platform) => marked(app.shared.catalogue().label(&key.kind)),
            Cell::Sorted(KeySort::Expires) => Line::raw(relative_short(key.expires, app.shared.now)),
            Cell::Sorted(KeySort::State) => {
                let (text, style) =
                    state(key.state(app.shared.now, app.shared.settings().expires_soon), look);
                Line::styled(text, style)
            }
            Cell::Sorted(KeySort::Creator) => {
                let text = creator(&key.creator);
                if key.creator.email.is_some() { marked(text) } else { Line::styled(text, theme.dim) }
            }
            Cell::Sorted(KeySort::LastUsed) => match (key.last_used, key.delivered) {
                (Some(at), _) => Line::raw(relative_short(at, app.shared.now)),
                (None, Some(_)) => Line::styled("never", theme.dim),
                (None, None) => Line::styled("never shown", theme.warning),
            },
        })
        .collect()
}

/// What a key was replaced by, which matters more, or what it replaces: an arrow only where there is no room.
fn lineage(key: &Key, look: &Look, room: u16) -> Option<String> {
    let (arrow, other) = match (&key.replaced_by, &key.replaces) {
        (Some(next), _) => (look.glyphs.replaced_by, next),
        (None, Some(before)) => (look.glyphs.replaces, before),
        (None, None) => return None,
    };
    Some(if room < WITH_BOTH_IDS { format!(" {arrow}") } else { format!(" {arrow} {other}") })
}

fn empty_keys(app: &App) -> String {
    let Some(session_info) = &app.shared.session else { return String::new() };
    let Some(application) = &session_info.application else {
        return "There is no Application yet. A key belongs to one: press 2, then n.".into();
    };
    let key = app
        .shared
        .bindings()
        .get(Context::Keys, Action::Create)
        .and_then(|binding| binding.chords.first())
        .map_or_else(String::new, ToString::to_string);
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
    let Some(details) = &app.screens.keys.details else { return };
    let mut page = Page::new(look, usize::from(inner.width));
    modal::details::key(app, details, &mut page);
    for (line, y) in page.lines.iter().zip(inner.y..inner.bottom()) {
        buffer.set_line(inner.x, y, line, inner.width);
    }
}
