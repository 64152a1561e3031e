//! `keydesk backup`: copies the database into one file.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{progress, text};
use crate::domain::audit::ChainHead;
use crate::domain::expiry::rfc3339;
use crate::host::new_file::NewFile;
use crate::store::StoreError;
use crate::store::backup::{self, Stage};

const EXAMPLES: Examples = Examples(&[
    ("keydesk backup /srv/backup/keydesk-$(date +%F).db", ""),
    ("keydesk backup keydesk.bak --json", ""),
]);

/// Back up the database to a file, also while it is in use
///
/// A database on a PostgreSQL server is backed up with pg_dump instead.
///
/// The backup is a single file. It appears under its name only after it is complete, checked and synced to disk.
///
/// To restore it, stop keydesk everywhere, move the database and its -wal and -shm files away, then copy the backup
/// into place. Keys that were deleted after the backup was made are valid again: delete them again before you restart
/// the endpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// New file (mode 0600). An existing file is never overwritten
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
    if context.database.file().is_none() {
        let instead = "Run pg_dump as the owner of the tables, or use continuous archiving, on the server.";
        return Err(StoreError::NeedsFile { what: "keydesk backup", instead }.into());
    }
    let path = args.file.as_path();
    let interrupt = Interrupt::listen()?;
    let file = NewFile::begin(path)?;
    let desk = context.desk()?;
    let bar = progress::bar(&context.output, 0, "Copying   [{bar:20}] {percent} %");
    let copied = backup::copy(desk.store(), file.part(), interrupt.flag(), &mut |stage| match stage {
        // Avoids a flash of the bar for a small database.
        Stage::Copying(..) if bar.elapsed() < BAR_AFTER => {}
        Stage::Copying(done, all) => {
            bar.set_length(all);
            bar.set_position(done);
        }
        Stage::Checking => progress::restyle(&bar, "Checking the copy..."),
    });
    bar.finish_and_clear();
    let place = text::path(path);
    let copied =
        copied.map_err(|error| CommandError::from(error).because(&format!("backup {place} not created")))?;
    let Some(copied) = copied.filter(|_| !interrupt.is_set()) else {
        return Err(CommandError::failed("interrupted", format!("interrupted: backup {place} not created")));
    };
    let bytes = file.finish()?;
    let head = ChainHead { number: copied.entries, hash: copied.head };
    context.output.say(&format!(
        "Backup {place} created and checked: {}, {} ({}).\nHead of its audit log, to store elsewhere: {head}",
        text::count(copied.keys, "key", "keys"),
        text::count(copied.entries, "audit log entry", "audit log entries"),
        text::size(bytes),
    ));
    context.output.if_json(&Document {
        file: path.display().to_string(),
        bytes,
        keys: copied.keys,
        taken: rfc3339(context.now()),
        audit_entries: copied.entries,
        audit_head: head.to_string(),
    })
}
