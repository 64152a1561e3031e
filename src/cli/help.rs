//! The help of commands: its layout, and the examples.

use std::fmt::Write as _;

use clap::builder::{StyledStr, Styles};
use unicode_width::UnicodeWidthStr;

/// Command lines, each with what it does (or nothing). A line may continue on the next one after a backslash.
///
/// Texts about a command are in the doc comment of its arguments, which clap wraps; these lines it must not wrap.
pub(crate) struct Examples(pub(crate) &'static [(&'static str, &'static str)]);

/// In cells: what fits the narrowest usual terminal.
const WIDTH: usize = 80;
const HEADING: &str = "Examples:";

impl Examples {
    /// The lines, indented. Notes stand behind the command lines where all of them fit there, else above.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Self(examples) = self;
        let column = examples.iter().map(|(line, _)| line.width()).max().unwrap_or_default();
        let behind = examples.iter().all(|(line, note)| {
            note.is_empty() || (column + note.width() + 6 <= WIDTH && !line.contains('\n'))
        });
        let mut lines = Vec::new();
        for (line, note) in *examples {
            if note.is_empty() {
                lines.extend(line.lines().map(|line| format!("  {line}")));
            } else if behind {
                lines.push(format!("  {line:column$}  # {note}"));
            } else {
                lines.push(format!("  # {note}"));
                lines.extend(line.lines().map(|line| format!("  {line}")));
            }
        }
        lines
    }
}

impl From<Examples> for StyledStr {
    fn from(examples: Examples) -> Self {
        let styles = Styles::default();
        let header = styles.get_header();
        let mut text = Self::new();
        let _ = write!(text, "{header}{HEADING}{header:#}");
        for line in examples.lines() {
            let _ = write!(text, "\n{line}");
        }
        text
    }
}

/// The description after the first line, then the tables: clap's own layout gives every option a paragraph where a
/// command has a description.
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// Gives a command and those below it our layout.
pub(crate) fn layout(command: clap::Command) -> clap::Command {
    let text = |text: Option<&StyledStr>| text.map(ToString::to_string).unwrap_or_default();
    let (about, all) = (text(command.get_about()), text(command.get_long_about()));
    // The long text of a command begins with the short one.
    let description = all.strip_prefix(&about).map(str::trim).filter(|text| !text.is_empty());
    let command = match description {
        Some(description) => command.before_help(description.to_owned()),
        None => command,
    };
    command.long_about(None).help_template(TEMPLATE).mut_subcommands(layout)
}

/// The lines of the examples of a command.
pub(crate) fn examples(command: &clap::Command) -> Vec<String> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    text.lines().skip(1).map(ToOwned::to_owned).collect()
}
