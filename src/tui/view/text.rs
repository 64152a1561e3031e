//! Text in cells: cutting, wrapping, marking what matched.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::text::{capitalized, fold, inert};

/// Cuts a text to a width in cells, with a sign at the cut.
pub fn cut(text: &str, width: usize, sign: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let available = width.saturating_sub(sign.width());
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= available
        })
        .collect();
    if width < sign.width() { String::new() } else { kept + sign }
}

/// A space at which no line is broken.
pub const NO_BREAK: &str = "\u{a0}";

/// Breaks a text into lines of at most `width` cells, at spaces where possible, but not at [`NO_BREAK`].
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let joint = usize::from(!line.is_empty());
        if line.width() + joint + word.width() > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        let mut rest = word;
        while rest.width() > width {
            let mut used = 0;
            let at = rest
                .char_indices()
                .find(|(_, c)| {
                    used += c.width().unwrap_or(0);
                    used > width
                })
                .map_or(rest.len(), |(at, c)| if at == 0 { c.len_utf8() } else { at });
            let (head, tail) = rest.split_at(at);
            lines.push(head.to_owned());
            rest = tail;
        }
        line.push_str(rest);
    }
    lines.push(line);
    lines.iter().map(|line| line.replace(NO_BREAK, " ")).collect()
}

/// Marks words in a text, without regard to case.
pub fn mark(text: String, words: &[String], plain: Style, marked: Style) -> Vec<Span<'static>> {
    let folded = fold(&text);
    // Folding may change lengths (İ). Positions then differ, and nothing is marked.
    if words.is_empty() || folded.len() != text.len() {
        return vec![Span::styled(text, plain)];
    }
    let mut is_marked = vec![false; text.len()];
    for word in words {
        for (at, found) in folded.match_indices(word.as_str()) {
            is_marked[at..at + found.len()].fill(true);
        }
    }
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut run = String::new();
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if is_marked[at] != inside && !run.is_empty() {
            spans.push(Span::styled(std::mem::take(&mut run), if inside { marked } else { plain }));
        }
        inside = is_marked[at];
        run.push(c);
    }
    spans.push(Span::styled(run, if inside { marked } else { plain }));
    spans
}

/// Returns a text as a sentence, with a capital and a full stop, inert.
pub fn sentence(text: &str) -> String {
    format!("{}.", capitalized(&inert(text)))
}

/// The style of a text within a selection. Its own colors would look like blocks where a selection is reversed video.
pub fn selected(style: Style, selection: Style) -> Style {
    selection.add_modifier(style.add_modifier & (Modifier::BOLD | Modifier::UNDERLINED))
}

/// The width of a line in cells.
pub fn width(line: &Line<'_>) -> u16 {
    u16::try_from(line.width()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_cells_and_not_at_bytes() {
        assert_eq!(cut("Checkout", 8, "…"), "Checkout");
        assert_eq!(cut("Checkout", 5, "…"), "Chec…");
        assert_eq!(cut("支付支付", 5, "…"), "支付…");
        assert_eq!(cut("支付", 0, "…"), "");
    }

    #[test]
    fn wraps_at_spaces_and_breaks_what_has_none() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("支付支付", 5), ["支付", "支付"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("on Monday (in\u{a0}2\u{a0}days)", 18), ["on Monday", "(in 2 days)"]);
    }

    #[test]
    fn marks_each_word() {
        let spans =
            mark("Checkout Braze".into(), &["bra".into(), "check".into()], Style::new(), Style::new().bold());
        let texts: Vec<_> =
            spans.iter().map(|s| (s.content.as_ref(), s.style == Style::new().bold())).collect();
        assert_eq!(texts, [("Check", true), ("out ", false), ("Bra", true), ("ze", false)]);
    }
}
