//! What all screens and dialogs need, beside their own state.

use std::sync::Arc;

use chrono::Weekday;

use crate::config::bindings::Bindings;
use crate::config::remembered::Remembered;
use crate::config::settings::{Settings, ThemeName};
use crate::desk::known_head::LogMismatch;
use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId, Scope};
use crate::domain::platform::Catalog;
use crate::domain::user::{Account, UserId};
use crate::host::clock::Zone;

use super::message::{Message, Tone};
use super::msg::{Asker, Effect, Operation, RequestId, SessionInfo};

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Environment {
    pub settings: Arc<Settings>,
    pub zone: Zone,
    /// The first day of the week in calendars.
    pub week_start: Weekday,
    /// The path of the database file, for the help.
    pub database: String,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
}

/// Facts to read, the message line, and the effects of the present update.
#[derive(Debug)]
pub struct Shared {
    /// The present instant, as the last message brought it.
    pub now: Instant,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    pub environment: Environment,
    /// What the user chose, in this session or before.
    pub remembered: Remembered,
    /// None before the first response.
    pub session: Option<SessionInfo>,
    pub message: Option<Message>,
    /// How the audit log differs from the known head.
    pub log_mismatch: Option<LogMismatch>,
    effects: Vec<Effect>,
    asker: Asker,
    requests: u64,
}

impl Shared {
    /// What the users of the database sign in with.
    pub fn account(&self) -> Account {
        self.session.as_ref().map_or(Account::Login, |session| session.account)
    }

    pub fn new(environment: Environment, remembered: Remembered, size: (u16, u16), now: Instant) -> Self {
        let (effects, asker) = (Vec::new(), Asker::App);
        Self {
            now,
            size,
            environment,
            remembered,
            session: None,
            message: None,
            log_mismatch: None,
            effects,
            asker,
            requests: 0,
        }
    }

    /// The same for this asker: responses to what is asked through it go there.
    pub fn on_behalf_of(&mut self, asker: Asker) -> &mut Self {
        self.asker = asker;
        self
    }

    /// A request that is different from all others.
    pub fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId { asker: self.asker, number: self.requests }
    }

    pub fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Asks for an operation whose outcome is only shown in the message line.
    pub fn operate(&mut self, operation: Operation) {
        let request = RequestId { asker: Asker::App, ..self.request() };
        self.push(Effect::Do(request, operation));
    }

    /// Notes a choice for the next start.
    pub fn remember(&mut self, choose: impl FnOnce(&mut Remembered)) {
        let before = self.remembered.clone();
        choose(&mut self.remembered);
        if self.remembered != before {
            self.push(Effect::Remember(self.remembered.clone()));
        }
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Shows a message in the message line.
    pub fn say(&mut self, message: Message) {
        self.message = Some(message);
    }

    /// Shows an error behind the message that is shown already, unless that only says what was done.
    pub fn say_also(&mut self, text: &str) {
        let error = Message::error(text);
        match &mut self.message {
            Some(shown) if shown.tone != Tone::Done => shown.append(&error),
            _ => self.say(error),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.environment.settings
    }

    /// The chosen theme, else the one of the settings.
    pub fn theme(&self) -> ThemeName {
        self.remembered.theme.unwrap_or(self.settings().theme)
    }

    pub fn bindings(&self) -> &Bindings {
        self.settings().bindings()
    }

    pub fn catalog(&self) -> &Catalog {
        &self.settings().catalog
    }

    pub fn zone(&self) -> Zone {
        self.environment.zone
    }

    /// Whether the caller is this user.
    pub fn is_caller(&self, user: UserId) -> bool {
        self.session.as_ref().is_some_and(|session| session.who.is(user))
    }

    /// The Application whose keys are shown.
    pub fn application(&self) -> Option<&Application> {
        match self.scope()? {
            Scope::Application(id) => self.application_of(id),
            Scope::All => None,
        }
    }

    /// What is shown: the keys of an Application, or of all.
    pub fn scope(&self) -> Option<Scope> {
        self.session.as_ref()?.scope
    }

    /// The Application with an ID.
    pub fn application_of(&self, id: ApplicationId) -> Option<&Application> {
        self.session.as_ref()?.application(id)
    }

    pub fn application_id(&self) -> Option<ApplicationId> {
        self.application().map(|application| application.id)
    }
}
