//! The frame that is drawn on, and its clickable areas.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use super::appearance::{Appearance, Glyphs};
use super::text::{cut, selected, width, wrap};
use crate::config::theme::Theme;
use crate::tui::app::msg::Target;

/// Column and row of the terminal's cursor.
pub type Cursor = Option<(u16, u16)>;

/// The clickable areas of the last frame.
#[derive(Clone, Debug, Default)]
pub struct Hits(Vec<(Rect, Target)>);

impl Hits {
    pub fn add(&mut self, area: Rect, target: Target) {
        self.0.push((area, target));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn at(&self, column: u16, row: u16) -> Option<&Target> {
        let place = Position::new(column, row);
        self.0.iter().rev().find(|(area, _)| area.contains(place)).map(|(_, target)| target)
    }
}

/// A frame that is being drawn.
pub struct Canvas<'a> {
    pub appearance: &'a Appearance,
    pub theme: &'a Theme,
    pub glyphs: Glyphs,
    pub buffer: &'a mut Buffer,
    pub hits: &'a mut Hits,
}

impl<'a> Canvas<'a> {
    pub fn new(appearance: &'a Appearance, buffer: &'a mut Buffer, hits: &'a mut Hits) -> Self {
        let Appearance { theme, glyphs } = appearance;
        Self { appearance, theme, glyphs: *glyphs, buffer, hits }
    }

    /// Cuts a text to a width in cells, with a sign at the cut.
    pub fn cut(&self, text: &str, width: usize) -> String {
        cut(text, width, self.glyphs.cut)
    }

    /// Draws a line at the left of an area.
    pub fn left(&mut self, line: &Line<'_>, area: Rect) {
        self.buffer.set_line(area.x, area.y, line, area.width);
    }

    /// Draws a text at the right of an area, cut to a number of cells.
    pub fn right(&mut self, text: &str, style: Style, area: Rect, cells: usize) {
        let line = Line::styled(self.cut(text, cells), style);
        let width = width(&line).min(area.width);
        self.buffer.set_line(area.right() - width, area.y, &line, width);
    }

    /// Draws a line as selected.
    pub fn select(&mut self, line: Rect) {
        for position in line.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.set_style(Style::reset().patch(selected(cell.style(), self.theme.selection)));
            }
        }
    }

    /// Draws a wrapped text at the top of an area; returns the number of lines.
    pub fn text(&mut self, text: &str, area: Rect, style: Style) -> u16 {
        let mut taken = 0;
        for (line, y) in wrap(text, usize::from(area.width)).into_iter().zip(area.y..area.bottom()) {
            self.buffer.set_line(area.x, y, &Line::styled(line, style), area.width);
            taken += 1;
        }
        taken
    }
}
