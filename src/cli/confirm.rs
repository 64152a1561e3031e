//! Confirmation of what cannot be undone, by typing a name.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::cli::error::CommandError;
use crate::domain::text::inert;

/// In bytes.
const MAX_ANSWER: u64 = 4_096;

#[derive(Debug, clap::Args)]
pub(crate) struct Confirmation {
    /// Skip the confirmation prompt
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Shows what is affected and asks for a text, unless `--yes` was given.
    ///
    /// # Errors
    /// When there is no terminal to ask at, or the answer is another text.
    pub(crate) fn ask(&self, preview: &[String], wanted: &str) -> Result<(), CommandError> {
        if self.yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(CommandError::usage(
                "confirmation_needed",
                "this cannot be undone, and there is no terminal to ask at: nothing was deleted",
            )
            .hint("Add --yes to go ahead without a question"));
        }
        let mut terminal = io::stderr().lock();
        for line in preview {
            writeln!(terminal, "{line}")?;
        }
        write!(terminal, "Type {} to confirm: ", inert(wanted))?;
        terminal.flush()?;
        let mut answer = String::new();
        // An answer that is not UTF-8 matches nothing.
        let _ = io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer);
        if matches(&answer, wanted) {
            return Ok(());
        }
        Err(CommandError::failed("not_confirmed", "that does not match: nothing was deleted"))
    }
}

/// Whether the answer is the text, or the form in which its invisible characters are shown.
fn matches(answer: &str, wanted: &str) -> bool {
    let answer = answer.trim();
    answer == wanted.trim() || answer == inert(wanted).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_confirms() {
        assert!(matches("Checkout\n", "Checkout"));
        assert!(matches("a\\u{202e}b\r\n", "a\u{202e}b"));
        for wrong in ["", "\n", "checkout", "Checkou", "yes", "Checkout 2"] {
            assert!(!matches(wrong, "Checkout"), "{wrong:?}");
        }
    }
}
