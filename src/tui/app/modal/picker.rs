//! Choose an Application.

use crate::domain::application::Application;
use crate::domain::text::fold;

use super::menu::Menu;
use super::{Dialog, Flow, Press};
use crate::config::bindings::Action;
use crate::tui::app::msg::{Load, Target};
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

/// The Applications with type-to-filter.
#[derive(Debug)]
pub struct Picker {
    pub menu: Menu,
    /// None until they have come.
    pub all: Option<Vec<Application>>,
    /// Why they could not be read.
    pub error: Option<String>,
    choices: Pending<Vec<Application>>,
}

impl Default for Picker {
    fn default() -> Self {
        Self { menu: Menu::new(100), all: None, error: None, choices: Pending::default() }
    }
}

impl Picker {
    /// Those that match the filter.
    #[must_use]
    pub fn matching(&self) -> Vec<&Application> {
        let filter = fold(self.menu.filter.text());
        let words: Vec<&str> = filter.split_whitespace().collect();
        let matches = |a: &&Application| words.iter().all(|word| fold(a.name.as_str()).contains(word));
        self.all.iter().flatten().filter(matches).collect()
    }

    fn choose(&self, place: usize) -> Flow {
        self.matching().get(place).map_or(Flow::Stay, |application| Flow::Choose(application.id))
    }
}

impl Dialog for Picker {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Confirm, Action::Next, Action::Cancel]
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn opened(&mut self, shared: &mut Shared) {
        self.choices.load(Load::ApplicationChoices, shared);
    }

    fn press(&mut self, press: &Press, _shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) => return self.choose(self.menu.chosen),
            _ => {
                self.menu.press(press, self.matching().len());
            }
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        self.menu.paste(text);
    }

    fn click(&mut self, target: &Target, _shared: &mut Shared) -> Flow {
        if let Target::Choice(place) = target { self.choose(*place) } else { Flow::Stay }
    }

    fn scroll(&mut self, rows: isize) {
        self.menu.step(rows, self.matching().len());
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) -> Flow {
        match self.choices.take(reply) {
            Some(Ok(all)) => {
                let current = shared.application_id();
                self.menu.chosen = all.iter().position(|a| Some(a.id) == current).unwrap_or_default();
                self.all = Some(all);
            }
            Some(Err(error)) => self.error = Some(error.to_string()),
            None => {}
        }
        Flow::Stay
    }
}
