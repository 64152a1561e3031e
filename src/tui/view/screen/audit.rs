//! Screen 4: Audit log.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{marked, rows, top_line};
use crate::desk::AuditVerification::{Broken, Valid};
use crate::desk::VerificationStep::{Complete, InProgress};
use crate::domain::expiry::relative_short;
use crate::store::audit::AuditRow;
use crate::tui::app::App;
use crate::tui::app::msg::MOST_PRESENTED;
use crate::tui::view::canvas::{Canvas, Cursor};
use crate::tui::view::facts::{actor, count, from, shared_domain};
use crate::tui::view::page::cells;
use crate::tui::view::table::Column;
use crate::tui::view::text::{sentence, wrap};

/// The width below which neither the Applications nor the start of the log are displayed.
const NARROW: u16 = 76;

pub fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) -> Cursor {
    let screen = &app.screens.audit;
    let theme = canvas.theme;
    let (cursor, below) = top_line(&screen.list, vec![chain(app, area.width, canvas)], area, canvas);
    let taken = notices(app, Rect { height: area.height, ..below }, canvas);
    let below = Rect { y: below.y + taken, height: below.height.saturating_sub(taken), ..below };
    let visible = screen.list.rows.visible().0;
    let digits = visible.iter().map(|row| row.entry.number.to_string().len()).max().unwrap_or(1);
    // Narrow screens leave out the domain that all actors share.
    let domain = shared_domain(visible.iter().filter_map(|row| row.actor_email.as_ref()));
    let domain = domain.filter(|_| area.width < 100).unwrap_or_default();
    let columns = [
        Column::fixed("#", cells(digits.max(3))).on_the_right(),
        Column::fixed("WHEN", 9).on_the_right(),
        Column::flexible("ACTOR", 8, if domain.is_empty() { 3 } else { 1 }, 34),
        Column::fixed("ACTION", 19),
        Column::flexible("TARGET", 12, 4, 40),
        if area.width < NARROW { Column::fixed("", 0) } else { Column::flexible("APPLICATION", 11, 1, 30) },
    ];
    let found: Vec<String> = screen.list.parsed.texts().cloned().collect();
    let row = |row: &AuditRow| {
        let label = row.entry.label();
        vec![
            Line::styled(row.entry.number.to_string(), theme.dim),
            Line::raw(relative_short(row.entry.at, app.shared.now)),
            marked(actor(row).replacen(&domain, "", 1), &found, theme),
            if screen.is_still_presented(row) {
                Line::styled(format!("! {label}"), theme.warning)
            } else {
                marked(label, &found, theme)
            },
            marked(row.subject(), &found, theme),
            marked(row.application.as_ref().map(ToString::to_string).unwrap_or_default(), &found, theme),
        ]
    };
    cursor.or(rows(&screen.list, "No entries yet.", &columns, row, below, canvas))
}

/// Returns the state of the hash chain in a few words.
fn chain(app: &App, width: u16, canvas: &Canvas<'_>) -> Span<'static> {
    let theme = canvas.theme;
    match &app.screens.audit.chain {
        None => Span::styled("Verifying...", theme.dim),
        Some(InProgress { verified, of }) => {
            Span::styled(format!("Verifying... {}%", verified * 100 / of.max(&1)), theme.dim)
        }
        Some(Complete(Valid { findings: Some(findings), .. })) if findings.all > 0 => {
            Span::styled("! LOG DOES NOT MATCH DATABASE", theme.danger)
        }
        Some(Complete(Valid { .. })) if app.shared.log_mismatch.is_some() => {
            Span::styled("! LOG MISMATCH", theme.danger)
        }
        Some(Complete(Valid { head, since, .. })) => {
            // The number of matches needs the cells, and narrow screens have none.
            let since = since.filter(|_| !app.screens.audit.list.is_narrowed() && width >= NARROW);
            let since = since.map(|at| format!(" since {}", app.shared.zone().local(at).format("%Y-%m-%d")));
            let text = format!(
                "{} Intact · {}{}",
                canvas.glyphs.valid,
                entry_count(head.number),
                since.unwrap_or_default()
            );
            Span::styled(text, theme.good)
        }
        Some(Complete(Broken { .. })) => Span::styled("! CHAIN BROKEN", theme.danger),
    }
}

/// The maximum number of findings displayed; `keydesk audit verify` lists all.
const MOST_SAID: usize = 2;

/// Draws problems, deleted keys in use and the head; returns the number of lines.
fn notices(app: &App, area: Rect, canvas: &mut Canvas<'_>) -> u16 {
    let theme = canvas.theme;
    let mut said: Vec<(String, Style)> = Vec::new();
    let head = match &app.screens.audit.chain {
        Some(Complete(Valid { head, findings, .. })) => {
            if findings.is_none() {
                let text = "The log is too long to compare with the database here. Run: keydesk audit verify";
                said.push((text.into(), theme.dim));
            }
            for findings in findings.iter().filter(|findings| findings.all > 0) {
                let first: Vec<String> =
                    findings.listed.iter().take(MOST_SAID).map(|found| format!("{found}")).collect();
                let more = match findings.all.saturating_sub(first.len()) {
                    0 => String::new(),
                    more => format!("; and {more} more. Run: keydesk audit verify"),
                };
                said.push((format!("! {}", sentence(&format!("{}{more}", first.join("; ")))), theme.danger));
            }
            Some(head)
        }
        Some(Complete(Broken { number, reason })) => {
            said.push((format!("! {}", sentence(&format!("entry {number}: {reason}"))), theme.danger));
            None
        }
        Some(InProgress { .. }) | None => None,
    };
    said.extend(
        app.shared
            .log_mismatch
            .as_ref()
            .map(|mismatch| (format!("! {}", sentence(&mismatch.to_string())), theme.danger)),
    );
    said.extend(still_presented(app).map(|text| (text, theme.warning)));
    let mut taken = 0;
    // The list keeps most of the lines.
    let most = (area.height / 3).min(7);
    for (text, style) in said {
        for line in wrap(&text, usize::from(area.width)).into_iter().take(3) {
            if taken < most {
                canvas.left(&Line::styled(line, style), Rect { y: area.y + taken, ..area });
                taken += 1;
            }
        }
    }
    if let Some(head) = head
        && taken < most
    {
        let line = canvas.cut(&format!("head {head}"), usize::from(area.width));
        canvas.left(&Line::styled(line, theme.dim), Rect { y: area.y + taken, ..area });
        taken += 1;
    }
    taken
}

/// Returns the warning about deleted keys that are still in use.
fn still_presented(app: &App) -> Option<String> {
    let latest = app.screens.audit.presented.first()?;
    let more = match app.screens.audit.presented.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more key)".into(),
        more if more + 1 >= MOST_PRESENTED => format!(" (and {more}+ more keys)"),
        more => format!(" (and {more} more keys)"),
    };
    Some(format!(
        "! Deleted key {} {} still in use: {} today{}{more}",
        latest.name,
        latest.key,
        count(latest.today, "request"),
        from(latest.last_from.as_deref())
    ))
}

fn entry_count(entries: u64) -> String {
    if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
}
