//! The dialog that shows a new secret once.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::desk::text::SECRET_SHOWN_ONCE;
use crate::tui::app::App;
use crate::tui::app::message::Tone;
use crate::tui::app::modal::reveal::{Mode, PathKind, Reveal};
use crate::tui::app::msg::Target;
use crate::tui::view::facts::exact;
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, reveal: &Reveal, page: &mut Page<'_>) {
    let theme = page.theme();
    let title = match reveal.turn {
        (turn, all) if all > 1 => format!("API key created ({turn} of {all})"),
        _ => "API key created".to_owned(),
    };
    page.line(Line::styled(title, theme.accent)).blank();
    let application = app.shared.application_of(reveal.key.application);
    if let Some(application) = application {
        page.facts(&[("Application", &application.name)]);
    }
    page.facts(&[
        ("Name", &reveal.key.name),
        ("Platform", &app.shared.catalog().label(&reveal.key.kind)),
        ("Type", &if reveal.key.is_canary { "canary" } else { reveal.key.key_type.as_str() }),
        ("Expires", &if reveal.key.is_canary { "never".to_owned() } else { exact(app, reveal.key.expires) }),
    ]);
    if let Some(fate) = &reveal.fate {
        page.text(fate, theme.text);
    }
    page.blank();
    secret(reveal, page);
    page.blank().text(SECRET_SHOWN_ONCE, theme.warning).blank();
    match &reveal.mode {
        Mode::Home => status(reveal, page),
        Mode::Path(kind, field) => {
            let (label, text) = match kind {
                PathKind::File => ("File", "Write the secret to a new file (mode 0600)."),
                PathKind::Directory => (
                    "Directory",
                    "Write this secret and all that follow to a directory, each to a new file (mode 0600).",
                ),
            };
            page.text(text, theme.dim);
            page.field(label, field, true, 0);
            status(reveal, page);
        }
        Mode::Asking { yes } => {
            page.text("You have not copied this key. Close anyway?", theme.danger);
            page.buttons(&[
                Button { label: "No", focused: !yes, tone: ButtonTone::Plain, target: Target::Choice(0) },
                Button { label: "Yes", focused: *yes, tone: ButtonTone::Danger, target: Target::Choice(1) },
            ]);
        }
    }
}

/// On a line of its own if the width allows; else in numbered parts.
fn secret(reveal: &Reveal, page: &mut Page<'_>) {
    let text = reveal.text(page.appearance.glyphs.dot);
    let style = if reveal.shown { page.theme().heading } else { page.theme().dim };
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= page.width {
        page.line(Line::styled(text.into_owned(), style));
        return;
    }
    // A line that the terminal wraps would be copied with a line break.
    let width = page.width.saturating_sub(2).max(8);
    for (number, piece) in (1..).zip(letters.chunks(width)) {
        page.line(Line::styled(format!("{number} {}", piece.iter().collect::<String>()), style));
    }
    page.text(
        "The terminal is too narrow for one line. Join the numbered parts without their numbers.",
        Style::new(),
    );
}

fn status(reveal: &Reveal, page: &mut Page<'_>) {
    let theme = page.theme();
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
