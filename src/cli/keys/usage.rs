//! `keydesk keys usage`: how to use a key, with a placeholder for the secret.

use serde::Serialize;

use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::resolve;
use crate::domain::platform;
use crate::domain::text::inert;

const EXAMPLES: Examples = Examples(&[("keydesk keys usage Checkout", "")]);

/// Show how to use a key: header, curl command, steps for its platform
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Key ID, key prefix (ik_live_...), or name (of rotated keys, the newest)
    #[arg(value_name = "KEY")]
    key: String,
}

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    name: &'a str,
    platform: Option<&'a str>,
    header: &'a str,
    curl: &'a str,
    steps: &'a [String],
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let desk = context.desk()?;
    let key = read(desk.store(), |reader| resolve::key(context, reader, &args.key))?;
    let usage = platform::instructions(&key.kind, &context.settings.catalog);
    let document = Document {
        id: key.id.as_str(),
        name: key.name.as_str(),
        platform: key.kind.platform(),
        header: &usage.header,
        curl: &usage.curl,
        steps: &usage.steps,
    };
    context.output.print(&document, || {
        let mut lines = vec![
            format!("{} ({}), for {}", key.name, key.prefix, usage.title),
            String::new(),
            format!("  Header  {}", usage.header),
            format!("  curl    {}", usage.curl),
            String::new(),
        ];
        let steps = usage.steps.iter().zip(1..);
        lines.extend(steps.map(|(step, number)| format!("  {number}. {}", inert(step))));
        lines.join("\n")
    })
}
