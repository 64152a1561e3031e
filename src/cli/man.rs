//! `keydesk man`: generates a manual page for each command from its help.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::text;
use crate::host::new_file::{Access, replace};

const EXAMPLES: &str = "\
Examples:
  keydesk man ~/.local/share/man/man1     # read them with: man keydesk, man keydesk-keys-create
  keydesk man ./man1";

/// Generate manual pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directory for the pages, created if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Serialize)]
struct Document {
    files: Vec<String>,
}

pub(crate) fn run(output: &Output, command: clap::Command, args: &Args) -> Result<Exit, CommandError> {
    let directory = args.directory.as_path();
    let failed = |path: &Path, error: &io::Error| {
        CommandError::failed("file", format!("could not write {}: {error}", text::path(path)))
    };
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages);
    let mut files = Vec::new();
    for (name, text) in pages {
        let path = directory.join(name);
        replace(&path, &text, Access::Umask).map_err(|error| failed(&path, &error))?;
        files.push(path.display().to_string());
    }
    output.say(&format!("{} manual pages written to {}", files.len(), text::path(directory)));
    output.if_json(&Document { files })
}

/// Collects the pages of a command and its visible subcommands.
fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) {
    let man =
        Man::new(command.clone()).manual("keydesk").source(format!("keydesk {}", env!("CARGO_PKG_VERSION")));
    // Writing to a vector cannot fail.
    let mut page = Vec::new();
    let _ = render(&man, command, &mut page);
    pages.push((man.get_filename(), page));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, pages);
    }
}

fn render(man: &Man, command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(page)?;
    }
    if let Some(after) = command.get_after_help() {
        notes(&after.to_string()).to_writer(page)?;
    }
    Ok(())
}

/// Formats the text after the help: examples keep their lines, the rest is filled.
fn notes(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut noted = false;
    for block in text.split("\n\n") {
        if let Some(examples) = block.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            for line in examples.lines() {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        } else {
            if block.starts_with("Exit code") {
                roff.control("SH", ["EXIT STATUS"]);
            } else if noted {
                roff.control("PP", []);
            } else {
                roff.control("SH", ["NOTES"]);
                noted = true;
            }
            roff.text([roman(block)]);
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::notes;

    #[test]
    fn examples_keep_their_lines_and_text_is_escaped() {
        let page = notes("Why.\n\nExit code 0.\n\nExamples:\n  keydesk a-b\n  .x\n'y").render();
        assert!(page.contains(".SH NOTES\nWhy.\n.SH \"EXIT STATUS\""), "{page}");
        assert!(page.contains(".nf\n  keydesk a\\-b\n"), "{page}");
        assert!(!page.lines().any(|line| line.starts_with("'y")), "{page}");
    }
}
