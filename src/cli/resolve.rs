//! Finds the Applications, keys, users and platforms that arguments name.

use crate::cli::context::{Context, not_found};
use crate::cli::error::CommandError;
use crate::cli::key_list;
use crate::domain::application::{Application, ApplicationId};
use crate::domain::expiry::relative;
use crate::domain::key::{Key, KeyId, KeyKind};
use crate::domain::platform::Catalog;
use crate::domain::text::{fold, inert};
use crate::domain::token::displayed_id;
use crate::domain::user::{Email, User};
use crate::store::keys::KeyQuery;
use crate::store::{Anchor, Reader, StoreError, Window, applications, keys, users};

/// More Applications than anybody has.
pub(crate) const ALL: usize = i32::MAX as usize;
/// Maximum number of candidates that an error lists.
const CANDIDATES: usize = 8;
/// Maximum number of keys among which similar names are searched.
const MAX_SEARCHED: usize = 200;

/// The Application that was named, or the only one.
pub(crate) fn application(context: &Context, reader: &Reader<'_>) -> Result<Application, CommandError> {
    match &context.application {
        Some(name) => named_application(reader, name),
        None => only_application(reader),
    }
}

/// The Application that was named, or all.
pub(crate) fn applications(context: &Context, reader: &Reader<'_>) -> Result<Vec<Application>, CommandError> {
    match &context.application {
        Some(name) => Ok(vec![named_application(reader, name)?]),
        None => Ok(applications::all(reader, ALL)?),
    }
}

pub(crate) fn named_application(reader: &Reader<'_>, name: &str) -> Result<Application, CommandError> {
    if let Some(application) = applications::named(reader, name.trim())? {
        return Ok(application);
    }
    let all: Vec<String> = names(&applications::all(reader, CANDIDATES)?);
    Err(not_found("Application", name, &all, ""))
}

fn only_application(reader: &Reader<'_>) -> Result<Application, CommandError> {
    let mut all = applications::all(reader, CANDIDATES)?;
    if all.len() > 1 {
        let error = CommandError::usage(
            "application_needed",
            format!("there are several Applications: {}", names(&all).join(", ")),
        );
        return Err(error.hint("Say which: --app NAME, or KEYDESK_APP in the environment"));
    }
    all.pop().ok_or_else(|| {
        CommandError::failed("no_application", "there is no Application yet")
            .hint("Create one: keydesk apps create NAME")
    })
}

fn names(applications: &[Application]) -> Vec<String> {
    applications.iter().map(|application| application.name.to_string()).collect()
}

/// The key that `text` names: a key ID or key prefix in the whole database (or in the Application, where one
/// was named), else a name that is unique in the Application.
pub(crate) fn key(context: &Context, reader: &Reader<'_>, text: &str) -> Result<Key, CommandError> {
    one_of(context, reader, text, keys::named)
}

/// The same, but a successor of the same name does not make that name ambiguous: scripts rotate by name more than once.
pub(crate) fn key_to_rotate(context: &Context, reader: &Reader<'_>, text: &str) -> Result<Key, CommandError> {
    one_of(context, reader, text, last_successors)
}

/// Without replaced keys, and without the undelivered successor of an interrupted rotation.
fn last_successors(
    reader: &Reader<'_>,
    application: ApplicationId,
    name: &str,
) -> Result<Vec<Key>, StoreError> {
    let mut last = keys::named_and_not_replaced(reader, application, name)?;
    let open: Vec<KeyId> = last.iter().map(|key| key.id).collect();
    last.retain(|key| key.delivered.is_some() || key.replaces.is_none_or(|old| !open.contains(&old)));
    // Where it stays ambiguous, the error lists all of them.
    if last.len() == 1 { Ok(last) } else { keys::named(reader, application, name) }
}

