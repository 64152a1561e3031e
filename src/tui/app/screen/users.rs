//! Users: add, disable, enable, delete.

use crate::config::bindings::Action;
use crate::domain::filter::{FilterError, words};
use crate::domain::user::{User, UserId, UserStatus};
use crate::store::Window;

use super::Screen;
use super::filtered_list::{FilteredList, Listed, Rows};
use crate::tui::app::list::Row;
use crate::tui::app::message::Message;
use crate::tui::app::modal::confirm::Subject;
use crate::tui::app::modal::{Confirm, Delete, Flow, Form, Reading};
use crate::tui::app::msg::{Counted, Load};
use crate::tui::app::shared::Shared;

impl Row for User {
    type Id = UserId;
    fn id(&self) -> UserId {
        self.id
    }
}

impl Listed for User {
    type Query = ();
    type Filter = Vec<String>;

    fn parse(text: &str, _shared: &Shared) -> (Vec<String>, Option<FilterError>) {
        (words(text), None)
    }

    fn load(words: &Vec<String>, (): &(), window: Window<Self>, _shared: &Shared) -> Option<Load> {
        Some(Load::Users(words.clone(), window))
    }

    fn count(words: &Vec<String>, (): &(), _shared: &Shared) -> Option<Counted> {
        (!words.is_empty()).then(|| Counted::Users(words.clone()))
    }
}

/// Screen 3.
#[derive(Debug, Default)]
pub struct UsersScreen {
    pub list: FilteredList<User>,
}

impl Screen for UsersScreen {
    fn rows(&self) -> &dyn Rows {
        &self.list
    }

    fn rows_mut(&mut self) -> &mut dyn Rows {
        &mut self.list
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        let own = [Action::Add, Action::Disable, Action::Enable, Action::Delete];
        own.into_iter().chain(self.list.hints()).chain([Action::Open]).collect()
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Flow {
        if action == Action::Add {
            return Flow::open(Form::add_user(shared.account()));
        }
        let Some(user) = self.list.rows.selected().cloned() else { return Flow::Stay };
        if action == Action::Open {
            return Flow::open(Reading::user(user.id));
        }
        let note = match (action, user.status) {
            (Action::Delete | Action::Disable | Action::Enable, UserStatus::Deleted) => {
                "This user is deleted. Only their number remains."
            }
            (Action::Disable, UserStatus::Disabled) => "This user is already disabled.",
            (Action::Enable, UserStatus::Active) => "This user is already active.",
            (Action::Delete, _) => return Flow::open(Delete::user(user)),
            (Action::Disable, _) => return Flow::open(Confirm::about(Subject::DisableUser(user))),
            (Action::Enable, _) => return Flow::open(Confirm::about(Subject::EnableUser(user))),
            _ => return Flow::Stay,
        };
        shared.say(Message::note(note));
        Flow::Stay
    }
}
