//! Edit a key.

use crate::desk::text::{count, sources_outside};
use crate::tui::app::App;
use crate::tui::app::modal::edit::{EditKey, Focus};
use crate::tui::app::modal::properties::Property;
use crate::tui::app::msg::Target;
use crate::tui::view::facts::application;
use crate::tui::view::page::{Button, ButtonTone, Page};

use super::properties;

/// How many of the proposed sources are named.
const NAMED: usize = 4;

pub(super) fn panel(app: &App, edit: &EditKey, page: &mut Page<'_>) {
    let theme = page.theme();
    page.title = "Edit API key".into();
    application(app, &edit.key, page);
    page.field_fact("Key", &edit.key.prefix, theme.text);
    page.field("Name", &edit.name, edit.focus == Focus::Name, 0);
    let focused = match edit.focus {
        Focus::Property(property) => Some(property),
        Focus::Name | Focus::Proposal => None,
    };
    properties::fields(&edit.properties, focused, 1, page);
    let proposed = edit.proposal();
    if !proposed.is_empty() {
        let sources = count(proposed.len() as u64, "source");
        let label = format!("Add the {sources} seen so far");
        page.blank().buttons(&[Button {
            label: &label,
            focused: edit.focus == Focus::Proposal,
            tone: ButtonTone::Plain,
            target: Target::Choice(1 + Property::ALL.len()),
        }]);
        let named = proposed.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = match proposed.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        page.text(&format!("{named}{more}"), theme.dim);
    }
    page.blank();
    if edit.submission.is_pending() || edit.submission.error.is_some() {
        page.submission(&edit.submission, "Saving...");
    } else if let Some(warning) = sources_outside(&edit.outside(app.shared.now), app.shared.now) {
        page.text(&warning, theme.warning);
    }
}
