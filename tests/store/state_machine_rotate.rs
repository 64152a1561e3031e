//! Rotation in one step and in three, for the machine.

use chrono::TimeDelta;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::key::KeyId;
use keydesk::domain::user::UserId;

use crate::model::End;
use crate::state_machine::Machine;

fn ending(overlap: Option<i64>) -> Ending {
    overlap.map_or(Ending::AtOnce, |seconds| Ending::After(TimeDelta::seconds(seconds)))
}

impl Machine {
    pub fn rotate(&mut self, actor: Result<UserId, End>, picked: Picked, overlap: Option<i64>) -> (End, End) {
        let result = desk::rotate_keys(&mut self.desk.session(), &[picked], ending(overlap));
        let expected = actor.and_then(|_| self.model.may_rotate(picked.id, picked.version));
        let end = End::of(&result);
        if let (Ok(rotated), Ok(creator)) = (result, actor) {
            let created = &rotated[0].created;
            let (new, secret) = (created.key.id, created.secret.expose());
            self.model.succeed(picked.id, new, secret, creator, self.desk.now);
            self.model.end(picked.id, new, overlap.map(TimeDelta::seconds), self.desk.now);
        }
        (end, expected.err().unwrap_or(End::Done))
    }

    pub fn begin(&mut self, actor: Result<UserId, End>, picked: Picked) -> (End, End) {
        let result = desk::begin_rotation(&mut self.desk.session(), picked, None);
        let expected = actor.and_then(|_| self.model.may_rotate(picked.id, picked.version));
        let end = End::of(&result);
        if let (Ok(begun), Ok(creator)) = (result, actor) {
            let created = &begun.created;
            let secret = created.secret.expose();
            self.model.succeed(picked.id, created.key.id, secret, creator, self.desk.now);
        }
        (end, expected.err().unwrap_or(End::Done))
    }

    /// Finishes a rotation of this key. A key that is not a successor is only marked as delivered.
    pub fn finish(&mut self, actor: Result<UserId, End>, id: KeyId, overlap: Option<i64>) -> (End, End) {
        let result = desk::finish_rotation(&mut self.desk.session(), id, ending(overlap));
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
                    if let Some((old, _)) = old {
                        self.model.end(old, id, overlap.map(TimeDelta::seconds), self.desk.now);
                    }
                    End::Done
                }
            },
        };
        (End::of(&result), expected)
    }
}
