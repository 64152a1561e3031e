//! Change when the old key of a rotation ends.

use ratatui::text::Span;

use super::{rotate, targets};
use crate::desk::Ending;
use crate::tui::app::App;
use crate::tui::app::modal::overlap::{Overlap, choices};
use crate::tui::view::page::Page;

pub(super) fn panel(app: &App, overlap: &Overlap, page: &mut Page<'_>) {
    let theme = page.theme();
    "Change overlap".clone_into(&mut page.title);
    if !targets::draw(app, &overlap.targets, page) {
        return;
    }
    page.blank().text("When does the old key end?", theme.heading);
    for (place, (label, _)) in choices(app.shared.settings()).enumerate() {
        page.choice(vec![Span::raw(label)], place == overlap.chosen, place);
    }
    page.blank();
    match overlap.ending(app.shared.settings()) {
        Some(Ending::AtOnce) => {
            let text =
                "Software that uses the old key loses access at once. A key that has ended stays ended.";
            page.text(text, theme.warning);
        }
        ending => rotate::explain(ending, page),
    }
    page.submission(&overlap.submission, "Changing the overlap...");
}
