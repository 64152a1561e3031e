//! What the desk must do, in memory and without a database: the rules, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use keydesk::Reason;
use keydesk::desk::DeskError;
use keydesk::domain::Instant;
use keydesk::domain::application::ApplicationId;
use keydesk::domain::key::KeyId;
use keydesk::domain::user::{UserId, UserStatus};
use keydesk::store::NotAllowed;

use crate::steps::Ends;

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Unknown,
    Disabled,
    NotFound,
    Deleted,
    Changed,
    Replaced,
    NotReplaced,
    Ended,
    Taken,
    Last,
    Past,
    HoldsEmail,
    BeingRotated,
}

impl End {
    pub fn of<T>(result: &Result<T, DeskError>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(DeskError::NotAllowed(NotAllowed::Unknown { .. })) => Self::Unknown,
            Err(DeskError::NotAllowed(NotAllowed::Disabled { .. })) => Self::Disabled,
            Err(DeskError::NotFound { .. } | DeskError::UserDeleted(_)) => Self::NotFound,
            Err(DeskError::Deleted { .. }) => Self::Deleted,
            Err(DeskError::Changed { .. }) => Self::Changed,
            Err(DeskError::Replaced { .. }) => Self::Replaced,
            Err(DeskError::NotReplaced { .. }) => Self::NotReplaced,
            Err(DeskError::Ended { .. }) => Self::Ended,
            Err(DeskError::Taken { .. }) => Self::Taken,
            Err(DeskError::LastActiveUser { .. }) => Self::Last,
            Err(DeskError::Past { .. }) => Self::Past,
            Err(DeskError::HoldsEmail { .. }) => Self::HoldsEmail,
            Err(DeskError::BeingRotated { .. }) => Self::BeingRotated,
            Err(error) => unreachable!("{error:?}"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct ModelKey {
    pub application: ApplicationId,
    pub name: String,
    pub owner: String,
    /// Empty: any.
    pub sources: String,
    pub creator: UserId,
    pub expires: Instant,
    pub disabled: bool,
    pub delivered: bool,
    pub version: i64,
    pub secret: String,
    pub created: Instant,
    pub replaces: Option<KeyId>,
    pub replaced_by: Option<KeyId>,
    /// The expiration date before it was replaced.
    pub own: Instant,
    /// How long it must be unused to end, and since when that counts.
    pub unused: Option<(TimeDelta, Instant)>,
    /// The first and the last use.
    pub used: Option<(Instant, Instant)>,
}

#[derive(Clone, Debug)]
pub struct ModelUser {
    pub name: String,
    pub status: UserStatus,
    pub version: i64,
}

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub keys: BTreeMap<KeyId, ModelKey>,
    pub deleted: BTreeMap<KeyId, String>,
    /// The keys whose rotation was begun and not finished, with the successor. On a server, where no one knows whether the
    /// session that began it was killed, others wait for it.
    pub begun: BTreeMap<KeyId, KeyId>,
    pub applications: BTreeMap<i64, (String, i64)>,
    pub users: BTreeMap<i64, ModelUser>,
    /// The logins with which someone can sign in.
    pub here: &'static [&'static str],
    pub entries: u64,
}

impl Model {
    /// The user who works under a login.
    pub fn actor(&self, login: &str) -> Result<UserId, End> {
        let found = self.users.iter().find(|(_, u)| u.status != UserStatus::Deleted && u.name == login);
        match found {
            None => Err(End::Unknown),
            Some((_, user)) if user.status == UserStatus::Disabled => Err(End::Disabled),
            Some((id, _)) => Ok(UserId(*id)),
        }
    }

    pub fn keys_of(&self, application: i64) -> BTreeSet<KeyId> {
        self.keys.iter().filter(|(_, key)| key.application.0 == application).map(|(id, _)| *id).collect()
    }

    pub fn is_called(&self, name: &str, but: Option<i64>) -> bool {
        self.applications.iter().any(|(id, (other, _))| Some(*id) != but && other.eq_ignore_ascii_case(name))
    }

