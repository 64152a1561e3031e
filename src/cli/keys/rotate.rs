//! `keydesk keys rotate`: creates and delivers the new key, and only then ends the old one.

use std::cell::Cell;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use chrono::TimeDelta;

use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::resolve;
use crate::cli::secret_output::{Destination, Outcome};
use crate::desk::{self, BegunRotation, CreatedKey, Desk, Ending, Picked, text};
use crate::domain::expiry::{self, parse_when};
use crate::domain::key::Key;
use crate::domain::secret::Secret;
use crate::domain::text::inert;
use crate::host::clock::{self, Zone};
use crate::host::umask;
use crate::store::{Store, Urgency, keys};

const EXAMPLES: Examples = Examples(&[
    ("keydesk keys rotate Checkout --out checkout.new", "the old key works for another 24 hours"),
    ("keydesk keys rotate Checkout --overlap 7d | ssh api 'cat > checkout.key'", ""),
    (
        "keydesk keys rotate Checkout --run 'ssh api install-key'",
        "the old key ends only if the command succeeds",
    ),
    ("keydesk keys rotate Checkout --leaked --copy", "the old key is rejected at once"),
]);

/// Replace a key with a successor, then end the old key
///
/// The new key takes over name, platform, type and lifetime. If it cannot be delivered (to standard output, --out, --copy
/// or --run), it is withdrawn, the old key stays as it was, and the exit code is 3. After an interruption, run the same
/// command again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Key ID, key prefix (ik_live_...), or name (of rotated keys, the newest)
    #[arg(value_name = "KEY")]
    key: String,
    /// How long the old key keeps working: 45s, 15m, 24h, 7d, 2w (never past its own expiration)
    #[arg(long, value_name = "DURATION", value_parser = expiry::parse_duration, default_value = "24h",
        conflicts_with = "leaked")]
    overlap: TimeDelta,
    /// Reject the old key as soon as the new one is delivered
    #[arg(long)]
    leaked: bool,
    /// Expiration of the new key: 90d, 12w, 6mo, 1y, tomorrow, 2027-01-31 (end of that day, local time) or RFC 3339
    /// [default: same lifetime as the old key]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Write the new secret to this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE", conflicts_with = "copy")]
    out: Option<PathBuf>,
    /// Copy the new secret to the clipboard instead of printing it
    #[arg(long)]
    copy: bool,
    /// Run this shell command with the new secret on standard input; if it fails, the new key is withdrawn and the old
    /// key stays as it was
    #[arg(long, value_name = "COMMAND")]
    run: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let expires =
        args.expires.as_deref().map(|text| parse_when(text, context.now, &Zone::Local)).transpose()?;
    let ending = if args.leaked { Ending::AtOnce } else { Ending::After(args.overlap) };
    if args.overlap < TimeDelta::zero() {
        return Err(CommandError::usage("bad_overlap", "--overlap must not be negative"));
    }
    // An empty command, usually an unset variable, would succeed and lose the secret.
    if args.run.as_deref().is_some_and(|command| command.trim().is_empty()) {
        return Err(CommandError::usage("bad_command", "--run needs a command"));
    }
    let delivery = Delivery::choose(args);
    let mut desk = context.desk_to_change(if args.leaked { Urgency::Revoking } else { Urgency::Normal })?;
    let old = read(desk.store(), |reader| resolve::key(context, reader, &args.key))?;
    // No key is created that could not be delivered.
    delivery.check(context).map_err(|error| {
        error.because(&format!("no new key was created, and the old key {} is unchanged", old.prefix))
    })?;
    let picked = Picked { id: old.id, version: old.version };
    let begun = context.change(&mut desk, |session| desk::begin_rotation(session, picked, expires));
    // While the claim is held, no other session rotates this key.
    let BegunRotation { created: CreatedKey { key, secret }, claim: _claim } =
        begun.map_err(|error| not_begun(context, desk.store(), error, &old))?;
    let shown = read(desk.store(), |reader| Shown::around(context, reader, key))?;
    if let Err(reason) = delivery.deliver(context, &secret, &shown) {
        delivery.take_back();
        return Err(withdraw(context, &mut desk, &old, &shown.key, &reason));
    }
    let ended = context.change(&mut desk, |session| desk::finish_rotation(session, shown.key.id, ending));
    let ended = ended.map_err(|error| not_ended(context, desk.store(), &error, &old, &shown.key))?;
    context.output.say(&format!(
        "Key {} ({}) replaces {}. It expires {}.",
        shown.key.prefix,
        shown.key.name,
        old.prefix,
        context.exact(shown.key.expires)
    ));
    context.output.say(&fate(context, &old, ended.as_ref()));
    context.output.say(text::SECRET_SHOWN_ONCE);
    Ok(Exit::Done)
}

struct Delivery<'a> {
    destination: Option<Destination>,
    command: Option<&'a str>,
    /// Whether the secret has reached the destination.
    arrived: Cell<bool>,
}

impl<'a> Delivery<'a> {
    fn choose(args: &'a Args) -> Self {
        let command = args.run.as_deref();
        // A command replaces standard output, and runs after a file or the clipboard got the secret.
        let destination = (command.is_none() || args.out.is_some() || args.copy)
            .then(|| Destination::choose(args.out.clone(), args.copy));
        Self { destination, command, arrived: Cell::new(false) }
    }

    fn check(&self, context: &Context) -> Result<(), CommandError> {
        self.destination.as_ref().map_or(Ok(()), |destination| destination.check(&context.settings))
    }

    /// Delivers. The error is the reason, as a text.
    fn deliver(&self, context: &Context, secret: &Secret, shown: &Shown) -> Result<(), String> {
        let document = shown.document(context);
        if let Some(destination) = &self.destination {
            if destination.deliver(context, secret, &document)? == Outcome::Discarded {
                return Err("standard output is /dev/null".into());
            }
            self.arrived.set(true);
        }
        if let Some(command) = self.command {
            run_with_secret(command, secret)?;
            if self.destination.is_none() && context.output.is_json() {
                // The secret was delivered already: an error here changes nothing.
                let _ = context.output.document(&document);
            }
        }
        Ok(())
    }

    /// Removes the file with the secret of a key that was withdrawn.
    fn take_back(&self) {
        if let Some(Destination::File(path)) = &self.destination
            && self.arrived.get()
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Runs a command with the secret on its standard input; what it prints goes to standard error.
fn run_with_secret(command: &str, secret: &Secret) -> Result<(), String> {
    let shown = inert(command);
    let failed = |error: std::io::Error| format!("could not run {shown:?}: {error}");
    let output = std::io::stderr();
    let stdout = std::os::fd::AsFd::as_fd(&output).try_clone_to_owned().map_err(failed)?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::from(stdout));
    let mut child = umask::with_inherited(|| shell.spawn()).map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A command that does not read all of it reports that by its exit code.
        let _ = input.write_all(secret.expose().as_bytes()).and_then(|()| input.write_all(b"\n"));
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("the command {shown:?} failed ({status})")) }
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
    let unchanged = now.replaced_by.is_none() && (now.expires, now.disabled) == (old.expires, old.disabled);
    let unchanged = if unchanged { "is unchanged: it " } else { "" };
    let state = if now.expires <= clock::now() {
        format!("expired {}", context.exact(now.expires))
    } else if now.disabled.is_some() {
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
    text::old_key_after_rotation(ended, clock::now(), &context.exact(ended.expires))
}
