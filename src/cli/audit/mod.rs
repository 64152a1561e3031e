//! `keydesk audit`: list the log, check it, print its head.

mod list;
mod verify;

use serde::Serialize;

use super::args_audit::AuditCommand;
use super::exit::Exit;
use super::failure::Stop;
use super::run::Run;
use crate::domain::audit::ChainHead;
use crate::store::audit;

/// Does it.
pub(crate) fn run(run: &Run, command: AuditCommand) -> Result<Exit, Stop> {
    match command {
        AuditCommand::List { key, since, user, action, limit } => {
            let wanted = list::Wanted { key, since, user, action, limit };
            list::run(run, &wanted)
        }
        AuditCommand::Verify { expect } => verify::run(run, expect.as_deref()),
        AuditCommand::Head => head(run),
    }
}

fn head(run: &Run) -> Result<Exit, Stop> {
    #[derive(Serialize)]
    struct Document {
        head: String,
        number: u64,
        hash: String,
    }
    let (number, hash) = run.store()?.read(audit::head)?;
    let head = ChainHead { number, hash }.to_string();
    if run.output.is_json() {
        run.output.document(&Document { head, number, hash: hash.to_string() })?;
    } else {
        run.output.line(&head)?;
    }
    Ok(Exit::Done)
}
