//! `keydesk users list`.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::documents::UserDocument;
use crate::cli::output::table::{Cell, Style};
use crate::domain::expiry::relative_short;
use crate::domain::text::inert;
use crate::domain::user::UserStatus;
use crate::store::users;

const EXAMPLES: Examples = Examples(&[("keydesk users list", ""), ("keydesk users list --json", "")]);

/// List the users
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args;

pub(super) fn run(context: &Context) -> Result<Exit, CommandError> {
    let all = context.desk()?.store().read(users::all)?;
    let heads = ["EMAIL", context.database.account().heading(), "STATUS", "KEYS", "ADDED"];
    context.output.list(all.iter(), &heads, UserDocument::from, |user| {
        let style = match user.status {
            UserStatus::Active => Style::Good,
            UserStatus::Disabled => Style::Soon,
            UserStatus::Deleted => Style::Faint,
        };
        vec![
            match &user.email {
                Some(email) => Cell::plain(email.to_string()),
                None => Cell::styled(format!("(user {})", user.id.0), Style::Faint),
            },
            Cell::plain(user.login.as_deref().map_or_else(|| "-".to_owned(), inert)),
            Cell::styled(user.status.label(), style),
            Cell::number(user.keys),
            Cell::plain(relative_short(user.created, context.now())),
        ]
    })?;
    Ok(Exit::Done)
}
