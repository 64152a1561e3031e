//! `keydesk keys`: one file for each thing that can be done.

mod change;
mod create;
mod list;
mod rotate;
mod show;
mod usage;

use super::args_keys::KeysCommand;
use super::exit::Exit;
use super::failure::Stop;
use super::run::Run;
use crate::desk::Picked;
use crate::domain::key::Key;

/// Does it.
pub(crate) fn run(run: &Run, command: KeysCommand) -> Result<Exit, Stop> {
    match command {
        KeysCommand::List(args) => list::run(run, args),
        KeysCommand::Create(args) => create::run(run, args),
        KeysCommand::Rotate(args) => rotate::run(run, &args),
        KeysCommand::Show { key } => show::run(run, &key),
        KeysCommand::Disable(several) => change::set_disabled(run, &several.keys, true),
        KeysCommand::Enable(several) => change::set_disabled(run, &several.keys, false),
        KeysCommand::Delete { keys, yes } => change::delete(run, &keys.keys, yes),
        KeysCommand::Usage { key } => usage::run(run, &key),
    }
}

/// The keys as they were seen when the decision was made.
fn picked(keys: &[Key]) -> Vec<Picked> {
    keys.iter().map(|key| Picked { id: key.id, version: key.version }).collect()
}
