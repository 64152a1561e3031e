//! Header and message line.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::canvas::Canvas;
use super::facts::email;
use super::page::cells;
use super::text::{sentence, wrap};
use crate::desk::Who;
use crate::desk::text::ALL_APPLICATIONS;
use crate::domain::application::Scope;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::message::Tone;
use crate::tui::app::msg::{SessionInfo, Target};
use crate::tui::app::screen_id::ScreenId;

/// Draws location, user, screens and what needs attention. Where the latter does not fit, it is drawn into the free left
/// part of the first line of the body, which must be drawn already.
pub fn header(app: &App, area: Rect, body: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let width = usize::from(area.width);
    let user = app.shared.session.as_ref().map(user).unwrap_or_default();
    let location = location(app, canvas.glyphs.step);
    let most = width.saturating_sub(Span::raw(&user).width() + 2).max(width / 2);
    canvas.left(&Line::styled(canvas.cut(&location, most), theme.accent), area);
    let left = width.saturating_sub(most.min(Span::raw(&location).width()) + 2);
    canvas.right(&user, theme.dim, area, left);
    if area.height < 2 {
        return;
    }
    let line = Rect { y: area.y + 1, height: 1, ..area };
    let mut x = line.x;
    for (number, screen) in (1..).zip(ScreenId::ALL) {
        let is_current = app.screens.current == screen;
        let style = if is_current { theme.accent } else { theme.dim };
        let name =
            if area.width < 64 && !is_current { String::new() } else { format!(" {}", screen.title()) };
        let text = if is_current { format!("[{number}{name}]") } else { format!(" {number}{name} ") };
        let width = cells(Span::raw(&text).width()).min(line.right().saturating_sub(x));
        let place = Rect { x, width, ..line };
        canvas.left(&Line::styled(text, style), place);
        canvas.hits.add(place, Target::Screen(screen));
        x = x.saturating_add(width + 1).min(line.right());
    }
    let Some(attention) = Attention::of(app, canvas) else { return };
    let left = line.right().saturating_sub(x);
    let free = free_cells(body, canvas);
    let fits = |text: &str, cells: u16| Span::raw(text).width() < usize::from(cells);
    // The longest text that fits on one of the two lines.
    let text = attention.texts.iter().find(|text| fits(text, left) || fits(text, free));
    match text.or(attention.texts.last()) {
        Some(text) if fits(text, free) && !fits(text, left) => {
            canvas.left(&Line::styled(text, attention.style), body);
        }
        Some(text) => canvas.right(text, attention.style, line, usize::from(left)),
        None => {}
    }
}

/// What needs attention. The texts get shorter.
struct Attention {
    texts: Vec<String>,
    style: Style,
}

impl Attention {
    fn of(app: &App, canvas: &Canvas<'_>) -> Option<Self> {
        let (theme, sign) = (canvas.theme, canvas.glyphs.soon);
        if app.shared.log_mismatch.is_some() {
            return Some(Self { texts: vec!["! log mismatch".into()], style: theme.danger });
        }
        let attention = &app.shared.session.as_ref()?.attention;
        let texts = attention.texts(app.shared.settings().expires_soon, app.shared.now);
        let (sign, style) = if attention.canaries_used > 0 {
            (canvas.glyphs.canary, theme.danger)
        } else {
            (sign, theme.warning)
        };
        let texts: Vec<String> = texts.into_iter().map(|text| format!("{sign} {text}")).collect();
        (!texts.is_empty()).then_some(Self { texts, style })
    }
}

/// Returns the number of empty cells at the left of the first line of an area.
fn free_cells(area: Rect, canvas: &Canvas<'_>) -> u16 {
    let is_free = |x: &u16| canvas.buffer.cell((*x, area.y)).is_some_and(|cell| cell.symbol() == " ");
    let free = (area.x..area.right()).take_while(is_free).count();
    cells(free).min(area.width)
}

fn location(app: &App, step: &str) -> String {
    let title = app.screens.current.title();
    let step = format!(" {step} ");
    match app.screens.current {
        ScreenId::Keys => {
            let name = match app.shared.scope() {
                Some(Scope::All) => ALL_APPLICATIONS.to_owned(),
                Some(Scope::Application(id)) => {
                    app.shared.application_of(id).map(|here| here.name.to_string()).unwrap_or_default()
                }
                None => "No Application".to_owned(),
            };
            [name.as_str(), "Settings", title].join(&step)
        }
        _ => ["keydesk", title].join(&step),
    }
}

fn user(session: &SessionInfo) -> String {
    match &session.who {
        Who::Active(user) => email(user),
        Who::Disabled(user) => format!("{} (disabled, read-only)", email(user)),
        Who::Unknown => format!("{} (unknown, read-only)", inert(&session.login)),
        Who::NotSetUp => String::new(),
    }
}

/// The maximum number of lines of a message. All but the last cover the end of the list.
const MOST_LINES: usize = 6;

/// Draws the message line.
pub fn message(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
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
        ("!", format!("{} (screen 4, v)", sentence(&mismatch.to_string())), theme.danger)
    } else {
        return;
    };
    let mut lines = wrap(&format!("{sign} {text}"), usize::from(area.width));
    if lines.len() > MOST_LINES {
        let rest = lines.drain(MOST_LINES - 1..).collect::<Vec<_>>().join(" ");
        lines.push(canvas.cut(&rest, usize::from(area.width)));
    }
    let above = u16::try_from(lines.len()).unwrap_or(1).saturating_sub(1).min(area.y);
    let area = Rect { y: area.y - above, height: above + 1, ..area };
    Clear.render(area, canvas.buffer);
    canvas.buffer.set_style(area, theme.text);
    for (place, line) in area.rows().zip(lines) {
        canvas.left(&Line::styled(line, style), place);
    }
}
