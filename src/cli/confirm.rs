//! Confirmation of what cannot be undone by the same person, by typing a name.

use crate::cli::error::CommandError;
use crate::cli::output::to_stderr;
use crate::cli::prompt;
use crate::domain::text::inert;

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
        if !prompt::has_terminal() {
            return Err(CommandError::usage(
                "confirmation_needed",
                "this needs confirmation and there is no terminal: nothing was changed",
            )
            .hint("add --yes to skip the confirmation"));
        }
        for line in preview {
            to_stderr(line);
        }
        let answer = prompt::read_line(&format!("Type {} to confirm", inert(wanted)))?;
        if answer.is_some_and(|answer| matches(&answer, wanted)) {
            return Ok(());
        }
        Err(CommandError::failed("not_confirmed", "the text does not match: nothing was changed"))
    }
}

/// Whether the answer is the text, or the form in which its invisible characters are shown.
fn matches(answer: &str, wanted: &str) -> bool {
    answer == wanted.trim() || answer == inert(wanted).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_confirms() {
        assert!(matches("Checkout", "Checkout"));
        assert!(matches("a\\u{202e}b", "a\u{202e}b"));
        for wrong in ["", "checkout", "Checkou", "yes", "Checkout 2"] {
            assert!(!matches(wrong, "Checkout"), "{wrong:?}");
        }
    }
}
