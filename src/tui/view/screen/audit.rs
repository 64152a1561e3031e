//! Screen 4: Audit log.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Cursor, count, filter_line, nothing, paragraph};
use crate::domain::expiry::relative_short;
use crate::domain::text::inert;
use crate::store::audit::AuditRow;
use crate::tui::app::App;
use crate::tui::app::msg::{Chain, MOST_PRESENTED};
use crate::tui::app::screen::audit::AuditQuery;
use crate::tui::view::table::{Column, Table};
use crate::tui::view::text::{cut, mark, sentence, wrap};
use crate::tui::view::{Hits, Look};

/// Who did an entry, as the log may show it.
#[must_use]
pub fn actor(row: &AuditRow) -> String {
    row.actor_email.as_ref().map_or_else(|| format!("user {}", row.entry.actor.0), ToString::to_string)
}

/// Screen 4: Audit log.
pub fn audit(app: &App, look: &Look, area: Rect, buffer: &mut Buffer, hits: &mut Hits) -> Cursor {
    let screen = &app.screens.audit;
    let AuditQuery { filter, complaint } = &screen.list.query;
    let cursor = filter_line(
        &screen.list.filter,
        vec![chain(app, look)],
        screen.list.rows.is_stale(),
        look,
        area,
        buffer,
    );
    let told = notices(app, complaint.as_ref(), look, Rect { y: area.y + 1, ..area }, buffer);
    let below = Rect { y: area.y + 1 + told, height: area.height.saturating_sub(1 + told), ..area };
    let narrowed = screen.list.is_narrowed();
    if let Some(text) =
        nothing(&screen.list.rows, screen.list.error.as_deref(), narrowed, "Nothing has happened yet.")
    {
        paragraph(&text, look, below, buffer);
        return cursor;
    }
    let found: Vec<String> = filter.texts().cloned().collect();
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
    let (rows, selected) = screen.list.rows.visible();
    let marked = |text: String| Line::from(mark(text, &found, look.theme.text, look.theme.matched));
    let rows = rows
        .iter()
        .map(|row| {
            vec![
                Line::styled(row.entry.number.to_string(), look.theme.dim),
                Line::raw(relative_short(row.entry.at, app.shared.now)),
                marked(actor(row)),
                if app.screens.audit.is_still_presented(row) {
                    Line::styled(format!("! {}", row.entry.label()), look.theme.warning)
                } else {
                    marked(row.entry.label())
                },
                marked(row.subject()),
                Line::raw(row.application.as_ref().map(ToString::to_string).unwrap_or_default()),
            ]
        })
        .collect();
    let table = Table { columns: &columns, rows, selected, more: screen.list.rows.more() };
    cursor.or(table.render(below, look, buffer, hits))
}

/// Whether the log is whole, in a few words.
fn chain(app: &App, look: &Look) -> Span<'static> {
    let theme = &look.theme;
    match &app.screens.audit.chain {
        Some(Chain::Whole { .. }) if app.shared.log_mismatch.is_some() => {
            Span::styled("! LOG MISMATCH", theme.danger)
        }
        None => Span::styled("checking the chain...", theme.dim),
        Some(Chain::Checking { done, of }) => {
            Span::styled(format!("checking the chain... {}%", done * 100 / of.max(&1)), theme.dim)
        }
        Some(Chain::Whole { head, since, .. }) => {
            let since = since.map(|at| format!(" since {}", app.shared.zone().local(at).format("%Y-%m-%d")));
            let text = format!(
                "{} whole, {}{}",
                look.glyphs.valid,
                entry_count(head.number),
                since.unwrap_or_default()
            );
            Span::styled(text, theme.good)
        }
        Some(Chain::Untrue { .. }) => Span::styled("! DOES NOT TELL ALL", theme.danger),
        Some(Chain::Broken(_)) => Span::styled("! CHAIN BROKEN", theme.danger),
    }
}

/// How many findings are said; `keydesk audit verify` lists all.
const MOST_SAID: usize = 2;

/// Says what is wrong, what somebody still presents, and the head; the lines that it took.
fn notices(app: &App, complaint: Option<&String>, look: &Look, area: Rect, buffer: &mut Buffer) -> u16 {
    let theme = &look.theme;
    let mut said: Vec<(String, Style)> = Vec::new();
    let head = match &app.screens.audit.chain {
        Some(Chain::Whole { head, compared, .. }) => {
            if !compared {
                let text = "So long a log is compared with the keys by: keydesk audit verify";
                said.push((text.into(), theme.dim));
            }
            Some(head)
        }
        Some(Chain::Untrue { head, findings }) => {
            let first: Vec<String> =
                findings.listed.iter().take(MOST_SAID).map(|found| format!("{found}")).collect();
            let more = match findings.all.saturating_sub(first.len()) {
                0 => String::new(),
                more => format!("; and {more} more: keydesk audit verify"),
            };
            said.push((format!("! {}", sentence(&format!("{}{more}", first.join("; ")))), theme.danger));
            Some(head)
        }
        Some(Chain::Broken(reason)) => {
            said.push((format!("! {}", sentence(reason)), theme.danger));
            None
        }
        Some(Chain::Checking { .. }) | None => None,
    };
    said.extend(
        app.shared
            .log_mismatch
            .as_ref()
            .map(|mismatch| (format!("! {}", sentence(&mismatch.to_string())), theme.danger)),
    );
    said.extend(complaint.map(|complaint| (sentence(complaint), theme.warning)));
    said.extend(still_presented(app).map(|text| (text, theme.warning)));
    let mut taken = 0;
    // The list keeps most of the room.
    let most = (area.height / 3).min(7);
    for (text, style) in said {
        for line in wrap(&text, usize::from(area.width)).into_iter().take(3) {
            if taken < most {
                buffer.set_line(area.x, area.y + taken, &Line::styled(line, style), area.width);
                taken += 1;
            }
        }
    }
    if let Some(head) = head
        && taken < most
    {
        let line = cut(&format!("head {head}"), usize::from(area.width), look.glyphs.cut);
        buffer.set_line(area.x, area.y + taken, &Line::styled(line, theme.dim), area.width);
        taken += 1;
    }
    taken
}

/// Which deleted key somebody still presents.
fn still_presented(app: &App) -> Option<String> {
    let latest = app.screens.audit.presented.first()?;
    let by = latest.last_from.as_deref().map_or("somebody".to_owned(), inert);
    let more = match app.screens.audit.presented.len() - 1 {
        0 => String::new(),
        1 => "; so is 1 more".into(),
        more if more + 1 >= MOST_PRESENTED => format!("; so are {more}+ more"),
        more => format!("; so are {more} more"),
    };
    Some(format!(
        "! Deleted key {} {} is still presented by {by}, {} today{more}",
        latest.name,
        latest.key,
        count(latest.today, "time")
    ))
}

fn entry_count(entries: u64) -> String {
    if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
}
