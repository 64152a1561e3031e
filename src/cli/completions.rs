//! `keydesk completions SHELL`: what a shell offers at the Tab key, from the same types as the help.

use clap::CommandFactory;
use clap_complete::Shell;
use serde::Serialize;

use super::args::CommandLine;
use super::exit::Exit;
use super::failure::Stop;
use super::output::Output;

#[derive(Serialize)]
struct Document<'a> {
    shell: String,
    script: &'a str,
}

/// Prints the script.
pub(crate) fn print(output: &Output, shell: Shell) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "keydesk", &mut script);
    let script = String::from_utf8_lossy(&script);
    if output.is_json() {
        output.document(&Document { shell: shell.to_string(), script: &script })?;
    } else {
        output.line(script.trim_end())?;
    }
    Ok(Exit::Done)
}
