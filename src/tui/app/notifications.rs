//! The messages about operations that are done or have failed.

use crate::desk::text::{count, fields, last_use_before_deletion, old_key_after_rotation};
use crate::desk::{DeskError, EditedKey, KeyAccess, Who};
use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::domain::key::{Key, Tombstone};
use crate::domain::text::fold;
use crate::domain::user::{SignIn, User, UserStatus};
use crate::host::clock::Zone;

use super::App;
use super::message::Message;
use super::msg::{Asker, Effect, Outcome};

impl App {
    /// Shows what was done, or why it failed, and reloads the data.
    pub(super) fn notify(&mut self, asker: Asker, result: &Result<Outcome, DeskError>) {
        match result {
            Ok(outcome) => {
                if let Some(text) = sentence(outcome, self.shared.now, self.shared.zone()) {
                    let mut message = Message::done(text);
                    if let Some(report) = report(outcome) {
                        message.append(&Message::error(report));
                    }
                    self.say(message);
                }
                self.note(outcome);
            }
            // A dialog shows its own errors.
            Err(error) => {
                let is_open = matches!(asker, Asker::Dialog(id) if self.modals.get_mut(id).is_some());
                if !is_open {
                    self.say(Message::error(error.to_string()));
                }
            }
        }
        self.refresh();
    }

    fn note(&mut self, outcome: &Outcome) {
        let keys = &mut self.screens.keys;
        match outcome {
            Outcome::Deleted(_) => {
                keys.picked.clear();
                self.shared.push(Effect::Scrub);
            }
            Outcome::ApplicationDeleted(..) | Outcome::UserDeleted(..) => self.shared.push(Effect::Scrub),
            Outcome::AccessSet(..) | Outcome::Acknowledged(_) => keys.picked.clear(),
            Outcome::Edited(edited) => keys.list.rows.seek(edited.key.clone()),
            Outcome::Created(created) => keys.list.rows.seek(created.key.clone()),
            Outcome::Rotated(batch) => {
                keys.picked.clear();
                // The one whose secret is shown first.
                let successors = batch.done.iter().map(|one| &one.created.key);
                if let Some(first) = successors.min_by_key(|key| fold(key.name.as_str())) {
                    keys.list.rows.seek(first.clone());
                }
            }
            Outcome::SetUp(set_up) => {
                keys.list.query.scope = Some(Scope::Application(set_up.application.id));
                if let (Some(session), Some(user)) = (&mut self.shared.session, &set_up.user) {
                    session.who = Who::Active(user.clone());
                }
            }
            _ => {}
        }
    }
}

/// The keys that were left out because another session was faster.
fn report(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Deleted(batch) => batch.report(),
        Outcome::AccessSet(batch, _) => batch.report(),
        _ => None,
    }
}

fn sentence(outcome: &Outcome, at: Instant, zone: Zone) -> Option<String> {
    Some(match outcome {
        // The secret is on the screen: nothing needs to be said beside it.
        Outcome::Created(_) | Outcome::Rotated(_) | Outcome::Delivered => return None,
        Outcome::SetUp(set_up) => {
            format!("{} is set up. Press n to create its first API key.", set_up.application.name)
        }
        Outcome::Deleted(batch) => deleted(&batch.done, at, zone),
        Outcome::OverlapChanged(old) => old_key_after_rotation(old, at, &zone.show(old.expires)),
        Outcome::AccessSet(batch, access) => access_set(&batch.done, *access, zone),
        Outcome::Acknowledged(keys) => acknowledged(keys),
        Outcome::Edited(edited) => edited_key(edited),
        Outcome::ApplicationCreated(application) => format!("Application {} created.", application.name),
        Outcome::ApplicationRenamed(application) => format!("Application renamed to {}.", application.name),
        Outcome::ApplicationDeleted(name, 0) => format!("Application {name} deleted. It had no keys."),
        Outcome::ApplicationDeleted(name, 1) => {
            format!("Application {name} deleted with its key. Requests that use it are rejected.")
        }
        Outcome::ApplicationDeleted(name, keys) => {
            format!("Application {name} deleted with its {keys} keys. Requests that use them are rejected.")
        }
        Outcome::UserAdded(user, sign_in) => match sign_in.and_then(SignIn::problem) {
            Some(problem) => format!("User {} added, but {problem}.", email(user)),
            None => format!("User {} added.", email(user)),
        },
        Outcome::UserChanged(user) if user.status == UserStatus::Active => {
            format!("User {} enabled.", email(user))
        }
        Outcome::UserChanged(user) => {
            format!("User {} disabled. Their keys work until they expire.", email(user))
        }
        Outcome::LogAccepted(head) => {
            format!("Audit log accepted with {} entries.", head.number)
        }
        Outcome::UserDeleted(id, 0) => format!("User {} deleted and their email erased.", id.0),
        Outcome::UserDeleted(id, keys) => format!(
            "User {} deleted and their email erased. {} that they created: valid until expiration.",
            id.0,
            count(*keys, "key")
        ),
    })
}

fn email(user: &User) -> String {
    user.email.as_ref().map_or_else(|| format!("number {}", user.id.0), ToString::to_string)
}

/// The receipt of a deletion, with the last use of the key.
fn deleted(tombstones: &[Tombstone], now: Instant, zone: Zone) -> String {
    let at = zone.local(now).format("%H:%M:%S");
    match tombstones {
        [one] => {
            let last = last_use_before_deletion(one.last_used, one.last_used_from.as_deref(), now);
            format!("Key {} deleted at {at}. Requests that use it are now rejected. {last}.", one.prefix)
        }
        many => format!("{} keys deleted at {at}. Requests that use them are now rejected.", many.len()),
    }
}

fn edited_key(edited: &EditedKey) -> String {
    let prefix = &edited.key.prefix;
    if edited.changes.is_empty() {
        format!("Key {prefix} is unchanged.")
    } else {
        format!("Key {prefix} edited: {}.", fields(&edited.changes))
    }
}

fn acknowledged(keys: &[Key]) -> String {
    match keys {
        [one] => format!("Use of canary key {} acknowledged. The next use is an alarm again.", one.prefix),
        many => format!("Use of {} canary keys acknowledged. The next use is an alarm again.", many.len()),
    }
}

fn access_set(keys: &[Key], access: KeyAccess, zone: Zone) -> String {
    let (what, they) = match keys {
        [one] => (format!("Key {}", one.prefix), "it"),
        many => (count(many.len() as u64, "key"), "them"),
    };
    let until = keys.first().and_then(|key| key.disabled_until).map(|until| zone.show(until));
    match (access, until) {
        (KeyAccess::Enabled, _) => format!("{what} enabled. Requests that use {they} are accepted again."),
        (KeyAccess::DisabledFor(_), Some(until)) => {
            format!("{what} disabled until {until}. Requests that use {they} are rejected until then.")
        }
        (KeyAccess::Disabled | KeyAccess::DisabledFor(_), _) => {
            format!("{what} disabled. Requests that use {they} are rejected until you enable {they}.")
        }
    }
}
