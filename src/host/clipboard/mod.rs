//! The clipboard in every kind of session.

pub mod choice;
pub mod holder;
pub mod osc52;
mod system;
pub mod tmux;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

pub use choice::ClipboardMode;
use choice::{Channel, Facts, channels};
use osc52::{Wrapping, sequence};

use crate::domain::secret::Secret;

#[derive(Clone, Debug)]
pub struct Clipboard {
    pub mode: ClipboardMode,
    /// After this time the display's clipboard is cleared.
    pub clear_after: Duration,
    /// The path of this program, for the helper.
    pub keydesk: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The helper owns the display's clipboard and will clear it.
    System {
        /// Seconds until it is cleared.
        seconds: u64,
        /// The display is forwarded over SSH.
        until_logout: bool,
    },
    Terminal,
    Tmux,
    /// Written to a terminal, here by name, that is known to ignore it.
    Deaf(&'static str),
}

impl Copied {
    /// Whether the copy may have worked.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        !matches!(self, Self::Deaf(_))
    }

    /// Whether the copy is in the clipboard of a terminal, which is not cleared automatically.
    #[must_use]
    pub fn is_in_terminal(&self) -> bool {
        matches!(self, Self::Terminal | Self::Tmux)
    }

    /// The message for the user. `instead` is the front end's hint for writing the secret to a file.
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
            Self::Deaf(terminal) => format!("{terminal} does not support copying (OSC 52)"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    #[error("copying is off in the configuration (clipboard = \"off\")")]
    Off,
    /// The reasons, one for each way that was tried.
    #[error("not copied: {0}")]
    Failed(String),
}

impl Clipboard {
    /// Copies a secret. Blocks for up to some seconds: never call it on the UI thread.
    ///
    /// Only complete escape sequences are written to `terminal`.
    pub fn copy(&self, secret: &Secret, terminal: &mut dyn Write) -> Result<Copied, CopyError> {
        let facts = facts();
        let mut reasons = Vec::new();
        for channel in channels(&facts, self.mode) {
            match self.try_channel(channel, &facts, secret, terminal) {
                Ok(copied) => return Ok(copied),
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() { Err(CopyError::Off) } else { Err(CopyError::Failed(reasons.join("; "))) }
    }

    fn try_channel(
        &self,
        channel: Channel,
        facts: &Facts,
        secret: &Secret,
        terminal: &mut dyn Write,
    ) -> Result<Copied, String> {
        match channel {
            Channel::System => {
                system::copy(secret, &self.keydesk, self.clear_after)?;
                Ok(Copied::System { seconds: self.clear_after.as_secs(), until_logout: facts.remote })
            }
            Channel::Tmux => tmux::forward(secret).map(|()| Copied::Tmux),
            Channel::Terminal(Wrapping::Tmux) => {
                tmux::check_passthrough()?;
                write(terminal, &sequence(secret.expose(), Wrapping::Tmux)).map(|()| Copied::Tmux)
            }
            Channel::Terminal(wrapping) => {
                write(terminal, &sequence(secret.expose(), wrapping))?;
                Ok(facts.deaf.map_or(Copied::Terminal, Copied::Deaf))
            }
        }
    }

    /// Asks the terminal to clear its clipboard.
    pub fn clear_terminal(&self, terminal: &mut dyn Write) -> Result<(), String> {
        let mut reasons = Vec::new();
        for channel in channels(&facts(), ClipboardMode::Osc52) {
            let asked = match channel {
                // tmux cannot load an empty buffer.
                Channel::Tmux => tmux::forward(&Secret::new(" ".into())),
                Channel::Terminal(Wrapping::Tmux) => {
                    tmux::check_passthrough().and_then(|()| write(terminal, &sequence("", Wrapping::Tmux)))
                }
                Channel::Terminal(wrapping) => write(terminal, &sequence("", wrapping)),
                // The helper clears it.
                Channel::System => continue,
            };
            match asked {
                Ok(()) => return Ok(()),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }
}

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
        .map_err(|error| format!("could not write to the terminal: {error}"))
}
