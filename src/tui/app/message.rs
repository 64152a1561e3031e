//! The message line.

use chrono::TimeDelta;

use crate::domain::Instant;
use crate::domain::text::inert;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Done,
    Note,
    /// Shown until it is dismissed.
    Error,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub tone: Tone,
    /// One or two sentences without control characters.
    pub text: String,
    /// The time of the first tick that it was shown at.
    since: Option<Instant>,
}

impl Message {
    fn new(tone: Tone, text: &str) -> Self {
        Self { tone, text: inert(text), since: None }
    }

    pub fn done(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Done, text.as_ref())
    }

    pub fn note(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Note, text.as_ref())
    }

    pub fn error(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Error, text.as_ref())
    }

    /// Adds the text of another message, once, and takes its tone.
    pub fn append(&mut self, other: &Self) {
        self.tone = other.tone;
        if !self.text.contains(&other.text) {
            self.text = format!("{}. {}", self.text.trim_end_matches('.'), other.text);
        }
    }

    /// Whether it has been shown long enough. Errors never have.
    pub fn is_over(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        // Longer sentences take longer to read.
        let seconds = 6 + i64::try_from(self.text.len() / 20).unwrap_or(6);
        self.tone != Tone::Error && now - since >= TimeDelta::seconds(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[test]
    fn errors_stay_and_the_rest_goes() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        let (mut done, mut error) = (Message::done("Key created."), Message::error("No."));
        assert!(!done.is_over(at(0)) && !error.is_over(at(0)));
        assert!(done.is_over(at(10)) && !error.is_over(at(100_000)));
    }
}
