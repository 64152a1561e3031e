//! Finds the Applications, keys, users and platforms that arguments name.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::key_list;
use crate::domain::application::{Application, Scope};
use crate::domain::expiry::relative;
use crate::domain::key::{Key, KeyId, KeyKind, Tombstone};
use crate::domain::key_filter::{KeyField, KeyFilter, KeyTerm};
use crate::domain::platform::Catalog;
use crate::domain::text::{fold, inert};
use crate::domain::token::displayed_id;
use crate::domain::user::{Email, User};
use crate::store::keys::KeyQuery;
use crate::store::{Anchor, Reader, Window, applications, keys, users};

/// More Applications than anybody has.
pub(crate) const ALL: usize = i32::MAX as usize;
/// Maximum number of similar names that an error suggests.
const SUGGESTIONS: usize = 5;
/// Maximum number of keys that an error about an ambiguous name lists.
const CANDIDATES: usize = 8;
/// Maximum number of keys among which similar names are searched.
const MAX_SEARCHED: usize = 200;
/// The least similarity (Jaro-Winkler) of a name that is suggested.
const SIMILAR: f64 = 0.8;

/// The option that selects all Applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct AllApplications {
    /// All Applications, also if KEYDESK_APP is set
    #[arg(long)]
    pub(crate) all_apps: bool,
}

/// The Application that was named, or the only one.
pub(crate) fn application(context: &Context, reader: &Reader<'_>) -> Result<Application, CommandError> {
    match &context.application {
        Some(name) => named_application(reader, name),
        None => only_application(reader),
    }
}

/// The Application that was named, or all.
pub(crate) fn applications(
    context: &Context,
    reader: &Reader<'_>,
    all: AllApplications,
) -> Result<Vec<Application>, CommandError> {
    match &context.application {
        Some(name) if !all.all_apps => Ok(vec![named_application(reader, name)?]),
        _ => Ok(applications::all(reader, ALL)?),
    }
}

pub(crate) fn named_application(reader: &Reader<'_>, name: &str) -> Result<Application, CommandError> {
    if let Some(application) = applications::named(reader, name.trim())? {
        return Ok(application);
    }
    let all = applications::all(reader, ALL)?;
    let similar = similar(name, all.iter().map(|application| application.name.as_str()));
    let message = format!("Application {:?} not found", inert(name));
    Err(CommandError::not_found(message)
        .hint(suggestion(&similar, "run \"keydesk apps list\" to see all Applications")))
}

fn only_application(reader: &Reader<'_>) -> Result<Application, CommandError> {
    let mut first = applications::all(reader, SUGGESTIONS + 1)?;
    if first.len() > 1 {
        let names: Vec<String> =
            first.iter().take(SUGGESTIONS).map(|application| application.name.to_string()).collect();
        let more = if first.len() > SUGGESTIONS { ", ..." } else { "" };
        let message = format!("there are several Applications: {}{more}", names.join(", "));
        return Err(CommandError::usage("application_needed", message)
            .hint("choose one with --app NAME or the environment variable KEYDESK_APP"));
    }
    first.pop().ok_or_else(|| {
        CommandError::failed("no_application", "there is no Application yet")
            .hint("create one: keydesk apps create NAME")
    })
}

/// The key that `text` names: a key ID or key prefix in the whole database (or in the Application, where one was
/// named), else a name in the Application, which means the newest key of its line of rotations.
pub(crate) fn key(context: &Context, reader: &Reader<'_>, text: &str) -> Result<Key, CommandError> {
    let text = text.trim();
    let id = key_id(text);
    if let Some(key) = id.map(|id| keys::get(reader, id)).transpose()?.flatten() {
        return in_application(context, reader, key, text);
    }
    let application = application(context, reader)?;
    let mut named = keys::named(reader, application.id, text)?;
    if named.len() > 1 {
        let candidates = named.iter().map(|key| candidate(context, key));
        return Err(ambiguous(text, &format!(" in {}", application.name), candidates.collect()));
    }
    if let Some(key) = named.pop() {
        return Ok(key);
    }
    if let Some(tombstone) = id.map(|id| keys::tombstone(reader, id)).transpose()?.flatten() {
        let deleted = relative(tombstone.deleted, context.now());
        let message = format!("key {} ({}) was deleted {deleted}", tombstone.prefix, tombstone.name);
        return Err(CommandError::failed("deleted", message)
            .hint(format!("run \"keydesk audit list --key {}\" to see who deleted it", tombstone.id)));
    }
    let message = format!("key {:?} not found in {}", inert(text), application.name);
    let similar = similar_keys(context, reader, &application, text)?;
    Err(CommandError::not_found(message).hint(suggestion(&similar, SEE_ALL_KEYS)))
}

