//! The filter of the audit log: words and named terms (`since:7d key:7Qm user:ana@`).

use chrono::TimeZone;

use super::Instant;
use super::key::KeyId;
use super::since::parse_since;
use super::text::{fold, inert};
use super::user::UserId;

/// Entries match when all terms match. Text is compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Anywhere in the entry, or in the names of what it is about.
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
    /// Exactly this user, as actor or target.
    pub user_id: Option<UserId>,
}

/// Examples of named terms and what they match, for the help.
pub const NAMED: [(&str, &str); 6] = [
    ("since:7d", "not longer ago; or a date, or a time in RFC 3339"),
    ("until:2026-11-01", "before that day; or 7d ago and longer"),
    ("user:ana@", "done by that email, or to it"),
    ("action:deleted", "what was done"),
    ("key:checkout", "by the key's name or ID"),
    ("app:storefront", "by the Application's name"),
];

impl AuditFilter {
    /// Reads what somebody types. A name without a text after it narrows nothing: they are still typing. What cannot
    /// be understood narrows nothing either, and comes back as a sentence.
    #[must_use]
    pub fn parse<Z: TimeZone>(text: &str, now: Instant, zone: &Z) -> (Self, Option<String>) {
        let mut filter = Self::default();
        let mut complaint = None;
        for word in text.split_whitespace() {
            let (name, value) = match word.split_once(':') {
                Some((name, value)) => (fold(name), value),
                None => (String::new(), word),
            };
            let texts = match name.as_str() {
                "key" => &mut filter.key,
                "user" => &mut filter.user,
                "action" => &mut filter.action,
                "app" | "application" => &mut filter.application,
                "since" | "until" => {
                    match parse_since(value, now, zone) {
                        Ok(at) if name == "since" => filter.since = Some(at),
                        Ok(at) => filter.until = Some(at),
                        Err(error) if !value.is_empty() => complaint = Some(inert(&error.to_string())),
                        Err(_) => {}
                    }
                    continue;
                }
                _ => {
                    filter.words.push(fold(word));
                    continue;
                }
            };
            if !value.is_empty() {
                texts.push(fold(value));
            }
        }
        (filter, complaint)
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

    fn parse(text: &str) -> (AuditFilter, Option<String>) {
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
    fn what_is_half_typed_narrows_nothing_and_what_is_wrong_is_said() {
        for text in ["", "user:", "since:", "key: action:"] {
            assert_eq!(parse(text), (AuditFilter::default(), None), "{text}");
        }
        let (filter, complaint) = parse("since:yesterday");
        assert_eq!(filter, AuditFilter::default());
        assert!(complaint.is_some_and(|text| text.contains("yesterday") && text.contains("7d")));
        let (filter, _) = parse("http://x 12:30");
        assert_eq!(filter.words, ["http://x", "12:30"], "other colons are just text");
    }

    #[test]
    fn the_helps_own_examples_are_understood() {
        for (example, _) in NAMED {
            let (filter, complaint) = parse(example);
            assert!(complaint.is_none() && filter.words.is_empty(), "{example}");
            assert_ne!(filter, AuditFilter::default(), "{example}");
        }
    }
}
