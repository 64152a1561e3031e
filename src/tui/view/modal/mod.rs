//! Dialogs: pages in a frame that is drawn in one place.

mod calendar;
pub mod chooser;
pub mod confirm;
pub mod delete;
pub mod disable;
mod edit;
pub mod form;
pub mod log_mismatch;
pub mod overlap;
mod properties;
pub mod reading;
pub mod reveal;
pub mod rotate;
mod targets;
pub mod triage;
pub mod wizard;

use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Cursor};
use super::hints;
use super::page::{Page, cells};
use crate::config::bindings::{Action, Context};
use crate::tui::app::App;
use crate::tui::app::modal::{Modal, reading as app_reading};

/// Draws a dialog above what is there.
pub fn draw(app: &App, modal: &Modal, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let framed = usize::from(area.width.saturating_sub(6));
    let width = match modal {
        Modal::Reveal(_) => usize::from(area.width),
        Modal::Reading(reading) => match reading.page {
            // The sources are a table: a wide screen has space for exact times.
            app_reading::Page::Key { .. } => framed.min(if area.width < 120 { 70 } else { 92 }),
            app_reading::Page::User { .. } => framed.min(70),
            _ => framed.min(84),
        },
        Modal::Form(_) | Modal::Wizard(_) | Modal::Edit(_) | Modal::Chooser(_) => framed.min(62),
        _ => framed.min(70),
    };
    let mut page = Page::new(canvas.appearance, width);
    panel(app, modal, &mut page);
    let scrolls = matches!(modal, Modal::Reading(_) | Modal::Reveal(_));
    if !scrolls && page.lines.len() > usize::from(area.height.saturating_sub(AROUND + 2)) {
        page = Page::compact(canvas.appearance, width);
        panel(app, modal, &mut page);
    }
    let page = &mut page;
    let (lines, foot) = if matches!(modal, Modal::Reveal(_)) {
        // No frame at its sides, so that the mouse can select the secret.
        Clear.render(area, canvas.buffer);
        canvas.buffer.set_style(area, canvas.theme.text);
        let lines = Rect { height: area.height - 1, ..area };
        page.focus = None;
        (lines, Rect { y: lines.bottom(), height: 1, ..area })
    } else {
        frame(page, area, canvas)
    };
    let dialog = modal.dialog();
    let mut foot = foot;
    if matches!(modal, Modal::Reading(_)) && page.lines.len() > usize::from(lines.height) {
        let taken = scroll_hint(app, dialog.contexts(), foot, canvas);
        foot.width = foot.width.saturating_sub(taken);
    }
    hints::draw(app, dialog.contexts(), &dialog.hints(), |action| dialog.label(action), foot, canvas);
    draw_lines(page, lines, canvas)
}

fn panel(app: &App, modal: &Modal, page: &mut Page<'_>) {
    match modal {
        Modal::Form(form) => form::panel(form, page),
        Modal::Wizard(wizard) => wizard::panel(app, wizard, page),
        Modal::Reading(reading) => reading::panel(app, reading, page),
        Modal::Delete(delete) => delete::panel(app, delete, page),
        Modal::Edit(edit) => edit::panel(app, edit, page),
        Modal::Confirm(confirm) => confirm::panel(app, confirm, page),
        Modal::Disable(disable) => disable::panel(app, disable, page),
        Modal::Rotate(rotate) => rotate::panel(app, rotate, page),
        Modal::Overlap(overlap) => overlap::panel(app, overlap, page),
        Modal::Triage(triage) => triage::panel(app, triage, page),
        Modal::LogMismatch(dialog) => log_mismatch::panel(app, dialog, page),
        Modal::Chooser(chooser) => chooser::panel(chooser, page),
        Modal::Reveal(reveal) => reveal::panel(app, reveal, page),
    }
}

/// The rows of a dialog beside its lines: the frame, the hints and the row above them.
const AROUND: u16 = 4;

/// Says at the right of an area which keys scroll; returns how many columns that takes, with a gap.
fn scroll_hint(app: &App, contexts: &[Context], area: Rect, canvas: &mut Canvas<'_>) -> u16 {
    let key = |action| {
        let bound = contexts.iter().find_map(|context| app.shared.bindings().get(*context, action));
        bound.and_then(|binding| binding.chords.first()).map(ToString::to_string)
    };
    let keys: Vec<String> = [Action::Up, Action::Down].into_iter().filter_map(key).collect();
    let text = format!("{} scroll", keys.join("/"));
    canvas.right(&text, canvas.theme.accent, area, usize::from(area.width));
    cells(text.width()) + 2
}

/// Draws the frame of a page in the middle of an area; returns where its lines and its hints go.
fn frame(page: &Page<'_>, area: Rect, canvas: &mut Canvas<'_>) -> (Rect, Rect) {
    let theme = canvas.theme;
    let height = cells(page.lines.len()).saturating_add(AROUND).min(area.height.saturating_sub(2)).max(5);
    let width = (cells(page.width) + 4).min(area.width);
    let outer =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let (border, title) =
        if page.is_dangerous { (theme.danger, theme.danger) } else { (theme.border, theme.accent) };
    Clear.render(outer, canvas.buffer);
    canvas.buffer.set_style(outer, theme.text);
    let block = Block::bordered()
        .border_set(if canvas.glyphs.ascii { ASCII_BORDER } else { border::ROUNDED })
        .border_style(border)
        .title(Line::styled(format!(" {} ", canvas.cut(&page.title, page.width)), title));
    let inside = block.inner(outer);
    block.render(outer, canvas.buffer);
    let inner = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    let lines = Rect { height: inner.height.saturating_sub(2), ..inner };
    (lines, Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner })
}

/// Draws as many lines as fit, those that have the focus among them.
fn draw_lines(page: &Page<'_>, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let height = usize::from(area.height);
    let most = page.lines.len().saturating_sub(height);
    let scroll = match page.focus {
        Some(line) if line >= page.scroll.min(most) + height => line + 1 - height,
        Some(line) if line < page.scroll.min(most) => line,
        _ => page.scroll.min(most),
    };
    for (line, y) in page.lines.iter().skip(scroll).zip(area.y..area.bottom()) {
        canvas.buffer.set_line(area.x, y, line, area.width);
    }
    // On the frame.
    let edge = area.right() + 1;
    let mut sign = |text: &str, y| {
        if canvas.buffer.area.contains((edge, y).into()) {
            canvas.buffer.set_string(edge, y, text, canvas.theme.accent);
        }
    };
    if scroll > 0 {
        sign(canvas.glyphs.more_above, area.y);
    }
    if scroll < most {
        sign(canvas.glyphs.more_below, area.bottom().saturating_sub(1));
    }
    let row = |line: usize| -> Option<u16> {
        let shown = line.checked_sub(scroll).filter(|shown| *shown < height)?;
        Some(area.y + cells(shown))
    };
    for (line, x, width, target) in &page.hits {
        if let Some(y) = row(*line) {
            let width = (*width).min(area.width.saturating_sub(*x));
            canvas.hits.add(Rect { x: area.x + x, y, width, height: 1 }, target.clone());
        }
    }
    page.cursor.and_then(|(line, x)| Some((area.x + x.min(area.width), row(line)?)))
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
