//! Draws what the App says. It decides nothing and fetches nothing.

pub mod chrome;
pub mod modal;
pub mod page;
pub mod screen;
pub mod table;
pub mod text;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::app::App;
use super::app::msg::Target;
use super::app::screen_id::ScreenId;
use super::layout;
use crate::config::theme::Theme;

/// How it looks: colours and signs.
#[derive(Clone, Debug)]
pub struct Look {
    /// The colours.
    pub theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
}

/// Signs, with a form for terminals that have ASCII only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether there is ASCII only.
    pub ascii: bool,
    /// Between the parts of where one is.
    pub step: &'static str,
    /// At the end of what was cut.
    pub cut: &'static str,
    /// Before the chosen one of a list.
    pub pointer: &'static str,
    /// Before what is selected for an operation.
    pub picked: &'static str,
    /// A valid key.
    pub valid: &'static str,
    /// A key that expires soon.
    pub soon: &'static str,
    /// An expired key.
    pub expired: &'static str,
    /// A disabled key.
    pub disabled: &'static str,
    /// Before the key that took this one's place.
    pub replaced_by: &'static str,
    /// Before the key whose place this one took.
    pub replaces: &'static str,
    /// The order goes up.
    pub ascending: &'static str,
    /// The order goes down.
    pub descending: &'static str,
    /// There are rows above.
    pub more_above: &'static str,
    /// There are rows below.
    pub more_below: &'static str,
    /// A hidden letter.
    pub dot: char,
    /// A line from left to right.
    pub rule: &'static str,
    /// Bars, from the lowest.
    pub bars: [&'static str; 8],
}

impl Glyphs {
    /// For terminals that have Unicode.
    pub const UNICODE: Self = Self {
        ascii: false,
        step: "›",
        cut: "…",
        pointer: "▸",
        picked: "✓",
        valid: "●",
        soon: "◐",
        expired: "○",
        disabled: "‖",
        replaced_by: "→",
        replaces: "←",
        ascending: " ↑",
        descending: " ↓",
        more_above: "▲",
        more_below: "▼",
        dot: '•',
        rule: "─",
        bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    };

    /// For terminals that have ASCII only.
    pub const ASCII: Self = Self {
        ascii: true,
        step: ">",
        cut: "~",
        pointer: ">",
        picked: "*",
        valid: "+",
        soon: "!",
        expired: "x",
        disabled: "=",
        replaced_by: ">",
        replaces: "<",
        ascending: " ^",
        descending: " v",
        more_above: "^",
        more_below: "v",
        dot: '.',
        rule: "-",
        bars: [".", ".", ":", ":", "|", "|", "#", "#"],
    };
}

/// What can be clicked, as the last frame drew it.
#[derive(Clone, Debug, Default)]
pub struct Hits(Vec<(Rect, Target)>);

impl Hits {
    /// Adds an area.
    pub fn add(&mut self, area: Rect, target: Target) {
        self.0.push((area, target));
    }

    /// Forgets what is below a modal.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What is at a place.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<&Target> {
        let place = Position::new(column, row);
        self.0.iter().rev().find(|(area, _)| area.contains(place)).map(|(_, target)| target)
    }
}

/// Draws a frame; what can be clicked in it is the answer.
pub fn draw(app: &App, look: &Look, frame: &mut Frame<'_>) -> Hits {
    let mut hits = Hits::default();
    let area = frame.area();
    frame.buffer_mut().set_style(area, look.theme.text);
    if layout::is_too_small((area.width, area.height)) {
        too_small(look, frame);
        return hits;
    }
    let parts = layout::parts(area);
    chrome::header(app, look, parts.header, frame.buffer_mut(), &mut hits);
    let cursor = match app.screens.current {
        ScreenId::Keys => screen::keys(app, look, parts.body, frame.buffer_mut(), &mut hits),
        ScreenId::Applications => screen::applications(app, look, parts.body, frame.buffer_mut(), &mut hits),
        ScreenId::Users => screen::users(app, look, parts.body, frame.buffer_mut(), &mut hits),
        ScreenId::Audit => screen::audit(app, look, parts.body, frame.buffer_mut(), &mut hits),
    };
    chrome::message(app, look, parts.message, frame.buffer_mut());
    chrome::footer(app, look, parts.footer, frame.buffer_mut(), &mut hits);
    let cursor = app.modals.iter().fold(cursor, |_, modal| {
        hits.clear();
        // What is below can be read, and plainly is not where one is.
        frame.buffer_mut().set_style(area, look.theme.backdrop);
        modal::draw(app, modal, look, area, frame.buffer_mut(), &mut hits)
    });
    // The real cursor stands on what has the focus: screen readers follow it.
    if let Some((x, y)) = cursor.filter(|(x, y)| area.contains(Position::new(*x, *y))) {
        frame.set_cursor_position((x, y));
    }
    hits
}

fn too_small(look: &Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    let (columns, rows) = layout::SMALLEST;
    let text = format!("terminal too small: {columns}x{rows} is needed");
    for (place, line) in text::wrap(&text, usize::from(area.width)).into_iter().enumerate() {
        let y = u16::try_from(place).unwrap_or(u16::MAX);
        if y < area.height {
            frame.buffer_mut().set_line(0, y, &Line::styled(line, look.theme.warning), area.width);
        }
    }
}
