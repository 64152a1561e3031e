//! `keydesk move`: moves the database to another place, of either engine.

use std::time::Duration;

use serde::Serialize;

use crate::cli::confirm::Confirmation;
use crate::cli::context::{Context, database};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{Output, progress, text};
use crate::desk;
use crate::desk::{Desk, DeskError};
use crate::domain::location::Location;
use crate::domain::text::inert;
use crate::domain::user::{Account, SignIn, UserStatus};
use crate::host::clock;
use crate::host::entropy::SystemEntropy;
use crate::store::transfer::Stage;
use crate::store::{Reader, Store, StoreError, users};

const EXAMPLES: Examples = Examples(&[
    ("keydesk move --to postgres://db.example.com/keydesk", "from a file to a server"),
    ("keydesk move --db postgres://db.example.com/keydesk --to keydesk.db", "and back"),
]);

/// Move everything into an empty database, on a PostgreSQL server or in a file
///
/// Copies keys, Applications, users, recorded use and the audit log, and verifies the copy. Then the old database is
/// marked as moved: it rejects every change and every verification, and names the new place. Changes by others wait
/// meanwhile. On a server, connect as the owner of the empty database.
///
/// A move that was killed has changed nothing, or continues when you run it again. Restart the endpoint and the terminal
/// UI with the new database.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Empty database on a server, as a postgres:// URL, or a new file
    #[arg(long, value_name = "DB", value_parser = database())]
    to: Location,
    #[command(flatten)]
    confirmation: Confirmation,
}

const BAR_AFTER: Duration = Duration::from_millis(100);

/// What confirms it.
const WORD: &str = "move";

#[derive(Serialize)]
struct Document {
    from: String,
    to: String,
    keys: u64,
    audit_entries: u64,
    audit_head: String,
    users: Vec<Bound>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let from = &context.database;
    if args.to == *from {
        return Err(DeskError::SameDatabase { database: args.to.clone() }.into());
    }
    let mut source = open_source(context)?;
    let preview = [
        format!("Everything in {from} moves to {}.", args.to),
        format!("Afterwards {from} rejects every change and every verification."),
    ];
    args.confirmation.ask(&preview, WORD)?;
    let interrupt = Interrupt::listen()?;
    let mut into = Store::open_to_fill(&args.to, &mut SystemEntropy)?;
    let to = place(&args.to);
    let bar = progress::bar(&context.output, 0, "Copying   [{bar:20}] {percent} %");
    let now = source.clock().now(clock::now());
    let moved =
        desk::move_database(&mut source, &mut into, &to.text(), now, interrupt.flag(), &mut |stage| {
            match stage {
                Stage::Switching => progress::restyle(&bar, "Switching..."),
                // Avoids a flash of the bar for a small database.
                _ if bar.elapsed() < BAR_AFTER => {}
                Stage::Copying(done, all) => {
                    bar.set_length(all);
                    bar.set_position(done);
                }
                Stage::Indexing(done, of) => {
                    progress::restyle(&bar, "Indexing  [{bar:20}] {percent} %");
                    bar.set_length(of);
                    bar.set_position(done);
                }
                Stage::Verifying(verified, of) => {
                    progress::restyle(&bar, "Verifying [{bar:20}] {percent} %");
                    bar.set_length(of);
                    bar.set_position(verified);
                }
            }
        });
    bar.finish_and_clear();
    let moved = match moved {
        Err(DeskError::Store(error)) if error.is_interrupted() => {
            return Err(CommandError::failed("interrupted", "interrupted: nothing was moved"));
        }
        moved => moved?,
    };
    if let Err(error) = into.tidy() {
        context.output.warn(&format!("the move is complete, but preparing the new database failed: {error}"));
    }
    let mut desk = context.desk_on(into)?;
    context.check_known_head(&mut desk);
    context.output.say(&format!(
        "Moved to {to}: {}, {}. The head of the audit log is the same: {}\nUse it from now on: set KEYDESK_DB or --db, and \
         restart the endpoint.",
        text::count(moved.keys, "key", "keys"),
        text::count(moved.head.number, "audit log entry", "audit log entries"),
        moved.head,
    ));
    let users = desk.store().read(bound_users).unwrap_or_else(|error| {
        context.output.warn(&format!("cannot tell who can make changes there: {error}"));
        Vec::new()
    });
    say_who(&context.output, &users, desk.account());
    context.output.if_json(&Document {
        from: from.text(),
        to: to.text(),
        keys: moved.keys,
        audit_entries: moved.head.number,
        audit_head: moved.head.to_string(),
        users,
    })
}

/// An active user who is bound to a login. They keep its name: a role of a server is the login of the same name in a file,
/// and the other way around.
#[derive(Serialize)]
struct Bound {
    email: String,
    login: String,
    can_make_changes: bool,
    #[serde(skip)]
    lacks_rights: bool,
}

fn bound_users(r: &Reader<'_>) -> Result<Vec<Bound>, StoreError> {
    let mut bound = Vec::new();
    for user in users::all(r)?.iter().filter(|user| user.status == UserStatus::Active) {
        if let (Some(email), Some(login)) = (&user.email, &user.login) {
            let sign_in = desk::sign_in(r, user)?;
            bound.push(Bound {
                email: email.as_str().to_owned(),
                login: login.clone(),
                can_make_changes: sign_in == Some(SignIn::Possible),
                lacks_rights: sign_in == Some(SignIn::NoRights),
            });
        }
    }
    Ok(bound)
}

/// Says who can make changes in the new place, and who cannot.
fn say_who(output: &Output, bound: &[Bound], account: Account) {
    let say = |what: String, which: &dyn Fn(&Bound) -> bool| {
        let one = |user: &Bound| format!("{} ({})", inert(&user.email), inert(&user.login));
        let named: Vec<String> = bound.iter().filter(|user| which(user)).map(one).collect();
        if !named.is_empty() {
            output.say(&format!("{what}: {}", named.join(", ")));
        }
    };
    say("Users who can make changes there".to_owned(), &|user| user.can_make_changes);
    say(
        "Users who cannot until you have run \"keydesk init --create-roles\" with the new database and made their roles \
         members of the role of administrators"
            .to_owned(),
        &|user| user.lacks_rights,
    );
    say(format!("Users who cannot, since their {account} does not exist on {}", account.place()), &|user| {
        !user.can_make_changes && !user.lacks_rights
    });
}

/// Opens the database for one of its active users.
fn open_source(context: &Context) -> Result<Store, CommandError> {
    let store = Store::open_to_move(&context.database, &mut SystemEntropy)?;
    let mut desk: Desk = context.desk_on(store)?;
    context.check_known_head(&mut desk);
    match desk.who()?.read_only(&desk.caller().login, desk.account()) {
        Some(reason) => Err(DeskError::from(reason).into()),
        None => Ok(desk.into_store()),
    }
}

/// A place as it is named from any directory.
fn place(to: &Location) -> Location {
    match to.file().map(std::path::Path::canonicalize) {
        Some(Ok(path)) => path.into(),
        _ => to.clone(),
    }
}
