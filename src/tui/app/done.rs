//! What is said when an operation is done, and what is read anew.

use crate::domain::Instant;
use crate::domain::expiry;
use crate::domain::key::{Key, Tombstone};
use crate::host::clock::Zone;

use super::App;
use super::message::Message;
use super::modal::Modal;
use super::msg::{Answer, Done, Effect};

impl App {
    /// Says what was done or why not, and asks for the new state of things.
    pub(super) fn done(&mut self, answer: &Answer, effects: &mut Vec<Effect>) {
        let Answer::Done(_, result) = answer else { return };
        match &**result {
            Ok(done) => {
                if let Some(text) = sentence(done, self.now, self.around.zone) {
                    self.message = Some(Message::done(text));
                }
                match done {
                    Done::Deleted(tombstones) => {
                        self.keys.forget(tombstones.iter().map(|tombstone| tombstone.id));
                        effects.push(Effect::Scrub);
                    }
                    Done::ApplicationDeleted(..) | Done::UserDeleted(..) => effects.push(Effect::Scrub),
                    Done::Disabled(..) | Done::Rotated(_) => self.keys.picked.clear(),
                    Done::SetUp(set_up) => self.keys.application = Some(set_up.application.id),
                    _ => {}
                }
                self.changed(effects);
            }
            Err(error) => {
                // The modal that asked says it too, if it is still there; the line below is for when it is not.
                let asked = self.modals.last().is_some_and(|modal| {
                    matches!(
                        modal,
                        Modal::Wizard(_)
                            | Modal::Delete(_)
                            | Modal::Confirm(_)
                            | Modal::Rotate(_)
                            | Modal::Form(_)
                            | Modal::LogMismatch(_)
                    )
                });
                if !asked {
                    self.message = Some(Message::error(error.to_string()));
                }
                self.changed(effects);
            }
        }
    }
}

fn sentence(done: &Done, at: Instant, zone: Zone) -> Option<String> {
    Some(match done {
        // The secret is on the screen: nothing needs to be said beside it.
        Done::Created(_) | Done::Rotated(_) | Done::Delivered(_) => return None,
        Done::SetUp(set_up) => {
            format!("{} is set up. Press n to create its first API key.", set_up.application.name)
        }
        Done::Deleted(tombstones) => deleted(tombstones, at, zone),
        Done::Disabled(keys, now) => disabled(keys, *now),
        Done::ApplicationCreated(application) => format!("Application {} created.", application.name),
        Done::ApplicationRenamed(application) => format!("Application renamed to {}.", application.name),
        Done::ApplicationDeleted(name, 0) => format!("Application {name} deleted. It had no keys."),
        Done::ApplicationDeleted(name, 1) => {
            format!("Application {name} deleted with its key. Requests with it are refused.")
        }
        Done::ApplicationDeleted(name, keys) => {
            format!("Application {name} deleted with its {keys} keys. Requests with them are refused.")
        }
        Done::UserAdded(user) => format!("User {} added.", email(user)),
        Done::UserDisabled(user) => {
            format!("User {} disabled. Their keys work until they expire.", email(user))
        }
        Done::UserEnabled(user) => format!("User {} enabled.", email(user)),
        Done::LogAccepted(head) => {
            format!("Audit log accepted with {} entries.", head.number)
        }
        Done::UserDeleted(id, 0) => format!("User {} deleted and their email wiped.", id.0),
        Done::UserDeleted(id, keys) => format!(
            "User {} deleted and their email wiped. {} they created: they work until they expire.",
            id.0,
            count(*keys)
        ),
    })
}

fn email(user: &crate::domain::user::User) -> String {
    user.email.as_ref().map_or_else(|| format!("number {}", user.id.0), ToString::to_string)
}

fn count(keys: u64) -> String {
    if keys == 1 { "1 key remains that".into() } else { format!("{keys} keys remain that") }
}

/// The receipt: it is on the disk, and what was let in last.
fn deleted(tombstones: &[Tombstone], now: Instant, zone: Zone) -> String {
    let at = zone.local(now).format("%H:%M:%S");
    match tombstones {
        [one] => {
            let last = match (one.last_used, one.last_used_from.as_deref()) {
                (None, _) => "It was never used".to_owned(),
                (Some(at), None) => format!("Last let in {}", expiry::relative(at, now)),
                (Some(at), Some(from)) => format!("Last let in {} from {from}", expiry::relative(at, now)),
            };
            format!("Key {} deleted at {at}. Requests with it are refused. {last}.", one.prefix)
        }
        many => format!("{} keys deleted at {at}. Requests with them are refused.", many.len()),
    }
}

fn disabled(keys: &[Key], disabled: bool) -> String {
    let (what, they) = match keys {
        [one] => (format!("Key {}", one.prefix), "it"),
        many => (format!("{} keys", many.len()), "them"),
    };
    if disabled {
        format!("{what} disabled. Requests with {they} are refused until you enable {they}.")
    } else {
        format!("{what} enabled. Requests with {they} are let in again.")
    }
}