    /// Whether a picked key may be touched.
    pub fn picked(&self, id: KeyId, version: i64) -> Result<(), End> {
        match self.keys.get(&id) {
            Some(key) if key.version == version => Ok(()),
            Some(_) => Err(End::Changed),
            None if self.deleted.contains_key(&id) => Err(End::Deleted),
            None => Err(End::NotFound),
        }
    }

    /// How a key ended that is not there.
    pub fn gone(&self, id: KeyId) -> Option<End> {
        (!self.keys.contains_key(&id))
            .then(|| if self.deleted.contains_key(&id) { End::Deleted } else { End::NotFound })
    }

    /// Whether another session rotates a key.
    pub fn is_being_rotated(&self, id: KeyId) -> bool {
        self.keys.contains_key(&id) && self.begun.get(&id).is_some_and(|new| self.keys.contains_key(new))
    }

    /// Whether a picked key may get a successor.
    pub fn may_rotate(&self, id: KeyId, version: i64) -> Result<(), End> {
        if self.keys.get(&id).is_some_and(|key| key.replaced_by.is_some()) {
            return Err(End::Replaced);
        }
        self.picked(id, version)
    }

    /// When a key has ended.
    pub fn ended(&self, key: &ModelKey, now: Instant) -> Option<Instant> {
        let expired = (key.expires <= now).then_some(key.expires);
        let (Some((length, since)), false) = (key.unused, key.disabled) else { return expired };
        let mut line = key.replaced_by;
        let mut first: Option<Instant> = None;
        while let Some(next) = line.and_then(|id| self.keys.get(&id)) {
            first = first.into_iter().chain(next.used.map(|(first, _)| first)).min();
            line = next.replaced_by;
        }
        let quiet = key.used.map_or(since, |(_, last)| last.max(since)) + length;
        let unused = first.map(|first| quiet.max(first)).filter(|end| *end <= now);
        expired.into_iter().chain(unused).min()
    }

    /// Marks what has ended by itself.
    pub fn settle(&mut self, now: Instant) {
        let waiting = self.keys.iter().filter(|(_, key)| key.unused.is_some());
        let over: Vec<(KeyId, Instant)> =
            waiting.filter_map(|(id, key)| Some((*id, self.ended(key, now)?))).collect();
        for (id, end) in over {
            let key = self.keys.get_mut(&id).unwrap();
            (key.expires, key.unused) = (end, None);
            self.entries += 1;
        }
    }

    /// The predecessors of deleted keys are linked with the next key of their line, or with none.
    pub fn relink(&mut self, doomed: &[KeyId]) {
        for id in doomed {
            let Some(old) = self.keys.get(id).and_then(|key| key.replaces) else { continue };
            if doomed.contains(&old) || self.keys.get(&old).is_none_or(|old| old.replaced_by != Some(*id)) {
                continue;
            }
            let mut next = self.keys[id].replaced_by;
            while let Some(one) = next.filter(|next| doomed.contains(next)) {
                next = self.keys[&one].replaced_by;
            }
            let key = self.keys.get_mut(&old).unwrap();
            (key.replaced_by, key.version) = (next, key.version + 1);
            self.entries += 1;
            match next.and_then(|next| self.keys.get_mut(&next)) {
                Some(next) => {
                    next.replaces = Some(old);
                    self.entries += 1;
                }
                None => self.keys.get_mut(&old).unwrap().unused = None,
            }
        }
    }

    pub fn delete_key(&mut self, id: KeyId) {
        if let Some(key) = self.keys.remove(&id) {
            self.deleted.insert(id, key.secret);
            self.entries += 1;
        }
    }

    /// Whether a text contains the email of a user who is not deleted.
    fn holds_email(&self, text: &str) -> bool {
        let mut emails = self.users.values().filter(|user| user.status != UserStatus::Deleted);
        emails.any(|user| text.contains(&format!("{}@example.com", user.name)))
    }

