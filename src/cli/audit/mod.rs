//! `keydesk audit`: list the log, check it, print its head, accept it.

mod list;
mod verify;

use serde::Serialize;

use super::args_audit::AuditCommand;
use super::confirm;
use super::exit::Exit;
use super::failure::{Failure, Stop};
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
        AuditCommand::Accept { yes } => accept(run, yes),
    }
}

fn accept(run: &Run, yes: bool) -> Result<Exit, Stop> {
    let store = run.store_unwitnessed()?;
    let Some(witness) = &run.witness else {
        return Err(
            Failure::failed("no_home", "this user has no home folder in which a head could be kept").into()
        );
    };
    if let Some(doubt) = run.look(&store).doubt {
        let mut preview = vec![format!("Attention: {doubt}.")];
        preview.extend(doubt.alive_again().map(|alive| format!("Attention: {alive}.")));
        preview.push("Nobody is told of this difference any more once you have accepted it.".into());
        confirm::ask(yes, &preview, "accept")?;
    }
    let head = witness.accept(&store)?;
    if run.output.is_json() {
        run.output.document(&HeadDocument::from(head))?;
    } else {
        run.output.say(&format!("From now on the log is compared with its head as it is: {head}"));
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct HeadDocument {
    head: String,
    number: u64,
    hash: String,
}

impl From<ChainHead> for HeadDocument {
    fn from(head: ChainHead) -> Self {
        Self { head: head.to_string(), number: head.number, hash: head.hash.to_string() }
    }
}

fn head(run: &Run) -> Result<Exit, Stop> {
    let (number, hash) = run.store()?.read(audit::head)?;
    let head = ChainHead { number, hash };
    if run.output.is_json() {
        run.output.document(&HeadDocument::from(head))?;
    } else {
        run.output.line(&head.to_string())?;
    }
    Ok(Exit::Done)
}
