//! `keydesk completions`: generates shell completions from the arguments of all commands.

use clap_complete::Shell;
use serde::Serialize;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::Output;

const EXAMPLES: Examples = Examples(&[
    ("keydesk completions bash > ~/.local/share/bash-completion/completions/keydesk", ""),
    ("keydesk completions zsh > ~/.zfunc/_keydesk", "in ~/.zshrc, before compinit: fpath+=~/.zfunc"),
    ("keydesk completions fish > ~/.config/fish/completions/keydesk.fish", ""),
]);

/// Generate shell completions
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Shell
    shell: Shell,
}

#[derive(Serialize)]
struct Document<'a> {
    shell: String,
    script: &'a str,
}

pub(crate) fn run(output: &Output, mut command: clap::Command, args: &Args) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "keydesk", &mut script);
    let script = String::from_utf8_lossy(&script);
    let document = Document { shell: args.shell.to_string(), script: &script };
    output.print(&document, || script.trim_end().to_owned())
}
