//! Applications: create, rename, delete, choose.

use crate::config::bindings::Action;
use crate::domain::application::{Application, ApplicationId, Scope};
use crate::domain::filter::{FilterError, words};
use crate::store::Window;

use super::Screen;
use super::filtered_list::{FilteredList, Listed, Rows};
use crate::tui::app::list::Row;
use crate::tui::app::modal::{Delete, Flow, Form};
use crate::tui::app::msg::{Counted, Load};
use crate::tui::app::shared::Shared;

impl Row for Application {
    type Id = ApplicationId;
    fn id(&self) -> ApplicationId {
        self.id
    }
}

impl Listed for Application {
    type Query = ();
    type Filter = Vec<String>;

    fn parse(text: &str, _shared: &Shared) -> (Vec<String>, Option<FilterError>) {
        (words(text), None)
    }

    fn load(words: &Vec<String>, (): &(), window: Window<Self>, _shared: &Shared) -> Option<Load> {
        Some(Load::Applications(words.clone(), window))
    }

    fn count(words: &Vec<String>, (): &(), _shared: &Shared) -> Option<Counted> {
        (!words.is_empty()).then(|| Counted::Applications(words.clone()))
    }
}

/// Screen 2.
#[derive(Debug, Default)]
pub struct ApplicationsScreen {
    pub list: FilteredList<Application>,
}

impl Screen for ApplicationsScreen {
    fn rows(&self) -> &dyn Rows {
        &self.list
    }

    fn rows_mut(&mut self) -> &mut dyn Rows {
        &mut self.list
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        let own = [Action::Open, Action::Create, Action::Rename, Action::Delete];
        own.into_iter().chain(self.list.hints()).collect()
    }

    fn act(&mut self, action: Action, _shared: &mut Shared) -> Flow {
        if action == Action::Create {
            return Flow::open(Form::create_application());
        }
        let Some(application) = self.list.rows.selected().cloned() else { return Flow::Stay };
        match action {
            Action::Open => Flow::Choose(Scope::Application(application.id)),
            Action::Rename => Flow::open(Form::rename_application(application)),
            Action::Delete => Flow::open(Delete::application(application)),
            _ => Flow::Stay,
        }
    }
}
