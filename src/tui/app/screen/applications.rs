//! Applications: create, rename, delete, choose.

use crate::domain::application::{Application, ApplicationId};

use super::{Filter, Filtered, chosen, movement};
use crate::store::{Anchor, Window};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::{List, Row};
use crate::tui::app::modal::{Delete, Form, Modal, Press};
use crate::tui::app::msg::{Answer, Load, Loaded, RequestId};

impl Row for Application {
    type Id = ApplicationId;
    fn id(&self) -> ApplicationId {
        self.id
    }
}

/// The screen.
#[derive(Debug, Default)]
pub struct ApplicationsScreen {
    /// The rows.
    pub list: List<Application>,
    /// Words to filter by.
    pub filter: Filter,
    /// Why the rows could not be read.
    pub error: Option<String>,
    awaited: Option<RequestId>,
}

/// What the screen asks of the App.
#[derive(Debug)]
pub enum Asked {
    /// Open a modal.
    Open(Modal),
    /// Show the keys of this Application.
    Choose(ApplicationId),
}

impl ApplicationsScreen {
    /// Asks for the rows around the selected one anew.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        let window = self.list.window();
        self.fetch(window, cx);
    }

    fn fetch(&mut self, window: Window<Application>, cx: &mut Context<'_>) {
        let request = cx.load(Load::Applications(self.filter.text().to_owned(), window));
        self.list.await_rows(request);
        self.awaited = Some(request);
    }

    fn restart(&mut self, cx: &mut Context<'_>) {
        let window = Window { anchor: Anchor::First, ..self.list.window() };
        self.list.clear();
        self.fetch(window, cx);
    }

    /// Takes a key press.
    pub fn press(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Asked> {
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

    /// Carries out an action.
    pub fn act(&mut self, action: Action, cx: &mut Context<'_>) -> Option<Asked> {
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
            Action::Create => return Some(Asked::Open(Modal::Form(Box::new(Form::create_application(cx))))),
            _ => {}
        }
        let application = chosen(&self.list)?;
        match action {
            Action::Open => Some(Asked::Choose(application.id)),
            Action::Rename => {
                Some(Asked::Open(Modal::Form(Box::new(Form::rename_application(application, cx)))))
            }
            Action::Delete => Some(Asked::Open(Modal::Delete(Box::new(Delete::application(application))))),
            _ => None,
        }
    }

    /// Selects the row that was clicked; a second click on it opens it.
    pub fn click(&mut self, place: usize, cx: &mut Context<'_>) -> Option<Asked> {
        if self.list.visible().1 == Some(place) {
            return self.act(Action::Open, cx);
        }
        self.list.select_visible(place);
        None
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        let Answer::Loaded(request, result) = answer else { return };
        if self.awaited != Some(*request) {
            return;
        }
        match result {
            Ok(Loaded::Applications(page)) => {
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
