//! The filter of the audit log: words and named terms (`since:7d key:7Qm user:ana@`).

use chrono::TimeZone;

use super::Instant;
use super::application::ApplicationId;
use super::filter::{FilterError, terms};
use super::key::KeyId;
use super::since::parse_since;
use super::text::fold;
use super::user::UserId;

/// Entries match when all terms match. Text is compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// In actor, action, target, Application, key ID or changes, but not in a date.
    pub words: Vec<String>,
    /// In the key's ID or name.
    pub key: Vec<String>,
    /// In the email of the actor or the target.
    pub user: Vec<String>,
    pub action: Vec<String>,
    pub application: Vec<String>,
    /// Inclusive.
    pub since: Option<Instant>,
    /// Exclusive.
    pub until: Option<Instant>,
    pub key_id: Option<KeyId>,
    /// Exactly this Application, also a deleted one.
    pub application_id: Option<ApplicationId>,
    /// Exactly this user, as actor or target.
    pub user_id: Option<UserId>,
}

/// Examples of named terms and what they match, for the help.
pub const NAMED: [(&str, &str); 6] = [
    ("since:7d", "Since then; a duration, a date or an RFC 3339 time"),
    ("until:2026-11-01", "Before that day; 7d: longer ago"),
    ("user:ana@", "This user as actor or target"),
    ("action:deleted", "This action"),
    ("key:checkout", "The key's name or ID"),
    ("app:storefront", "The Application's name"),
];

const DATES: &str = "7d|2026-11-01|2026-11-01T12:00:00Z";

impl AuditFilter {
    /// Parses a filter. A term with an invalid value, or none yet, matches every entry and is reported.
    #[must_use]
    pub fn parse<Z: TimeZone>(text: &str, now: Instant, zone: &Z) -> (Self, Option<FilterError>) {
        let mut filter = Self::default();
        let mut error = None;
        for term in terms(text) {
            let (texts, name, example) = match term.name.map(fold).as_deref() {
                Some("key") => (&mut filter.key, "key", "checkout"),
                Some("user") => (&mut filter.user, "user", "ana@"),
                Some("action") => (&mut filter.action, "action", "deleted"),
                Some("app" | "application") => (&mut filter.application, "app", "storefront"),
                Some(name @ ("since" | "until")) => {
                    match (parse_since(term.value, now, zone), name) {
                        (Ok(at), "since") => filter.since = Some(at),
                        (Ok(at), _) => filter.until = Some(at),
                        (Err(_), "since") => error = Some(FilterError::new("since", term.value, DATES)),
                        (Err(_), _) => error = Some(FilterError::new("until", term.value, DATES)),
                    }
                    continue;
                }
                _ => {
                    filter.words.push(term.word());
                    continue;
                }
            };
            if term.value.trim().is_empty() {
                error = Some(FilterError::new(name, term.value, example));
            } else {
                texts.push(fold(term.value));
            }
        }
        (filter, error)
    }

    /// The texts that a screen marks.
    pub fn texts(&self) -> impl Iterator<Item = &String> {
        [&self.words, &self.key, &self.user, &self.action, &self.application].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    fn parse(text: &str) -> (AuditFilter, Option<FilterError>) {
        AuditFilter::parse(text, DateTime::from_timestamp(1_000_000, 0).unwrap(), &Utc)
    }

    #[test]
    fn words_with_names_and_without() {
        let (filter, complaint) =
            parse("Braze user:ANA@ action:deleted key:7Qm app:Store since:1h until:60s");
        assert_eq!(complaint, None);
        assert_eq!(
            filter,
            AuditFilter {
                words: vec!["braze".into()],
                key: vec!["7qm".into()],
                user: vec!["ana@".into()],
                action: vec!["deleted".into()],
                application: vec!["store".into()],
                since: DateTime::from_timestamp(996_400, 0),
                until: DateTime::from_timestamp(999_940, 0),
                ..AuditFilter::default()
            }
        );
        assert_eq!(filter.texts().count(), 5);
    }

    #[test]
    fn an_invalid_value_says_what_is_allowed_and_narrows_nothing() {
        for (text, usage) in [
            ("user:", "user:ana@"),
            ("key: ", "key:checkout"),
            ("since:", "since:7d|2026-11-01|2026-11-01T12:00:00Z"),
            ("until:yesterday", "until:7d|2026-11-01|2026-11-01T12:00:00Z"),
        ] {
            let (filter, error) = parse(text);
            assert_eq!(filter, AuditFilter::default(), "{text}");
            assert_eq!(error.unwrap().usage(), usage, "{text}");
        }
        let (filter, _) = parse(r#"http://x 12:30 "job 20""#);
        assert_eq!(filter.words, ["http://x", "12:30", "job 20"]);
    }

    #[test]
    fn the_examples_of_the_help_are_valid() {
        for (example, _) in NAMED {
            let (filter, complaint) = parse(example);
            assert!(complaint.is_none() && filter.words.is_empty(), "{example}");
            assert_ne!(filter, AuditFilter::default(), "{example}");
        }
    }
}
