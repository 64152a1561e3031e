//! `keydesk apps`: list, create, rename and delete Applications.

use serde::Serialize;

use super::args::AppsCommand;
use super::confirm;
use super::exit::Exit;
use super::failure::Stop;
use super::output::table::{Cell, Table};
use super::resolve;
use super::run::{Run, change, read};
use crate::desk;
use crate::domain::application::Application;
use crate::domain::expiry::{relative_short, rfc3339};
use crate::domain::text::Name;
use crate::store::applications;

/// Does it.
pub(crate) fn run(run: &Run, command: AppsCommand) -> Result<Exit, Stop> {
    match command {
        AppsCommand::List => list(run),
        AppsCommand::Create { name } => create(run, &name),
        AppsCommand::Rename { name, new } => rename(run, &name, &new),
        AppsCommand::Delete { name, yes } => delete(run, &name, yes),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    keys: u64,
    created: String,
}

impl<'a> From<&'a Application> for Document<'a> {
    fn from(application: &'a Application) -> Self {
        Self {
            name: application.name.as_str(),
            keys: application.keys,
            created: rfc3339(application.created),
        }
    }
}

fn list(run: &Run) -> Result<Exit, Stop> {
    let all = run.store()?.read(|reader| applications::all(reader, usize::MAX >> 1))?;
    if run.output.is_json() {
        run.output.document(&all.iter().map(Document::from).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(run.output.data(), run.output.has_colour(), &["NAME", "KEYS", "CREATED"]);
    for application in &all {
        table.row(vec![
            Cell::plain(application.name.to_string()),
            Cell::number(application.keys),
            Cell::plain(relative_short(application.created, run.now)),
        ])?;
    }
    if table.finish()? == 0 {
        run.output.say("There is no Application yet. Create one: keydesk apps create NAME");
    }
    Ok(Exit::Done)
}

fn create(run: &Run, name: &str) -> Result<Exit, Stop> {
    let name = Name::parse(name)?;
    let mut store = run.store_to_change()?;
    let application = change(&mut store, |session| desk::create_application(session, &name))?;
    run.output.say(&format!("Application {} created.", application.name));
    done(run, &application)
}

fn rename(run: &Run, name: &str, new: &str) -> Result<Exit, Stop> {
    let new = Name::parse(new)?;
    let mut store = run.store_to_change()?;
    let before = read(&store, |reader| resolve::named_application(reader, name))?;
    let application =
        change(&mut store, |session| desk::rename_application(session, before.id, before.version, &new))?;
    run.output.say(&format!(
        "Application {} renamed to {}. Its keys go on working.",
        before.name, application.name
    ));
    done(run, &application)
}

fn done(run: &Run, application: &Application) -> Result<Exit, Stop> {
    if run.output.is_json() {
        run.output.document(&Document::from(application))?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Deleted<'a> {
    name: &'a str,
    keys_deleted: u64,
}

fn delete(run: &Run, name: &str, yes: bool) -> Result<Exit, Stop> {
    let mut store = run.store_to_change()?;
    let seen = read(&store, |reader| resolve::named_application(reader, name))?;
    let preview = [
        format!("  {}: {}", seen.name, keys(seen.keys)),
        "Deleting an Application deletes its keys and cannot be undone. The software that uses one of them \
         immediately loses access to the Integration API."
            .to_owned(),
    ];
    confirm::ask(yes, &preview, seen.name.as_str())?;
    let keys_deleted =
        change(&mut store, |session| desk::delete_application(session, seen.id, seen.version, seen.keys))?;
    run.scrub(&store);
    run.output.say(&format!("Application {} deleted, with {}.", seen.name, keys(keys_deleted)));
    if run.output.is_json() {
        run.output.document(&Deleted { name: seen.name.as_str(), keys_deleted })?;
    }
    Ok(Exit::Done)
}

fn keys(count: u64) -> String {
    match count {
        0 => "no keys".into(),
        1 => "1 key".into(),
        count => format!("{count} keys"),
    }
}
