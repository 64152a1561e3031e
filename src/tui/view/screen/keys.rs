//! Screen 1: Developer settings.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{marked, rows, timeline, top_line};
use crate::config::bindings::{Action, Context};
use crate::domain::expiry::relative_short;
use crate::domain::key::{Key, KeyState};
use crate::domain::key_filter::KeyField;
use crate::store::keys::KeySort;
use crate::tui::app::App;
use crate::tui::view::appearance::{Appearance, Glyphs};
use crate::tui::view::canvas::{Canvas, Cursor};
use crate::tui::view::facts::{count, creator, state};
use crate::tui::view::key_details;
use crate::tui::view::page::Page;
use crate::tui::view::table::Column;

pub fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let screen = &app.screens.keys;
    let (list_area, pane) = if screen.has_pane {
        let pane = (area.width * 3 / 10).clamp(38, 64);
        let list = Rect { width: area.width - pane - 2, ..area };
        (list, Some(Rect { x: list.right() + 2, width: pane, ..area }))
    } else {
        (area, None)
    };
    let (cursor, mut below) = top_line(&screen.list, facts(app, canvas), list_area, canvas);
    if let Some(timeline) = &screen.timeline {
        let taken = timeline::height(below.height);
        if taken > 0 {
            timeline::draw(timeline, below, canvas);
        }
        below = Rect { y: below.y + taken, height: below.height - taken, ..below };
    }
    let columns = key_columns(app, list_area.width);
    let columns_only: Vec<Column> = columns.iter().map(|(_, column)| *column).collect();
    let appearance = canvas.appearance;
    let cells = |key: &Key| key_cells(app, appearance, key, &columns);
    let row = rows(&screen.list, &empty_keys(app), &columns_only, cells, below, canvas);
    if let Some(pane) = pane.filter(|_| !screen.list.rows.is_empty()) {
        details_pane(app, pane, canvas);
    }
    cursor.or(row)
}

fn facts(app: &App, canvas: &Canvas<'_>) -> Vec<Span<'static>> {
    let (screen, theme) = (&app.screens.keys, canvas.theme);
    let state = screen.list.query.state;
    let style = if state.is_some() { theme.accent } else { theme.dim };
    let mut facts = vec![Span::styled(format!("State: {}", state.map_or("all", KeyState::label)), style)];
    if !screen.picked.is_empty() {
        let text = format!("{} {} selected", canvas.glyphs.picked, screen.picked.len());
        facts.push(Span::styled(text, theme.accent));
    }
    let total = screen.list.total.filter(|_| !screen.list.is_narrowed());
    facts.extend(total.map(|total| Span::styled(count(total, "key"), theme.dim)));
    facts
}

/// The content of a cell.
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
        // With an arrow to or from another key, and that key's ID where both fit.
        let is_rotated = |key: &Key| key.replaces.is_some() || key.replaced_by.is_some();
        let width = match screen.list.rows.loaded().iter().any(is_rotated) {
            true if width >= 118 => WITH_BOTH_IDS,
            true => 12,
            false => 10,
        };
        columns.push(sorted(KeySort::KeyId, Column::fixed("KEY ID", width)));
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
    appearance: &Appearance,
    key: &Key,
    columns: &[(Cell, Column)],
) -> Vec<Line<'static>> {
    let Appearance { theme, glyphs } = appearance;
    let marked =
        |text: String, field: KeyField| marked(text, &app.screens.keys.list.parsed.texts(field), theme);
    columns
        .iter()
        .map(|(cell, column)| match cell {
            Cell::Mark => {
                let picked = app.screens.keys.picked.contains_key(&key.id);
                Line::styled(if picked { glyphs.picked } else { " " }, theme.accent)
            }
            Cell::Sorted(KeySort::Name) => marked(key.name.to_string(), KeyField::Any),
            Cell::Sorted(KeySort::KeyId) => {
                let mut line = marked(key.id.to_string(), KeyField::Any);
                line.spans
                    .extend(lineage(key, glyphs, column.most).map(|text| Span::styled(text, theme.dim)));
                line
            }
            Cell::Sorted(KeySort::Platform) => {
                marked(app.shared.catalog().label(&key.kind), KeyField::Platform)
            }
            Cell::Sorted(KeySort::Expires) => Line::raw(relative_short(key.expires, app.shared.now)),
            Cell::Sorted(KeySort::State) => {
                let (text, style) =
                    state(key.state(app.shared.now, app.shared.settings().expires_soon), appearance);
                Line::styled(text, style)
            }
            Cell::Sorted(KeySort::Creator) => {
                let text = creator(&key.creator);
                if key.creator.email.is_some() {
                    marked(text, KeyField::Creator)
                } else {
                    Line::styled(text, theme.dim)
                }
            }
            Cell::Sorted(KeySort::LastUsed) => match (key.last_used, key.delivered) {
                (Some(at), _) => Line::raw(relative_short(at, app.shared.now)),
                (None, Some(_)) => Line::styled("never", theme.dim),
                (None, None) => Line::styled("never shown", theme.warning),
            },
        })
        .collect()
}

/// What a key was replaced by, which matters more, or what it replaces: only an arrow where that does not fit.
fn lineage(key: &Key, glyphs: &Glyphs, width: u16) -> Option<String> {
    let (arrow, other) = match (&key.replaced_by, &key.replaces) {
        (Some(next), _) => (glyphs.replaced_by, next),
        (None, Some(before)) => (glyphs.replaces, before),
        (None, None) => return None,
    };
    Some(if width < WITH_BOTH_IDS { format!(" {arrow}") } else { format!(" {arrow} {other}") })
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

fn details_pane(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    for y in area.y..area.bottom() {
        let border = if canvas.glyphs.ascii { "|" } else { "│" };
        canvas.buffer.set_string(area.x - 1, y, border, canvas.theme.border);
    }
    let inner = Rect { x: area.x + 1, width: area.width - 1, ..area };
    let Some(details) = &app.screens.keys.details else { return };
    let mut page = Page::new(canvas.appearance, usize::from(inner.width));
    key_details::draw(app, details, &mut page);
    for (line, row) in page.lines.iter().zip(inner.rows()) {
        canvas.left(line, row);
    }
}
