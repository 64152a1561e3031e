//! Rotate: the reason, and when the old key expires.

use ratatui::text::Span;

use super::targets;
use crate::config::bindings::{Action, Context};
use crate::desk::Ending;
use crate::desk::text::when_unused;
use crate::tui::app::App;
use crate::tui::app::modal::rotate::{Reason, Rotate, Step, overlaps};
use crate::tui::view::page::Page;

pub(super) fn panel(app: &App, rotate: &Rotate, page: &mut Page<'_>) {
    let theme = page.theme();
    let reason = rotate.chosen_reason();
    page.title =
        targets::title(if reason == Reason::Replace { "Replace" } else { "Rotate" }, &rotate.targets);
    if !targets::draw(app, &rotate.targets, page) {
        return;
    }
    page.blank();
    match reason {
        Reason::PlannedDisabled => {
            page.text("This key is disabled. Its successor will be valid.", theme.warning).blank();
        }
        Reason::Replace => {
            page.text("This key has expired. Its successor will be valid.", theme.warning);
        }
        Reason::Planned | Reason::Leaked => {}
    }
    match rotate.step {
        Step::Why if reason == Reason::Replace => {}
        Step::Why => {
            page.text("Why?", theme.heading);
            for (place, reason) in rotate.reasons().iter().enumerate() {
                let (name, what) = answer(*reason);
                let line = vec![Span::raw(format!("{name:<9}")), Span::styled(what, theme.dim)];
                page.choice(line, place == rotate.reason, place);
            }
        }
        Step::Overlap => {
            page.text("When does the old key end?", theme.heading);
            let overlaps = overlaps(app.shared.settings());
            for (place, (label, _)) in overlaps.iter().enumerate() {
                page.choice(vec![Span::raw(*label)], place == rotate.overlap, place);
            }
            page.blank();
            explain(overlaps.get(rotate.overlap).map(|(_, ending)| *ending), page);
        }
    }
    page.blank();
    let (next, style) = match (rotate.step, reason) {
        (Step::Why, Reason::Planned) => ("Enter asks when the old key ends.", theme.dim),
        (_, Reason::Leaked) => (
            "Software that uses the old key loses access at once. Be ready to store the secret.",
            theme.warning,
        ),
        _ => ("The secret is shown once. Be ready to store it.", theme.dim),
    };
    page.text(next, style);
    let leaked = app.shared.bindings().get(Context::Rotate, Action::Leaked);
    if let Some(chord) = leaked.and_then(|leaked| leaked.chords.first())
        && rotate.rotates_at_once()
    {
        page.text(&format!("{chord} rotates as leaked at once, without another question."), theme.warning);
    }
    page.submission(&rotate.submission, "Rotating...");
}

/// Says what the end of an old key depends on.
pub(super) fn explain(ending: Option<Ending>, page: &mut Page<'_>) {
    let theme = page.theme();
    if let Some(Ending::WhenUnused(length)) = ending {
        page.text(&when_unused(length), theme.dim);
    } else {
        page.text("Never past its own expiration.", theme.dim);
    }
}

fn answer(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Planned => ("Planned", "both keys work for a while"),
        Reason::PlannedDisabled => ("Planned", "the old key stays disabled"),
        Reason::Leaked => ("Leaked", "the old key is rejected at once"),
        Reason::Replace => ("Replace", "a new key takes its place"),
    }
}
