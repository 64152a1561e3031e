//! What a screen or a modal may use while it handles a message: facts to read, effects to ask for.

use std::sync::Arc;

use crate::config::settings::Settings;
use crate::domain::Instant;
use crate::domain::platform::Catalogue;
use crate::host::clock::Zone;

use super::keymap::Keymap;
use super::message::Message;
use super::msg::{Effect, Load, Operation, RequestId, SessionInfo};

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The platforms.
    pub catalogue: Arc<Catalogue>,
    /// The bindings.
    pub keymap: Arc<Keymap>,
    /// The local zone.
    pub zone: Zone,
    /// The version of the program and where its database is: for the help.
    pub database: String,
}

/// Handed down through one update.
pub struct Context<'a> {
    /// The present instant.
    pub now: Instant,
    /// What does not change.
    pub around: &'a Surroundings,
    /// Who is here, and where; none before the first answer.
    pub session_info: Option<&'a SessionInfo>,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) last_request: &'a mut RequestId,
    pub(super) message: &'a mut Option<Message>,
}

impl Context<'_> {
    /// A number that no request had before.
    pub fn request(&mut self) -> RequestId {
        self.last_request.0 += 1;
        *self.last_request
    }

    /// Asks for an effect.
    pub fn want(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Asks for something to be read.
    pub fn load(&mut self, load: Load) -> RequestId {
        let request = self.request();
        self.want(Effect::Load(request, load));
        request
    }

    /// Asks for an operation.
    pub fn operate(&mut self, operation: Operation) -> RequestId {
        let request = self.request();
        self.want(Effect::Do(request, operation));
        request
    }

    /// Says something in the message line.
    pub fn say(&mut self, message: Message) {
        *self.message = Some(message);
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.around.settings
    }

    /// The platforms.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.around.catalogue
    }
}