fn one_of(
    context: &Context,
    reader: &Reader<'_>,
    text: &str,
    named: fn(&Reader<'_>, ApplicationId, &str) -> Result<Vec<Key>, StoreError>,
) -> Result<Key, CommandError> {
    let text = text.trim();
    let id = text.parse::<KeyId>().ok().or_else(|| displayed_id(text));
    if let Some(key) = id.map(|id| keys::get(reader, id)).transpose()?.flatten() {
        return in_application(context, reader, key, text);
    }
    let application = application(context, reader)?;
    let mut named = named(reader, application.id, text)?;
    if named.len() > 1 {
        return Err(ambiguous(context, text, &application, &named));
    }
    if let Some(key) = named.pop() {
        return Ok(key);
    }
    if let Some(tombstone) = id.map(|id| keys::tombstone(reader, id)).transpose()?.flatten() {
        let message = format!(
            "the key {} ({}) is deleted, {}",
            tombstone.prefix,
            tombstone.name,
            relative(tombstone.deleted, context.now)
        );
        return Err(CommandError::failed("deleted", message).hint("Deleting a key cannot be undone"));
    }
    let place = format!(" in {}", application.name);
    let similar = similar(context, reader, &application, text)?;
    Err(not_found("key", text, &similar, &place).hint("keydesk keys list shows all of them"))
}

/// Checks that a key prefix is the key's own, and that the key belongs to the Application that was named.
fn in_application(context: &Context, reader: &Reader<'_>, key: Key, text: &str) -> Result<Key, CommandError> {
    if text.contains('_') && key.prefix != text {
        let message = format!("there is no key {:?}; there is: {}", inert(text), described(&key));
        return Err(CommandError::not_found(message));
    }
    let Some(name) = &context.application else { return Ok(key) };
    let application = named_application(reader, name)?;
    if application.id == key.application {
        return Ok(key);
    }
    let message = format!("the key {} belongs to another Application than {}", key.prefix, application.name);
    Err(CommandError::not_found(message).hint("Leave out --app and KEYDESK_APP, or name the right one"))
}

fn ambiguous(context: &Context, text: &str, application: &Application, keys: &[Key]) -> CommandError {
    let candidates: Vec<String> = keys
        .iter()
        .map(|key| {
            let ends = if key.expires > context.now { "expires" } else { "expired" };
            let by = key.replaced_by.map(|by| format!(", replaced by {by}")).unwrap_or_default();
            format!("  {}  {ends} {}{by}", key.prefix, relative(key.expires, context.now))
        })
        .collect();
    let message = format!(
        "several keys of {} are named {:?}:\n{}",
        application.name,
        inert(text),
        candidates.join("\n")
    );
    CommandError::failed("ambiguous", message).hint("Name the key by its key ID")
}

fn described(key: &Key) -> String {
    format!("{} ({})", key.name, key.id)
}

/// Keys with a similar name: those that contain it, else those with the same beginning, most similar first.
fn similar(
    context: &Context,
    reader: &Reader<'_>,
    application: &Application,
    text: &str,
) -> Result<Vec<String>, CommandError> {
    let beginning = |characters: usize| text.chars().take(characters).collect::<String>();
    let length = text.chars().count();
    for filter in [beginning(length), beginning(length / 2), beginning(2), beginning(1)] {
        if filter.trim().is_empty() {
            continue;
        }
        let query = KeyQuery { filter, ..key_list::query(context, application.id) };
        let window = Window { anchor: Anchor::First, before: 0, after: MAX_SEARCHED };
        let mut rows = keys::page(reader, &query, &context.settings.catalog, &window)?.rows;
        if !rows.is_empty() {
            let wanted = fold(text);
            rows.sort_by_key(|key| strsim::levenshtein(&wanted, &fold(key.name.as_str())));
            return Ok(rows.iter().take(CANDIDATES).map(described).collect());
        }
    }
    Ok(Vec::new())
}

pub(crate) fn user(reader: &Reader<'_>, text: &str) -> Result<User, CommandError> {
    let email = Email::parse(text)?;
    if let Some(user) = users::by_email(reader, &email)? {
        return Ok(user);
    }
    let window = Window { anchor: Anchor::First, before: 0, after: CANDIDATES };
    let page = users::page(reader, "", &window)?;
    let candidates: Vec<String> =
        page.rows.iter().filter_map(|user| user.email.as_ref()).map(ToString::to_string).collect();
    Err(not_found("user", email.as_str(), &candidates, ""))
}

/// `generic`, or a platform of the catalog.
pub(crate) fn kind(catalog: &Catalog, text: &str) -> Result<KeyKind, CommandError> {
    let slug = text.trim();
    if slug.eq_ignore_ascii_case("generic") {
        return Ok(KeyKind::Generic);
    }
    let by_name = |wanted: &str| catalog.iter().find(|platform| fold(&platform.name) == fold(wanted));
    if let Some(platform) = catalog.get(slug).or_else(|| by_name(slug)) {
        return Ok(KeyKind::ThirdParty { platform: platform.slug.clone() });
    }
    let known: Vec<&str> = catalog.iter().map(|platform| platform.slug.as_str()).collect();
    let message = format!("there is no platform {:?}; there is: generic, {}", inert(slug), known.join(", "));
    Err(CommandError::usage("unknown_platform", message)
        .hint("More platforms can be added to config.toml under [[platforms]]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_by_slug_or_name() {
        let catalog = Catalog::built_in().unwrap();
        assert_eq!(kind(&catalog, "generic").unwrap(), KeyKind::Generic);
        let braze = KeyKind::ThirdParty { platform: "braze".into() };
        assert_eq!(kind(&catalog, "braze").unwrap(), braze);
        assert_eq!(kind(&catalog, "Braze").unwrap(), braze);
        let error = kind(&catalog, "brase").unwrap_err();
        assert!(error.to_string().contains("braze") && error.to_string().contains("generic"));
        assert_eq!(error.exit().code(), 2);
    }
}
