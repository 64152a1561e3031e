//! The values of the options that describe a key.

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::domain::expiry::{ExpiryError, parse_when};
use crate::domain::source::AllowedSources;
use crate::domain::text::{Name, Note, parse_owner};
use crate::host::clock::Zone;

/// The value of `--from` that stands for any source.
const ANY: &str = "any";

pub(super) fn owner(text: &str) -> Result<Option<Name>, CommandError> {
    parse_owner(text).map_err(|error| CommandError::usage("bad_owner", error.to_string()))
}

pub(super) fn note(text: &str) -> Result<Option<Note>, CommandError> {
    Note::parse(text).map_err(|error| CommandError::usage("bad_note", error.to_string()))
}

/// Rejects a value of `--expires` that is not a date. The clock of the database decides whether a date is in the past.
pub(super) fn date(text: &str, context: &Context) -> Result<(), CommandError> {
    match parse_when(text, context.now(), &Zone::Local) {
        Ok(_) | Err(ExpiryError::Past(_) | ExpiryError::TooFar) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The value of `--from`. An empty one, usually an unset variable, must not open a key to any source.
pub(super) fn allowed_sources(text: &str) -> Result<AllowedSources, CommandError> {
    if text.trim().eq_ignore_ascii_case(ANY) {
        return Ok(AllowedSources::default());
    }
    let wrong = |message: String| {
        CommandError::usage("bad_source", message)
            .hint("use addresses or networks such as 10.0.0.4,10.1.0.0/16,2001:db8::/32, or any")
    };
    if text.split([',', ' ']).any(|part| part.eq_ignore_ascii_case(ANY)) {
        return Err(wrong("any cannot be combined with addresses and networks".to_owned()));
    }
    match AllowedSources::parse(text) {
        Ok(sources) if sources.is_any() => Err(wrong("--from needs an address or a network".to_owned())),
        Ok(sources) => Ok(sources),
        Err(error) => Err(wrong(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_opens_no_key() {
        for text in ["", " ", ",", ", ,"] {
            assert_eq!(allowed_sources(text).unwrap_err().code(), "bad_source", "{text:?}");
        }
        assert!(allowed_sources("any").unwrap().is_any() && allowed_sources(" ANY ").unwrap().is_any());
        assert_eq!(allowed_sources("10.0.0.4, 10.1.2.3/16").unwrap().to_string(), "10.0.0.4,10.1.0.0/16");
        let both = allowed_sources("10.0.0.4,any").unwrap_err();
        assert!(both.to_string().contains("any cannot be combined"), "{both}");
    }
}
