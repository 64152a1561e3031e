//! Users: add, disable, enable, delete.

use crate::domain::user::{User, UserId, UserStatus};

use super::{Filter, Filtered, chosen, movement};
use crate::store::{Anchor, Window};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::{List, Row};
use crate::tui::app::message::Message;
use crate::tui::app::modal::{Confirm, Delete, Form, Modal, Press};
use crate::tui::app::msg::{Answer, Load, Loaded, RequestId};

impl Row for User {
    type Id = UserId;
    fn id(&self) -> UserId {
        self.id
    }
}

/// The screen.
#[derive(Debug, Default)]
pub struct UsersScreen {
    /// The rows.
    pub list: List<User>,
    /// Words to filter by.
    pub filter: Filter,
    /// Why the rows could not be read.
    pub error: Option<String>,
    awaited: Option<RequestId>,
}

impl UsersScreen {
    /// Asks for the rows around the selected one anew.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        let window = self.list.window();
        self.fetch(window, cx);
    }

    fn fetch(&mut self, window: Window<User>, cx: &mut Context<'_>) {
        let request = cx.load(Load::Users(self.filter.text().to_owned(), window));
        self.list.await_rows(request);
        self.awaited = Some(request);
    }

    fn restart(&mut self, cx: &mut Context<'_>) {
        let window = Window { anchor: Anchor::First, ..self.list.window() };
        self.list.clear();
        self.fetch(window, cx);
    }

    /// Takes a key press; a modal that it opens is the answer.
    pub fn press(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Modal> {
        match self.filter.press(press) {
            Filtered::No => press.action.and_then(|action| self.act(action, cx)),
            Filtered::Same => None,
            Filtered::Changed => {
                self.restart(cx);
                None
            }
        }
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str, cx: &mut Context<'_>) {
        if self.filter.paste(text) == Filtered::Changed {
            self.restart(cx);
        }
    }

    /// Carries out an action; a modal that it opens is the answer.
    pub fn act(&mut self, action: Action, cx: &mut Context<'_>) -> Option<Modal> {
        if let Some(step) = movement(action) {
            if let Some(window) = self.list.go(step) {
                self.fetch(window, cx);
            }
            return None;
        }
        match action {
            Action::Filter => self.filter.typing = true,
            Action::Dismiss if !self.filter.text().is_empty() => {
                self.filter.clear();
                self.restart(cx);
            }
            Action::Add => return Some(Modal::Form(Box::new(Form::add_user()))),
            Action::Disable | Action::Enable | Action::Delete => {
                let user = chosen(&self.list)?;
                return match (action, user.status) {
                    (_, UserStatus::Deleted) => {
                        cx.say(Message::note("This user is deleted; only the number remains, for the log."));
                        None
                    }
                    (Action::Delete, _) => Some(Modal::Delete(Box::new(Delete::user(user)))),
                    (Action::Disable, UserStatus::Disabled) => {
                        cx.say(Message::note("The user is disabled already."));
                        None
                    }
                    (Action::Enable, UserStatus::Active) => {
                        cx.say(Message::note("The user is active already."));
                        None
                    }
                    _ => Some(Modal::Confirm(Box::new(Confirm::user(user, action == Action::Disable)))),
                };
            }
            _ => {}
        }
        None
    }

    /// Selects the row that was clicked.
    pub fn click(&mut self, place: usize) {
        self.list.select_visible(place);
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        let Answer::Loaded(request, result) = answer else { return };
        if self.awaited != Some(*request) {
            return;
        }
        match result {
            Ok(Loaded::Users(page)) => {
                self.error = None;
                if let Some(window) = self.list.take(*request, std::mem::take(page)) {
                    self.fetch(window, cx);
                }
            }
            Err(error) if !error.is_interrupted() => {
                self.list.give_up(*request);
                self.error = Some(error.to_string());
            }
            _ => {}
        }
    }
}
