//! The rotation of one key: its successor is created and delivered, and only then does it end.

use super::delivery::Delivery;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::keys::show::Shown;
use crate::desk::{self, BegunRotation, CreatedKey, Desk, Ending, Picked, text};
use crate::domain::Instant;
use crate::domain::expiry::{ExpiryError, parse_when};
use crate::domain::key::Key;
use crate::host::clock::Zone;
use crate::store::{Store, keys};

/// How to rotate.
pub(super) struct Rotation<'a> {
    pub(super) ending: Ending,
    /// Expiration of the new key; none for the lifetime of the old one.
    pub(super) expires: Option<&'a str>,
    pub(super) delivery: Delivery<'a>,
}

impl Rotation<'_> {
    /// The expiration of a new key that is created now; none for the lifetime of the old one.
    pub(super) fn expires(&self, now: Instant) -> Result<Option<Instant>, ExpiryError> {
        self.expires.map(|text| parse_when(text, now, &Zone::Local)).transpose()
    }

    /// Rotates a key and returns its successor.
    ///
    /// # Errors
    /// When the old key stays as it was, or the rotation is not finished, as the error says.
    pub(super) fn carry_out(
        &self,
        context: &Context,
        desk: &mut Desk,
        old: &Key,
    ) -> Result<Shown, CommandError> {
        let now = context.present();
        let expires = self.expires(now)?;
        let picked = Picked { id: old.id, version: old.version };
        let begun = context.change_at(now, desk, |session| desk::begin_rotation(session, picked, expires));
        // While the claim is held, no other session rotates this key.
        let BegunRotation { created: CreatedKey { key, secret }, claim: _claim } =
            begun.map_err(|error| not_begun(context, desk.store(), error, old))?;
        let shown = read(desk.store(), |reader| Shown::around(context, reader, key))?;
        if let Err(reason) = self.delivery.deliver(context, &secret, &shown) {
            return Err(withdraw(context, desk, old, &shown.key, &reason));
        }
        let ended = context.change(desk, |session| desk::finish_rotation(session, shown.key.id, self.ending));
        let ended = ended.map_err(|error| not_ended(context, desk.store(), &error, old, &shown.key))?;
        context.output.say(&format!(
            "Key {} ({}) replaces {}. It expires {}.",
            shown.key.prefix,
            shown.key.name,
            old.prefix,
            context.exact(shown.key.expires)
        ));
        if let Some(limited) = text::limited_lifetime(old, &shown.key).filter(|_| self.expires.is_none()) {
            context.output.say(&limited);
        }
        context.output.say(&fate(context, old, ended.as_ref()));
        Ok(shown)
    }
}

/// The error says why the delivery failed, that the new key is withdrawn, and the state of the old one.
fn withdraw(context: &Context, desk: &mut Desk, old: &Key, new: &Key, reason: &str) -> CommandError {
    let gone = match context.change(desk, |session| desk::withdraw_successor(session, new.id)) {
        Ok(()) => {
            context.scrub(desk.store());
            format!("The new key {} was withdrawn", new.prefix)
        }
        Err(error) => format!(
            "The new key {} could not be withdrawn ({error}). It is marked \"not delivered\", and the next rotation \
             withdraws it",
            new.prefix
        ),
    };
    let message = format!(
        "the new secret could not be delivered: {reason}. {gone}. {}",
        state_of(context, desk.store(), old)
    );
    CommandError::failed("not_delivered", message).hint("fix the cause, then run the same command again")
}

/// Nothing was delivered: usually because another session has rotated the key or is rotating it.
fn not_begun(context: &Context, store: &Store, error: CommandError, old: &Key) -> CommandError {
    error.and(&format!("No new key was delivered. {}", state_of(context, store, old)))
}

/// The new key was delivered, but this rotation has not ended the old one.
fn not_ended(context: &Context, store: &Store, error: &CommandError, old: &Key, new: &Key) -> CommandError {
    let message = format!(
        "the new key {} was delivered, but the rotation could not be finished: {error}. {}",
        new.prefix,
        state_of(context, store, old)
    );
    let cause = error.what_to_do().map(|hint| format!("{hint}\n")).unwrap_or_default();
    CommandError::failed(error.code(), message)
        .hint(format!("{cause}Run the same command again: it withdraws this key and creates another"))
}

/// The present state of the old key, which another session may have changed.
fn state_of(context: &Context, store: &Store, old: &Key) -> String {
    let prefix = &old.prefix;
    let now = match store.read(|reader| keys::get(reader, old.id)) {
        Ok(Some(now)) => now,
        Ok(None) => return format!("The old key {prefix} is deleted"),
        Err(error) => return format!("Could not read the state of the old key {prefix}: {error}"),
    };
    let unchanged = now.replaced_by.is_none()
        && (now.expires, now.disabled, now.disabled_until) == (old.expires, old.disabled, old.disabled_until);
    let unchanged = if unchanged { "is unchanged: it " } else { "" };
    let state = if now.is_canary {
        "is always rejected".to_owned()
    } else if let Some(ended) = now.ended(context.present()) {
        format!("expired {}", context.exact(ended))
    } else if let Some(until) = now.is_disabled_until(context.present()) {
        format!("is disabled until {}", context.exact(until))
    } else if now.is_disabled(context.present()) {
        "is disabled".to_owned()
    } else {
        format!("works until {}", context.exact(now.expires))
    };
    format!("The old key {prefix} {unchanged}{state}")
}

/// Describes the old key after the rotation.
fn fate(context: &Context, old: &Key, ended: Option<&Key>) -> String {
    let Some(ended) = ended else {
        return format!("The old key {} was deleted in the meantime.", old.prefix);
    };
    text::old_key_after_rotation(ended, context.present(), &context.exact(ended.expires))
}
