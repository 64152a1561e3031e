//! The optional fields of a key: owner, note, allowed sources.

use crate::domain::source::AllowedSources;
use crate::domain::text::{Name, Note, capitalized, parse_owner};
use crate::domain::token::holds_secret;

use super::TextField;

/// The longest text of allowed sources, in characters: as many IPv6 networks as a key can have.
const MOST_SOURCES: usize = AllowedSources::MOST * 44;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    Owner,
    Note,
    Sources,
}

impl Property {
    pub const ALL: [Self; 3] = [Self::Owner, Self::Note, Self::Sources];

    pub fn label(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Note => "Note",
            Self::Sources => "Allowed sources",
        }
    }

    /// What to type.
    pub fn help(self) -> &'static str {
        match self {
            Self::Owner => "A team or a role to ask before deletion",
            Self::Note => "Stays in the audit log",
            Self::Sources => "10.0.0.4, 10.1.0.0/16; empty for any source",
        }
    }
}

/// What is in the fields.
#[derive(Clone, Debug)]
pub struct Properties {
    pub owner: Option<Name>,
    pub note: Option<Note>,
    pub allowed_sources: AllowedSources,
}

#[derive(Debug)]
pub struct PropertyFields {
    owner: TextField,
    note: TextField,
    sources: TextField,
}

impl PropertyFields {
    pub fn new(properties: &Properties) -> Self {
        let owner = properties.owner.as_ref().map_or("", Name::as_str);
        let note = properties.note.as_ref().map_or("", Note::as_str);
        let sources = properties.allowed_sources.to_string().replace(',', ", ");
        Self {
            owner: TextField::with(Name::MAX_CHARS, owner),
            note: TextField::with(Note::MAX_CHARS, note),
            sources: TextField::with(MOST_SOURCES, &sources),
        }
    }

    pub fn empty() -> Self {
        Self::new(&Properties { owner: None, note: None, allowed_sources: AllowedSources::default() })
    }

    pub fn field(&self, property: Property) -> &TextField {
        match property {
            Property::Owner => &self.owner,
            Property::Note => &self.note,
            Property::Sources => &self.sources,
        }
    }

    pub fn field_mut(&mut self, property: Property) -> &mut TextField {
        match property {
            Property::Owner => &mut self.owner,
            Property::Note => &mut self.note,
            Property::Sources => &mut self.sources,
        }
    }

    /// The allowed sources, if they can be read.
    pub fn allowed_sources(&self) -> Option<AllowedSources> {
        AllowedSources::parse(self.sources.text()).ok()
    }

    /// Reads all fields.
    ///
    /// # Errors
    /// The first field that is wrong, and a sentence why.
    pub fn parse(&self) -> Result<Properties, (Property, String)> {
        let wrong = |property, error: &dyn ToString| (property, capitalized(&error.to_string()));
        // Here already, so that no summary displays it.
        for (property, field) in [(Property::Owner, "owner"), (Property::Note, "note")] {
            if holds_secret(self.field(property).text()) {
                return Err((property, format!("The {field} contains the secret of a key. Remove it.")));
            }
        }
        Ok(Properties {
            owner: parse_owner(self.owner.text()).map_err(|error| wrong(Property::Owner, &error))?,
            note: Note::parse(self.note.text()).map_err(|error| wrong(Property::Note, &error))?,
            allowed_sources: AllowedSources::parse(self.sources.text())
                .map_err(|error| wrong(Property::Sources, &error))?,
        })
    }
}
