//! `keydesk keys acknowledge`: all of the named canary keys or none.

use super::several::SeveralKeys;
use super::show::Shown;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::desk::{self, CanaryUse, DeskError};
use crate::store::Urgency;

const EXAMPLES: Examples = Examples(&[("keydesk keys acknowledge \"CI canary\"", "")]);

/// Acknowledge the use of canary keys
///
/// Ends the alarm of a canary key (keys create --canary) until it is used again. Find out where the key was planted and
/// who used it first: keydesk keys show KEY lists the sources.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    keys: SeveralKeys,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut desk = context.desk_to_change(Urgency::Normal)?;
    let keys = read(desk.store(), |reader| args.keys.resolve(context, reader))?;
    if let Some(key) = keys.iter().find(|key| !key.is_canary) {
        return Err(DeskError::NotCanary { prefix: key.prefix.clone() }.into());
    }
    let uses: Vec<CanaryUse> = keys.iter().filter_map(CanaryUse::of).collect();
    context.change(&mut desk, |session| desk::acknowledge_canaries(session, &uses))?;
    let shown = read(desk.store(), |reader| {
        let again = args.keys.resolve(context, reader)?;
        again.into_iter().map(|key| Shown::around(context, reader, key)).collect::<Result<Vec<_>, _>>()
    })?;
    for shown in &shown {
        let seen = uses.iter().find(|seen| seen.key.id == shown.key.id);
        let sentence = match seen {
            Some(seen) => format!("acknowledged: all uses up to {}.", context.exact(seen.last)),
            None if shown.key.canary_used.is_none() => "was not used.".into(),
            None => "has no use that is not acknowledged.".into(),
        };
        context.output.say(&format!("Canary key {} ({}) {sentence}", shown.key.prefix, shown.key.name));
    }
    let documents: Vec<_> = shown.iter().map(|shown| shown.document(context)).collect();
    context.output.if_json(&documents)
}
