//! Draws the expirations of the next 12 months as bars, below a title with a legend.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::app::screen::timeline::{Month, Timeline};
use crate::tui::view::canvas::Canvas;

/// The height of the bars in lines.
const BARS: u16 = 4;

/// Title, numbers, bars, months, an empty line.
const HEIGHT: u16 = BARS + 4;

/// Returns the height in lines; 0 where the body is too low.
pub(super) fn height(body: u16) -> u16 {
    // The list keeps at least six lines.
    if body >= HEIGHT + 6 { HEIGHT } else { 0 }
}

/// Draws the timeline at the top of an area.
pub(super) fn draw(timeline: &Timeline, area: Rect, canvas: &mut Canvas<'_>) {
    let most = timeline.months.iter().map(|month| month.keys).max().unwrap_or(0);
    let count = u16::try_from(timeline.months.len()).unwrap_or(1).max(1);
    let width = (area.width / count).min(10);
    if width < 3 {
        return;
    }
    title(most, area, canvas);
    for (place, month) in (0_u16..).zip(&timeline.months) {
        let column = Rect { x: area.x + place * width, y: area.y + 1, width: width - 1, height: BARS + 2 };
        bar(month, most, place == 0, column, canvas);
    }
}

fn title(most: u64, area: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let bar = canvas.glyphs.bars[7];
    let mut spans = vec![
        Span::styled("Expirations in the next 12 months", theme.heading),
        Span::styled(format!("   {bar}"), theme.accent),
        Span::styled(" keys per month", theme.dim),
    ];
    if most > 1 {
        spans.push(Span::styled(format!("   {bar}"), theme.warning));
        spans.push(Span::styled(format!(" highest: {}", short(most)), theme.dim));
    }
    canvas.left(&Line::from(spans), area);
}

fn bar(month: &Month, most: u64, is_first: bool, column: Rect, canvas: &mut Canvas<'_>) {
    let width = usize::from(column.width);
    let centered = |text: &str| format!("{text:^width$}");
    // Eighths of a line.
    let eighths = if most == 0 { 0 } else { (month.keys * u64::from(BARS) * 8).div_ceil(most) };
    let style = if month.keys == most && most > 1 { canvas.theme.warning } else { canvas.theme.accent };
    let mut top = column.y + 1 + BARS;
    for line in 0..BARS {
        let filled = eighths.saturating_sub(u64::from(line) * 8).min(8);
        if filled == 0 {
            break;
        }
        top = column.y + BARS - line;
        let glyph = usize::try_from(filled).ok().and_then(|filled| canvas.glyphs.bars.get(filled - 1));
        set(&glyph.copied().unwrap_or(" ").repeat(width), column.x, top, style, column.width, canvas);
    }
    if month.keys > 0 {
        let number = short(month.keys);
        set(&centered(&number), column.x, top - 1, canvas.theme.text, column.width, canvas);
    }
    let format = if is_first || month.first.format("%m").to_string() == "01" { "%b %y" } else { "%b" };
    let label = month.first.format(format).to_string();
    let label = if label.len() > width { month.first.format("%b").to_string() } else { label };
    set(&centered(&label), column.x, column.y + 1 + BARS, canvas.theme.dim, column.width, canvas);
}

fn set(text: &str, x: u16, y: u16, style: Style, width: u16, canvas: &mut Canvas<'_>) {
    canvas.buffer.set_stringn(x, y, text, usize::from(width), style);
}

/// Formats a number in at most four characters.
fn short(number: u64) -> String {
    match number {
        0..=9_999 => number.to_string(),
        10_000..=999_999 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in
            [(0, "0"), (9_999, "9999"), (10_000, "10k"), (999_999, "999k"), (1_000_000, "1M")]
        {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn the_list_keeps_six_lines() {
        assert_eq!(height(20), 8);
        assert_eq!(height(13), 0);
    }
}
