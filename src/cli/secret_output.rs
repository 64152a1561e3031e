//! Where a new secret goes: to standard output, into a file, or to the clipboard.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::json;
use crate::config::settings::{ClipboardMode, Settings};
use crate::domain::secret::Secret;
use crate::host::clipboard::Clipboard;
use crate::host::new_file;

/// Room for a key's document with its secret, so that no buffer grows and leaves a copy behind.
const DOCUMENT_BYTES: usize = 16 * 1024;

/// How to write the secret to a file, where the clipboard does not take it.
const INSTEAD: &str = "use --out FILE";

/// Where the secret goes.
pub(crate) enum Destination {
    /// To standard output, alone on a line (or in the JSON document).
    Output,
    /// Into a new file of mode 0600.
    File(PathBuf),
    /// To the clipboard.
    Clipboard,
}

impl Destination {
    /// As the command line says.
    pub(crate) fn choose(out: Option<PathBuf>, copy: bool) -> Self {
        match (out, copy) {
            (Some(path), _) => Self::File(path),
            (None, true) => Self::Clipboard,
            (None, false) => Self::Output,
        }
    }

    /// Whether the secret can be handed over there, as far as can be told beforehand.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), CommandError> {
        match self {
            Self::File(path) => Ok(new_file::check_new(path)?),
            Self::Clipboard if settings.clipboard == ClipboardMode::Off => Err(CommandError::failed(
                "clipboard_off",
                "copying is off in the configuration (clipboard = \"off\")",
            )
            .hint("Use --out FILE; no key was created")),
            Self::Output | Self::Clipboard => Ok(()),
        }
    }

    /// Hands the secret over. `false`: it went where nobody can read it. An error is a reason, in words.
    pub(crate) fn hand_over(
        &self,
        context: &Context,
        secret: &Secret,
        document: &KeyDocument<'_>,
    ) -> Result<bool, String> {
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
                context.output.say(&format!("The secret stands in {} (mode 0600).", path.display()));
                without_secret(context, document);
                Ok(true)
            }
            Self::Clipboard => {
                copy(context, secret)?;
                without_secret(context, document);
                Ok(true)
            }
        }
    }
}

/// A whole line in one go, past every buffer that would keep a copy.
fn print(context: &Context, mut line: Zeroizing<Vec<u8>>) -> Result<bool, String> {
    let nowhere = leads_nowhere();
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(|error| format!("standard output did not take it: {error}"))?;
    if nowhere {
        context.output.warn(
            "standard output leads nowhere (/dev/null): nobody has the secret, and the key is marked \
             \"secret never shown\"",
        );
    }
    Ok(!nowhere)
}

/// Whether standard output is the null device, which is also what a closed one has become by now.
fn leads_nowhere() -> bool {
    use std::os::unix::fs::MetadataExt;
    let null = std::fs::metadata("/dev/null").map(|metadata| metadata.rdev());
    let output = nix::sys::stat::fstat(io::stdout()).map(|stat| stat.st_rdev);
    matches!((null, output), (Ok(null), Ok(output)) if null == output)
}

/// The document still goes to standard output. The secret has arrived already: nothing depends on this.
fn without_secret(context: &Context, document: &KeyDocument<'_>) {
    if context.output.is_json() {
        let _ = context.output.document(document);
    }
}

fn copy(context: &Context, secret: &Secret) -> Result<(), String> {
    let keydesk =
        std::env::current_exe().map_err(|error| format!("keydesk could not find itself: {error}"))?;
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

/// The controlling terminal, opened when something is written: sequences for it never go where data goes.
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
