//! Where the secret of a new key goes, and the command that gets it.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::keys::show::Shown;
use crate::cli::secret_output::{Destination, Outcome};
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::location::Location;
use crate::domain::secret::Secret;
use crate::domain::text::inert;
use crate::host::umask;

/// How the secrets of new keys are delivered.
pub(super) struct Delivery<'a> {
    /// None where a command alone gets the secret.
    pub(super) place: Option<Place>,
    /// Runs after the secret has reached the place.
    pub(super) command: Option<&'a str>,
}

pub(super) enum Place {
    Of(Destination),
    /// A directory, with a new file for each key.
    Directory(PathBuf),
}

impl<'a> Delivery<'a> {
    /// Takes a command, which replaces standard output.
    pub(super) fn new(destination: Option<Destination>, command: Option<&'a str>) -> Self {
        let output = command.is_none().then_some(Destination::Output);
        Self { place: destination.or(output).map(Place::Of), command }
    }

    /// The file of a new key in the directory. Names of keys could be any text, prefixes are safe and unique.
    pub(super) fn file(&self, prefix: &str) -> Option<PathBuf> {
        match &self.place {
            Some(Place::Directory(directory)) => Some(directory.join(format!("{prefix}.key"))),
            Some(Place::Of(_)) | None => None,
        }
    }

    pub(super) fn check(&self, context: &Context) -> Result<(), CommandError> {
        match &self.place {
            Some(Place::Of(destination)) => destination.check(context),
            Some(Place::Directory(_)) | None => Ok(()),
        }
    }

    /// Whether the secret goes to standard output, in the JSON document too.
    pub(super) fn prints(&self) -> bool {
        matches!(&self.place, Some(Place::Of(destination)) if destination.is_output())
    }

    /// Delivers. The error is the reason, as a text; then the secret is no longer at the place.
    pub(super) fn deliver(&self, context: &Context, secret: &Secret, shown: &Shown) -> Result<(), String> {
        let document = shown.document(context);
        let reached = match &self.place {
            Some(Place::Of(destination)) => Some(destination.deliver(context, secret, &document)?),
            Some(Place::Directory(_)) => {
                let file = self.file(&shown.key.prefix).map(Destination::File);
                file.map(|file| file.deliver(context, secret, &document)).transpose()?
            }
            None => None,
        };
        if matches!(reached, Some(Outcome::Discarded)) {
            return Err("standard output is /dev/null".into());
        }
        let Some(Err(reason)) = self.command.map(|command| run(command, secret, &variables(context, shown)))
        else {
            return Ok(());
        };
        match reached.map(Outcome::take_back) {
            Some(Err(left)) => Err(format!("{reason}. The secret was not removed: {left}")),
            Some(Ok(())) | None => Err(reason),
        }
    }
}

/// What a command learns of the new key, which is never the secret. A keydesk that it runs works on the same database and
/// Application.
fn variables(context: &Context, shown: &Shown) -> Vec<(&'static str, OsString)> {
    let key = &shown.key;
    let database = match &context.database {
        Location::File(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).into(),
        Location::Postgres(url) => url.to_string().into(),
    };
    vec![
        ("KEYDESK_KEY_ID", key.id.as_str().into()),
        ("KEYDESK_KEY_NAME", key.name.as_str().into()),
        ("KEYDESK_KEY_PREFIX", key.prefix.as_str().into()),
        ("KEYDESK_APPLICATION", shown.application.as_str().into()),
        ("KEYDESK_PLATFORM", key.kind.platform().unwrap_or("generic").into()),
        ("KEYDESK_EXPIRES", rfc3339(key.expires).into()),
        ("KEYDESK_REPLACES", key.replaces.as_ref().map(KeyId::as_str).unwrap_or_default().into()),
        ("KEYDESK_APP", shown.application.as_str().into()),
        ("KEYDESK_DB", database),
    ]
}

/// Runs a command with the secret on its standard input; what it prints goes to standard error.
fn run(command: &str, secret: &Secret, variables: &[(&'static str, OsString)]) -> Result<(), String> {
    let shown = inert(command);
    let failed = |error: std::io::Error| format!("could not run {shown:?}: {error}");
    let output = std::io::stderr();
    let stdout = std::os::fd::AsFd::as_fd(&output).try_clone_to_owned().map_err(failed)?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).envs(variables.iter().map(|(name, value)| (name, value)));
    shell.stdin(Stdio::piped()).stdout(Stdio::from(stdout));
    let mut child = umask::with_inherited(|| shell.spawn()).map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A command that does not read all of it reports that by its exit code.
        let _ = input.write_all(secret.expose().as_bytes()).and_then(|()| input.write_all(b"\n"));
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("the command {shown:?} failed ({status})")) }
}
