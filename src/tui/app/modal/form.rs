//! Forms: the first start, a new Application, a new name of one, a new user.

use crate::desk::Who;
use crate::domain::application::Application;
use crate::domain::text::{Name, capitalized, skeleton};
use crate::domain::user::{Account, Email};

use super::{
    Action, Dialog, Effect, Flow, Load, Operation, Pending, Press, Reply, Shared, Submission, TextField,
    typed_name,
};

#[derive(Debug)]
pub struct Form {
    pub purpose: Purpose,
    /// The fields with their labels, from top to bottom.
    pub fields: Vec<(&'static str, TextField)>,
    /// The field that has the focus.
    pub focus: usize,
    pub submission: Submission,
    applications: Vec<Application>,
    choices: Pending<Vec<Application>>,
}

#[derive(Clone, Debug)]
pub enum Purpose {
    /// The first start: the caller's email and the first Application.
    SetUp {
        /// What the first user is bound to.
        account: Account,
        /// A warning about the login of the first user.
        notice: Option<&'static str>,
    },
    CreateApplication,
    /// A new name for an Application.
    RenameApplication(Application),
    AddUser(Account),
}

impl Form {
    pub fn set_up(suggested_email: &str, account: Account, notice: Option<&'static str>) -> Self {
        let mut email = TextField::with(Email::MAX_BYTES, suggested_email);
        email.select_all();
        Self::new(
            Purpose::SetUp { account, notice },
            vec![("Your email", email), ("First Application", TextField::new(Name::MAX_CHARS))],
        )
    }

    pub fn create_application() -> Self {
        Self::new(Purpose::CreateApplication, vec![("Name", TextField::new(Name::MAX_CHARS))])
    }

    pub fn rename_application(application: Application) -> Self {
        let field = TextField::with(Name::MAX_CHARS, application.name.as_str());
        Self::new(Purpose::RenameApplication(application), vec![("New name", field)])
    }

    pub fn add_user(account: Account) -> Self {
        let login = TextField::new(64);
        let label = match account {
            Account::Login => "Login (optional)",
            Account::Role => "Role (optional)",
        };
        Self::new(
            Purpose::AddUser(account),
            vec![("Email", TextField::new(Email::MAX_BYTES)), (label, login)],
        )
    }

    fn new(purpose: Purpose, fields: Vec<(&'static str, TextField)>) -> Self {
        let (submission, applications, choices) = Default::default();
        Self { purpose, fields, focus: 0, submission, applications, choices }
    }

    /// The Application whose name looks like the typed one.
    pub fn look_alike(&self) -> Option<&Name> {
        let own = match &self.purpose {
            Purpose::RenameApplication(application) => Some(application.id),
            _ => None,
        };
        let typed = self.text(0).trim();
        let looks = skeleton(typed);
        self.applications
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
        typed_name(self.text(place)).map_err(|error| (place, error))
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
            Purpose::AddUser(_) => {
                let login = self.text(1).trim();
                Operation::AddUser(self.email()?, (!login.is_empty()).then(|| login.to_owned()))
            }
        })
    }

    fn submit(&mut self, shared: &mut Shared) {
        match self.operation() {
            Ok(operation) => self.submission.send(operation, shared),
            Err((place, error)) => {
                self.focus = place;
                self.submission.error = Some(capitalized(&error));
            }
        }
    }

    fn edit(&mut self, edit: impl FnOnce(&mut TextField)) {
        if let Some((_, field)) = self.fields.get_mut(self.focus) {
            self.submission.error = None;
            edit(field);
        }
    }
}

impl Dialog for Form {
    fn hints(&self) -> Vec<Action> {
        let mut actions = vec![Action::Confirm, Action::Cancel];
        actions.extend((self.fields.len() > 1).then_some(Action::Next));
        actions
    }

    fn label(&self, action: Action) -> Option<&'static str> {
        match (&self.purpose, action) {
            (Purpose::SetUp { .. }, Action::Cancel) => Some("quit"),
            (_, Action::Cancel) => Some("cancel"),
            (Purpose::CreateApplication, Action::Confirm) => Some("create"),
            (Purpose::RenameApplication(_), Action::Confirm) => Some("rename"),
            _ => None,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn opened(&mut self, shared: &mut Shared) {
        if matches!(self.purpose, Purpose::CreateApplication | Purpose::RenameApplication(_)) {
            self.choices.load(Load::ApplicationChoices, shared);
        }
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => {
                // An empty database cannot be used.
                let is_empty = shared.session.as_ref().is_some_and(|session| session.who == Who::NotSetUp);
                if is_empty && matches!(self.purpose, Purpose::SetUp { .. }) {
                    shared.push(Effect::Quit);
                }
                return Flow::Close;
            }
            // Enter moves to the next field if that is empty.
            Some(Action::Confirm)
                if self.focus + 1 < self.fields.len() && self.text(self.focus + 1).is_empty() =>
            {
                self.focus += 1;
            }
            Some(Action::Confirm) => self.submit(shared),
            _ => match press.focus() {
                Some(direction) => self.focus = direction.step(self.focus, self.fields.len()),
                None => self.edit(|field| {
                    field.edit(&press.chord);
                }),
            },
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        self.edit(|field| field.paste(text));
    }

    fn choose(&mut self, place: usize, _shared: &mut Shared) -> Flow {
        self.focus = place.min(self.fields.len() - 1);
        Flow::Stay
    }

    fn loaded(&mut self, reply: &mut Reply) {
        if let Some(Ok(applications)) = self.choices.take(reply) {
            self.applications = applications;
        }
    }
}
