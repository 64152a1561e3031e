//! Rotate: the reason, and how long the old key keeps working.

use ratatui::text::Span;

use super::delete::targets;
use crate::tui::app::App;
use crate::tui::app::modal::rotate::{OVERLAPS, REASONS, Rotate, Step};
use crate::tui::view::page::Page;

pub(super) fn panel(app: &App, rotate: &Rotate, page: &mut Page<'_>) {
    let theme = page.theme();
    targets(app, &rotate.targets, "rotated", page);
    let (question, choices): (_, Vec<&str>) = match rotate.step {
        Step::Why => ("Why?", REASONS.to_vec()),
        Step::Overlap => {
            ("The old key goes on working for:", OVERLAPS.iter().map(|(label, _)| *label).collect())
        }
    };
    page.blank().text(question, theme.heading);
    for (place, label) in choices.into_iter().enumerate() {
        page.choice(vec![Span::raw(label)], place == rotate.chosen(), place);
    }
    page.blank();
    let next = match (rotate.step, rotate.leaked) {
        (Step::Why, false) => {
            "A new key takes its place; its secret is shown once. Enter asks for how long both work."
        }
        (Step::Why, true) => {
            "A new key takes its place; its secret is shown once. Enter cuts off the software that uses the old key."
        }
        (Step::Overlap, _) => "Never longer than it would have anyway. Enter makes the new key.",
    };
    page.text(next, if rotate.leaked { theme.warning } else { theme.dim });
    page.submission(&rotate.submission, "Rotating...");
    let keys = rotate.targets.picked.len();
    let title = if keys == 1 { "Rotate API key".to_owned() } else { format!("Rotate {keys} API keys") };
    page.title = title;
}
