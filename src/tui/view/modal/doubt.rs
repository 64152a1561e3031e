//! The audit log is not the one that was seen.

use ratatui::text::Span;

use super::Panel;
use crate::domain::expiry::relative;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::action::Action;
use crate::tui::app::modal::doubt::{Choice, DoubtDialog};
use crate::tui::app::msg::Target;
use crate::tui::view::Look;
use crate::tui::view::page::{Button, ButtonTone, Page};
use crate::tui::view::screen::count;
use crate::tui::view::text::{cut, sentence};

/// How many keys are listed at the most.
const MOST_LISTED: usize = 6;

/// The dialog.
pub(super) fn panel<'a>(app: &App, dialog: &DoubtDialog, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
    let revived = &dialog.doubt.revived;
    page.text(&sentence(&dialog.doubt.to_string()), theme.text).blank();
    if !revived.is_empty() {
        let keys = match revived.len() {
            1 => "This key was deleted and is alive again. Requests with it are let in:".to_owned(),
            all => {
                format!("These {all} keys were deleted and are alive again. Requests with them are let in:")
            }
        };
        page.text(&keys, theme.danger);
        for one in revived.iter().take(MOST_LISTED) {
            let application = one.application.as_ref().map(ToString::to_string).unwrap_or_default();
            let used = one.key.last_used.map_or_else(|| "never used".into(), |at| relative(at, app.now));
            let text = format!("  {}  {}  ({application}; {used})", one.key.id, one.key.name);
            page.line(Span::styled(cut(&text, room, look.glyphs.cut), theme.text));
        }
        if revived.len() > MOST_LISTED {
            page.line(Span::styled(format!("  and {} more", revived.len() - MOST_LISTED), theme.dim));
        }
        page.blank();
    }
    let advice = match (dialog.sure, revived.is_empty()) {
        (true, true) => "Accept the log as it is? You are not told of this difference any more.",
        (true, false) => {
            "Accept the log as it is? You are not told of this difference any more, and the keys stay alive."
        }
        (false, true) => {
            "Accept the log when you know why it differs: a backup that was restored on purpose."
        }
        (false, false) => {
            "Delete them unless they are to live. Accept the log when you know why it differs: a backup that was \
             restored on purpose."
        }
    };
    page.text(advice, theme.text).blank();
    if dialog.is_submitting() {
        page.text("Writing...", theme.warning);
    } else if let Some(error) = &dialog.error {
        page.text(&inert(error), theme.danger);
    }
    let delete = format!("Delete {}...", count(revived.len() as u64, "key"));
    let buttons: Vec<Button<'_>> = dialog
        .choices()
        .iter()
        .enumerate()
        .map(|(place, choice)| {
            let (label, tone) = match choice {
                Choice::Later if dialog.sure => ("No", ButtonTone::Plain),
                Choice::Later => ("Later", ButtonTone::Plain),
                Choice::Delete => (delete.as_str(), ButtonTone::Danger),
                Choice::Accept if dialog.sure => ("Yes, accept it", ButtonTone::Plain),
                Choice::Accept => ("Accept the log...", ButtonTone::Plain),
            };
            Button { label, tone, focused: dialog.focused() == *choice, target: Target::Choice(place) }
        })
        .collect();
    page.buttons(&buttons);
    Panel {
        title: "The audit log differs".into(),
        page,
        hints: vec![Action::Confirm, Action::Cancel, Action::Next],
        scroll: 0,
        danger: true,
    }
}
