//! The lines of a dialog, before they are framed.

use std::fmt::Display;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::appearance::Appearance;
use super::text::{cut, mark, selected, width, wrap};
use crate::config::theme::Theme;
use crate::domain::text::inert;
use crate::tui::app::modal::menu::Menu;
use crate::tui::app::modal::submission::Submission;
use crate::tui::app::msg::Target;
use crate::tui::app::text_field::TextField;

/// Lines with their clickable parts and their frame.
#[derive(Debug)]
pub struct Page<'a> {
    pub appearance: &'a Appearance,
    /// In cells.
    pub width: usize,
    pub title: String,
    pub is_dangerous: bool,
    /// Whether empty lines are left out, for want of rows.
    is_compact: bool,
    /// The number of lines scrolled off the top.
    pub scroll: usize,
    pub lines: Vec<Line<'static>>,
    /// Line, first column, number of columns, target.
    pub hits: Vec<(usize, u16, u16, Target)>,
    /// Line and column of the cursor.
    pub cursor: Option<(usize, u16)>,
    /// A line that must be visible.
    pub focus: Option<usize>,
}

impl<'a> Page<'a> {
    pub fn new(appearance: &'a Appearance, width: usize) -> Self {
        Self {
            appearance,
            width,
            title: String::new(),
            is_dangerous: false,
            is_compact: false,
            scroll: 0,
            lines: Vec::new(),
            hits: Vec::new(),
            cursor: None,
            focus: None,
        }
    }

    /// A page without empty lines.
    pub fn compact(appearance: &'a Appearance, width: usize) -> Self {
        Self { is_compact: true, ..Self::new(appearance, width) }
    }

