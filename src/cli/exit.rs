//! What the shell is told.

use std::process::ExitCode;

/// The exit codes of keydesk; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; or: the answer is yes.
    Done,
    /// The answer is no: the key is refused.
    No,
    /// The command line is wrong.
    Usage,
    /// It could not be done: not found, database unusable, file exists.
    Failed,
    /// Not allowed: the user is disabled or unknown.
    NotAllowed,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::NotAllowed => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
