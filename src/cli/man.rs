//! `keydesk man`: generates a manual page for each command from its help.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::{self, Examples};
use crate::cli::output::Output;
use crate::cli::output::text;
use crate::host::new_file::{Access, replace};

const EXAMPLES: Examples = Examples(&[
    ("keydesk man ~/.local/share/man/man1", "read them with: man keydesk, man keydesk-keys-create"),
    ("keydesk man ./man1", ""),
]);

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
    if let Some(description) = command.get_before_help() {
        paragraphs(&description.to_string()).to_writer(page)?;
    }
    man.render_options_section(page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(page)?;
    }
    examples(&help::examples(command)).to_writer(page)
}

/// Formats the rest of the description.
fn paragraphs(text: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in text.split("\n\n") {
        roff.control("PP", []).text([roman(paragraph)]);
    }
    roff
}

/// Formats examples, which keep their lines.
fn examples(lines: &[String]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

#[cfg(test)]
mod tests {
    use super::examples;

    #[test]
    fn examples_keep_their_lines_and_text_is_escaped() {
        let lines = ["  keydesk a-b", "  .x", "'y"].map(ToOwned::to_owned);
        let page = examples(&lines).render();
        assert!(page.contains(".nf\n  keydesk a\\-b\n"), "{page}");
        assert!(!page.lines().any(|line| line.starts_with("'y")), "{page}");
    }
}
