//! The filter of keys: words and named terms (`state:soon platform:braze used:>30d`).

use chrono::TimeDelta;

use super::expiry::parse_duration;
use super::filter::{FilterError, Term, terms};
use super::key::{KeyState, KeyType};
use super::text::fold;

/// Keys match when all terms match. Text is compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    pub terms: Vec<KeyTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTerm {
    /// A folded text that a field contains.
    Text(KeyField, String),
    State(KeyState),
    Type(KeyType),
    NeverUsed,
    /// The time since the last use.
    Used(Span),
    /// The time until a key that has not expired does.
    Expires(Span),
}

/// What a text is searched in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyField {
    /// Name, key ID, platform, creator, owner, note or source address.
    Any,
    /// The platform's slug or name, or `generic`.
    Platform,
    Creator,
    Owner,
    Note,
    /// An address that used it, of those that are listed alone. A complete address is that address only.
    Source,
}

/// A length of time, compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    LessThan(TimeDelta),
    MoreThan(TimeDelta),
}

/// Examples of named terms and what they match, for the help.
pub const NAMED: [(&str, &str); 11] = [
    ("state:soon", "In this state"),
    ("platform:braze", "For this platform, or generic"),
    ("creator:ana@", "Created by this user"),
    ("owner:payments", "With this owner"),
    ("note:4711", "With this note"),
    ("used:never", "Never used"),
    ("used:>30d", "Last used longer ago"),
    ("used:<7d", "Used since then"),
    ("expires:<14d", "Expires within this time; >30d: later"),
    ("source:10.0.0.9", "Used from this address"),
    ("type:test", "Production or test"),
];

