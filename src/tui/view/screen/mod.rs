//! The four screens: the filter with facts on one line, and the table.

pub mod applications;
pub mod audit;
mod key_table;
pub mod keys;
mod timeline;
pub mod users;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, Cursor};
use super::page::{cells, skip_cells};
use super::table::{Column, Table};
use super::text::{cut, mark, width};
use crate::config::theme::Theme;
use crate::domain::text::inert;
use crate::store::{Page, StoreError};
use crate::tui::app::filter::Filter;
use crate::tui::app::pending::Expected;
use crate::tui::app::screen::filtered_list::{FilteredList, Listed};

/// Draws the line above a list: the filter, and facts at the right. Returns the area below it too.
fn top_line<T: Listed>(
    list: &FilteredList<T>,
    facts: Vec<Span<'static>>,
    area: Rect,
    canvas: &mut Canvas<'_>,
) -> (Cursor, Rect)
where
    Page<T>: Expected<Error = StoreError>,
{
    let (theme, most) = (canvas.theme, usize::from(area.width) * 2 / 3);
    let matches = list.total.filter(|_| list.is_narrowed()).map(|total| match total {
        1 => "1 match".to_owned(),
        total => format!("{total} matches"),
    });
    let facts = match &list.invalid {
        Some(invalid) => vec![Span::styled(canvas.cut(&inert(&invalid.usage()), most), theme.warning)],
        None => matches.map(|text| Span::styled(text, theme.accent)).into_iter().chain(facts).collect(),
    };
    let mut spans = Vec::new();
    if list.is_stale() {
        spans.push(Span::styled("~  ", theme.dim));
    }
    for (place, fact) in facts.into_iter().enumerate() {
        if place > 0 {
            spans.push(Span::raw("  "));
        }
        spans.push(fact);
    }
    let right = Line::from(spans);
    let taken = width(&right).min(cells(most));
    canvas.buffer.set_line(area.right().saturating_sub(taken), area.y, &right, taken);
    let left = Rect { width: area.width.saturating_sub(taken + 2), ..area };
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    (filter(&list.filter, left, canvas), below)
}

fn filter(filter: &Filter, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let theme = canvas.theme;
    let available = usize::from(area.width);
    if filter.typing {
        let width = available.saturating_sub(2).clamp(1, 40);
        let scroll = filter.field.scroll(width.saturating_sub(1));
        let shown = cut(&skip_cells(filter.text(), scroll), width.saturating_sub(1), "");
        let style =
            if filter.field.is_selected() { theme.selection } else { theme.field.patch(theme.cursor) };
        let rest = canvas.appearance.filled("", width.saturating_sub(Span::raw(&shown).width()));
        let rest = Span::styled(rest, theme.field.patch(theme.cursor));
        let field = Span::styled(shown, style);
        canvas.left(&Line::from(vec![Span::styled("/ ", theme.accent), field, rest]), area);
        let column = filter.field.cursor().saturating_sub(scroll).min(width);
        return Some((area.x + 2 + cells(column), area.y));
    }
    if !filter.text().is_empty() {
        let text = canvas.cut(&format!("/ {}", filter.text()), available);
        canvas.left(&Line::styled(text, theme.accent), area);
    }
    None
}

/// Draws the rows of a list, or why there are none.
fn rows<T: Listed>(
    list: &FilteredList<T>,
    empty: &str,
    columns: &[Column],
    row: impl Fn(&T) -> Vec<Line<'static>>,
    area: Rect,
    canvas: &mut Canvas<'_>,
) -> Cursor
where
    Page<T>: Expected<Error = StoreError>,
{
    if list.rows.is_empty() {
        let text = match &list.error {
            Some(error) => inert(error),
            None if !list.rows.is_loaded() => String::new(),
            None if list.is_narrowed() => "No matches. Press Esc to clear the filter.".into(),
            None => empty.to_owned(),
        };
        let mut area =
            Rect { y: area.y + 1, height: area.height.saturating_sub(1), width: area.width.min(76), ..area };
        for line in text.lines() {
            let taken = canvas.text(line, area, canvas.theme.text);
            area = Rect { y: area.y + taken, height: area.height - taken, ..area };
        }
        return None;
    }
    let (visible, selected) = list.rows.visible();
    let table = Table { columns, rows: visible.iter().map(row).collect(), selected, more: list.rows.more() };
    table.draw(area, canvas)
}

/// Marks the words of a filter in a text.
fn marked(text: String, words: &[String], theme: &Theme) -> Line<'static> {
    Line::from(mark(text, words, theme.text, theme.matched))
}
