//! The parts of the screen, as the state and the view need them.

use ratatui::layout::Rect;

/// The minimum size of the terminal: columns, rows.
pub const SMALLEST: (u16, u16) = (40, 10);

/// The minimum width of a terminal for the details pane: NAME keeps 28 cells.
pub const PANE_FROM: u16 = 98;

/// The width from which the pane is shown unless the user hides it.
const WIDE: u16 = 160;

/// Columns between the list and the details pane.
pub const PANE_GAP: u16 = 2;

/// Returns the width of the details pane; none where it is hidden. `chosen` is the user's choice.
pub fn pane_width(columns: u16, chosen: Option<bool>) -> Option<u16> {
    let is_shown = columns >= PANE_FROM && chosen.unwrap_or(columns >= WIDE);
    is_shown.then(|| (40 + columns.saturating_sub(WIDE) / 5).min(64))
}

/// The parts of a screen, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Two lines: location and user; screens and what needs attention.
    pub header: Rect,
    /// The list, with a line for its filter above and its column names.
    pub body: Rect,
    /// One line for messages.
    pub message: Rect,
    /// One line of key bindings.
    pub footer: Rect,
}

/// Returns the parts of a screen of this size.
pub fn parts(area: Rect) -> Parts {
    let line = |y: u16, height: u16| Rect { x: area.x, y: area.y + y, width: area.width, height };
    let body = area.height.saturating_sub(4);
    Parts {
        header: line(0, 2.min(area.height)),
        body: line(2.min(area.height), body),
        message: line(area.height.saturating_sub(2), 1.min(area.height)),
        footer: line(area.height.saturating_sub(1), 1.min(area.height)),
    }
}

/// Lines of the body above the rows: filter and facts, and the column names.
pub const ABOVE_ROWS: u16 = 2;

/// Returns the number of rows that a list shows.
pub fn list_height(size: (u16, u16)) -> usize {
    let body = parts(Rect::new(0, 0, size.0, size.1)).body;
    usize::from(body.height.saturating_sub(ABOVE_ROWS)).max(1)
}

/// Returns whether the terminal is too small.
pub fn is_too_small(size: (u16, u16)) -> bool {
    size.0 < SMALLEST.0 || size.1 < SMALLEST.1
}
