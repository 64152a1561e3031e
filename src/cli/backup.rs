//! `keydesk backup`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{progress, text};
use crate::domain::audit::ChainHead;
use crate::domain::expiry::rfc3339;
use crate::host::new_file::NewFile;
use crate::store::backup::{self, Stage};

const EXAMPLES: &str = "\
The copy is one file that is whole, checked and on the disk when the command ends; before that, nothing has its name.
To restore it, stop keydesk everywhere, put the old database with its -wal and -shm aside, and copy the backup to its
place. Keys that were deleted since are alive again then: delete them again before you open the door.

Examples:
  keydesk backup /srv/backup/keydesk-$(date +%F).db
  keydesk backup keydesk.bak --json";

/// Make a consistent copy of the database while others work
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The new file (mode 0600); never over an existing one
    file: PathBuf,
}

const BAR_AFTER: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Document {
    file: String,
    bytes: u64,
    keys: u64,
    taken: String,
    audit_entries: u64,
    audit_head: String,
}

/// Writes the copy under another name in the same directory, checks it, then renames it.
pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let path = args.file.as_path();
    let interrupt = Interrupt::listen()?;
    let file = NewFile::begin(path)?;
    let desk = context.desk()?;
    let bar = progress::bar(&context.output, 0, "Copying   [{bar:20}] {percent} %");
    let copied = backup::copy(desk.store(), file.part(), interrupt.flag(), &mut |stage| match stage {
        // A small database is copied before a bar could be seen.
        Stage::Copying(..) if bar.elapsed() < BAR_AFTER => {}
        Stage::Copying(done, all) => {
            bar.set_length(all);
            bar.set_position(done);
        }
        Stage::Checking => progress::restyle(&bar, "Checking the copy ..."),
    });
    bar.finish_and_clear();
    let place = text::path(path);
    let copied = copied
        .map_err(|error| CommandError::from(error).because(&format!("no backup was made at {place}")))?;
    let Some(copied) = copied.filter(|_| !interrupt.is_set()) else {
        return Err(CommandError::failed("interrupted", format!("stopped; no backup was made at {place}")));
    };
    let bytes = file.finish()?;
    let head = ChainHead { number: copied.entries, hash: copied.head };
    context.output.say(&format!(
        "{place} holds {} and {} of the audit log, and was checked ({}).\nKeep its head elsewhere, for keydesk audit verify --expect: {head}",
        text::count(copied.keys, "key", "keys"),
        text::count(copied.entries, "entry", "entries"),
        text::size(bytes),
    ));
    context.output.if_json(&Document {
        file: path.display().to_string(),
        bytes,
        keys: copied.keys,
        taken: rfc3339(context.now),
        audit_entries: copied.entries,
        audit_head: head.to_string(),
    })
}
