//! What is around every screen: header, message line, footer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::page::cells;
use super::text::{cut, width, wrap};
use super::{Hits, Look};
use crate::desk::Who;
use crate::domain::text::inert;
use crate::store::keys::MOST_ATTENTION;
use crate::tui::app::App;
use crate::tui::app::message::Tone;
use crate::tui::app::msg::{SessionInfo, Target};
use crate::tui::app::screen_id::ScreenId;

/// Where one is and who one is; the screens and what needs attention.
pub fn header(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) {
    let theme = &look.theme;
    let room = usize::from(area.width);
    let who = Line::styled(app.shared.session.as_ref().map(signed_in).unwrap_or_default(), theme.dim);
    let here = location(app, look);
    let here_room = room.saturating_sub(who.width() + 2).max(room / 2);
    buffer.set_line(
        area.x,
        area.y,
        &Line::styled(cut(&here, here_room, look.glyphs.cut), theme.accent),
        area.width,
    );
    right(&who, area, room.saturating_sub(here_room.min(Line::raw(&here).width()) + 2), look, buffer);
    if area.height < 2 {
        return;
    }
    let line = Rect { y: area.y + 1, height: 1, ..area };
    let mut x = line.x;
    for (number, screen) in (1..).zip(ScreenId::ALL) {
        let here = app.screens.current == screen;
        let style = if here { theme.accent } else { theme.dim };
        let name = if area.width < 64 && !here { String::new() } else { format!(" {}", screen.title()) };
        let text = if here { format!("[{number}{name}]") } else { format!(" {number}{name} ") };
        let width = cells(Span::raw(&text).width()).min(line.right().saturating_sub(x));
        buffer.set_line(x, line.y, &Line::styled(text, style), width);
        hits.add(Rect { x, width, ..line }, Target::Screen(screen));
        x = x.saturating_add(width + 1).min(line.right());
    }
    let mismatch = app.shared.log_mismatch.as_ref().map(|_| "! log mismatch".to_owned());
    let style = if mismatch.is_some() { theme.danger } else { theme.warning };
    let attention = app.shared.session.as_ref().filter(|s| s.attention > 0).map(|session_info| {
        let days = app.shared.settings().expires_soon.num_days();
        let keys = match session_info.attention {
            1 => "1 key expires".to_owned(),
            MOST_ATTENTION.. => format!("{MOST_ATTENTION}+ keys expire"),
            keys => format!("{keys} keys expire"),
        };
        format!("{} {keys} within {days} days", look.glyphs.soon)
    });
    if let Some(text) = mismatch.or(attention) {
        let left = usize::from(line.right().saturating_sub(x));
        if left > Span::raw(&text).width() {
            right(&Line::styled(text, style), line, left, look, buffer);
        }
    }
}

fn right(line: &Line<'static>, area: Rect, room: usize, look: &Look, buffer: &mut Buffer) {
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    let line = Line::styled(cut(&text, room, look.glyphs.cut), line.style);
    let width = width(&line).min(area.width);
    buffer.set_line(area.right() - width, area.y, &line, width);
}

fn location(app: &App, look: &Look) -> String {
    let step = format!(" {} ", look.glyphs.step);
    let title = app.screens.current.title();
    match app.screens.current {
        ScreenId::Keys => {
            let application = app.shared.session.as_ref().and_then(|s| s.application.as_ref());
            let name = application.map_or_else(|| "No Application".to_owned(), |a| a.name.to_string());
            [name.as_str(), "Settings", title].join(&step)
        }
        _ => ["keydesk", title].join(&step),
    }
}

fn signed_in(session_info: &SessionInfo) -> String {
    let email =
        |user: &crate::domain::user::User| user.email.as_ref().map(ToString::to_string).unwrap_or_default();
    match &session_info.who {
        Who::Active(user) => email(user),
        Who::Disabled(user) => format!("{} (disabled: look only)", email(user)),
        Who::Unknown => format!("{} (unknown: look only)", inert(&session_info.login)),
        Who::NotSetUp => String::new(),
    }
}

/// How many lines a message may take: those above the first cover the end of the list for as long as it stands.
const MOST_LINES: usize = 3;

/// What was done, what failed, what one waits for.
pub fn message(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    let (sign, text, style) = if let Some(banner) = &app.banner {
        ("!", inert(banner), theme.danger)
    } else if app.waiting {
        ("~", "Waiting for another session...".to_owned(), theme.warning)
    } else if let Some(message) = &app.shared.message {
        match message.tone {
            Tone::Done => ("+", message.text.clone(), theme.good),
            Tone::Note => ("-", message.text.clone(), theme.text),
            Tone::Error => ("!", format!("{} (Esc)", message.text), theme.danger),
        }
    } else if let Some(mismatch) =
        app.shared.log_mismatch.as_ref().filter(|_| app.screens.current != ScreenId::Audit)
    {
        ("!", format!("{} (screen 4, v)", super::text::sentence(&mismatch.to_string())), theme.danger)
    } else {
        return;
    };
    let mut lines = wrap(&format!("{sign} {text}"), usize::from(area.width));
    if lines.len() > MOST_LINES {
        let rest = lines.drain(MOST_LINES - 1..).collect::<Vec<_>>().join(" ");
        lines.push(cut(&rest, usize::from(area.width), look.glyphs.cut));
    }
    let above = u16::try_from(lines.len()).unwrap_or(1).saturating_sub(1).min(area.y);
    let area = Rect { y: area.y - above, height: above + 1, ..area };
    Clear.render(area, buffer);
    buffer.set_style(area, theme.text);
    for (y, line) in area.rows().map(|row| row.y).zip(lines) {
        buffer.set_line(area.x, y, &Line::styled(line, style), area.width);
    }
}

/// The keys that do something here and now, as many as there is room for.
pub fn footer(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) {
    super::modal::hints(app, &app.contexts(), &app.hints(), look, area, buffer, hits);
}
