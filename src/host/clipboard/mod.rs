//! The clipboard, over every kind of session. What is said is what happened, and never more.

pub mod choice;
pub mod holder;
pub mod osc52;
mod system;
pub mod tmux;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

pub use choice::ClipboardMode;
use choice::{Facts, Way, ways};
use osc52::{Wrapping, sequence};

use crate::domain::secret::Secret;

/// What a copy needs to know of the world.
#[derive(Clone, Debug)]
pub struct Clipboard {
    /// What the settings say.
    pub mode: ClipboardMode,
    /// After which time the display's clipboard is emptied.
    pub clear_after: Duration,
    /// Our own binary, for the helper.
    pub keydesk: PathBuf,
}

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The helper owns the display's clipboard and will empty it.
    System {
        /// After so many seconds.
        seconds: u64,
        /// On a display that is forwarded over SSH.
        until_logout: bool,
    },
    /// Written to the terminal.
    Terminal,
    /// Handed to tmux.
    Tmux,
    /// Written to a terminal that is known to take no copies.
    Deaf(&'static str),
}

impl Copied {
    /// Whether there is reason to believe that it arrived.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        !matches!(self, Self::Deaf(_))
    }

    /// Whether it is where nobody can know whose content it is, so that it is not cleared by itself.
    #[must_use]
    pub fn is_in_terminal(&self) -> bool {
        matches!(self, Self::Terminal | Self::Tmux)
    }

    /// What became of the copy. `instead` tells how to write the secret to a file, in the words of the front end.
    #[must_use]
    pub fn describe(&self, instead: &str) -> String {
        match self {
            Self::System { seconds, until_logout: false } => {
                format!("Copied to the clipboard (cleared in {seconds} s)")
            }
            Self::System { seconds, until_logout: true } => {
                format!(
                    "Copied to the forwarded display's clipboard until you log out (cleared in {seconds} s)"
                )
            }
            Self::Terminal => format!(
                "Sent to your terminal's clipboard (OSC 52). If nothing arrives, your terminal does not allow it: \
                 {instead}"
            ),
            Self::Tmux => format!("Sent through tmux; paste to check. If nothing arrives, {instead}"),
            Self::Deaf(terminal) => format!("{terminal} does not take copies"),
        }
    }
}

/// A copy was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The settings say so.
    #[error("Copying is off in the configuration (clipboard = \"off\")")]
    Off,
    /// No way worked; the reasons, in the order of the ways.
    #[error("Not copied: {0}")]
    Failed(String),
}

impl Clipboard {
    /// Copies a secret. It may take seconds: never call it on the thread of the screen.
    ///
    /// `terminal` is where sequences for the terminal are written, and only whole ones.
    pub fn copy(&self, secret: &Secret, terminal: &mut dyn Write) -> Result<Copied, CopyError> {
        let facts = facts();
        let mut reasons = Vec::new();
        for way in ways(&facts, self.mode) {
            match self.try_way(way, &facts, secret, terminal) {
                Ok(copied) => return Ok(copied),
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() { Err(CopyError::Off) } else { Err(CopyError::Failed(reasons.join("; "))) }
    }

    fn try_way(
        &self,
        way: Way,
        facts: &Facts,
        secret: &Secret,
        terminal: &mut dyn Write,
    ) -> Result<Copied, String> {
        match way {
            Way::System => {
                system::copy(secret, &self.keydesk, self.clear_after)?;
                Ok(Copied::System { seconds: self.clear_after.as_secs(), until_logout: facts.remote })
            }
            Way::Tmux => tmux::forward(secret).map(|()| Copied::Tmux),
            Way::Terminal(Wrapping::Tmux) => {
                tmux::check_passthrough()?;
                write(terminal, &sequence(secret.expose(), Wrapping::Tmux)).map(|()| Copied::Tmux)
            }
            Way::Terminal(wrapping) => {
                write(terminal, &sequence(secret.expose(), wrapping))?;
                Ok(facts.deaf.map_or(Copied::Terminal, Copied::Deaf))
            }
        }
    }

    /// Asks the terminal to empty its clipboard, by the way that a copy to it takes.
    pub fn clear_terminal(&self, terminal: &mut dyn Write) -> Result<(), String> {
        let mut reasons = Vec::new();
        for way in ways(&facts(), ClipboardMode::Osc52) {
            let asked = match way {
                // tmux loads no empty buffer; a space is the nearest to nothing.
                Way::Tmux => tmux::forward(&Secret::new(" ".into())),
                Way::Terminal(Wrapping::Tmux) => {
                    tmux::check_passthrough().and_then(|()| write(terminal, &sequence("", Wrapping::Tmux)))
                }
                Way::Terminal(wrapping) => write(terminal, &sequence("", wrapping)),
                // Emptied by its helper.
                Way::System => continue,
            };
            match asked {
                Ok(()) => return Ok(()),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }
}

/// The facts of this session.
#[must_use]
pub fn facts() -> Facts {
    let var = |name: &str| std::env::var(name).ok();
    let in_tmux = var("TMUX").is_some_and(|value| !value.is_empty());
    Facts::gather(var, if in_tmux { tmux::is_remote() } else { None })
}

fn write(terminal: &mut dyn Write, sequence: &str) -> Result<(), String> {
    terminal
        .write_all(sequence.as_bytes())
        .and_then(|()| terminal.flush())
        .map_err(|error| format!("the terminal did not take it: {error}"))
}
