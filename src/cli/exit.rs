//! Exit codes.

use std::process::ExitCode;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or the answer is yes.
    Done,
    /// The answer is no, for example: the key is rejected.
    No,
    /// The command line is wrong.
    Usage,
    /// The command failed: not found, database unusable, file exists.
    Failed,
    /// The user is disabled or unknown.
    NotAllowed,
}

impl Exit {
    /// The number that the shell gets.
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
