//! The wizard that creates a key. Nothing is written before the last step.

mod expiration;
mod name;

use chrono::NaiveDate;

use crate::desk::CreatedKey;
use crate::domain::application::ApplicationId;
use crate::domain::expiry;
use crate::domain::key::{KeyKind, KeyType, NewKey};
use crate::domain::platform::Platform;

use super::Reveal;
use super::menu::Menu;
use super::properties::{Properties, Property, PropertyFields};
use super::{
    Action, Context, Dialog, Flow, Operation, Outcome, Press, Reply, Shared, Submission, typed_name,
};
use expiration::Expiration;
use name::NameField;

#[derive(Debug)]
pub struct Wizard {
    pub step: Step,
    /// *Do you want to use this API Key with a 3rd party service?*
    pub third_party: bool,
    pub menu: Menu,
    /// The slugs of the matching platforms.
    pub platforms: Vec<String>,
    pub name: NameField,
    pub key_type: KeyType,
    /// Whether the key must never be used.
    pub is_canary: bool,
    pub expiration: Expiration,
    pub properties: PropertyFields,
    /// The focused field of the details step.
    pub focus: Focus,
    pub submission: Submission,
    /// Whether the last Enter came before the name was checked.
    is_confirmed: bool,
    pub application: ApplicationId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Service,
    Platform,
    /// Name, type, expiration date.
    Details,
    /// The summary.
    Review,
}

/// The fields of the details step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Name,
    Type,
    /// The preset.
    Expiry,
    Date,
    Property(Property),
}

/// The choices of *Type*, and whether they are canary keys.
pub const TYPES: [(KeyType, bool); 3] =
    [(KeyType::Production, false), (KeyType::Test, false), (KeyType::Production, true)];

/// The place of the first of [`TYPES`], behind all other places.
pub const FIRST_TYPE: usize = 100;

impl Wizard {
    pub fn new(application: ApplicationId, shared: &Shared) -> Self {
        let mut wizard = Self {
            step: Step::Service,
            third_party: false,
            menu: Menu::new(40),
            platforms: Vec::new(),
            name: NameField::new(),
            key_type: KeyType::Production,
            is_canary: false,
            expiration: Expiration::new(application, shared),
            properties: PropertyFields::empty(),
            focus: Focus::Name,
            submission: Submission::default(),
            is_confirmed: false,
            application,
        };
        wizard.refilter(shared);
        wizard
    }

    /// The number of the step, and the number of steps.
    pub fn progress(&self) -> (usize, usize) {
        let skipped = usize::from(!self.third_party);
        let number = match self.step {
            Step::Service => 1,
            Step::Platform => 2,
            Step::Details => 3 - skipped,
            Step::Review => 4 - skipped,
        };
        (number, 4 - skipped)
    }

    /// The place of the first optional field: behind those of the name, the types, the expiration choices and the date.
    pub fn first_property(&self) -> usize {
        5 + self.expiration.presets.len()
    }

    /// Generic, or the chosen platform.
    pub fn kind(&self) -> KeyKind {
        let platform = self.platforms.get(self.menu.chosen).filter(|_| self.third_party);
        KeyKind::from_platform(platform.cloned())
    }

    fn refilter(&mut self, shared: &Shared) {
        let matches =
            |platform: &&Platform| self.menu.matches(&format!("{} {}", platform.name, platform.slug));
        self.platforms = shared.catalog().iter().filter(matches).map(|p| p.slug.clone()).collect();
    }

    fn enter(&mut self, step: Step, shared: &mut Shared) {
        self.submission.error = None;
        self.step = step;
        match step {
            Step::Details => {
                let kind = self.kind();
                let what = kind.platform().map_or("Generic", |slug| shared.catalog().name_of(slug));
                let suggestion = expiry::suggested_name(what, shared.now, &shared.zone());
                self.name.suggest(&suggestion, self.application, shared);
                self.focus = Focus::Name;
                self.expiration.changed(shared);
            }
            Step::Review => self.name.check(self.application, shared),
            Step::Service | Step::Platform => {}
        }
    }

    fn back(&mut self, shared: &mut Shared) -> Flow {
        match self.step {
            Step::Service => return Flow::Close,
            Step::Details if self.third_party => self.enter(Step::Platform, shared),
            Step::Platform | Step::Details => self.enter(Step::Service, shared),
            Step::Review => self.enter(Step::Details, shared),
        }
        Flow::Stay
    }

