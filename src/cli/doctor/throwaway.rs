//! A key for one check: deleted when dropped, and expired soon in any case.

use chrono::TimeDelta;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::resolve;
use crate::desk::{self, CreatedKey, Desk, Picked};
use crate::domain::key::{Key, KeyKind, KeyType, NewKey};
use crate::domain::secret::Secret;
use crate::domain::source::AllowedSources;
use crate::domain::text::Name;
use crate::store::{Urgency, keys, usage};

const NAME: &str = "keydesk doctor (throwaway)";
/// The lifetime where this process cannot delete the key, for example because it was killed.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

pub(super) struct Throwaway<'a> {
    context: &'a Context,
    desk: Desk,
    pub(super) key: Key,
    pub(super) secret: Secret,
    deleted: bool,
}

impl<'a> Throwaway<'a> {
    /// Creates a key in the given Application, or in the only one.
    pub(super) fn create(context: &'a Context) -> Result<Self, CommandError> {
        let mut desk = context.desk_to_change(Urgency::Normal)?;
        let application = read(desk.store(), |reader| resolve::application(context, reader))?;
        let new = NewKey {
            application: application.id,
            name: Name::parse(NAME)?,
            kind: KeyKind::Generic,
            key_type: KeyType::Production,
            expires: context.present() + LIFETIME,
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
        };
        let CreatedKey { key, secret } =
            context.change(&mut desk, |session| desk::create_throwaway_key(session, &new))?;
        Ok(Self { context, desk, key, secret, deleted: false })
    }

    /// Recorded number of accepted requests.
    pub(super) fn uses(&self) -> Result<u64, CommandError> {
        read(self.desk.store(), |reader| {
            Ok(usage::last_30_days(reader, self.key.id, self.context.present())?.iter().sum())
        })
    }

    /// Deletes the key, which must be rejected from then on.
    pub(super) fn delete(&mut self) -> Result<(), CommandError> {
        // Recorded use may have changed its version.
        let key = read(self.desk.store(), |reader| Ok(keys::get(reader, self.key.id)?))?;
        if let Some(key) = key {
            let picked = [Picked { id: key.id, version: key.version }];
            self.context.change(&mut self.desk, |session| desk::delete_keys(session, &picked))?;
        }
        self.deleted = true;
        Ok(())
    }
}

impl Drop for Throwaway<'_> {
    fn drop(&mut self) {
        if !self.deleted && self.delete().is_err() {
            self.context.output.warn(&format!(
                "could not delete the throwaway key {}, which expires {}. Delete it: keydesk keys delete {} --yes",
                self.key.prefix,
                self.context.exact(self.key.expires),
                self.key.id
            ));
        }
        if self.deleted {
            self.context.scrub(self.desk.store());
        }
    }
}
