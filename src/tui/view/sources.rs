//! A table of sources in a page: where requests came from, how many, when, and which have moved to the successor.

use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::page::{Page, pad};
use crate::desk::{Moved, UsedSource};
use crate::domain::Instant;
use crate::domain::expiry::relative_short;
use crate::tui::app::App;

/// The cells of an IPv4 address. Longer ones have a line of their own where they do not fit.
const ADDRESS: usize = 15;

/// How instants are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Exact,
    Relative,
}

/// The columns of instants and the cells between columns, the widest table first.
const SHAPES: [(Option<Style>, Style, usize); 6] = [
    (Some(Style::Exact), Style::Exact, 2),
    (Some(Style::Relative), Style::Exact, 2),
    (Some(Style::Relative), Style::Relative, 2),
    (Some(Style::Relative), Style::Relative, 1),
    (None, Style::Relative, 2),
    (None, Style::Relative, 1),
];

/// A column behind the addresses.
struct Column {
    head: &'static str,
    values: Vec<String>,
    is_number: bool,
}

impl Column {
    fn width(&self) -> usize {
        self.values.iter().map(|value| value.width()).max().unwrap_or_default().max(self.head.len())
    }

    fn cell(&self, text: &str) -> String {
        let width = self.width();
        if self.is_number { format!("{text:>width$}") } else { pad(text, width) }
    }
}

/// Adds the table with a title; nothing where there are no sources.
pub fn table(app: &App, title: &str, sources: &[UsedSource], page: &mut Page<'_>) {
    if sources.is_empty() {
        return;
    }
    let widths = || sources.iter().map(|used| used.label().width());
    let longest = widths().max().unwrap_or_default();
    let needed = widths().filter(|width| *width <= ADDRESS).max().unwrap_or_default();
    let space = |columns: &[Column], gap: usize| {
        page.width.saturating_sub(columns.iter().map(|column| column.width() + gap).sum())
    };
    let shapes = || SHAPES.into_iter().map(|shape| (columns(app, sources, shape), shape.2));
    let fitting = shapes().find(|(columns, gap)| space(columns, *gap) >= needed);
    let Some((columns, gap)) = fitting.or_else(|| shapes().next_back()) else { return };
    let address = space(&columns, gap).min(longest.max("ADDRESS".len()));
    let theme = page.theme();
    let row = |first: &str, cells: &dyn Fn(&Column) -> String| -> Vec<String> {
        let rest = columns.iter().map(|column| format!("{:gap$}{}", "", cells(column)));
        std::iter::once(pad(first, address)).chain(rest).collect()
    };
    page.blank().text(title, theme.heading);
    let head = row("ADDRESS", &|column| column.cell(column.head));
    page.line(Span::styled(head.concat().trim_end().to_owned(), theme.dim));
    for (place, used) in sources.iter().enumerate() {
        let mut label = used.label();
        if label.width() > address {
            page.line(Span::styled(std::mem::take(&mut label), theme.text));
        }
        let cells = row(&label, &|column| column.cell(&column.values[place]));
        let moved = match used.moved {
            Some(Moved::Yes) => theme.good,
            Some(Moved::UsesBoth | Moved::No) => theme.warning,
            None => theme.text,
        };
        let last = cells.len() - 1;
        let styled = |(at, cell): (usize, String)| {
            let is_moved = at == last && columns.last().is_some_and(|column| column.head == MOVED);
            Span::styled(cell, if is_moved { moved } else { theme.text })
        };
        page.line(cells.into_iter().enumerate().map(styled).collect::<Vec<_>>());
    }
}

const MOVED: &str = "MOVED";

fn columns(app: &App, sources: &[UsedSource], shape: (Option<Style>, Style, usize)) -> Vec<Column> {
    let instants = |head, style: Style, at: &dyn Fn(&UsedSource) -> Instant| Column {
        head,
        values: sources
            .iter()
            .map(|used| match style {
                Style::Exact => app.shared.zone().show(at(used)),
                Style::Relative => relative_short(at(used), app.shared.now),
            })
            .collect(),
        is_number: style == Style::Relative,
    };
    let requests = sources.iter().map(|used| used.source.requests.to_string()).collect();
    let mut columns = vec![Column { head: "REQUESTS", values: requests, is_number: true }];
    columns.extend(shape.0.map(|style| instants("FIRST", style, &|used| used.source.first)));
    columns.push(instants("LAST", shape.1, &|used| used.source.last));
    if sources.iter().any(|used| used.moved.is_some()) {
        let moved = |used: &UsedSource| used.moved.map_or("", Moved::label).to_owned();
        columns.push(Column { head: MOVED, values: sources.iter().map(moved).collect(), is_number: false });
    }
    columns
}
