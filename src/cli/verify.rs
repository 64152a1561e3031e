//! `keydesk verify`: checks a key from standard input or a file, never from an argument.

use std::io::{self, IsTerminal, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::hidden_input;
use crate::domain::expiry::rfc3339;
use crate::domain::key::KeyId;
use crate::domain::text::inert;
use crate::host::regular_file;
use crate::store::Store;
use crate::verify::{Accepted, Decision, Reason, Refusal, Verifier};

const EXAMPLES: Examples = Examples(&[
    ("keydesk verify < checkout.key", ""),
    ("keydesk verify --file checkout.key --app Storefront --json", ""),
    ("keydesk verify --source 10.0.0.4 < checkout.key", ""),
    ("keydesk keys create --name Checkout | keydesk verify", ""),
]);

/// Check whether a key is valid
///
/// Reads the key from standard input. Is recorded like a request: it changes when the key was last used, a rejected
/// deleted key is reported as still in use, and a canary key raises its alarm. "keydesk identify" records nothing.
///
/// Exit code 0 when the key is valid, 1 when it is rejected.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Read the key from this file
    #[arg(long, value_name = "F")]
    file: Option<PathBuf>,
    /// Source address of the request. Without it, keys with allowed sources are rejected
    #[arg(long, value_name = "ADDR")]
    source: Option<IpAddr>,
}

/// Larger than any key.
const MOST_BYTES: usize = 4_096;

#[derive(Serialize)]
struct Document<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<AcceptedKey<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Of a known key that is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AcceptedKey<'a> {
    id: &'a str,
    application: &'a str,
    platform: Option<&'a str>,
    #[serde(rename = "type")]
    key_type: &'static str,
    expires: String,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let verifier = Verifier::open_once(&context.database)?;
    let presented = match &args.file {
        Some(path) => from_file(path)?,
        None => from_standard_input()?,
    };
    let decision = match &presented {
        Some(text) => {
            verifier.verify_from(text, context.application.as_deref().map(str::trim), args.source)?
        }
        None => Decision::Refused(Refusal { reason: Reason::Malformed, key: None }),
    };
    match decision {
        Decision::Accepted(accepted) => {
            // A restored backup can contain keys that were deleted: warn of them.
            let opened = Store::open_read_only(&context.database);
            if let Ok(mut desk) = opened.and_then(|store| context.desk_on(store)) {
                context.check_known_head(&mut desk);
            }
            print_valid(context, &accepted)
        }
        Decision::Refused(refusal) => print_refused(context, refusal, args.source),
    }
}

fn print_valid(context: &Context, accepted: &Accepted) -> Result<Exit, CommandError> {
    let key = AcceptedKey {
        id: accepted.id.as_str(),
        application: accepted.application.as_str(),
        platform: accepted.platform.as_deref(),
        key_type: accepted.key_type.as_str(),
        expires: rfc3339(accepted.expires),
    };
    context.output.print(&Document { valid: true, key: Some(key), reason: None, key_id: None }, || {
        let platform = accepted.platform.as_deref();
        let platform = platform.map(|slug| inert(context.settings.catalog.name_of(slug)));
        format!(
            "valid: {} ({}) of {}, {}, {}, expires {}",
            accepted.name,
            accepted.id,
            accepted.application,
            platform.as_deref().unwrap_or("Generic"),
            accepted.key_type.as_str(),
            context.exact(accepted.expires)
        )
    })
}

fn print_refused(context: &Context, refusal: Refusal, source: Option<IpAddr>) -> Result<Exit, CommandError> {
    let reason = refusal.reason.as_str();
    let key_id = refusal.key.as_ref().map(KeyId::as_str);
    context.output.print(&Document { valid: false, key: None, reason: Some(reason), key_id }, || {
        let why = match refusal.reason {
            Reason::Malformed => "not an API key, or a mistyped or truncated one",
            Reason::Unknown => "the key does not exist",
            Reason::Expired => "the key has expired",
            Reason::Disabled => "the key is disabled",
            Reason::Deleted => "the key was deleted",
            Reason::WrongApplication => "the key belongs to another Application",
            Reason::WrongType => "it is a test key, and only production keys are accepted",
            Reason::WrongKind => "only keys of the other kind are accepted",
            Reason::SourceNotAllowed if source.is_none() => {
                "the key has allowed sources: give the source address of the request with --source"
            }
            Reason::SourceNotAllowed => "the key is not accepted from this source address",
            Reason::Canary => "a canary key, which must never be used",
        };
        let key = refusal.key.map(|id| format!(" (key {id})")).unwrap_or_default();
        format!("rejected: {reason}: {why}{key}")
    })?;
    Ok(Exit::No)
}

fn from_file(path: &Path) -> Result<Option<Zeroizing<String>>, CommandError> {
    let failed = |error: io::Error| {
        CommandError::failed("file", format!("could not read the key from {}: {error}", path.display()))
            .hint("Use a regular file, or pass the key on standard input")
    };
    one_key(regular_file::open(path).map_err(failed)?).map_err(failed)
}

fn from_standard_input() -> Result<Option<Zeroizing<String>>, CommandError> {
    let failed = |error: io::Error| {
        CommandError::failed("input", format!("could not read the key from standard input: {error}"))
    };
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let line = hidden_input::line("Paste the key (not shown), then press Enter:", MOST_BYTES);
        return line.map(|line| text_of(&line)).map_err(failed);
    }
    one_key(stdin).map_err(failed)
}

/// Reads a key, with or without a trailing newline. None where the input cannot be a key.
fn one_key(source: impl Read) -> io::Result<Option<Zeroizing<String>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
    source.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(text_of(&bytes))
}

fn text_of(bytes: &[u8]) -> Option<Zeroizing<String>> {
    if bytes.len() > MOST_BYTES {
        return None;
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_newline_is_ignored() {
        let read = |text: &str| one_key(text.as_bytes()).unwrap().map(|text| text.to_string());
        assert_eq!(read("key"), Some("key".into()));
        assert_eq!(read("key\n"), Some("key".into()));
        assert_eq!(read("key\r\n"), Some("key".into()));
        assert_eq!(read("key\n\n"), Some("key\n".into()), "only one");
        assert_eq!(read(&"x".repeat(MOST_BYTES + 1)), None);
        assert_eq!(one_key(&b"\xff"[..]).unwrap(), None);
    }
}
