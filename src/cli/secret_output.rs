//! Delivery of a new secret: to standard output, into a file, or to the clipboard.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::json;
use crate::config::settings::Settings;
use crate::domain::secret::Secret;
use crate::host::clipboard::Clipboard;
use crate::host::clipboard::ClipboardMode;
use crate::host::new_file;

/// Capacity for the document of a key with its secret, so that no buffer grows and leaves a copy behind.
const DOCUMENT_BYTES: usize = 16 * 1024;

/// What to do where the clipboard cannot be used.
const INSTEAD: &str = "use --out FILE";

pub(crate) enum Destination {
    /// Standard output: alone on a line, or in the JSON document.
    Output,
    /// A new file of mode 0600.
    File(PathBuf),
    Clipboard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// Written to the null device.
    Discarded,
}

impl Destination {
    pub(crate) fn choose(out: Option<PathBuf>, copy: bool) -> Self {
        match (out, copy) {
            (Some(path), _) => Self::File(path),
            (None, true) => Self::Clipboard,
            (None, false) => Self::Output,
        }
    }

    /// Checks whether the secret can be delivered, as far as that is known beforehand.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), CommandError> {
        match self {
            Self::File(path) => Ok(new_file::check_new(path)?),
            Self::Clipboard if settings.clipboard == ClipboardMode::Off => Err(CommandError::failed(
                "clipboard_off",
                "the clipboard is turned off in the configuration (clipboard = \"off\")",
            )
            .hint("use --out FILE instead")),
            Self::Output | Self::Clipboard => Ok(()),
        }
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
                document_without_secret(context, document);
                Ok(Outcome::Delivered)
            }
            Self::Clipboard => {
                copy(context, secret)?;
                document_without_secret(context, document);
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
    if outcome == Outcome::Discarded {
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

/// Writes the document without the secret, which is delivered already: an error here changes nothing.
fn document_without_secret(context: &Context, document: &KeyDocument<'_>) {
    if context.output.is_json() {
        let _ = context.output.document(document);
    }
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
