//! Why a command ended early, in words for people and in a form for programs.

use std::io;

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::config::ConfigError;
use crate::desk::DeskError;
use crate::domain::expiry::ExpiryError;
use crate::domain::text::{NameError, inert};
use crate::domain::user::EmailError;
use crate::host::files::WriteError;
use crate::store::{NotAllowed, StoreError};
use crate::verify::VerifyError;

/// An error as it is reported: what happened, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The command line is wrong (exit 2).
    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code, message: message.into(), hint: None }
    }

    /// It could not be done (exit 3).
    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, code, message: message.into(), hint: None }
    }

    /// The user may not (exit 4).
    pub(crate) fn not_allowed(code: &'static str, message: impl Into<String>) -> Self {
        Self { exit: Exit::NotAllowed, code, message: message.into(), hint: None }
    }

    /// Adds what to do next.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says in front what it means for what was asked.
    pub(crate) fn because(self, outcome: &str) -> Self {
        Self { message: format!("{outcome}: {}", self.message), ..self }
    }

    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The word that programs look at.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The lines for people; nothing in them can move the cursor.
    pub(crate) fn text(&self) -> String {
        let lines = |text: &str| text.lines().map(inert).collect::<Vec<_>>().join("\n");
        match &self.hint {
            Some(hint) => format!("error: {}\n{}", lines(&self.message), lines(hint)),
            None => format!("error: {}", lines(&self.message)),
        }
    }

    /// The document for programs.
    pub(crate) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Inner<'a> {
            code: &'a str,
            message: &'a str,
            hint: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Document<'a> {
            error: Inner<'a>,
        }
        let error = Inner { code: self.code, message: &self.message, hint: self.hint.as_deref() };
        output::json::to_string(&Document { error })
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody reads our output any more (`keydesk keys list | head -1`): no error.
    PipeClosed,
    /// Something that must be reported.
    Failed(Box<Failure>),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// An error while writing to standard output.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::PipeClosed
        } else {
            Failure::failed("output", format!("could not write to standard output: {error}")).into()
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { hint: error.hint(), ..Self::failed(error.code(), error.to_string()) }
    }
}

impl From<NotAllowed> for Failure {
    fn from(error: NotAllowed) -> Self {
        match &error {
            NotAllowed::Unknown { login } => Self::not_allowed(
                "unknown_user",
                format!(
                    "the login {} belongs to no user of this database, so it may look and change nothing",
                    inert(login)
                ),
            )
            .hint(format!(
                "Ask an active user to context: keydesk users add YOU@EXAMPLE.COM --login {}",
                inert(login)
            )),
            NotAllowed::Disabled { email } => Self::not_allowed(
                "disabled_user",
                format!("the user {email} is disabled, and may look but change nothing"),
            )
            .hint(format!("Ask an active user to context: keydesk users enable {email}")),
        }
    }
}

impl From<DeskError> for Failure {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NotAllowed(error) => error.into(),
            DeskError::Store(error) => error.into(),
            other => Self { hint: other.hint(), ..Self::failed(other.code(), other.to_string()) },
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let store = error.store();
        Self { hint: store.hint(), ..Self::failed(store.code(), error.to_string()) }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::failed("configuration", error.to_string())
            .hint("keydesk config --default prints every setting with its default")
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let code = match error {
            WriteError::Exists(_) => "file_exists",
            WriteError::Failed { .. } => "file",
        };
        Self::failed(code, error.to_string())
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::usage("bad_name", error.to_string())
    }
}

impl From<EmailError> for Failure {
    fn from(error: EmailError) -> Self {
        Self::usage("bad_email", error.to_string())
    }
}

impl From<ExpiryError> for Failure {
    fn from(error: ExpiryError) -> Self {
        Self::usage("bad_date", error.to_string())
    }
}

macro_rules! stop_from {
    ($($error:ty),+) => {$(
        impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Failure::from(error).into()
            }
        }
    )+};
}
stop_from!(
    StoreError,
    DeskError,
    NotAllowed,
    VerifyError,
    ConfigError,
    WriteError,
    NameError,
    EmailError,
    ExpiryError
);
