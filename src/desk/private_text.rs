//! Texts that must not enter the audit log, from which nothing can be erased.

use super::DeskError;
use crate::domain::audit::Change;
use crate::domain::text::fold;
use crate::domain::token::holds_secret;
use crate::store::{Reader, users};

/// Returns an error if a new value of a name, an owner or a note holds the secret of a key or the email of a user.
pub(super) fn refuse_private(r: &Reader<'_>, changes: &[Change]) -> Result<(), DeskError> {
    let texts: Vec<(&'static str, &str)> = changes.iter().filter_map(text).collect();
    if let Some((field, _)) = texts.iter().find(|(_, text)| holds_secret(text)) {
        return Err(DeskError::HoldsSecret { field });
    }
    if texts.iter().all(|(_, text)| !text.contains('@')) {
        return Ok(());
    }
    let emails: Vec<String> =
        users::all(r)?.into_iter().filter_map(|user| user.email.map(|email| fold(email.as_str()))).collect();
    for (field, text) in texts {
        let text = fold(text);
        if emails.iter().any(|email| names(&text, email)) {
            return Err(DeskError::HoldsEmail { field });
        }
    }
    Ok(())
}

fn text(change: &Change) -> Option<(&'static str, &str)> {
    let field = ["name", "owner", "note"].into_iter().find(|field| change.field == *field)?;
    Some((field, change.after.as_deref()?))
}

/// Whether a text contains an email, and not only as a part of another one.
fn names(text: &str, email: &str) -> bool {
    let belongs = |c: char| c.is_alphanumeric() || "_%+-@".contains(c);
    text.match_indices(email).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + email.len()..]);
        let mut behind = after.chars();
        let next = behind.next();
        // A period ends a sentence, or is followed by more of the domain.
        let continues =
            next.is_some_and(belongs) || (next == Some('.') && behind.next().is_some_and(belongs));
        !continues && !before.ends_with(|c| belongs(c) || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn an_email_is_found_between_other_words_and_not_within_another_one() {
        for text in [
            "ana@example.com",
            "ask ana@example.com.",
            "<ana@example.com>",
            "mailto:ana@example.com, ben",
            "ana@example.com/ops",
        ] {
            assert!(names(text, "ana@example.com"), "{text}");
        }
        for text in [
            "diana@example.com",
            "ana@example.com.au",
            "x.ana@example.com",
            "ana@example.community",
            "@ana",
            "",
        ] {
            assert!(!names(text, "ana@example.com"), "{text}");
        }
    }
}