const SEE_ALL_KEYS: &str = "run \"keydesk keys list\" to see all keys";

/// The key that `text` names, deleted ones included, in the Application that was named or in all. An existing key comes
/// before deleted ones of its name.
pub(crate) fn key_or_tombstone(
    context: &Context,
    reader: &Reader<'_>,
    text: &str,
) -> Result<KeyId, CommandError> {
    let text = text.trim();
    if let Some(id) = key_id(text)
        && (keys::get(reader, id)?.is_some() || keys::tombstone(reader, id)?.is_some())
    {
        return Ok(id);
    }
    let mut found = Vec::new();
    for application in applications(context, reader, AllApplications { all_apps: false })? {
        for key in keys::named(reader, application.id, text)? {
            found.push((key.id, format!("{} in {}", candidate(context, &key), application.name)));
        }
    }
    if found.is_empty() {
        let named = context.application.as_deref().map(|name| named_application(reader, name)).transpose()?;
        let deleted = keys::deleted_named(reader, named.map(|application| application.id), text)?;
        found.extend(deleted.iter().map(|key| (key.id, deleted_candidate(context, key))));
    }
    match found.as_slice() {
        [(id, _)] => Ok(*id),
        [] => Err(CommandError::not_found(format!("key {:?} not found", inert(text))).hint(SEE_ALL_KEYS)),
        several => Err(ambiguous(text, "", several.iter().map(|(_, line)| line.clone()).collect())),
    }
}

/// The deleted key that `text` names, in the Application that was named or in all.
pub(crate) fn deleted_key(context: &Context, reader: &Reader<'_>, text: &str) -> Result<KeyId, CommandError> {
    let text = text.trim();
    let by_id = key_id(text).map(|id| keys::tombstone(reader, id)).transpose()?.flatten();
    if let Some(tombstone) = by_id.filter(|tombstone| !text.contains('_') || tombstone.prefix == text) {
        return Ok(tombstone.id);
    }
    let named = context.application.as_deref().map(|name| named_application(reader, name)).transpose()?;
    let deleted = keys::deleted_named(reader, named.map(|application| application.id), text)?;
    match deleted.as_slice() {
        [one] => Ok(one.id),
        [] => {
            let Some(key) = keys::get(reader, key_or_tombstone(context, reader, text)?)? else {
                return Err(CommandError::not_found(format!("key {:?} not found", inert(text))));
            };
            Err(CommandError::failed("not_deleted", format!("key {} is not deleted", key.prefix))
                .hint(format!("delete it with: keydesk keys delete {}", key.id)))
        }
        several => {
            let lines = several.iter().map(|key| deleted_candidate(context, key));
            Err(ambiguous(text, "", lines.collect()))
        }
    }
}

/// A key ID, or that of a key prefix.
fn key_id(text: &str) -> Option<KeyId> {
    text.parse().ok().or_else(|| displayed_id(text))
}

/// Checks that a key prefix is the key's own, and that the key belongs to the Application that was named.
fn in_application(context: &Context, reader: &Reader<'_>, key: Key, text: &str) -> Result<Key, CommandError> {
    if text.contains('_') && key.prefix != text {
        let message = format!("key {:?} not found", inert(text));
        return Err(CommandError::not_found(message).hint(suggestion(&[key.prefix], SEE_ALL_KEYS)));
    }
    let Some(name) = &context.application else { return Ok(key) };
    let application = named_application(reader, name)?;
    if application.id == key.application {
        return Ok(key);
    }
    let message =
        format!("key {} not found in {}: it belongs to another Application", key.prefix, application.name);
    Err(CommandError::not_found(message).hint("omit --app and KEYDESK_APP, or name the other Application"))
}

fn ambiguous(text: &str, place: &str, mut candidates: Vec<String>) -> CommandError {
    let more = candidates.len().saturating_sub(CANDIDATES);
    candidates.truncate(CANDIDATES);
    if more > 0 {
        candidates.push(format!("and {more} more"));
    }
    let message = format!("several keys{place} are named {:?}:\n  {}", inert(text), candidates.join("\n  "));
    CommandError::failed("ambiguous", message).hint("use the key ID instead of the name")
}

/// A line about a key of several that a name fits.
fn candidate(context: &Context, key: &Key) -> String {
    let ends = match key.expires {
        _ if key.is_canary => "canary".to_owned(),
        expires if expires > context.now() => format!("expires {}", relative(expires, context.now())),
        expires => format!("expired {}", relative(expires, context.now())),
    };
    format!("{}  {}  {ends}", key.prefix, key.name)
}

