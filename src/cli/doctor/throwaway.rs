//! A key for one check: deleted when it goes out of scope, and expired soon in any case.

use chrono::TimeDelta;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::resolve;
use crate::desk::{self, CreatedKey, Desk, Picked};
use crate::domain::key::{Key, KeyKind, KeyType, NewKey};
use crate::domain::secret::Secret;
use crate::domain::text::Name;
use crate::host::clock;
use crate::store::{Urgency, keys, usage};

/// Its name in the list.
const NAME: &str = "keydesk doctor (throwaway)";
/// Its lifetime where this process cannot delete it, for example because it was killed.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

pub(super) struct Throwaway<'a> {
    context: &'a Context,
    desk: Desk,
    pub(super) key: Key,
    pub(super) secret: Secret,
    deleted: bool,
}

impl<'a> Throwaway<'a> {
    /// Creates one in the Application that was named, or in the only one.
    pub(super) fn create(context: &'a Context) -> Result<Self, CommandError> {
        let mut desk = context.desk_to_change(Urgency::Normal)?;
        let application = read(desk.store(), |reader| resolve::application(context, reader))?;
        let new = NewKey {
            application: application.id,
            name: Name::parse(NAME)?,
            kind: KeyKind::Generic,
            key_type: KeyType::Production,
            expires: clock::now() + LIFETIME,
        };
        let CreatedKey { key, secret } =
            context.change(&mut desk, |session| desk::create_throwaway_key(session, &new))?;
        Ok(Self { context, desk, key, secret, deleted: false })
    }

    /// Recorded number of accepted requests.
    pub(super) fn uses(&self) -> Result<u64, CommandError> {
        read(self.desk.store(), |reader| {
            Ok(usage::last_30_days(reader, self.key.id, clock::now())?.iter().sum())
        })
    }

    /// Deletes it, from which moment it must be rejected.
    pub(super) fn delete(&mut self) -> Result<(), CommandError> {
        // Its uses may have changed its version.
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
                "the throwaway key {} could not be deleted; it expires {}. Delete it: keydesk keys delete {} --yes",
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
