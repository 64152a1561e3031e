//! Keys read one by one, so that a list of a million needs no more memory than one of ten.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::output::documents::KeyDocument;
use crate::domain::application::Scope;
use crate::domain::key::Key;
use crate::domain::key_filter::KeyFilter;
use crate::store::keys::{self, KeyQuery, KeySort};
use crate::store::{Reader, StoreError, usage};

/// All keys of an Application or of all, by name.
pub(crate) fn query(context: &Context, scope: Scope) -> KeyQuery {
    KeyQuery {
        scope,
        filter: KeyFilter::default(),
        state: None,
        platform: None,
        sort: KeySort::Name,
        descending: false,
        now: context.now(),
        soon: context.settings.expires_soon,
    }
}

/// Maximum number of terms of a filter: SQLite takes some hundreds.
const MOST_TERMS: usize = 100;

/// Parses the value of `--filter`.
pub(crate) fn filter(text: &str) -> Result<KeyFilter, CommandError> {
    match KeyFilter::parse(text) {
        (filter, None) if filter.terms.len() > MOST_TERMS => {
            Err(CommandError::usage("bad_filter", format!("a filter has at most {MOST_TERMS} terms"))
                .hint("use fewer words"))
        }
        (filter, None) => Ok(filter),
        (_, Some(error)) => {
            Err(CommandError::usage("bad_filter", error.to_string()).hint(format!("use {}", error.usage())))
        }
    }
}

/// Calls `write` with every key, or the first `limit`, in order, until it fails.
pub(crate) fn each(
    context: &Context,
    reader: &Reader<'_>,
    query: &KeyQuery,
    limit: Option<usize>,
    write: impl FnMut(Key) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    keys::each(reader, query, &context.settings.catalog, limit.unwrap_or(usize::MAX), write)
}

/// The document of a key, with its uses of the last 30 days.
pub(crate) fn document<'a>(
    context: &Context,
    reader: &Reader<'_>,
    key: &'a Key,
    application: &'a str,
) -> Result<KeyDocument<'a>, StoreError> {
    let uses = usage::last_30_days(reader, key.id, context.now())?.iter().sum();
    Ok(KeyDocument::new(key, application, context.now(), context.settings.expires_soon, uses))
}