    /// Gives a picked key another name, owner and allowed sources.
    pub fn edit(&mut self, id: KeyId, version: i64, new: (&str, &str, &str)) -> End {
        if let Err(end) = self.picked(id, version) {
            return end;
        }
        let key = &self.keys[&id];
        let before = (key.name.as_str(), key.owner.as_str(), key.sources.as_str());
        if before == new {
            return End::Done;
        }
        let changed = [(before.0, new.0), (before.1, new.1)].into_iter().filter(|(old, new)| old != new);
        if changed.into_iter().any(|(_, new)| self.holds_email(new)) {
            return End::HoldsEmail;
        }
        if let Some(key) = self.keys.get_mut(&id) {
            (key.name, key.owner, key.sources) = (new.0.to_owned(), new.1.to_owned(), new.2.to_owned());
            key.version += 1;
        }
        self.entries += 1;
        End::Done
    }

    /// A successor that was never delivered is deleted. Then the new successor is created.
    pub fn succeed(&mut self, old: KeyId, new: KeyId, secret: &str, creator: UserId, now: Instant) {
        let waiting: Vec<KeyId> = self
            .keys
            .iter()
            .filter(|(_, key)| key.replaces == Some(old) && !key.delivered)
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.delete_key(id);
        }
        let old_key = self.keys[&old].clone();
        let key = ModelKey {
            creator,
            expires: now + (old_key.own - old_key.created),
            own: now + (old_key.own - old_key.created),
            unused: None,
            used: None,
            disabled: false,
            delivered: false,
            version: 1,
            secret: secret.to_owned(),
            created: now,
            replaces: Some(old),
            replaced_by: None,
            ..old_key
        };
        self.keys.insert(new, key);
        self.entries += 1;
    }

    /// Says when the old key of a rotation ends, at the latest at an instant.
    pub fn end(&mut self, old: KeyId, new: KeyId, ends: Ends, latest: Instant, now: Instant) {
        let Some(key) = self.keys.get_mut(&old) else { return };
        let since =
            key.unused.filter(|_| latest == key.own && key.replaced_by.is_some()).map(|(_, since)| since);
        key.unused = None;
        key.expires = match ends {
            Ends::After(seconds) => latest.min(now + TimeDelta::seconds(seconds)).max(key.created),
            Ends::AtOnce => latest.min(now).max(key.created),
            Ends::WhenUnused(seconds) => {
                if latest > now {
                    key.unused = Some((TimeDelta::seconds(seconds), since.unwrap_or(now)));
                }
                latest
            }
            Ends::Unchanged => latest,
        };
        key.disabled |= matches!(ends, Ends::AtOnce) && key.expires > now;
        (key.replaced_by, key.version) = (Some(new), key.version + 1);
        self.entries += 1;
    }

    /// What becomes of a user who gets another status. The actor has signed in.
    pub fn set_status(&mut self, actor: UserId, id: i64, version: i64, status: UserStatus) -> End {
        let remains = self.users.iter().any(|(other, user)| {
            let can_sign_in = *other == actor.0 || self.here.contains(&user.name.as_str());
            *other != id && user.status == UserStatus::Active && can_sign_in
        });
        let Some(user) = self.users.get_mut(&id).filter(|user| user.status != UserStatus::Deleted) else {
            return End::NotFound;
        };
        if user.version != version {
            return End::Changed;
        }
        if user.status == status {
            return End::Done;
        }
        if user.status == UserStatus::Active && !remains {
            return End::Last;
        }
        (user.status, user.version) = (status, version + 1);
        self.entries += 1;
        End::Done
    }

    /// Why a key is refused at an instant, or that it is not; with every secret there ever was.
    pub fn verdicts(&self, now: Instant) -> Vec<(&str, Option<Reason>)> {
        let alive = self.keys.values().map(|key| {
            let reason = if self.ended(key, now).is_some() {
                Some(Reason::Expired)
            } else if key.disabled {
                Some(Reason::Disabled)
            } else {
                // The verifier is not told an address.
                (!key.sources.is_empty()).then_some(Reason::SourceNotAllowed)
            };
            (key.secret.as_str(), reason)
        });
        let dead = self.deleted.values().map(|secret| (secret.as_str(), Some(Reason::Deleted)));
        alive.chain(dead).collect()
    }
}
