//! The dialog of a log mismatch.

use ratatui::text::Span;

use crate::domain::expiry::relative;
use crate::tui::app::App;
use crate::tui::app::modal::log_mismatch::{Choice, LogMismatchDialog};
use crate::tui::app::msg::Target;
use crate::tui::view::facts::count;
use crate::tui::view::page::{Button, ButtonTone, Page};
use crate::tui::view::text::{cut, sentence};

/// How many keys are listed at the most.
const MOST_LISTED: usize = 6;

pub(super) fn panel(app: &App, dialog: &LogMismatchDialog, page: &mut Page<'_>) {
    let theme = page.theme();
    let restored = &dialog.mismatch.restored;
    page.text(&sentence(&dialog.mismatch.to_string()), theme.text).blank();
    if !restored.is_empty() {
        let keys = match restored.len() {
            1 => "This deleted key exists again. Requests that use it may be accepted:".to_owned(),
            all => format!("These {all} deleted keys exist again. Requests that use them may be accepted:"),
        };
        page.text(&keys, theme.danger);
        for one in restored.iter().take(MOST_LISTED) {
            let application = one.application.as_ref().map(ToString::to_string).unwrap_or_default();
            let used =
                one.key.last_used.map_or_else(|| "never used".into(), |at| relative(at, app.shared.now));
            let text = format!("  {}  {}  ({application}; {used})", one.key.id, one.key.name);
            page.line(Span::styled(cut(&text, page.width, page.appearance.glyphs.cut), theme.text));
        }
        if restored.len() > MOST_LISTED {
            page.line(Span::styled(format!("  and {} more", restored.len() - MOST_LISTED), theme.dim));
        }
        page.blank();
    }
    let advice = match (dialog.sure, restored.is_empty()) {
        (true, true) => {
            "Accept the current audit log as the known one? This mismatch is then no longer reported."
        }
        (true, false) => {
            "Accept the current audit log as the known one? This mismatch is then no longer reported, and the keys \
             are kept."
        }
        (false, true) => {
            "Accept the log only if you know the reason, such as a backup that was restored on purpose."
        }
        (false, false) => {
            "Delete the keys unless you need them. Accept the log only if you know the reason, such as a backup that \
             was restored on purpose."
        }
    };
    page.text(advice, theme.text).blank();
    page.submission(&dialog.submission, "Saving...");
    let delete = format!("Delete {}...", count(restored.len() as u64, "key"));
    let buttons: Vec<Button<'_>> = dialog
        .choices()
        .iter()
        .enumerate()
        .map(|(place, choice)| {
            let (label, tone) = match choice {
                Choice::Later if dialog.sure => ("No", ButtonTone::Plain),
                Choice::Later => ("Later", ButtonTone::Plain),
                Choice::Delete => (delete.as_str(), ButtonTone::Danger),
                Choice::Accept if dialog.sure => ("Yes, accept", ButtonTone::Plain),
                Choice::Accept => ("Accept log...", ButtonTone::Plain),
            };
            Button { label, tone, focused: dialog.focused() == *choice, target: Target::Choice(place) }
        })
        .collect();
    page.buttons(&buttons);
    page.title = "Audit log mismatch".into();
    page.is_dangerous = true;
}