    fn forward(&mut self, shared: &mut Shared) -> Flow {
        match self.step {
            Step::Service if self.third_party => self.enter(Step::Platform, shared),
            Step::Platform if self.platforms.is_empty() => {
                let text = "No matching platform. Clear the filter, or go back and answer No.";
                self.submission.error = Some(text.into());
            }
            Step::Service | Step::Platform => self.enter(Step::Details, shared),
            Step::Details if self.focus == Focus::Expiry && self.expiration.is_custom() => {
                self.focus = Focus::Date;
            }
            Step::Details => {
                if self.draft(shared).is_some() {
                    self.enter(Step::Review, shared);
                }
            }
            Step::Review if self.name.is_checking() => self.is_confirmed = true,
            Step::Review => match self.draft(shared) {
                Some(new) if self.is_canary => {
                    self.submission.send(Operation::CreateCanaryKey(new), shared);
                }
                Some(new) => self.submission.send(Operation::CreateKey(new), shared),
                None => self.step = Step::Details,
            },
        }
        Flow::Stay
    }

    /// The new key. If a field is invalid, focuses it and shows why.
    fn draft(&mut self, shared: &Shared) -> Option<NewKey> {
        self.expiration.read_date(shared);
        let name = typed_name(self.name.field.text());
        let expires = if self.is_canary {
            // Without effect: it never expires.
            expiry::expires_after(shared.now, i64::from(shared.settings().default_expiry))
        } else {
            self.expiration.at(shared.now)
        };
        if let Err(error) = &name {
            self.submission.error = Some(error.clone());
            self.focus = Focus::Name;
        } else if expires.is_err() && self.expiration.is_custom() {
            self.expiration.is_date_submitted = true;
            self.focus = Focus::Date;
        }
        let properties = self.properties.parse();
        if let (Ok(_), Ok(_), Err((property, error))) = (&name, &expires, &properties) {
            self.submission.error = Some(error.clone());
            self.focus = Focus::Property(*property);
        }
        let Properties { owner, note, allowed_sources } = properties.ok()?;
        Some(NewKey {
            application: self.application,
            name: name.ok()?,
            kind: self.kind(),
            key_type: self.key_type,
            expires: expires.ok()?,
            owner,
            note,
            allowed_sources,
        })
    }

    fn press_in_service(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(answer @ (Action::Yes | Action::No)) => {
                self.third_party = answer == Action::Yes;
                return self.forward(shared);
            }
            Some(Action::Up | Action::Down) => self.third_party = !self.third_party,
            _ => self.third_party ^= press.focus().or(press.choice()).is_some(),
        }
        Flow::Stay
    }

    fn press_in_details(&mut self, press: &Press, shared: &mut Shared) {
        match (self.focus, press.choice()) {
            (Focus::Date, _) if self.expiration.press_date(press, shared) => self.submission.error = None,
            (Focus::Name, _) if self.name.field.edit(&press.chord) => self.submission.error = None,
            (Focus::Property(property), _) if self.properties.field_mut(property).edit(&press.chord) => {
                self.submission.error = None;
            }
            (Focus::Type, Some(direction)) => {
                (self.key_type, self.is_canary) = direction.among(&TYPES, (self.key_type, self.is_canary));
            }
            (Focus::Expiry, Some(direction)) => {
                self.submission.error = None;
                self.expiration.step(direction, shared);
            }
            _ => {
                if let Some(direction) = press.focus() {
                    let date = self.expiration.is_custom().then_some(Focus::Date);
                    let first = [Focus::Name, Focus::Type, Focus::Expiry].into_iter().chain(date);
                    let all: Vec<Focus> = first.chain(Property::ALL.map(Focus::Property)).collect();
                    self.focus = direction.among(&all, self.focus);
                }
            }
        }
    }
}

