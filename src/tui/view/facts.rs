//! Texts for lists and details.

use ratatui::style::Style;

use crate::desk::text::you;
pub use crate::desk::text::{count, creator, from_address as from};

use super::appearance::Appearance;
use super::page::Page;
use super::text::NO_BREAK;
use crate::domain::Instant;
use crate::domain::application::{ApplicationId, Scope};
use crate::domain::expiry::{relative, until_short};
use crate::domain::key::{Key, KeyState};
use crate::domain::user::{Email, User};
use crate::store::audit::AuditRow;
use crate::tui::app::App;

/// Said in the place of its state of a valid key that ends when it is no longer used.
const UNTIL_UNUSED: &str = "Until unused";

/// The word for a state of a key.
fn label(state: KeyState, key: &Key) -> &'static str {
    if state == KeyState::Valid && key.until_unused.is_some() { UNTIL_UNUSED } else { state.label() }
}

/// Returns the sign with the state of a key, and its style.
pub fn state(app: &App, key: &Key, appearance: &Appearance) -> (String, Style) {
    let (sign, style, state) = sign(app, key, appearance);
    let until = key.is_disabled_until(app.shared.now).filter(|_| state == KeyState::Disabled);
    let detail = match until {
        Some(until) => format!(" {}", until_text(app, until)),
        None if key.has_alarm() => " (used)".into(),
        None => String::new(),
    };
    (format!("{sign} {}{detail}", label(state, key)), style)
}

/// The same for a narrow column: the sign tells that a key is disabled, and the text when that ends.
pub fn state_short(app: &App, key: &Key, appearance: &Appearance) -> (String, Style) {
    let (sign, style, state) = sign(app, key, appearance);
    let until = key.is_disabled_until(app.shared.now).filter(|_| state == KeyState::Disabled);
    let text = match until {
        Some(until) => until_text(app, until),
        None if key.has_alarm() => format!("{} used", state.label()),
        None => label(state, key).to_owned(),
    };
    (format!("{sign} {text}"), style)
}

fn until_text(app: &App, until: Instant) -> String {
    format!("until {}", until_short(until, app.shared.now, &app.shared.zone()))
}

fn sign(app: &App, key: &Key, appearance: &Appearance) -> (&'static str, Style, KeyState) {
    let (theme, glyphs) = (&appearance.theme, appearance.glyphs);
    let state = key.state(app.shared.now, app.shared.settings().expires_soon);
    let (sign, style) = match state {
        KeyState::Valid => (glyphs.valid, theme.good),
        KeyState::ExpiresSoon => (glyphs.soon, theme.warning),
        KeyState::Expired => (glyphs.expired, theme.danger),
        KeyState::Disabled => (glyphs.disabled, theme.dim),
        KeyState::Replaced => (glyphs.expired, theme.dim),
        KeyState::Canary if key.has_alarm() => (glyphs.canary, theme.danger),
        KeyState::Canary => (glyphs.canary, theme.dim),
    };
    (sign, style, state)
}

pub fn application_name(app: &App, id: ApplicationId) -> String {
    app.shared.application_of(id).map_or_else(String::new, |application| application.name.to_string())
}

/// Adds the Application of a key when the list shows the keys of all Applications.
pub fn application(app: &App, key: &Key, page: &mut Page<'_>) {
    if app.screens.keys.list.query.scope == Some(Scope::All) {
        page.facts(&[("Application", &application_name(app, key.application))]);
    }
}

/// Returns the email of a user; empty when the user is deleted.
pub fn email(user: &User) -> String {
    user.email.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The email of a user, or their number once they are deleted, and whether it is the caller.
pub fn user(app: &App, user: &User) -> String {
    let name = user.email.as_ref().map_or_else(|| format!("user {}", user.id.0), ToString::to_string);
    name + you(app.shared.is_caller(user.id))
}

/// Returns the email of an entry's actor; the user number when the user is deleted.
pub fn actor(row: &AuditRow) -> String {
    row.actor_email.as_ref().map_or_else(|| format!("user {}", row.entry.actor.0), ToString::to_string)
}

/// Returns `@` with the domain that all emails share.
pub fn shared_domain<'a>(mut emails: impl Iterator<Item = &'a Email>) -> Option<String> {
    let domain = |email: &Email| Some(format!("@{}", email.as_str().rsplit_once('@')?.1));
    let first = domain(emails.next()?)?;
    emails.all(|email| email.as_str().ends_with(&first)).then_some(first)
}

/// Returns an instant with its distance from now. The distance is never broken across lines.
pub fn exact(app: &App, at: Instant) -> String {
    let distance = relative(at, app.shared.now).replace(' ', NO_BREAK);
    format!("{} ({distance})", app.shared.zone().show(at))
}
