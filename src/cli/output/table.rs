//! Aligned columns, streamed: the first rows decide the widths, so that a list of a million keys takes no more memory
//! than one of a thousand.

use std::io::{self, IsTerminal, Write};

use unicode_width::UnicodeWidthStr;

/// Number of rows that decide the widths.
const MEASURED: usize = 1_000;
/// Cells between two columns.
const GAP: usize = 2;

/// Whether escape sequences are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    On,
    Off,
}

impl Color {
    /// Colors on a terminal, unless the environment asks for none.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && !plain && !dumb { Self::On } else { Self::Off }
    }
}

/// Whether tables have a header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Headers {
    Shown,
    Hidden,
}

/// The look of a text on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Head,
    Good,
    Soon,
    Bad,
    Faint,
    Error,
    Warning,
    Hint,
}

impl Style {
    /// A text in this style.
    pub(crate) fn apply(self, color: Color, text: &str) -> String {
        match color {
            Color::On if self != Self::Plain => format!("{}{text}\u{1b}[0m", self.sequence()),
            _ => text.to_owned(),
        }
    }

    /// The escape sequence that turns it on, of the 16 colors that every terminal has.
    fn sequence(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Head => "\u{1b}[1m",
            Self::Good => "\u{1b}[32m",
            Self::Soon => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
            Self::Faint => "\u{1b}[2m",
            Self::Error => "\u{1b}[1;31m",
            Self::Warning => "\u{1b}[1;33m",
            Self::Hint => "\u{1b}[1;36m",
        }
    }
}

/// The text is inert already.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Plain, right: false }
    }

    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { style, ..Self::plain(text) }
    }

    /// A right-aligned number.
    pub(crate) fn number(number: u64) -> Self {
        Self { right: true, ..Self::plain(number.to_string()) }
    }
}

pub(crate) struct Table<W: Write> {
    writer: W,
    color: Color,
    headers: Headers,
    widths: Vec<usize>,
    /// The head and the rows that are measured; empty once the widths are decided.
    waiting: Vec<Vec<Cell>>,
    rows: u64,
}

impl<W: Write> Table<W> {
    /// Nothing is written before the widths are known.
    pub(crate) fn new(writer: W, color: Color, headers: Headers, heads: &[&str]) -> Self {
        let head: Vec<Cell> = heads.iter().map(|head| Cell::styled(*head, Style::Head)).collect();
        let widths = match headers {
            Headers::Shown => head.iter().map(|cell| cell.text.width()).collect(),
            Headers::Hidden => vec![0; head.len()],
        };
        Self { writer, color, headers, widths, waiting: vec![head], rows: 0 }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        self.rows += 1;
        if self.waiting.is_empty() {
            return self.write(&cells);
        }
        if let [head] = self.waiting.as_mut_slice() {
            for (head, cell) in head.iter_mut().zip(&cells) {
                head.right = cell.right;
            }
        }
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.text.width());
        }
        self.waiting.push(cells);
        if self.waiting.len() > MEASURED { self.release() } else { Ok(()) }
    }

    /// Writes the rest and returns the number of rows. A table without rows writes nothing.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if self.rows > 0 {
            self.release()?;
        }
        self.writer.flush()?;
        Ok(self.rows)
    }

    fn release(&mut self) -> io::Result<()> {
        let hidden = usize::from(self.headers == Headers::Hidden);
        for row in std::mem::take(&mut self.waiting).into_iter().skip(hidden) {
            self.write(&row)?;
        }
        Ok(())
    }

    fn write(&mut self, cells: &[Cell]) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&self.widths) {
            let pad = width.saturating_sub(cell.text.width());
            let (before, after) = if cell.right { (pad, 0) } else { (0, pad) };
            line.extend(std::iter::repeat_n(' ', before));
            line.push_str(&cell.style.apply(self.color, &cell.text));
            line.extend(std::iter::repeat_n(' ', after + GAP));
        }
        writeln!(self.writer, "{}", line.trim_end_matches(' '))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(color: Color, headers: Headers, rows: Vec<Vec<Cell>>) -> String {
        let mut bytes = Vec::new();
        let mut table = Table::new(&mut bytes, color, headers, &["NAME", "KEYS", "STATE"]);
        for row in rows {
            table.row(row).unwrap();
        }
        table.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_what_they_take_on_the_screen() {
        let rows = vec![
            vec![Cell::plain("支付"), Cell::number(5), Cell::plain("Valid")],
            vec![Cell::plain("Storefront"), Cell::number(1234), Cell::plain("")],
        ];
        assert_eq!(
            drawn(Color::Off, Headers::Shown, rows),
            "NAME        KEYS  STATE\n支付           5  Valid\nStorefront  1234\n"
        );
    }

    #[test]
    fn without_headers_the_rows_decide_the_widths() {
        let rows = vec![vec![Cell::plain("a"), Cell::number(12), Cell::plain("x")]];
        assert_eq!(drawn(Color::Off, Headers::Hidden, rows), "a  12  x\n");
        assert_eq!(drawn(Color::Off, Headers::Hidden, vec![]), "");
    }

    #[test]
    fn color_only_where_wanted_and_nothing_without_rows() {
        let row = || vec![vec![Cell::plain("a"), Cell::number(1), Cell::styled("Expired", Style::Bad)]];
        assert!(!drawn(Color::Off, Headers::Shown, row()).contains('\u{1b}'));
        assert!(drawn(Color::On, Headers::Shown, row()).contains("\u{1b}[31mExpired\u{1b}[0m"));
        assert_eq!(drawn(Color::On, Headers::Shown, vec![]), "");
    }

    #[test]
    fn rows_beyond_those_measured_are_streamed() {
        let rows = (0..MEASURED + 10).map(|n| vec![Cell::plain(n.to_string())]).collect();
        assert_eq!(drawn(Color::Off, Headers::Shown, rows).lines().count(), MEASURED + 11);
    }
}
