//! Draws the state. It decides nothing, parses nothing and fetches nothing.

pub mod appearance;
pub mod canvas;
pub mod chrome;
pub mod facts;
pub mod hints;
pub mod key_details;
pub mod modal;
pub mod page;
pub mod screen;
pub mod sources;
pub mod table;
pub mod text;

use ratatui::Frame;
use ratatui::layout::Position;

use super::app::App;
use super::app::screen_id::ScreenId;
use super::layout;
use appearance::Appearance;
use canvas::{Canvas, Hits};

/// Draws a frame; returns its clickable areas.
pub fn draw(app: &App, appearance: &Appearance, frame: &mut Frame<'_>) -> Hits {
    let mut hits = Hits::default();
    let area = frame.area();
    let mut canvas = Canvas::new(appearance, frame.buffer_mut(), &mut hits);
    canvas.buffer.set_style(area, canvas.theme.text);
    if layout::is_too_small((area.width, area.height)) {
        let (columns, rows) = layout::SMALLEST;
        let text = format!("terminal too small: at least {columns}x{rows} needed");
        canvas.text(&text, area, canvas.theme.warning);
        return hits;
    }
    let parts = layout::parts(area);
    let draw_screen = match app.screens.current {
        ScreenId::Keys => screen::keys::draw,
        ScreenId::Applications => screen::applications::draw,
        ScreenId::Users => screen::users::draw,
        ScreenId::Audit => screen::audit::draw,
    };
    let mut cursor = draw_screen(app, parts.body, &mut canvas);
    chrome::header(app, parts.header, parts.body, &mut canvas);
    chrome::message(app, parts.message, &mut canvas);
    hints::draw(app, app.contexts(), &app.hints(), |_| None, parts.footer, &mut canvas);
    for modal in app.modals.iter() {
        canvas.hits.clear();
        // The screen below stays readable and visibly has no focus.
        canvas.buffer.set_style(area, canvas.theme.backdrop);
        cursor = modal::draw(app, modal, area, &mut canvas);
    }
    // The cursor is on what has the focus: screen readers follow it.
    if let Some((x, y)) = cursor.filter(|(x, y)| area.contains(Position::new(*x, *y))) {
        frame.set_cursor_position((x, y));
    }
    hits
}
