//! Why a command ended early.

use std::error::Error;
use std::{fmt, io};

use crate::cli::exit::Exit;
use crate::config::ConfigError;
use crate::desk::DeskError;
use crate::domain::expiry::{BeyondMaxLifetime, ExpiryError};
use crate::domain::text::NameError;
use crate::domain::user::EmailError;
use crate::host::env_file::ChangeError;
use crate::host::new_file::WriteError;
use crate::store::StoreError;
use crate::verify::VerifyError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// The user is disabled or unknown.
    NotAllowed,
    /// No key, Application or user has the name that was given: exit code 3, as for other failures. A platform is a
    /// value of a closed list, and a wrong one is [`Self::Usage`].
    NotFound,
    /// Standard output could not be written.
    Output,
    /// Standard output was closed by its reader (`keydesk keys list | head -1`), which is not reported.
    ClosedPipe,
    Failed,
}

/// What went wrong, why, and what to do next.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: ErrorKind,
    /// Stable, for programs.
    code: &'static str,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
}

impl CommandError {
    fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), source: None, hint: None }
    }

    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, code, message)
    }

    /// A required argument is missing from a command.
    pub(crate) fn missing(argument: &str, command: &str) -> Self {
        Self::usage("usage", format!("missing argument: {argument}"))
            .hint(format!("run \"{command} --help\" for help"))
    }

    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, code, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, "not_found", message)
    }

    /// Adds why, which follows the message after a colon.
    pub(crate) fn source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Adds what to do next.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds what failed as a whole, in front of the message.
    pub(crate) fn because(self, outcome: &str) -> Self {
        Self { message: format!("{outcome}: {}", self.message), ..self }
    }

    /// Adds a sentence about the outcome.
    pub(crate) fn and(self, outcome: &str) -> Self {
        Self { message: format!("{self}. {outcome}"), source: None, ..self }
    }

    /// The same cause under another code and message.
    pub(crate) fn replace(self, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, code, message: message.into(), hint: None, ..self }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn exit(&self) -> Exit {
        match self.kind {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::NotAllowed => Exit::NotAllowed,
            ErrorKind::NotFound | ErrorKind::Output | ErrorKind::Failed => Exit::Failed,
            ErrorKind::ClosedPipe => Exit::Done,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

/// An error while writing to standard output.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => ErrorKind::ClosedPipe,
            _ => ErrorKind::Output,
        };
        Self::new(kind, "output", "could not write to standard output").source(error)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self { hint: error.hint(), ..Self::failed(error.code(), error.to_string()) }
    }
}

impl From<DeskError> for CommandError {
    fn from(error: DeskError) -> Self {
        let kind = match error {
            DeskError::NotAllowed(_) => ErrorKind::NotAllowed,
            // The value of an option, as a date in the past.
            DeskError::BeyondMaxLifetime(_) => ErrorKind::Usage,
            _ => ErrorKind::Failed,
        };
        Self { hint: error.hint(), ..Self::new(kind, error.code(), error.to_string()) }
    }
}

impl From<VerifyError> for CommandError {
    fn from(error: VerifyError) -> Self {
        let store = error.store();
        Self { hint: store.hint(), ..Self::failed(store.code(), error.to_string()) }
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::failed("configuration", error.to_string())
            .hint("run \"keydesk config --default\" to see all settings")
    }
}

impl From<WriteError> for CommandError {
    fn from(error: WriteError) -> Self {
        let code = match error {
            WriteError::Exists(_) => "file_exists",
            WriteError::Failed { .. } => "file",
        };
        Self::failed(code, error.to_string())
    }
}

impl From<ChangeError> for CommandError {
    fn from(error: ChangeError) -> Self {
        Self { hint: error.hint(), ..Self::failed("env_file", error.to_string()) }
    }
}

impl From<NameError> for CommandError {
    fn from(error: NameError) -> Self {
        Self::usage("bad_name", error.to_string())
    }
}

impl From<EmailError> for CommandError {
    fn from(error: EmailError) -> Self {
        Self::usage("bad_email", error.to_string())
    }
}

impl From<BeyondMaxLifetime> for CommandError {
    fn from(error: BeyondMaxLifetime) -> Self {
        DeskError::from(error).into()
    }
}

impl From<ExpiryError> for CommandError {
    fn from(error: ExpiryError) -> Self {
        match error {
            ExpiryError::BeyondMaxLifetime(error) => error.into(),
            error => Self::usage("bad_date", error.to_string()),
        }
    }
}