impl Dialog for Wizard {
    fn contexts(&self) -> &'static [Context] {
        match (self.step, self.focus) {
            (Step::Service, _) => &[Context::Question, Context::Choice, Context::Modal, Context::List],
            (Step::Details, Focus::Type | Focus::Expiry) => &[Context::Choice, Context::Modal, Context::List],
            (Step::Details, Focus::Date) => &[Context::Calendar, Context::Modal, Context::List],
            _ => &[Context::Modal, Context::List],
        }
    }

    fn hints(&self) -> Vec<Action> {
        let mut actions = vec![Action::Confirm, Action::Cancel];
        match self.step {
            Step::Service => actions.extend([Action::Yes, Action::No]),
            Step::Details => actions.push(Action::Next),
            Step::Platform | Step::Review => {}
        }
        actions
    }

    fn label(&self, action: Action) -> Option<&'static str> {
        match (self.step, action) {
            (Step::Service, Action::Cancel) => Some("cancel"),
            (Step::Review, Action::Confirm) => Some("create"),
            _ => None,
        }
    }

    fn takes_text(&self) -> bool {
        match self.step {
            Step::Platform => true,
            Step::Details => matches!(self.focus, Focus::Name | Focus::Date | Focus::Property(_)),
            _ => false,
        }
    }

    fn is_submitting(&mut self) -> bool {
        self.is_confirmed || self.submission.is_pending()
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match (press.action, self.step) {
            (Some(Action::Cancel), _) => return self.back(shared),
            (Some(Action::Confirm), _) => return self.forward(shared),
            (_, Step::Service) => return self.press_in_service(press, shared),
            (_, Step::Platform) => {
                if self.menu.press(press, self.platforms.len()) {
                    self.submission.error = None;
                    self.refilter(shared);
                }
            }
            (_, Step::Details) => {
                self.press_in_details(press, shared);
                // A canary key has no expiration date.
                while self.is_canary
                    && press.focus().is_some()
                    && matches!(self.focus, Focus::Expiry | Focus::Date)
                {
                    self.press_in_details(press, shared);
                }
            }
            (_, Step::Review) => {}
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) {
        match (self.step, self.focus) {
            (Step::Platform, _) => {
                self.menu.paste(text);
                self.refilter(shared);
            }
            (Step::Details, Focus::Name) => self.name.field.paste(text),
            (Step::Details, Focus::Property(property)) => self.properties.field_mut(property).paste(text),
            (Step::Details, Focus::Date) => {
                self.submission.error = None;
                self.expiration.paste_date(text, shared);
            }
            _ => {}
        }
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        match (self.step, place) {
            (Step::Service, place) => {
                self.third_party = place == 1;
                return self.forward(shared);
            }
            (Step::Platform, place) if place < self.platforms.len() => {
                self.menu.chosen = place;
                return self.forward(shared);
            }
            // 0 the name, 1 and 2 the types, then the expiration choices, the date and the optional fields.
            (Step::Details, 0) => self.focus = Focus::Name,
            (Step::Details, place) if place >= FIRST_TYPE => {
                self.focus = Focus::Type;
                (self.key_type, self.is_canary) = TYPES[(place - FIRST_TYPE).min(TYPES.len() - 1)];
            }
            (Step::Details, place) if place >= 3 && place - 3 <= self.expiration.presets.len() => {
                self.submission.error = None;
                self.expiration.choose(place - 3, shared);
                self.focus = if self.expiration.is_custom() { Focus::Date } else { Focus::Expiry };
            }
            (Step::Details, place) => {
                let property = place.checked_sub(self.first_property()).and_then(|at| Property::ALL.get(at));
                self.focus = property.map_or(Focus::Date, |property| Focus::Property(*property));
            }
            _ => {}
        }
        Flow::Stay
    }

    fn choose_day(&mut self, day: NaiveDate, shared: &mut Shared) {
        if self.step == Step::Details && self.expiration.choose_day(day, shared) {
            self.submission.error = None;
            self.focus = Focus::Date;
        }
    }

    fn scroll(&mut self, rows: isize) {
        if self.step == Step::Platform {
            self.menu.step(rows, self.platforms.len());
        }
    }

    fn loaded(&mut self, reply: &mut Reply) {
        self.expiration.loaded(reply);
        self.name.loaded(reply);
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) -> Flow {
        self.loaded(reply);
        if self.is_confirmed && !self.name.is_checking() {
            self.is_confirmed = false;
            // A warning is to be seen first.
            return if self.name.is_used { Flow::Stay } else { self.forward(shared) };
        }
        match self.submission.take(reply) {
            Some(outcome) => self.done(outcome, shared),
            None => Flow::Stay,
        }
    }

    fn done(&mut self, outcome: Outcome, _shared: &mut Shared) -> Flow {
        match outcome {
            Outcome::Created(CreatedKey { key, secret }) => Flow::swap(Reveal::new(key, secret)),
            _ => Flow::Close,
        }
    }
}
