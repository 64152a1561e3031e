//! Applications: create, rename, delete, choose.

use crate::domain::application::{Application, ApplicationId};
use crate::store::{Page, Window};

use super::browse::{Browse, Listed};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::Row;
use crate::tui::app::modal::{Delete, Form, Modal, Press};
use crate::tui::app::msg::{Load, Loaded};

impl Row for Application {
    type Id = ApplicationId;
    fn id(&self) -> ApplicationId {
        self.id
    }
}

impl Listed for Application {
    fn load(filter: String, window: Window<Self>) -> Load {
        Load::Applications(filter, window)
    }

    fn take(loaded: &mut Loaded) -> Option<Page<Self>> {
        match loaded {
            Loaded::Applications(page) => Some(std::mem::take(page)),
            _ => None,
        }
    }
}

/// The screen.
pub type ApplicationsScreen = Browse<Application>;

/// What the screen asks of the App.
#[derive(Debug)]
pub enum Asked {
    /// Open a modal.
    Open(Modal),
    /// Show the keys of this Application.
    Choose(ApplicationId),
}

impl ApplicationsScreen {
    /// Takes a key press.
    pub fn pressed(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Asked> {
        let action = self.press(press, cx)?;
        let form = |form| Some(Asked::Open(Modal::Form(Box::new(form))));
        if action == Action::Create {
            return form(Form::create_application(cx));
        }
        let application = self.list.selected().cloned()?;
        match action {
            Action::Open => Some(Asked::Choose(application.id)),
            Action::Rename => form(Form::rename_application(application, cx)),
            Action::Delete => Some(Asked::Open(Modal::Delete(Box::new(Delete::application(application))))),
            _ => None,
        }
    }

    /// Selects the row that was clicked; a second click on it chooses it.
    pub fn clicked(&mut self, place: usize) -> Option<Asked> {
        let again = self.click(place);
        self.list.selected().filter(|_| again).map(|application| Asked::Choose(application.id))
    }
}
