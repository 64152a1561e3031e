//! The field for the name of a new key.

use crate::domain::application::ApplicationId;
use crate::domain::text::Name;
use crate::tui::app::modal::{Load, Pending, Reply, Shared, TextField, typed_name};

/// Suggests a name that no key of the Application has.
#[derive(Debug)]
pub struct NameField {
    pub field: TextField,
    suggested: String,
    /// Whether another key has the name.
    pub is_used: bool,
    unused: Pending<Name>,
}

impl NameField {
    pub fn new() -> Self {
        Self {
            field: TextField::new(Name::MAX_CHARS),
            suggested: String::new(),
            is_used: false,
            unused: Pending::default(),
        }
    }

    fn text(&self) -> &str {
        self.field.text().trim()
    }

    fn is_suggested(&self) -> bool {
        self.text() == self.suggested
    }

    /// Puts a suggestion into the field, unless a name was typed.
    pub fn suggest(&mut self, suggestion: &str, application: ApplicationId, shared: &mut Shared) {
        if self.text().is_empty() || self.is_suggested() {
            self.set(suggestion);
            self.field.select_all();
            self.check(application, shared);
        }
    }

    fn set(&mut self, suggestion: &str) {
        suggestion.clone_into(&mut self.suggested);
        self.field.set(suggestion);
    }

    /// Asks whether another key has the name.
    pub fn check(&mut self, application: ApplicationId, shared: &mut Shared) {
        self.is_used = false;
        if let Ok(name) = typed_name(self.text()) {
            self.unused.load(Load::UnusedName(application, name), shared);
        }
    }

    pub fn is_checking(&self) -> bool {
        self.unused.is_waiting()
    }

    /// Takes the answer. Replaces a suggestion that is in use by an unused one.
    pub fn loaded(&mut self, reply: &mut Reply) {
        let Some(Ok(unused)) = self.unused.take(reply) else { return };
        if unused.as_str() == self.text() {
            return;
        }
        if !self.is_suggested() {
            self.is_used = true;
            return;
        }
        let is_selected = self.field.is_selected();
        self.set(unused.as_str());
        if is_selected {
            self.field.select_all();
        }
    }
}