impl KeyFilter {
    /// Parses a filter. A term with an invalid value, or none yet, matches every key and is reported.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Option<FilterError>) {
        let mut error = None;
        let terms = terms(text).filter_map(|term| key_term(&term).map_err(|found| error = Some(found)).ok());
        (Self { terms: terms.collect() }, error)
    }

    /// The texts to mark in a field: those for any field, and those for this one.
    #[must_use]
    pub fn texts(&self, field: KeyField) -> Vec<String> {
        let texts = self.terms.iter().filter_map(|term| match term {
            KeyTerm::Text(of, text) if *of == field || *of == KeyField::Any => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

fn key_term(term: &Term<'_>) -> Result<KeyTerm, FilterError> {
    let value = fold(term.value);
    let text = |name, field, example: &str| {
        if value.trim().is_empty() {
            return Err(FilterError::new(name, term.value, example));
        }
        Ok(KeyTerm::Text(field, value.clone()))
    };
    match term.name.map(fold).as_deref() {
        Some("state") => state(&value).map(KeyTerm::State),
        Some("type") => match value.parse() {
            Ok(key_type) => Ok(KeyTerm::Type(key_type)),
            Err(_) => {
                Err(FilterError::new("type", &value, joined(KeyType::ALL.iter().map(|one| one.as_str()))))
            }
        },
        Some("used") if value == "never" => Ok(KeyTerm::NeverUsed),
        Some("used") => span("used", &value, "never|<7d|>30d").map(KeyTerm::Used),
        Some("expires") => span("expires", &value, "<14d|>30d").map(KeyTerm::Expires),
        Some("platform") => text("platform", KeyField::Platform, "generic|braze"),
        Some("creator") => text("creator", KeyField::Creator, "ana@"),
        Some("owner") => text("owner", KeyField::Owner, "payments"),
        Some("note") => text("note", KeyField::Note, "4711"),
        Some("source") => text("source", KeyField::Source, "10.0.0.9"),
        _ => Ok(KeyTerm::Text(KeyField::Any, term.word())),
    }
}

fn state(value: &str) -> Result<KeyState, FilterError> {
    let word = |state: &KeyState| match state {
        KeyState::ExpiresSoon => "soon",
        other => other.as_str(),
    };
    let found = KeyState::ALL.iter().find(|state| word(state) == value || state.as_str() == value);
    found.copied().ok_or_else(|| FilterError::new("state", value, joined(KeyState::ALL.iter().map(word))))
}

fn span(name: &'static str, value: &str, allowed: &str) -> Result<Span, FilterError> {
    let split =
        value.split_at_checked(1).and_then(|(sign, length)| Some((sign, parse_duration(length).ok()?)));
    match split {
        Some(("<", length)) => Ok(Span::LessThan(length)),
        Some((">", length)) => Ok(Span::MoreThan(length)),
        _ => Err(FilterError::new(name, value, allowed)),
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<KeyTerm> {
        let (filter, error) = KeyFilter::parse(text);
        assert_eq!(error, None, "{text}");
        filter.terms
    }

    fn word(text: &str) -> KeyTerm {
        KeyTerm::Text(KeyField::Any, text.into())
    }

    #[test]
    fn words_phrases_and_named_terms() {
        assert_eq!(parsed(""), []);
        assert_eq!(parsed(r#"Check "Job 20""#), [word("check"), word("job 20")]);
        assert_eq!(
            parsed("STATE:Soon state:expires_soon type:test used:never used:>30d expires:<2w"),
            [
                KeyTerm::State(KeyState::ExpiresSoon),
                KeyTerm::State(KeyState::ExpiresSoon),
                KeyTerm::Type(KeyType::Test),
                KeyTerm::NeverUsed,
                KeyTerm::Used(Span::MoreThan(TimeDelta::days(30))),
                KeyTerm::Expires(Span::LessThan(TimeDelta::weeks(2))),
            ]
        );
        assert_eq!(
            parsed(r#"platform:Braze creator:"ANA@" source:10.0. owner:"Payments T" note:4711"#),
            [
                KeyTerm::Text(KeyField::Platform, "braze".into()),
                KeyTerm::Text(KeyField::Creator, "ana@".into()),
                KeyTerm::Text(KeyField::Source, "10.0.".into()),
                KeyTerm::Text(KeyField::Owner, "payments t".into()),
                KeyTerm::Text(KeyField::Note, "4711".into()),
            ]
        );
        for text in ["foo:bar", "https://x", "12:30", "state", ":soon"] {
            assert_eq!(parsed(text), [word(text)]);
        }
        assert_eq!(parsed(r#""state:xyz""#), [word("state:xyz")], "quoted");
    }

    #[test]
    fn an_invalid_value_says_what_is_allowed_and_narrows_nothing() {
        for (text, usage) in [
            ("used:30d", "used:never|<7d|>30d"),
            ("used:>", "used:never|<7d|>30d"),
            ("used:>ß", "used:never|<7d|>30d"),
            ("expires:soon", "expires:<14d|>30d"),
            ("expires:never", "expires:<14d|>30d"),
            ("type:live", "type:production|test"),
            ("creator:", "creator:ana@"),
            ("owner:", "owner:payments"),
            ("note:", "note:4711"),
            (r#"source:"""#, "source:10.0.0.9"),
            ("platform:", "platform:generic|braze"),
        ] {
            let (filter, error) = KeyFilter::parse(&format!("job {text}"));
            assert_eq!(filter.terms, [word("job")], "{text}");
            assert_eq!(error.unwrap().usage(), usage, "{text}");
        }
        let (_, error) = KeyFilter::parse("state:xyz");
        let error = error.unwrap();
        assert_eq!(error.to_string(), r#"invalid filter term "state:xyz""#);
        for state in error.usage().strip_prefix("state:").unwrap().split('|') {
            assert!(parsed(&format!("state:{state}")).len() == 1, "{state}");
        }
    }

    #[test]
    fn the_examples_of_the_help_are_valid() {
        for (example, _) in NAMED {
            let terms = parsed(example);
            assert!(!matches!(terms.as_slice(), [KeyTerm::Text(KeyField::Any, _)] | []), "{example}");
        }
    }

    #[test]
    fn fields_are_marked_with_their_own_texts() {
        let (filter, _) = KeyFilter::parse("job creator:ana platform:braze state:soon");
        assert_eq!(filter.texts(KeyField::Any), ["job"]);
        assert_eq!(filter.texts(KeyField::Creator), ["job", "ana"]);
    }
}
