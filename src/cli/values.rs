//! Parsers for the values of options.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// One of the words of an enum.
pub(crate) fn one_of<T>(all: &[T], word: fn(T) -> &'static str) -> impl TypedValueParser<Value = T> + use<T>
where
    T: FromStr<Err = strum::ParseError> + Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.iter().map(|value| word(*value))).try_map(|word| word.parse::<T>())
}

/// A number of rows, at least 1.
pub(crate) fn limit(text: &str) -> Result<usize, &'static str> {
    text.parse::<NonZeroUsize>().map(NonZeroUsize::get).map_err(|_| "must be a number of at least 1")
}
