//! A few fields: the first start, a new Application, another name, a new user.

use crate::domain::application::Application;
use crate::domain::text::{Name, skeleton};
use crate::domain::user::Email;

use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, Load, Loaded, Operation, RequestId, Target};
use crate::tui::app::text_field::TextField;

/// A form: its fields, and what sending it does.
#[derive(Debug)]
pub struct Form {
    /// What sending it does.
    pub purpose: Purpose,
    /// The fields with their labels, from top to bottom.
    pub fields: Vec<(&'static str, TextField)>,
    /// The field that has the focus.
    pub focus: usize,
    /// What is wrong.
    pub error: Option<String>,
    names: Vec<Application>,
    awaited: Option<RequestId>,
    submitting: Option<RequestId>,
}

/// What sending a form does.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// The first start: one's email and the first Application.
    SetUp {
        /// What one must know of one's login.
        notice: Option<&'static str>,
    },
    /// A new Application.
    CreateApplication,
    /// Another name for an Application.
    RenameApplication(Application),
    /// A new user.
    AddUser,
}

impl Form {
    /// The first start.
    #[must_use]
    pub fn set_up(suggested_email: &str, notice: Option<&'static str>) -> Self {
        Self::new(
            Purpose::SetUp { notice },
            vec![
                ("Your email", TextField::with(Email::MAX_BYTES, suggested_email)),
                ("First Application", TextField::new(Name::MAX_CHARS)),
            ],
        )
    }

    /// A new Application.
    pub fn create_application(cx: &mut Context<'_>) -> Self {
        let form = Self::new(Purpose::CreateApplication, vec![("Name", TextField::new(Name::MAX_CHARS))]);
        form.with_names(cx)
    }

    /// Another name for an Application.
    pub fn rename_application(application: Application, cx: &mut Context<'_>) -> Self {
        let field = TextField::with(Name::MAX_CHARS, application.name.as_str());
        Self::new(Purpose::RenameApplication(application), vec![("New name", field)]).with_names(cx)
    }

    /// A new user.
    #[must_use]
    pub fn add_user() -> Self {
        let login = TextField::new(64);
        Self::new(
            Purpose::AddUser,
            vec![("Email", TextField::new(Email::MAX_BYTES)), ("Login (optional)", login)],
        )
    }

    fn new(purpose: Purpose, fields: Vec<(&'static str, TextField)>) -> Self {
        Self { purpose, fields, focus: 0, error: None, names: Vec::new(), awaited: None, submitting: None }
    }

    fn with_names(mut self, cx: &mut Context<'_>) -> Self {
        self.awaited = Some(cx.load(Load::ApplicationChoices));
        self
    }

    /// Whether it is on its way.
    #[must_use]
    pub fn is_submitting(&self) -> bool {
        self.submitting.is_some()
    }

    /// A gentle warning about a name that looks like another Application's.
    #[must_use]
    pub fn look_alike(&self) -> Option<&Name> {
        let own = match &self.purpose {
            Purpose::RenameApplication(application) => Some(application.id),
            _ => None,
        };
        let typed = self.text(0).trim();
        let looks = skeleton(typed);
        self.names
            .iter()
            .find(|other| {
                Some(other.id) != own
                    && !looks.is_empty()
                    && other.name.as_str() != typed
                    && skeleton(other.name.as_str()) == looks
            })
            .map(|application| &application.name)
    }

    fn text(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", |(_, field)| field.text())
    }

    fn name(&self, place: usize) -> Result<Name, (usize, String)> {
        Name::parse(self.text(place)).map_err(|error| (place, error.to_string()))
    }

    fn email(&self) -> Result<Email, (usize, String)> {
        Email::parse(self.text(0)).map_err(|error| (0, error.to_string()))
    }

    fn operation(&self) -> Result<Operation, (usize, String)> {
        Ok(match &self.purpose {
            Purpose::SetUp { .. } => Operation::SetUp(self.email()?, self.name(1)?),
            Purpose::CreateApplication => Operation::CreateApplication(self.name(0)?),
            Purpose::RenameApplication(application) => {
                Operation::RenameApplication(application.id, application.version, self.name(0)?)
            }
            Purpose::AddUser => {
                let login = self.text(1).trim();
                Operation::AddUser(self.email()?, (!login.is_empty()).then(|| login.to_owned()))
            }
        })
    }

    fn submit(&mut self, cx: &mut Context<'_>) {
        match self.operation() {
            Ok(operation) => {
                self.error = None;
                self.submitting = Some(cx.operate(operation));
            }
            Err((place, error)) => {
                self.focus = place;
                self.error = Some(error);
            }
        }
    }

    fn move_focus(&mut self, back: bool) {
        let count = self.fields.len().max(1);
        self.focus = (self.focus + if back { count - 1 } else { 1 }) % count;
    }
}

impl Dialog for Form {
    fn takes_text(&self) -> bool {
        true
    }

    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        if self.submitting.is_some() {
            return Flow::Stay;
        }
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            // Enter in a field that is not the last goes to the next empty one, as in any form.
            Some(Action::Confirm)
                if self.focus + 1 < self.fields.len() && self.text(self.focus + 1).is_empty() =>
            {
                self.focus += 1;
            }
            Some(Action::Confirm) => self.submit(cx),
            Some(Action::Next) => self.move_focus(false),
            Some(Action::Previous) => self.move_focus(true),
            _ => {
                if let Some((_, field)) = self.fields.get_mut(self.focus) {
                    self.error = None;
                    field.edit(&press.chord);
                }
            }
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _cx: &mut Context<'_>) {
        if self.submitting.is_none()
            && let Some((_, field)) = self.fields.get_mut(self.focus)
        {
            self.error = None;
            field.paste(text);
        }
    }

    fn click(&mut self, target: &Target, _cx: &mut Context<'_>) -> Flow {
        if let Target::Choice(place) = target
            && *place < self.fields.len()
        {
            self.focus = *place;
        }
        Flow::Stay
    }

    fn answer(&mut self, answer: &mut Answer, _cx: &mut Context<'_>) -> Flow {
        match answer {
            Answer::Loaded(request, Ok(Loaded::ApplicationChoices(names))) => {
                if self.awaited == Some(*request) {
                    self.names = std::mem::take(names);
                }
                Flow::Stay
            }
            answer => super::settle(&mut self.submitting, &mut self.error, answer),
        }
    }
}