    pub fn theme(&self) -> &'a Theme {
        &self.appearance.theme
    }

    /// Adds a line. The frame cuts it where it is too long.
    pub fn line(&mut self, line: impl Into<Line<'static>>) -> &mut Self {
        self.lines.push(line.into());
        self
    }

    /// An empty line, if it fits.
    pub fn blank(&mut self) -> &mut Self {
        if self.is_compact { self } else { self.line("") }
    }

    /// Adds a wrapped paragraph.
    pub fn text(&mut self, text: &str, style: Style) -> &mut Self {
        for line in wrap(text, self.width) {
            self.line(Span::styled(line, style));
        }
        self
    }

    /// Adds a fact: its name, with its value wrapped beside it.
    pub fn fact(&mut self, name: &str, value: &str, style: Style) -> &mut Self {
        self.fact_at(14.min(self.width / 3), name, value, style)
    }

    /// A fact whose value stands where those of fields do.
    pub fn field_fact(&mut self, name: &str, value: &str, style: Style) -> &mut Self {
        self.fact_at(self.field_column(), name, value, style)
    }

    /// A fact in whose value some words are marked.
    pub fn marked_fact(&mut self, name: &str, value: &str, words: &[String]) -> &mut Self {
        let theme = self.theme();
        let from = self.lines.len();
        self.fact(name, value, theme.text);
        for line in &mut self.lines[from..] {
            let value = line.spans.pop().map(|span| span.content.into_owned()).unwrap_or_default();
            line.spans.extend(mark(value, words, theme.text, theme.matched));
        }
        self
    }

    fn fact_at(&mut self, column: usize, name: &str, value: &str, style: Style) -> &mut Self {
        for (place, line) in wrap(value, self.width.saturating_sub(column)).into_iter().enumerate() {
            let name = if place == 0 { cut(name, column.saturating_sub(1), "") } else { String::new() };
            self.line(vec![
                Span::styled(format!("{name:column$}"), self.theme().dim),
                Span::styled(line, style),
            ]);
        }
        self
    }

    /// Adds facts in the style of text.
    pub fn facts(&mut self, facts: &[(&str, &dyn Display)]) -> &mut Self {
        for (name, value) in facts {
            self.fact(name, &value.to_string(), self.theme().text);
        }
        self
    }

    /// The first cell of fields.
    pub fn field_column(&self) -> usize {
        18.min(self.width / 2)
    }

    /// Options with a label in front, of which one is chosen, in aligned columns.
    pub fn radio(
        &mut self,
        label: &str,
        options: &[(String, bool)],
        focused: bool,
        first: usize,
    ) -> &mut Self {
        const GAP: usize = 2;
        let theme = self.theme();
        let column = self.field_column();
        let widths = |in_line: usize| -> Vec<usize> {
            let width =
                |at: usize| options.iter().skip(at).step_by(in_line).map(|(text, _)| text.width() + 4).max();
            (0..in_line).filter_map(width).collect()
        };
        let fits = |in_line: &usize| {
            widths(*in_line).iter().sum::<usize>() + GAP * (in_line - 1) <= self.width.saturating_sub(column)
        };
        let in_line = (1..=options.len()).rev().find(fits).unwrap_or(1);
        let widths = widths(in_line);
        for (row, in_row) in options.chunks(in_line).enumerate() {
            let at = self.lines.len();
            let label = if row == 0 { label } else { "" };
            let label_style = if focused { theme.accent } else { theme.dim };
            let mut spans = vec![Span::styled(format!("{label:column$}"), label_style)];
            let mut x = column;
            for (place, ((text, chosen), width)) in in_row.iter().zip(&widths).enumerate() {
                let mark = if *chosen { self.appearance.glyphs.chosen } else { ' ' };
                let style = match (chosen, focused) {
                    (true, true) => theme.selection,
                    (true, false) => theme.accent,
                    _ => theme.text,
                };
                let place = Target::Choice(first + row * in_line + place);
                self.hits.push((at, cells(x), cells(*width), place));
                if *chosen && focused {
                    self.cursor = Some((at, cells(x + 1)));
                    self.focus = Some(at);
                }
                let text = format!("({mark}) {text}");
                let gap = " ".repeat(width + GAP - text.width());
                spans.push(Span::styled(text, style));
                spans.push(Span::raw(gap));
                x += width + GAP;
            }
            self.line(spans);
        }
        self
    }

    /// Adds a field with its label. The cursor is in it when it has the focus.
    pub fn field(&mut self, label: &str, field: &TextField, focused: bool, place: usize) -> &mut Self {
        let theme = self.theme();
        let column = if label.is_empty() { 0 } else { self.field_column() };
        let width = self.width.saturating_sub(column).max(1);
        // One cell is kept for the cursor behind the last letter.
        let scroll = field.scroll(width.saturating_sub(1));
        let shown = skip_cells(field.text(), scroll);
        let shown = cut(&shown, width.saturating_sub(1), "");
        let style = if focused { theme.field.patch(theme.cursor) } else { theme.field };
        let label_style = if focused { theme.accent } else { theme.dim };
        let rest = self.appearance.filled("", width.saturating_sub(Span::raw(&shown).width()));
        let at = self.lines.len();
        self.line(vec![
            Span::styled(format!("{:column$}", cut(label, column.saturating_sub(1), "")), label_style),
            Span::styled(shown, if focused && field.is_selected() { theme.selection } else { style }),
            Span::styled(rest, style),
        ]);
        let (x, width) = (cells(column), cells(width));
        self.hits.push((at, x, width, Target::Choice(place)));
        if focused {
            self.cursor =
                Some((at, x + cells(field.cursor().saturating_sub(scroll)).min(width.saturating_sub(1))));
            self.focus = Some(at);
        }
        self
    }

    /// Adds the state of an operation: that it is pending, or why it failed.
    pub fn submission(&mut self, submission: &Submission, waiting: &str) -> &mut Self {
        if submission.is_pending() {
            self.text(waiting, self.theme().warning);
        } else if let Some(error) = &submission.error {
            self.text(&inert(error), self.theme().danger);
        }
        self
    }

    /// Adds the entries of a menu, each with a note at its right. The cursor stays in the filter.
    pub fn menu(&mut self, menu: &Menu, entries: &[(String, String)]) -> &mut Self {
        let theme = self.theme();
        for (place, (name, note)) in entries.iter().enumerate() {
            let name = cut(name, self.width.saturating_sub(note.len() + 4), self.appearance.glyphs.cut);
            let name = pad(&name, self.width.saturating_sub(note.len() + 3));
            let line = vec![Span::styled(name, theme.text), Span::styled(note.clone(), theme.dim)];
            self.choice(line, place == menu.chosen, place);
        }
        self
    }

    /// Adds buttons in a row. The focused one is marked, and not by color alone.
    pub fn buttons(&mut self, buttons: &[Button<'_>]) -> &mut Self {
        let theme = self.theme();
        let at = self.lines.len();
        let mut spans = Vec::new();
        let mut x = 0;
        for button in buttons {
            let style = match (button.focused, button.tone) {
                (true, _) => theme.selection,
                (false, ButtonTone::Danger) => theme.danger,
                (false, ButtonTone::Off) => theme.dim,
                (false, ButtonTone::Plain) => theme.text,
            };
            let (left, right) = if button.focused { ("[>", "<]") } else { ("[ ", " ]") };
            let span = Span::styled(format!("{left}{}{right}", button.label), style);
            let width = cells(span.width());
            self.hits.push((at, x, width, button.target.clone()));
            if button.focused {
                self.cursor = Some((at, x + 2));
                self.focus = Some(at);
            }
            spans.push(span);
            spans.push(Span::raw("  "));
            x += width + 2;
        }
        self.line(spans)
    }

    /// Adds a choice on a line of its own.
    pub fn choice(&mut self, line: Vec<Span<'static>>, chosen: bool, place: usize) -> &mut Self {
        let theme = self.theme();
        let at = self.lines.len();
        let sign = if chosen { self.appearance.glyphs.pointer } else { " " };
        let mut spans = vec![Span::styled(format!("{sign} "), theme.accent)];
        spans.extend(line);
        let mut line = Line::from(spans);
        if chosen {
            for span in &mut line.spans {
                span.style = selected(span.style, theme.selection);
            }
            self.focus = Some(at);
            self.cursor.get_or_insert((at, 0));
        }
        self.hits.push((at, 0, cells(self.width).max(width(&line)), Target::Choice(place)));
        self.line(line)
    }
}

#[derive(Debug)]
pub struct Button<'a> {
    pub label: &'a str,
    /// Whether it has the focus.
    pub focused: bool,
    pub tone: ButtonTone,
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonTone {
    /// In the style of text.
    Plain,
    /// A destructive action.
    Danger,
    /// Without effect for now.
    Off,
}

/// Converts a number of cells to a coordinate of the terminal.
pub fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Pads a text with spaces to a width in cells.
pub fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(text.width())))
}

/// A text without its first cells.
pub fn skip_cells(text: &str, skip: usize) -> String {
    use unicode_width::UnicodeWidthChar;
    let mut left = skip;
    text.chars()
        .skip_while(|c| {
            let before = left;
            left = left.saturating_sub(c.width().unwrap_or(0));
            before > 0
        })
        .collect()
}
