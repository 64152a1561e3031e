//! Delivery of a new secret: to standard output, into a file, into an environment file, or to the clipboard.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::json;
use crate::domain::env_file::VariableName;
use crate::domain::secret::Secret;
use crate::host::clipboard::Clipboard;
use crate::host::clipboard::ClipboardMode;
use crate::host::env_file::{Changed, EnvFile};
use crate::host::new_file;

/// Capacity for the document of a key with its secret, so that no buffer grows and leaves a copy behind.
const DOCUMENT_BYTES: usize = 16 * 1024;

/// What to do where the clipboard cannot be used.
const INSTEAD: &str = "use --out FILE";

/// The options that choose a destination.
#[derive(Debug, clap::Args)]
pub(crate) struct DestinationArgs {
    /// Write the secret to this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Copy the secret to the clipboard instead of printing it
    #[arg(long, conflicts_with = "out")]
    copy: bool,
    /// Set the variable --env-name in this environment file (NAME=value on each line) instead of printing the secret.
    /// Everything else in the file stays as it is
    #[arg(long, value_name = "FILE", requires = "env_name", conflicts_with_all = ["out", "copy"])]
    env_file: Option<PathBuf>,
    /// Variable to set in --env-file
    #[arg(long, value_name = "NAME", requires = "env_file")]
    env_name: Option<VariableName>,
}

impl DestinationArgs {
    /// The destination that was chosen, if any.
    pub(crate) fn chosen(&self) -> Option<Destination> {
        match self {
            Self { env_file: Some(path), env_name: Some(name), .. } => {
                Some(Destination::EnvFile(EnvFile::new(path.clone(), name.clone())))
            }
            Self { out: Some(path), .. } => Some(Destination::File(path.clone())),
            Self { copy: true, .. } => Some(Destination::Clipboard),
            Self { .. } => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Destination {
    /// Standard output: alone on a line, or in the JSON document.
    Output,
    /// A new file of mode 0600.
    File(PathBuf),
    /// A variable in an existing file.
    EnvFile(EnvFile),
    Clipboard,
}

/// What became of a secret.
pub(crate) enum Outcome {
    /// Written to the null device.
    Discarded,
    /// Printed or copied.
    Delivered,
    /// Written to a new file.
    Written(PathBuf),
    /// Written to an environment file.
    Set(Changed),
}

impl Outcome {
    /// Removes the secret of a key that was withdrawn from where it was written.
    pub(crate) fn take_back(self) -> Result<(), String> {
        match self {
            Self::Discarded | Self::Delivered => Ok(()),
            Self::Written(path) => std::fs::remove_file(&path)
                .map_err(|error| format!("could not remove {}: {error}", path.display())),
            Self::Set(changed) => changed.undo().map_err(|error| error.to_string()),
        }
    }
}

impl Destination {
    /// Checks whether the secret can be delivered, as far as that is known beforehand.
    pub(crate) fn check(&self, context: &Context) -> Result<(), CommandError> {
        match self {
            Self::File(path) => Ok(new_file::check_new(path)?),
            Self::EnvFile(file) => {
                if let Some(mode) = file.check()? {
                    let path = file.path().display();
                    context.output.warn(&format!(
                        "others can read {path} (mode {mode:04o}): if they should not, run chmod 0600 on it"
                    ));
                }
                Ok(())
            }
            Self::Clipboard if context.settings.clipboard == ClipboardMode::Off => Err(CommandError::failed(
                "clipboard_off",
                "the clipboard is turned off in the configuration (clipboard = \"off\")",
            )
            .hint("use --out FILE instead")),
            Self::Output | Self::Clipboard => Ok(()),
        }
    }

    /// Whether the secret goes to standard output, with `--json` in the document.
    pub(crate) fn is_output(&self) -> bool {
        matches!(self, Self::Output)
    }

    /// Delivers the secret. The error is the reason, as a text.
    pub(crate) fn deliver(
        &self,
        context: &Context,
        secret: &Secret,
        document: &KeyDocument<'_>,
    ) -> Result<Outcome, String> {
        match self {
            Self::Output if context.output.is_json() => {
                let mut bytes = Zeroizing::new(Vec::with_capacity(DOCUMENT_BYTES));
                let document = document.clone().with_secret(secret.expose());
                json::write(&mut *bytes, &document).map_err(|error| error.to_string())?;
                print(context, bytes)
            }
            Self::Output => {
                let text = secret.expose().as_bytes();
                let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
                bytes.extend_from_slice(text);
                print(context, bytes)
            }
            Self::File(path) => {
                new_file::write_new(path, secret.expose()).map_err(|error| error.to_string())?;
                context.output.say(&format!("Secret written to {} (mode 0600).", path.display()));
                Ok(Outcome::Written(path.clone()))
            }
            Self::EnvFile(file) => {
                let changed = file.set(secret.expose()).map_err(|error| error.to_string())?;
                let path = file.path().display();
                context.output.say(&format!("Secret written to {path} as {}.", file.name()));
                Ok(Outcome::Set(changed))
            }
            Self::Clipboard => {
                copy(context, secret)?;
                Ok(Outcome::Delivered)
            }
        }
    }
}

/// Writes a line in one call, without a buffer that would keep a copy.
fn print(context: &Context, mut line: Zeroizing<Vec<u8>>) -> Result<Outcome, String> {
    let outcome = if is_null_device() { Outcome::Discarded } else { Outcome::Delivered };
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(|error| format!("could not write to standard output: {error}"))?;
    if matches!(outcome, Outcome::Discarded) {
        context.output.warn(
            "standard output is /dev/null: the secret is lost, and the key is marked \"not delivered\"",
        );
    }
    Ok(outcome)
}

/// Whether standard output is the null device, which also replaces a closed one at the start of the process.
fn is_null_device() -> bool {
    use std::os::unix::fs::MetadataExt;
    let null = std::fs::metadata("/dev/null").map(|metadata| metadata.rdev());
    let output = nix::sys::stat::fstat(io::stdout()).map(|stat| stat.st_rdev);
    matches!((null, output), (Ok(null), Ok(output)) if null == output)
}

fn copy(context: &Context, secret: &Secret) -> Result<(), String> {
    let keydesk =
        std::env::current_exe().map_err(|error| format!("could not locate the program keydesk: {error}"))?;
    let settings = &context.settings;
    let clipboard =
        Clipboard { mode: settings.clipboard, clear_after: settings.clipboard_clear_after, keydesk };
    let copied = clipboard.copy(secret, &mut Terminal).map_err(|error| format!("{error}; {INSTEAD}"))?;
    let description = copied.describe(INSTEAD);
    if copied.is_claimed() {
        context.output.say(&description);
        return Ok(());
    }
    Err(format!("{description}: {INSTEAD}"))
}

/// The controlling terminal, opened for each write. Escape sequences never go to standard output.
struct Terminal;

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OpenOptions::new().write(true).open("/dev/tty")?.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
