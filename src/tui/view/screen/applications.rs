//! Screen 2: Applications.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{marked, rows, top_line};
use crate::domain::application::Application;
use crate::domain::expiry::relative_short;
use crate::tui::app::App;
use crate::tui::view::canvas::{Canvas, Cursor};
use crate::tui::view::facts::count;
use crate::tui::view::table::Column;

const EMPTY: &str = "No Applications yet. Press n to create one.";

pub fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let list = &app.screens.applications.list;
    let (theme, pointer, current) = (canvas.theme, canvas.glyphs.pointer, app.shared.application_id());
    let total =
        app.shared.session.as_ref().map(|session| count(session.applications.len() as u64, "Application"));
    let facts = total.map(|total| Span::styled(total, theme.dim)).into_iter().collect();
    let (cursor, below) = top_line(list, facts, area, canvas);
    let columns = [
        Column::fixed("", 1),
        Column::flexible("NAME", 12, 1, 40),
        Column::fixed("KEYS", 9).on_the_right(),
        Column::fixed("CREATED", 10).on_the_right(),
    ];
    let row = |application: &Application| {
        let sign = if Some(application.id) == current { pointer } else { " " };
        vec![
            Line::styled(sign, theme.accent),
            marked(application.name.to_string(), &list.parsed, theme),
            Line::raw(application.keys.to_string()),
            Line::raw(relative_short(application.created, app.shared.now)),
        ]
    };
    cursor.or(rows(list, EMPTY, &columns, row, below, canvas))
}
