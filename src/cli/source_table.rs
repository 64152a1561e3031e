//! The sources of requests with a key, as a table in its facts.

use super::context::Context;
use super::output::table::{Cell, Style};
use crate::desk::{Moved, UsedSource};
use crate::domain::expiry::relative;
use crate::store::usage::Source;

/// Returns the table, indented, below an empty line; nothing where there are no sources.
pub(crate) fn lines(context: &Context, sources: &[UsedSource]) -> Vec<String> {
    let mut heads = vec!["SOURCE", "REQUESTS", "FIRST", "LAST"];
    let has_moved = sources.iter().any(|used| used.moved.is_some());
    heads.extend(has_moved.then_some("MOVED"));
    let cells = |used: &UsedSource| {
        let Source { requests, first, last, .. } = used.source;
        let at = |at| Cell::plain(relative(at, context.now()));
        let moved = has_moved.then(|| match used.moved {
            Some(moved) if moved == Moved::Yes => Cell::styled(moved.label(), Style::Good),
            Some(moved) => Cell::styled(moved.label(), Style::Soon),
            None => Cell::plain(""),
        });
        let cells = [Cell::plain(used.label()), Cell::number(requests), at(first), at(last)];
        cells.into_iter().chain(moved).collect()
    };
    let table = context.output.table_text(&heads, sources.iter().map(cells));
    let lines = table.lines().map(|line| format!("  {line}"));
    (!sources.is_empty()).then(String::new).into_iter().chain(lines).collect()
}
