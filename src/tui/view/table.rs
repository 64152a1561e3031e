//! A table of a list's visible rows: columns aligned, the sort column marked, one row selected.

use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::canvas::{Canvas, Cursor};
use super::text::cut;
use crate::tui::app::msg::Target;

#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    /// The minimum width in cells.
    pub least: u16,
    /// The share of the remaining width; 0 for a fixed column.
    pub share: u16,
    /// The maximum width in cells.
    pub most: u16,
    /// Whether the cells are right-aligned, as numbers are.
    pub right: bool,
    /// Whether the order is descending; none where the list is sorted by another column.
    pub sorts: Option<bool>,
}

impl Column {
    /// A column with a fixed width in cells.
    pub fn fixed(name: &'static str, cells: u16) -> Self {
        Self { name, least: cells, share: 0, most: cells, right: false, sorts: None }
    }

    /// A column that takes a share of the remaining width.
    pub fn flexible(name: &'static str, least: u16, share: u16, most: u16) -> Self {
        Self { name, least, share, most, right: false, sorts: None }
    }

    /// The same column, right-aligned.
    pub fn on_the_right(self) -> Self {
        Self { right: true, ..self }
    }

    /// The same column with the arrow of the sort order.
    pub fn sorted(self, descending: Option<bool>) -> Self {
        Self { sorts: descending, ..self }
    }
}

/// Cells between two columns.
pub const GAP: u16 = 1;

/// Cells at the right of a table, for the signs of more rows above and below.
pub const EDGE: u16 = 1;

/// Returns the widths of columns in a table of `width` cells.
pub fn widths(columns: &[Column], width: u16) -> Vec<u16> {
    let mut widths: Vec<u16> = columns.iter().map(|c| c.least).collect();
    let gaps = GAP * u16::try_from(columns.len().saturating_sub(1)).unwrap_or(0);
    let mut left = width.saturating_sub(widths.iter().sum::<u16>() + gaps);
    // Cell by cell: there are a few hundred at most.
    while left > 0 {
        let next = (0..columns.len())
            .filter(|i| columns[*i].share > 0 && widths[*i] < columns[*i].most)
            .min_by_key(|i| (widths[*i] - columns[*i].least) * 100 / columns[*i].share);
        let Some(next) = next else { break };
        widths[next] += 1;
        left -= 1;
    }
    widths
}

/// Rows to draw, and which is selected.
#[derive(Debug)]
pub struct Table<'a> {
    pub columns: &'a [Column],
    /// The cells of each row.
    pub rows: Vec<Vec<Line<'static>>>,
    /// The index of the selected row.
    pub selected: Option<usize>,
    /// Whether there are more rows above and below.
    pub more: (bool, bool),
}

impl Table<'_> {
    /// Draws the column names on the first line and the rows below; returns the position of the selected row.
    pub fn draw(self, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
        if area.height == 0 || area.width < 4 {
            return None;
        }
        let body = Rect { width: area.width - EDGE, ..area };
        let widths = widths(self.columns, body.width);
        let names: Vec<Line<'static>> = self
            .columns
            .iter()
            .map(|column| {
                let arrow = match column.sorts {
                    None => "",
                    Some(false) => canvas.glyphs.ascending,
                    Some(true) => canvas.glyphs.descending,
                };
                Line::from(Span::styled(format!("{}{arrow}", column.name), canvas.theme.heading))
            })
            .collect();
        draw_row(&names, self.columns, &widths, Rect { height: 1, ..body }, canvas);
        // The timeline may have taken lines that the rows were read for. The selected row stays visible.
        let height = usize::from(area.height - 1).max(1);
        let skipped = self.selected.map_or(0, |selected| (selected + 1).saturating_sub(height));
        for (place, row) in self.rows.iter().enumerate().skip(skipped) {
            let y = area.y + 1 + u16::try_from(place - skipped).unwrap_or(u16::MAX - area.y - 1);
            if y >= area.bottom() {
                break;
            }
            let line = Rect { y, height: 1, ..body };
            draw_row(row, self.columns, &widths, line, canvas);
            if self.selected == Some(place) {
                canvas.select(line);
            }
            canvas.hits.add(line, Target::Row(place));
        }
        let edge = area.right() - 1;
        if self.more.0 || skipped > 0 {
            sign(canvas.glyphs.more_above, edge, area.y + 1, canvas);
        }
        if self.more.1 || self.rows.len() - skipped.min(self.rows.len()) > height {
            sign(canvas.glyphs.more_below, edge, area.bottom() - 1, canvas);
        }
        let place = u16::try_from(self.selected? - skipped).ok()?;
        Some((area.x, area.y + 1 + place))
    }
}

fn sign(text: &str, x: u16, y: u16, canvas: &mut Canvas<'_>) {
    if canvas.buffer.area.contains((x, y).into()) {
        canvas.buffer.set_string(x, y, text, canvas.theme.dim);
    }
}

fn draw_row(
    cells: &[Line<'static>],
    columns: &[Column],
    widths: &[u16],
    area: Rect,
    canvas: &mut Canvas<'_>,
) {
    let mut x = area.x;
    for ((cell, column), width) in cells.iter().zip(columns).zip(widths) {
        let width = (*width).min(area.right().saturating_sub(x));
        if width == 0 {
            break;
        }
        let alignment = if column.right { Alignment::Right } else { Alignment::Left };
        fit(cell, usize::from(width), canvas.glyphs.cut)
            .alignment(alignment)
            .render(Rect { x, width, ..area }, canvas.buffer);
        x = x.saturating_add(width + GAP);
    }
}

/// Cuts a line to the width of its column, with a sign at the cut.
fn fit(line: &Line<'static>, width: usize, sign: &str) -> Line<'static> {
    if line.width() <= width {
        return line.clone();
    }
    let mut left = width;
    let mut spans = Vec::new();
    for span in &line.spans {
        if left == 0 {
            break;
        }
        let is_last = span.width() >= left;
        let text =
            if is_last { cut(&format!("{}  ", span.content), left, sign) } else { span.content.to_string() };
        left = left.saturating_sub(Span::raw(text.as_str()).width());
        spans.push(Span::styled(text, span.style));
        if is_last {
            break;
        }
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_width_is_shared() {
        let columns =
            [Column::fixed("a", 10), Column::flexible("b", 5, 2, 100), Column::flexible("c", 5, 1, 8)];
        assert_eq!(widths(&columns, 22), [10, 5, 5]);
        assert_eq!(widths(&columns, 31), [10, 11, 8]);
        assert_eq!(widths(&columns, 58), [10, 38, 8]);
        assert_eq!(widths(&columns, 122), [10, 100, 8], "with wider gaps");
    }
}
