//! The syntax of filters: words, "quoted phrases" and named terms such as `state:soon`.

use super::text::fold;

/// One term of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term<'a> {
    /// The letters before a colon.
    pub(super) name: Option<&'a str>,
    /// What follows the colon, or all of it, without quotation marks.
    pub(super) value: &'a str,
    /// The whole term as it was typed.
    raw: &'a str,
}

impl Term<'_> {
    /// The text to search for where the name is none that is known.
    pub(super) fn word(&self) -> String {
        fold(if self.name.is_some() { self.raw } else { self.value })
    }
}

/// The terms of a text, without empty ones. A missing closing quotation mark is assumed at the end.
pub(super) fn terms(text: &str) -> impl Iterator<Item = Term<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            let name_end = rest.find(|c: char| !c.is_ascii_alphabetic());
            let colon = name_end.filter(|end| *end > 0 && rest[*end..].starts_with(':'));
            let start = colon.map_or(0, |colon| colon + 1);
            let (value, end) = if let Some(phrase) = rest[start..].strip_prefix('"') {
                let length = phrase.find('"').unwrap_or(phrase.len());
                (&phrase[..length], (start + length + 2).min(rest.len()))
            } else {
                let length = rest[start..].find(char::is_whitespace).unwrap_or(rest.len() - start);
                (&rest[start..start + length], start + length)
            };
            let (raw, after) = rest.split_at_checked(end)?;
            if raw.is_empty() {
                return None;
            }
            rest = after;
            if colon.is_some() || !value.trim().is_empty() {
                return Some(Term { name: colon.map(|colon| &raw[..colon]), value, raw });
            }
        }
    })
}

/// The words and phrases of a filter without named terms, folded.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    terms(text).map(|term| term.word()).collect()
}

/// A named term whose value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid filter term {:?}", format!("{name}:{value}"))]
pub struct FilterError {
    name: &'static str,
    value: String,
    /// The allowed values, or examples of them, separated by `|`.
    allowed: String,
}

impl FilterError {
    pub(super) fn new(name: &'static str, value: &str, allowed: impl Into<String>) -> Self {
        Self { name, value: value.to_owned(), allowed: allowed.into() }
    }

    /// What to write instead, such as `type:production|test`.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("{}:{}", self.name, self.allowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Vec<(Option<&str>, &str)> {
        terms(text).map(|term| (term.name, term.value)).collect()
    }

    #[test]
    fn a_text_is_words_phrases_and_named_terms() {
        assert_eq!(
            parts(r#" job "two words" state:soon creator:"a b" 12" x:y"#),
            [
                (None, "job"),
                (None, "two words"),
                (Some("state"), "soon"),
                (Some("creator"), "a b"),
                (None, "12\""),
                (Some("x"), "y"),
            ]
        );
        assert_eq!(parts(r#""not closed "#), [(None, "not closed ")]);
        assert_eq!(parts(r#" "" " state: "#), [(None, " state: ")]);
        assert_eq!(parts(r#"state: """#), [(Some("state"), "")]);
        assert_eq!(parts("12:30 :x"), [(None, "12:30"), (None, ":x")]);
    }

    #[test]
    fn words_are_folded_and_keep_their_colons() {
        assert_eq!(words(r#"Öff "Job 20" https://X"#), ["öff", "job 20", "https://x"]);
    }

    proptest! {
        #[test]
        fn any_text_has_terms(text in "[a-z:\" äß]{0,20}|.{0,20}") {
            for term in terms(&text) {
                prop_assert!(text.contains(term.raw) && term.raw.contains(term.value));
                prop_assert!(!term.raw.is_empty());
            }
        }
    }
}
