//! Screen 3: Users.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{marked, rows, top_line};
use crate::domain::expiry::relative_short;
use crate::domain::text::inert;
use crate::domain::user::{User, UserStatus};
use crate::tui::app::App;
use crate::tui::view::canvas::{Canvas, Cursor};
use crate::tui::view::table::Column;

pub fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let list = &app.screens.users.list;
    let (theme, glyphs) = (canvas.theme, canvas.glyphs);
    let (cursor, below) = top_line(list, vec![], area, canvas);
    let columns = [
        Column::fixed("#", 3).on_the_right(),
        Column::flexible("EMAIL", 14, 3, 40),
        Column::flexible(app.shared.account().heading(), 5, 1, 24),
        Column::fixed("STATUS", 10),
        Column::fixed("KEYS", 6).on_the_right(),
        Column::fixed("ADDED", 9).on_the_right(),
    ];
    let row = |user: &User| {
        let (sign, status, style) = match user.status {
            UserStatus::Active => (glyphs.valid, "Active", theme.good),
            UserStatus::Disabled => (glyphs.disabled, "Disabled", theme.warning),
            UserStatus::Deleted => (glyphs.expired, "Deleted", theme.dim),
        };
        let email = match &user.email {
            Some(email) => marked(email.to_string(), &list.parsed, theme),
            None => Line::styled("(deleted user)", theme.dim),
        };
        vec![
            Line::styled(user.id.0.to_string(), theme.dim),
            email,
            Line::raw(user.login.as_deref().map(inert).unwrap_or_default()),
            Line::styled(format!("{sign} {status}"), style),
            Line::raw(user.keys.to_string()),
            Line::raw(relative_short(user.created, app.shared.now)),
        ]
    };
    cursor.or(rows(list, "No users yet. Press n to add one.", &columns, row, below, canvas))
}