/// The same about a deleted key.
fn deleted_candidate(context: &Context, key: &Tombstone) -> String {
    format!("{}  {}  deleted {}", key.prefix, key.name, relative(key.deleted, context.now()))
}

/// Those of the names that are similar to what was typed, the most similar first.
fn similar<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let typed = fold(typed.trim());
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| (fold(name), name))
        .map(|(folded, name)| (strsim::jaro_winkler(&typed, &folded), folded, name))
        .filter(|(score, folded, _)| *score >= SIMILAR || folded.contains(&typed))
        .map(|(score, _, name)| (score, name))
        .collect();
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    scored.into_iter().take(SUGGESTIONS).map(|(_, name)| name.to_owned()).collect()
}

/// Suggests similar names, then says how to see all.
fn suggestion(similar: &[String], otherwise: &str) -> String {
    if similar.is_empty() {
        return otherwise.to_owned();
    }
    let quoted: Vec<String> = similar.iter().map(|name| format!("{:?}", inert(name))).collect();
    format!("did you mean {}? Otherwise {otherwise}", quoted.join(" or "))
}

/// Names of keys that begin like what was typed, or contain it.
fn similar_keys(
    context: &Context,
    reader: &Reader<'_>,
    application: &Application,
    text: &str,
) -> Result<Vec<String>, CommandError> {
    let beginning = |characters: usize| text.chars().take(characters).collect::<String>();
    for part in [text.to_owned(), beginning(2), beginning(1)] {
        let filter = KeyFilter { terms: vec![KeyTerm::Text(KeyField::Any, fold(&part))] };
        let query = KeyQuery { filter, ..key_list::query(context, Scope::Application(application.id)) };
        let window = Window { anchor: Anchor::First, before: 0, after: MAX_SEARCHED };
        let rows = keys::page(reader, &query, &context.settings.catalog, &window)?.rows;
        let mut names: Vec<&str> = rows.iter().map(|key| key.name.as_str()).collect();
        names.dedup();
        let similar = similar(text, names.into_iter());
        if !similar.is_empty() {
            return Ok(similar);
        }
    }
    Ok(Vec::new())
}

pub(crate) fn user(reader: &Reader<'_>, text: &str) -> Result<User, CommandError> {
    let email = Email::parse(text)?;
    if let Some(user) = users::by_email(reader, &email)? {
        return Ok(user);
    }
    let all = users::all(reader)?;
    let similar = similar(email.as_str(), all.iter().filter_map(|user| Some(user.email.as_ref()?.as_str())));
    let message = format!("user {:?} not found", inert(email.as_str()));
    Err(CommandError::not_found(message)
        .hint(suggestion(&similar, "run \"keydesk users list\" to see all users")))
}

/// `generic`, or a platform of the catalog. Another one is a wrong value of an option, as an unknown state would be.
pub(crate) fn kind(catalog: &Catalog, text: &str) -> Result<KeyKind, CommandError> {
    let slug = text.trim();
    if slug.eq_ignore_ascii_case("generic") {
        return Ok(KeyKind::Generic);
    }
    let by_name = |wanted: &str| catalog.iter().find(|platform| fold(&platform.name) == fold(wanted));
    if let Some(platform) = catalog.get(slug).or_else(|| by_name(slug)) {
        return Ok(KeyKind::ThirdParty { platform: platform.slug.clone() });
    }
    let similar = similar(slug, catalog.iter().map(|platform| platform.slug.as_str()));
    Err(CommandError::usage("unknown_platform", format!("unknown platform {:?}", inert(slug)))
        .hint(suggestion(&similar, "use \"generic\" or run \"keydesk platforms\" to see all platforms")))
}

/// A platform of the catalog, or one that was in it once and still has keys.
pub(crate) fn platform(
    context: &Context,
    reader: &Reader<'_>,
    query: &KeyQuery,
    slug: &str,
) -> Result<KeyKind, CommandError> {
    kind(&context.settings.catalog, slug).or_else(|error| {
        let gone = KeyKind::ThirdParty { platform: slug.to_owned() };
        let query = KeyQuery { platform: Some(gone.clone()), ..query.clone() };
        match keys::count(reader, &query, &context.settings.catalog)? {
            0 => Err(error),
            _ => Ok(gone),
        }
    })
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
        assert!(error.what_to_do().unwrap().starts_with("did you mean \"braze\"?"), "{error:?}");
        assert_eq!(error.exit().code(), 2);
    }
}
