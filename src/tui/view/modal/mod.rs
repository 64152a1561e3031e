//! Modals: a page of lines in a frame that is written once.

pub mod delete;
pub mod details;
pub mod log_mismatch;
pub mod reading;
pub mod reveal;
pub mod rotate;
pub mod wizard;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use super::page::{Page, cells};
use super::text::{cut, width};
use super::{Hits, Look};
use crate::config::bindings::{Action, Context};
use crate::tui::app::App;
use crate::tui::app::modal::Modal;
use crate::tui::app::modal::scroll::Scroll;
use crate::tui::app::msg::Target;

type Cursor = Option<(u16, u16)>;

/// What a modal looks like: its title, its lines, the keys that do something in it.
pub(super) struct Panel<'a> {
    pub title: String,
    pub page: Page<'a>,
    /// Lines scrolled off the top.
    pub scroll: usize,
    pub danger: bool,
}

impl<'a> Panel<'a> {
    pub(super) fn new(title: impl Into<String>, page: Page<'a>) -> Self {
        Self { title: title.into(), page, scroll: 0, danger: false }
    }

    pub(super) fn scrolled(self, scroll: Scroll) -> Self {
        Self { scroll: scroll.0, ..self }
    }

    pub(super) fn dangerous(self) -> Self {
        Self { danger: true, ..self }
    }
}

/// Draws a modal above what is there; returns where the cursor stands.
pub fn draw(
    app: &App,
    modal: &Modal,
    look: &Look,
    area: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Cursor {
    if let Modal::Reveal(reveal) = modal {
        return reveal::draw(app, reveal, look, area, buffer, hits);
    }
    let room = usize::from(area.width.saturating_sub(6)).min(wanted_width(modal));
    let panel = match modal {
        Modal::Form(form) => reading::form(form, look, room),
        Modal::Wizard(wizard) => wizard::panel(app, wizard, look, room),
        Modal::Details(details) => details::panel(app, details, look, room),
        Modal::AuditDetails(details) => details::audit(app, details, look, room),
        Modal::Delete(delete) => delete::panel(app, delete, look, room),
        Modal::Confirm(confirm) => delete::confirm(app, confirm, look, room),
        Modal::Rotate(rotate) => rotate::panel(app, rotate, look, room),
        Modal::LogMismatch(dialog) => log_mismatch::panel(app, dialog, look, room),
        Modal::Picker(picker) => reading::picker(picker, look, room),
        Modal::Usage(usage) => reading::usage(usage, look, room),
        Modal::Help(help) => reading::help(app, help, look, room),
        Modal::Palette(palette) => reading::palette(palette, look, room),
        // Drawn above; it has no frame.
        Modal::Reveal(_) => return None,
    };
    frame(app, modal, panel, look, area, buffer, hits)
}

fn wanted_width(modal: &Modal) -> usize {
    match modal {
        Modal::Help(_) | Modal::Usage(_) | Modal::AuditDetails(_) => 84,
        Modal::Details(_)
        | Modal::Delete(_)
        | Modal::Confirm(_)
        | Modal::Rotate(_)
        | Modal::LogMismatch(_) => 70,
        _ => 62,
    }
}

fn frame(
    app: &App,
    modal: &Modal,
    panel: Panel<'_>,
    look: &Look,
    area: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Cursor {
    let Panel { title, page, scroll, danger } = panel;
    let wanted = cells(page.lines.len()).saturating_add(4);
    let height = wanted.min(area.height.saturating_sub(2)).max(5);
    let box_width = (cells(page.width) + 4).min(area.width);
    let outer = Rect {
        x: area.x + (area.width - box_width) / 2,
        y: area.y + (area.height - height) / 2,
        width: box_width,
        height,
    };
    Clear.render(outer, buffer);
    buffer.set_style(outer, look.theme.text);
    let edge = if danger { look.theme.danger } else { look.theme.border };
    let block = Block::bordered()
        .border_set(if look.glyphs.ascii { ASCII_BORDER } else { border::ROUNDED })
        .border_style(edge)
        .title(Line::styled(
            format!(" {title} "),
            if danger { look.theme.danger } else { look.theme.accent },
        ));
    let inside = block.inner(outer);
    block.render(outer, buffer);
    let inner = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    let lines_area = Rect { height: inner.height.saturating_sub(2), ..inner };
    let room = usize::from(lines_area.height);
    let most = page.lines.len().saturating_sub(room);
    // What has the focus is visible, whatever the size.
    let scroll = match page.focus {
        Some(line) if line >= scroll.min(most) + room => line + 1 - room,
        Some(line) if line < scroll.min(most) => line,
        _ => scroll.min(most),
    };
    for (line, y) in page.lines.iter().skip(scroll).zip(lines_area.y..lines_area.bottom()) {
        buffer.set_line(lines_area.x, y, line, lines_area.width);
    }
    if most > 0 {
        let sign = |buffer: &mut Buffer, text: &str, y| {
            buffer.set_string(outer.right() - 1, y, text, look.theme.accent);
        };
        if scroll > 0 {
            sign(buffer, look.glyphs.more_above, lines_area.y);
        }
        if scroll < most {
            sign(buffer, look.glyphs.more_below, lines_area.bottom().saturating_sub(1));
        }
    }
    let place = |line: usize| -> Option<u16> {
        let shown = line.checked_sub(scroll).filter(|shown| *shown < room)?;
        Some(lines_area.y + cells(shown))
    };
    for (line, x, width, target) in &page.hits {
        if let Some(y) = place(*line) {
            let width = (*width).min(lines_area.width.saturating_sub(*x));
            hits.add(Rect { x: lines_area.x + x, y, width, height: 1 }, target.clone());
        }
    }
    let foot = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    let dialog = modal.dialog();
    hints(app, dialog.contexts(), &dialog.hints(), look, foot, buffer, hits);
    page.cursor.and_then(|(line, x)| Some((lines_area.x + x.min(lines_area.width), place(line)?)))
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

/// The keys that do something, from the bindings of these contexts.
pub(super) fn hints(
    app: &App,
    contexts: &[Context],
    actions: &[Action],
    look: &Look,
    area: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) {
    let mut x = area.x;
    for action in actions {
        let binding = contexts.iter().find_map(|context| app.shared.bindings().get(*context, *action));
        let Some((binding, key)) = binding.and_then(|binding| Some((binding, binding.chords.first()?)))
        else {
            continue;
        };
        let line = Line::from(vec![
            Span::styled(key.to_string(), look.theme.accent),
            Span::styled(format!(" {}", binding.label), look.theme.dim),
        ]);
        let width = width(&line);
        if x + width > area.right() {
            break;
        }
        buffer.set_line(x, area.y, &line, width);
        hits.add(Rect { x, width, ..area }, Target::Action(*action));
        x += width + 2;
    }
}

/// A title cut to its frame.
pub(super) fn title(text: &str, room: usize, look: &Look) -> String {
    cut(text, room, look.glyphs.cut)
}
