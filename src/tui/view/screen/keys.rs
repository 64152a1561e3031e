//! Screen 1: Developer settings.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::key_table::KeyTable;
use super::{rows, timeline, top_line};
use crate::config::bindings::{Action, Context};
use crate::domain::application::Scope;
use crate::domain::key::{Key, KeyState};
use crate::tui::app::App;
use crate::tui::layout;
use crate::tui::view::canvas::{Canvas, Cursor};
use crate::tui::view::facts::count;
use crate::tui::view::key_details;
use crate::tui::view::page::Page;

pub fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let screen = &app.screens.keys;
    let pane = layout::pane_width(area.width, app.shared.remembered.details_pane);
    let list_area = Rect { width: area.width - pane.map_or(0, |width| width + layout::PANE_GAP), ..area };
    let pane = pane.map(|width| Rect { x: area.right() - width, width, ..area });
    let (cursor, mut below) = top_line(&screen.list, facts(app, canvas), list_area, canvas);
    if let Some(timeline) = &screen.timeline {
        let taken = timeline::height(below.height);
        if taken > 0 {
            timeline::draw(timeline, below, canvas);
        }
        below = Rect { y: below.y + taken, height: below.height - taken, ..below };
    }
    let visible = screen.list.rows.visible().0;
    let table = KeyTable::new(app, visible, list_area.width);
    let appearance = canvas.appearance;
    let cells = |key: &Key| table.cells(app, appearance, key);
    let row = rows(&screen.list, &empty_keys(app), &table.columns, cells, below, canvas);
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

fn empty_keys(app: &App) -> String {
    let Some(session_info) = &app.shared.session else { return String::new() };
    let Some(scope) = session_info.scope else {
        return "No Applications yet. Press 2, then n to create one.".into();
    };
    let key = app
        .shared
        .bindings()
        .get(Context::Keys, Action::Create)
        .and_then(|binding| binding.chords.first())
        .map_or_else(String::new, ToString::to_string);
    let Some(application) = app.shared.application() else {
        let none = "No API keys yet.";
        return if scope == Scope::All {
            format!("{none}\n\nPress {key} to create the first one.")
        } else {
            none.into()
        };
    };
    format!(
        "{} has no API keys yet.\n\nAn API key gives software access to the Integration API of {}: your own \
         integration layer (a generic key) or a third-party platform. Each key has an expiration date. Its secret is \
         shown once.\n\nPress {key} to create the first one.",
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
    let height = usize::from(inner.height);
    if page.lines.len() > height {
        let more = page.lines.len() - height.saturating_sub(1);
        page.lines.truncate(height.saturating_sub(1));
        page.line(Line::styled(format!("{more} more lines{}", how_to_open(app)), canvas.theme.dim));
    }
    for (line, row) in page.lines.iter().zip(inner.rows()) {
        canvas.left(line, row);
    }
}

/// `: Enter`, the key that shows all details.
fn how_to_open(app: &App) -> String {
    let open = app.shared.bindings().get(Context::List, Action::Open);
    let chord = open.and_then(|binding| binding.chords.first());
    chord.map(|chord| format!(": {chord}")).unwrap_or_default()
}
