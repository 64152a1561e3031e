//! Screen 4: Audit log.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Cursor, count, filter_line, nothing, paragraph};
use crate::domain::expiry::relative_short;
use crate::domain::text::inert;
use crate::store::audit::AuditRow;
use crate::tui::app::App;
use crate::tui::app::msg::{Chain, MOST_PRESENTED};
use crate::tui::view::table::{Column, Table};
use crate::tui::view::text::{mark, words, wrap};
use crate::tui::view::{Hits, Look};

/// Who did an entry, as the log may show it.
#[must_use]
pub fn actor(row: &AuditRow) -> String {
    row.actor_email.as_ref().map_or_else(|| format!("user {}", row.entry.actor.0), ToString::to_string)
}

/// Screen 4: Audit log.
pub fn audit(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.audit.rows;
    let chain = match &app.audit.chain {
        None => Span::styled("checking the chain...", look.theme.dim),
        Some(Chain::Whole(entries)) => Span::styled(
            format!("{} chain whole, {}", look.glyphs.valid, entry_count(*entries)),
            look.theme.good,
        ),
        Some(Chain::Broken(reason)) => Span::styled(format!("! CHAIN BROKEN: {reason}"), look.theme.danger),
    };
    let cursor = filter_line(
        &screen.filter,
        vec![chain],
        screen.list.is_stale() && screen.list.is_loaded(),
        look,
        area,
        buffer,
    );
    let told = still_presented(app, look, Rect { y: area.y + 1, ..area }, buffer);
    let below = Rect { y: area.y + 1 + told, height: area.height.saturating_sub(1 + told), ..area };
    let narrowed = !screen.filter.text().is_empty();
    if let Some(text) = nothing(&screen.list, screen.error.as_deref(), narrowed, "Nothing has happened yet.")
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found = words(screen.filter.text());
    let columns = [
        Column::fixed("#", 7).on_the_right(),
        Column::fixed("WHEN", 11).on_the_right(),
        Column::flexible("WHO", 14, 2, 34),
        Column::fixed("WHAT", 19),
        Column::flexible("TO", 10, 3, 50),
        Column::flexible(
            "APPLICATION",
            if area.width >= 100 { 11 } else { 0 },
            u16::from(area.width >= 100),
            30,
        ),
    ];
    let (rows, selected) = screen.list.visible();
    let marked = |text: String| Line::from(mark(text, &found, look.theme.text, look.theme.matched));
    let rows = rows
        .iter()
        .map(|row| {
            vec![
                Line::styled(row.entry.number.to_string(), look.theme.dim),
                Line::raw(relative_short(row.entry.at, app.now)),
                marked(actor(row)),
                if app.audit.is_still_presented(row) {
                    Line::styled(format!("! {}", row.entry.label()), look.theme.warning)
                } else {
                    marked(row.entry.label())
                },
                marked(row.subject()),
                Line::raw(row.application.as_ref().map(ToString::to_string).unwrap_or_default()),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.more() };
    cursor.or(table.render(below, look, buffer, hits))
}

/// Says which deleted key somebody still presents; the lines that it took.
fn still_presented(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) -> u16 {
    let Some(latest) = app.audit.presented.first() else { return 0 };
    if area.height < 6 {
        return 0;
    }
    let by = latest.last_from.as_deref().map_or("somebody".to_owned(), inert);
    let more = match app.audit.presented.len() - 1 {
        0 => String::new(),
        1 => "; so is 1 more".into(),
        more if more + 1 >= MOST_PRESENTED => format!("; so are {more}+ more"),
        more => format!("; so are {more} more"),
    };
    let text = format!(
        "! Deleted key {} {} is still presented by {by}, {} today{more}",
        latest.name,
        latest.key,
        count(latest.today, "time")
    );
    let mut taken = 0;
    for line in wrap(&text, usize::from(area.width)).into_iter().take(2) {
        buffer.set_line(area.x, area.y + taken, &Line::styled(line, look.theme.warning), area.width);
        taken += 1;
    }
    taken
}

fn entry_count(entries: u64) -> String {
    if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
}
