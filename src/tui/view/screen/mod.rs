//! The four screens: a line of what is shown, and the table.

mod audit;
mod keys;
mod people;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Look;
use super::page::{cells, pad};
use super::text::cut;
use crate::domain::expiry::relative;
use crate::domain::key::KeyState;
use crate::domain::text::inert;
use crate::domain::user::{Creator, UserStatus};
use crate::tui::app::App;
use crate::tui::app::filter::Filter;
use crate::tui::app::list::{List, Row};

pub use audit::{actor, audit};
pub use keys::keys;
pub use people::{applications, users};

type Cursor = Option<(u16, u16)>;

/// The sign, the word and the look of a state.
#[must_use]
pub fn state(state: KeyState, look: &Look) -> (String, Style) {
    let (sign, style) = match state {
        KeyState::Valid => (look.glyphs.valid, look.theme.good),
        KeyState::ExpiresSoon => (look.glyphs.soon, look.theme.warning),
        KeyState::Expired => (look.glyphs.expired, look.theme.danger),
        KeyState::Disabled => (look.glyphs.disabled, look.theme.dim),
    };
    (format!("{sign} {}", state.label()), style)
}

/// The creator as the rules of the product page have it.
#[must_use]
pub fn creator(creator: &Creator) -> String {
    match (&creator.email, creator.status) {
        (Some(email), UserStatus::Disabled) => format!("{email} (disabled)"),
        (Some(email), _) => email.to_string(),
        (None, _) => "(deleted user)".to_owned(),
    }
}

/// So many of something.
#[must_use]
pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The words to filter by, and what is shown; the cursor while one is typing.
fn filter_line(
    filter: &Filter,
    facts: Vec<Span<'static>>,
    stale: bool,
    look: &Look,
    area: Rect,
    buffer: &mut Buffer,
) -> Cursor {
    let theme = &look.theme;
    let mut right: Vec<Span<'static>> = Vec::new();
    if stale {
        right.push(Span::styled("~  ", theme.dim));
    }
    for (place, fact) in facts.into_iter().enumerate() {
        if place > 0 {
            right.push(Span::raw("  "));
        }
        right.push(fact);
    }
    let right = Line::from(right);
    let width = super::text::width(&right).min(area.width / 2 + area.width / 4);
    buffer.set_line(area.right().saturating_sub(width), area.y, &right, width);
    let room = usize::from(area.width.saturating_sub(width + 2));
    if filter.typing {
        let field = room.saturating_sub(2).clamp(1, 40);
        let scroll = filter.field.scroll(field.saturating_sub(1));
        let shown: String = filter.text().chars().skip(scroll).collect();
        let line = Line::from(vec![
            Span::styled("/ ", theme.accent),
            Span::styled(
                pad(&cut(&shown, field.saturating_sub(1), ""), field),
                theme.field.patch(theme.cursor),
            ),
        ]);
        buffer.set_line(area.x, area.y, &line, cells(room));
        let column = filter.field.cursor().saturating_sub(scroll).min(field);
        return Some((area.x + 2 + cells(column), area.y));
    }
    if !filter.text().is_empty() {
        let text = cut(&format!("/ {}", filter.text()), room, look.glyphs.cut);
        buffer.set_line(area.x, area.y, &Line::styled(text, theme.accent), cells(room));
    }
    None
}

/// What to say instead of rows, if there are none.
fn nothing<T: Row>(list: &List<T>, error: Option<&str>, narrowed: bool, empty: &str) -> Option<String> {
    match error {
        Some(error) if list.is_empty() => Some(inert(error)),
        _ if !list.is_loaded() => Some(String::new()),
        _ if list.is_empty() && narrowed => Some("Nothing matches. Press Esc to show everything.".into()),
        _ if list.is_empty() => Some(empty.to_owned()),
        _ => None,
    }
}

fn paragraph(text: &str, look: &Look, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width).min(76);
    let lines = text.lines().flat_map(|line| super::text::wrap(line, width));
    for (line, y) in lines.zip(area.y + 1..area.bottom()) {
        buffer.set_line(area.x, y, &Line::styled(line, look.theme.text), area.width);
    }
}

/// An instant with how far off it is: for details.
#[must_use]
pub fn exact(app: &App, at: crate::domain::Instant) -> String {
    format!("{} ({})", app.shared.zone().show(at), relative(at, app.shared.now))
}
