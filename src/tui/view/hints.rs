//! The footer: keys with their actions on one line.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::text::width;
use crate::config::bindings::{Action, Context};
use crate::tui::app::App;
use crate::tui::app::msg::Target;

/// Draws as many actions as fit, each with its key in the first context that binds it. `label` replaces the label of a
/// binding.
pub fn draw(
    app: &App,
    contexts: &[Context],
    actions: &[Action],
    label: impl Fn(Action) -> Option<&'static str>,
    area: Rect,
    canvas: &mut Canvas<'_>,
) {
    let mut x = area.x;
    for action in actions {
        let binding = contexts.iter().find_map(|context| app.shared.bindings().get(*context, *action));
        let Some((binding, key)) = binding.and_then(|binding| Some((binding, binding.chords.first()?)))
        else {
            continue;
        };
        let line = Line::from(vec![
            Span::styled(key.to_string(), canvas.theme.accent),
            Span::styled(format!(" {}", label(*action).unwrap_or(&binding.label)), canvas.theme.dim),
        ]);
        let width = width(&line);
        if x + width > area.right() {
            break;
        }
        let place = Rect { x, width, ..area };
        canvas.left(&line, place);
        canvas.hits.add(place, Target::Action(*action));
        x += width + 2;
    }
}
