//! The optional fields of a key.

use crate::tui::app::modal::properties::{Property, PropertyFields};
use crate::tui::view::page::Page;

/// Draws the fields, and below them what to type into the one that has the focus. `first` is the place of the first one.
pub(super) fn fields(fields: &PropertyFields, focused: Option<Property>, first: usize, page: &mut Page<'_>) {
    for (place, property) in Property::ALL.into_iter().enumerate() {
        page.field(property.label(), fields.field(property), focused == Some(property), first + place);
    }
    let theme = page.theme();
    page.field_fact("", focused.map_or("These are optional.", Property::help), theme.dim);
}
