//! Rotation in one step and in three, for the machine.

use chrono::TimeDelta;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::key::KeyId;
use keydesk::domain::user::UserId;

use crate::model::End;
use crate::state_machine::Machine;
use crate::steps::Ends;

fn ending(ends: Ends) -> Ending {
    match ends {
        Ends::After(seconds) => Ending::After(TimeDelta::seconds(seconds)),
        Ends::WhenUnused(seconds) => Ending::WhenUnused(TimeDelta::seconds(seconds)),
        Ends::AtOnce => Ending::AtOnce,
        Ends::Unchanged => Ending::Unchanged,
    }
}

impl Machine {
    pub fn rotate(&mut self, actor: Result<UserId, End>, picked: Picked, ends: Ends) -> (End, End) {
        let result = desk::rotate_keys(&mut self.desk.session(), &[picked], ending(ends));
        if self.model.is_being_rotated(picked.id) {
            return (End::of(&result), End::BeingRotated);
        }
        let expected = actor.and_then(|_| self.model.may_rotate(picked.id, picked.version));
        let end = End::of(&result);
        if let (Ok(rotated), Ok(creator)) = (result, actor) {
            let created = &rotated[0].created;
            let (new, secret) = (created.key.id, created.secret.expose());
            self.model.succeed(picked.id, new, secret, creator, self.desk.now);
            let latest = self.model.keys[&picked.id].expires;
            self.model.end(picked.id, new, ends, latest, self.desk.now);
        }
        (end, expected.err().unwrap_or(End::Done))
    }

    pub fn begin(&mut self, actor: Result<UserId, End>, picked: Picked) -> (End, End) {
        if self.model.is_being_rotated(picked.id) {
            // That waits for seconds, this does not.
            return self.rotate(actor, picked, Ends::Unchanged);
        }
        let result = desk::begin_rotation(&mut self.desk.session(), picked, None);
        let expected = actor.and_then(|_| self.model.may_rotate(picked.id, picked.version));
        let end = End::of(&result);
        if let (Ok(begun), Ok(creator)) = (result, actor) {
            let created = &begun.created;
            let secret = created.secret.expose();
            self.model.succeed(picked.id, created.key.id, secret, creator, self.desk.now);
            if !self.desk.engine().is_sqlite() {
                self.model.begun.insert(picked.id, created.key.id);
            }
        }
        (end, expected.err().unwrap_or(End::Done))
    }

    /// Finishes a rotation of this key. A key that is not a successor is only marked as delivered.
    pub fn finish(&mut self, actor: Result<UserId, End>, id: KeyId, ends: Ends) -> (End, End) {
        let result = desk::finish_rotation(&mut self.desk.session(), id, ending(ends));
        let old = self.model.keys.get(&id).and_then(|key| key.replaces);
        let old = old.and_then(|old| Some((old, self.model.keys.get(&old)?.replaced_by)));
        let expected = match actor {
            Err(end) => end,
            Ok(_) => match (self.model.gone(id), old) {
                (Some(end), _) => end,
                (None, Some((_, Some(other)))) if other != id => End::Replaced,
                (None, old) => {
                    if let Some(key) = self.model.keys.get_mut(&id) {
                        self.model.entries += u64::from(!key.delivered);
                        key.delivered = true;
                    }
                    self.model.begun.retain(|_, new| *new != id);
                    if let Some((old, _)) = old {
                        let latest = self.model.keys[&old].expires;
                        self.model.end(old, id, ends, latest, self.desk.now);
                    }
                    End::Done
                }
            },
        };
        (End::of(&result), expected)
    }

    pub fn overlap(&mut self, actor: Result<UserId, End>, picked: Picked, ends: Ends) -> (End, End) {
        let now = self.desk.now;
        let result = desk::change_overlap(&mut self.desk.session(), picked, ending(ends));
        let expected = actor.and_then(|_| self.model.picked(picked.id, picked.version)).and_then(|()| {
            let key = &self.model.keys[&picked.id];
            let successor = key.replaced_by.ok_or(End::NotReplaced)?;
            if self.model.ended(key, now).is_some() { Err(End::Ended) } else { Ok((successor, key.own)) }
        });
        if let Ok((successor, own)) = expected {
            self.model.end(picked.id, successor, ends, own, now);
        }
        (End::of(&result), expected.err().unwrap_or(End::Done))
    }
}
