//! Lists with a filter above.

use crate::domain::text::inert;
use crate::tui::app::modal::chooser::{Chooser, Kind};
use crate::tui::view::page::Page;
use crate::tui::view::text::cut;

pub(super) fn panel(chooser: &Chooser, page: &mut Page<'_>) {
    let theme = page.theme();
    let (title, label, nothing) = match chooser.kind {
        Kind::Applications => ("Choose an Application", "Filter", "No matching Application"),
        Kind::NewKey => ("Choose the Application of the new key", "Filter", "No matching Application"),
        Kind::Actions => ("Commands", "", "No matching command"),
    };
    page.title = title.into();
    page.field(label, &chooser.menu.filter, true, usize::MAX).blank();
    if let Some(error) = &chooser.error {
        page.text(&inert(error), theme.danger);
    } else if !chooser.is_loaded() {
        page.text("Loading...", theme.dim);
    } else if chooser.matching().len() == 0 {
        page.text(nothing, theme.dim);
    }
    let note = |keys: &str| cut(keys, 20, page.appearance.glyphs.cut);
    let entries: Vec<_> = chooser.matching().map(|entry| (entry.name.clone(), note(&entry.note))).collect();
    page.menu(&chooser.menu, &entries);
}
