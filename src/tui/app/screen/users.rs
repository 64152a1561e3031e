//! Users: add, disable, enable, delete.

use crate::domain::user::{User, UserId, UserStatus};
use crate::store::{Page, Window};

use super::browse::{Browse, Listed};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::Row;
use crate::tui::app::message::Message;
use crate::tui::app::modal::{Confirm, Delete, Form, Modal, Press};
use crate::tui::app::msg::{Load, Loaded};

impl Row for User {
    type Id = UserId;
    fn id(&self) -> UserId {
        self.id
    }
}

impl Listed for User {
    fn load(filter: String, window: Window<Self>) -> Load {
        Load::Users(filter, window)
    }

    fn take(loaded: &mut Loaded) -> Option<Page<Self>> {
        match loaded {
            Loaded::Users(page) => Some(std::mem::take(page)),
            _ => None,
        }
    }
}

/// The screen.
pub type UsersScreen = Browse<User>;

impl UsersScreen {
    /// Takes a key press; a modal that it opens is the answer.
    pub fn pressed(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Modal> {
        let action = self.press(press, cx)?;
        if action == Action::Add {
            return Some(Modal::Form(Box::new(Form::add_user())));
        }
        let user = self.list.selected().cloned()?;
        let note = match (action, user.status) {
            (Action::Delete | Action::Disable | Action::Enable, UserStatus::Deleted) => {
                "This user is deleted; only the number remains, for the log."
            }
            (Action::Disable, UserStatus::Disabled) => "The user is disabled already.",
            (Action::Enable, UserStatus::Active) => "The user is active already.",
            (Action::Delete, _) => return Some(Modal::Delete(Box::new(Delete::user(user)))),
            (Action::Disable | Action::Enable, _) => {
                return Some(Modal::Confirm(Box::new(Confirm::user(user, action == Action::Disable))));
            }
            _ => return None,
        };
        cx.say(Message::note(note));
        None
    }
}
