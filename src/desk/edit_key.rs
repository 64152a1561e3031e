//! Change the name, the owner, the note and the allowed sources of a key.

use super::private_text::refuse_private;
use super::{DeskError, Picked, Session, as_picked, existing_key};
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::key::Key;
use crate::domain::source::AllowedSources;
use crate::domain::text::{Name, Note};
use crate::store::{Urgency, keys};

/// What can be changed of a key, as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProperties {
    pub name: Name,
    pub owner: Option<Name>,
    pub note: Option<Note>,
    pub allowed_sources: AllowedSources,
}

impl KeyProperties {
    /// Those of a key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self {
            name: key.name.clone(),
            owner: key.owner.clone(),
            note: key.note.clone(),
            allowed_sources: key.allowed_sources.clone(),
        }
    }

    /// The fields of the audit log with their values; none where there is nothing.
    fn values(&self) -> [(&'static str, Option<String>); 4] {
        [
            ("name", Some(self.name.as_str().to_owned())),
            ("owner", self.owner.as_ref().map(|owner| owner.as_str().to_owned())),
            ("note", self.note.as_ref().map(|note| note.as_str().to_owned())),
            ("allowed sources", (!self.allowed_sources.is_any()).then(|| self.allowed_sources.to_string())),
        ]
    }

    /// What differs from others.
    fn changes_from(&self, before: &Self) -> Vec<Change> {
        let pairs = before.values().into_iter().zip(self.values());
        let changed = pairs.filter(|((_, before), (_, after))| before != after);
        changed
            .map(|((field, before), (_, after))| Change { field: field.to_owned(), before, after })
            .collect()
    }
}

/// A key after it was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedKey {
    pub key: Key,
    /// What was changed; nothing if the key was so already.
    pub changes: Vec<Change>,
}

/// Gives a key other properties. Nothing is written where it has them already.
///
/// # Errors
/// When the key was changed or deleted since it was seen, or a new text holds a secret or the email of a user.
pub fn edit_key(
    session: &mut Session<'_>,
    picked: Picked,
    new: &KeyProperties,
) -> Result<EditedKey, DeskError> {
    session.write(Urgency::Normal, |tx, _, _| {
        let key = as_picked(tx, picked)?;
        let changes = new.changes_from(&KeyProperties::of(&key));
        if changes.is_empty() {
            return Ok((EditedKey { key, changes }, vec![]));
        }
        refuse_private(tx, &changes)?;
        keys::set_properties(
            tx,
            &key,
            &new.name,
            new.owner.as_ref(),
            new.note.as_ref(),
            &new.allowed_sources,
        )?;
        let mut record = AuditRecord::new(AuditAction::KeyEdited).application(key.application).key(key.id);
        record.changes.clone_from(&changes);
        Ok((EditedKey { key: existing_key(tx, key.id)?, changes }, vec![record]))
    })
}
