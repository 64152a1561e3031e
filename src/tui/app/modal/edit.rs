//! Edit a key: name, owner, note, allowed sources.

use crate::desk::{KeyDetails, KeyProperties, Picked, is_outside};
use crate::domain::Instant;
use crate::domain::key::Key;
use crate::domain::source::AllowedSources;
use crate::domain::text::Name;
use crate::store::usage::{Source, SourceAddress};

use super::properties::{Properties, Property, PropertyFields};
use super::{
    Action, Dialog, Flow, Load, Operation, Pending, Press, Reply, Shared, Submission, TextField, typed_name,
};

#[derive(Debug)]
pub struct EditKey {
    /// As it was when the fields were filled.
    pub key: Key,
    pub name: TextField,
    pub properties: PropertyFields,
    pub focus: Focus,
    /// Its sources, the latest first; none until they are read.
    sources: Vec<Source>,
    is_touched: bool,
    pub submission: Submission,
    details: Pending<Option<Box<KeyDetails>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Name,
    Property(Property),
    /// The button that fills in the sources seen so far.
    Proposal,
}

impl EditKey {
    pub fn new(key: Key) -> Self {
        let (name, properties) = fields(&key);
        Self {
            key,
            name,
            properties,
            focus: Focus::Name,
            sources: Vec::new(),
            is_touched: false,
            submission: Submission::default(),
            details: Pending::default(),
        }
    }

    /// The known sources of the key that the field does not allow yet; none where they cannot be proposed.
    pub fn proposal(&self) -> Vec<&str> {
        let allowed = self.properties.allowed_sources().filter(|allowed| !allowed.is_any());
        let known = self.sources.iter().filter_map(|source| match &source.address {
            SourceAddress::Known(address) => Some(address.as_str()),
            SourceAddress::Unknown | SourceAddress::Older => None,
        });
        let is_new =
            |address: &&str| allowed.as_ref().is_none_or(|allowed| !allowed.allow(address.parse().ok()));
        known.filter(is_new).take(AllowedSources::MOST).collect()
    }

    /// The sources from which the key was used lately and would be rejected.
    pub fn outside(&self, now: Instant) -> Vec<Source> {
        let Some(allowed) = self.properties.allowed_sources() else { return Vec::new() };
        self.sources.iter().filter(|source| is_outside(source, &allowed, now)).cloned().collect()
    }

    fn propose(&mut self) {
        let mut sources: Vec<String> = self.proposal().into_iter().map(str::to_owned).collect();
        let field = self.properties.field_mut(Property::Sources);
        let before = field.text().trim_end_matches([',', ' ']).to_owned();
        if !before.is_empty() {
            sources.insert(0, before);
        }
        field.set(&sources.join(", "));
        self.touched();
        self.focus = Focus::Property(Property::Sources);
    }

    fn touched(&mut self) {
        self.is_touched = true;
        self.submission.error = None;
    }

    fn stops(&self) -> Vec<Focus> {
        let fields = Property::ALL.map(Focus::Property);
        let proposal = (!self.proposal().is_empty()).then_some(Focus::Proposal);
        [Focus::Name].into_iter().chain(fields).chain(proposal).collect()
    }

    fn field_mut(&mut self) -> Option<&mut TextField> {
        match self.focus {
            Focus::Name => Some(&mut self.name),
            Focus::Property(property) => Some(self.properties.field_mut(property)),
            Focus::Proposal => None,
        }
    }

    fn submit(&mut self, shared: &mut Shared) {
        let name = typed_name(self.name.text()).map_err(|error| (Focus::Name, error));
        let properties =
            self.properties.parse().map_err(|(property, error)| (Focus::Property(property), error));
        match name.and_then(|name| Ok((name, properties?))) {
            Ok((name, Properties { owner, note, allowed_sources })) => {
                let picked = Picked { id: self.key.id, version: self.key.version };
                let new = KeyProperties { name, owner, note, allowed_sources };
                self.submission.send(Operation::EditKey(picked, Box::new(new)), shared);
            }
            Err((focus, error)) => {
                self.focus = focus;
                self.submission.error = Some(error);
            }
        }
    }
}

fn fields(key: &Key) -> (TextField, PropertyFields) {
    let KeyProperties { name, owner, note, allowed_sources } = KeyProperties::of(key);
    let properties = PropertyFields::new(&Properties { owner, note, allowed_sources });
    (TextField::with(Name::MAX_CHARS, name.as_str()), properties)
}

impl Dialog for EditKey {
    fn label(&self, action: Action) -> Option<&'static str> {
        match (action, self.focus) {
            (Action::Confirm, Focus::Proposal) => Some("use them"),
            (Action::Confirm, _) => Some("save"),
            (Action::Cancel, _) => Some("cancel"),
            _ => None,
        }
    }

    fn takes_text(&self) -> bool {
        self.focus != Focus::Proposal
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn refresh(&mut self, shared: &mut Shared) {
        self.details.load(Load::Details(self.key.id), shared);
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) if self.focus == Focus::Proposal => self.propose(),
            Some(Action::Confirm) => self.submit(shared),
            _ => match press.focus() {
                Some(direction) => self.focus = direction.among(&self.stops(), self.focus),
                None => {
                    if self.field_mut().is_some_and(|field| field.edit(&press.chord)) {
                        self.touched();
                    }
                }
            },
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        if let Some(field) = self.field_mut() {
            field.paste(text);
            self.touched();
        }
    }

    fn choose(&mut self, place: usize, _shared: &mut Shared) -> Flow {
        match self.stops().get(place) {
            Some(Focus::Proposal) => self.propose(),
            Some(focus) => self.focus = *focus,
            None => {}
        }
        Flow::Stay
    }

    fn loaded(&mut self, reply: &mut Reply) {
        if let Some(Ok(Some(details))) = self.details.take(reply) {
            let KeyDetails { key, sources, .. } = *details;
            self.sources = sources.into_iter().map(|used| used.source).collect();
            // What was typed was decided on the version that was seen, and is rejected.
            if !self.is_touched && !self.submission.is_pending() {
                (self.name, self.properties) = fields(&key);
                self.key = key;
            }
        }
    }
}
