//! The secret, once: no frame at its sides, so that the mouse can select it whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::Cursor;
use crate::tui::app::App;
use crate::tui::app::message::Tone;
use crate::tui::app::modal::Dialog;
use crate::tui::app::modal::reveal::{Mode, ONCE, Reveal};
use crate::tui::app::msg::Target;
use crate::tui::view::page::{Button, ButtonTone, Page, cells};
use crate::tui::view::{Hits, Look};

/// Draws it over the whole screen.
pub(super) fn draw(
    app: &App,
    reveal: &Reveal,
    look: &Look,
    area: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Cursor {
    let theme = &look.theme;
    Clear.render(area, buffer);
    buffer.set_style(area, theme.text);
    let mut page = Page::new(look, usize::from(area.width));
    let title = match reveal.turn {
        (turn, all) if all > 1 => format!("API key created ({turn} of {all})"),
        _ => "API key created".to_owned(),
    };
    page.line(Line::styled(title, theme.accent)).blank();
    page.fact("Name", &reveal.key.name.to_string(), theme.text);
    page.fact("Platform", &app.shared.catalogue().label(&reveal.key.kind), theme.text);
    page.fact("Expires", &app.shared.zone().show(reveal.key.expires), theme.text);
    if let Some(fate) = &reveal.fate {
        page.text(fate, theme.text);
    }
    page.blank();
    secret(reveal, look, &mut page);
    page.blank().text(ONCE, theme.warning).blank();
    match &reveal.mode {
        Mode::Home => status(reveal, &mut page),
        Mode::Path(field) => {
            page.text("Write the secret to a new file (mode 0600). Enter writes, Esc goes back.", theme.dim);
            page.field("File", field, true, 0);
            status(reveal, &mut page);
        }
        Mode::Folder(field) => {
            let text = "Write this secret and all that follow into a folder, each to a new file (mode 0600). Enter writes, Esc goes back.";
            page.text(text, theme.dim);
            page.field("Folder", field, true, 0);
            status(reveal, &mut page);
        }
        Mode::Asking { yes } => {
            page.text("You have not copied this key. Close anyway?", theme.danger);
            page.buttons(&[
                Button { label: "No", focused: !yes, tone: ButtonTone::Plain, target: Target::Choice(0) },
                Button { label: "Yes", focused: *yes, tone: ButtonTone::Danger, target: Target::Choice(1) },
            ]);
        }
    }
    let shown = Rect { height: area.height - 1, ..area };
    for (line, y) in page.lines.iter().zip(shown.y..shown.bottom()) {
        buffer.set_line(area.x, y, line, area.width);
    }
    for (line, x, width, target) in &page.hits {
        if let Some(y) = line_at(*line, shown) {
            hits.add(Rect { x: area.x + x, y, width: *width, height: 1 }, target.clone());
        }
    }
    let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
    super::hints(app, reveal.contexts(), &reveal.hints(), look, foot, buffer, hits);
    page.cursor.and_then(|(line, x)| Some((area.x + x, line_at(line, shown)?)))
}

fn line_at(line: usize, area: Rect) -> Option<u16> {
    let y = area.y.checked_add(cells(line))?;
    (y < area.bottom()).then_some(y)
}

/// On a line of its own with nothing beside it where the width allows; else in numbered pieces.
fn secret(reveal: &Reveal, look: &Look, page: &mut Page<'_>) {
    let text = reveal.text(look.glyphs.dot);
    let style = if reveal.shown { look.theme.heading } else { look.theme.dim };
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= page.width {
        page.line(Line::styled(text.into_owned(), style));
        return;
    }
    // "1 " in front of each piece: wrapped by the terminal it would be copied with a line break inside.
    let room = page.width.saturating_sub(2).max(8);
    for (number, piece) in (1..).zip(letters.chunks(room)) {
        page.line(Line::styled(format!("{number} {}", piece.iter().collect::<String>()), style));
    }
    page.text(
        "Too narrow for one line: put the numbered pieces together, without the numbers.",
        Style::new(),
    );
}

fn status(reveal: &Reveal, page: &mut Page<'_>) {
    let theme = &page.look.theme;
    match &reveal.status {
        Some((tone, text)) => {
            let (sign, style) = match tone {
                Tone::Done => ("+", theme.good),
                Tone::Note => ("-", theme.text),
                Tone::Error => ("!", theme.danger),
            };
            page.text(&format!("{sign} {text}"), style);
        }
        None => drop(page.blank()),
    }
}
