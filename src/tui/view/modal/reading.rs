//! Pages to read.

use ratatui::text::Span;

use crate::config::bindings::Context;
use crate::domain::text::inert;
use crate::domain::user::{Account, SignIn, UserStatus};
use crate::domain::{audit_filter, key_filter, platform};
use crate::store::audit::AuditRow;
use crate::tui::app::App;
use crate::tui::app::modal::reading::{self, Reading};
use crate::tui::app::msg::{Remains, UserDetails};
use crate::tui::view::facts::{self, actor, count, exact, from};
use crate::tui::view::page::{Page, pad};
use crate::tui::view::text::cut;
use crate::tui::view::{key_details, sources};

pub(super) fn panel(app: &App, reading: &Reading, page: &mut Page<'_>) {
    page.scroll = reading.scroll;
    match &reading.page {
        reading::Page::Help { title, contexts } => help(app, title, contexts, page),
        reading::Page::Usage { prefix, usage } => how_to_use(prefix, usage, page),
        reading::Page::Key { details, .. } => {
            let theme = page.theme();
            page.title = "API key".into();
            match details {
                None => drop(page.text("Loading...", theme.dim)),
                Some(None) => drop(page.text("Another session has deleted this key.", theme.warning)),
                Some(Some(found)) => key_details::draw(app, found, page),
            }
        }
        reading::Page::User { details, .. } => {
            page.title = "User".into();
            match details {
                None => drop(page.text("Loading...", page.theme().dim)),
                Some(found) => user(app, found, page),
            }
        }
        reading::Page::Entry { row, remains } => entry(app, row, remains.as_deref(), page),
    }
}

fn how_to_use(prefix: &str, usage: &platform::Instructions, page: &mut Page<'_>) {
    let theme = page.theme();
    page.title = format!("How to use the key: {}", usage.title);
    page.text(&format!("Replace <key> with the secret ({prefix}_...)."), theme.dim).blank();
    page.text("Header", theme.heading).text(&usage.header, theme.text).blank();
    page.text("With curl", theme.heading).text(&usage.curl, theme.text).blank();
    page.text("Steps", theme.heading);
    for (number, step) in (1..).zip(&usage.steps) {
        page.text(&inert(&format!("{number}. {step}")), theme.text);
    }
}

/// The keyboard shortcuts of the screen or dialog below.
fn help(app: &App, title: &str, contexts: &[Context], page: &mut Page<'_>) {
    let theme = page.theme();
    page.title = format!("Keyboard shortcuts: {title}");
    let line = |keys: &str, help: &str, page: &mut Page<'_>| {
        let keys = pad(&cut(keys, 18, page.appearance.glyphs.cut), 18);
        let keys = Span::styled(format!("  {keys} "), theme.accent);
        page.line(vec![keys, Span::styled(help.to_owned(), theme.text)]);
    };
    for context in contexts {
        let heading = match context {
            Context::List => "In every list",
            Context::Filter => "In the filter",
            Context::Global => "Everywhere",
            Context::Modal => "In every dialog",
            Context::Question => "To answer Yes or No",
            Context::Choice => "To choose",
            Context::Calendar => "In the calendar",
            Context::Rotate => "To rotate",
            Context::Triage => "When a key is identified",
            Context::Reveal => "Where the secret is shown",
            Context::Keys | Context::Applications | Context::Users | Context::Audit => title,
        };
        page.text(heading, theme.heading);
        for hint in app.shared.bindings().of(*context).filter(|hint| !hint.chords.is_empty()) {
            line(&hint.keys(), &hint.help, page);
        }
        let terms = match context {
            Context::Keys => &key_filter::NAMED[..],
            Context::Audit => &audit_filter::NAMED,
            _ => &[],
        };
        if !terms.is_empty() {
            page.blank().text("Filter: words, \"phrases\" and terms", theme.heading);
        }
        for (term, help) in terms {
            line(term, help, page);
        }
        page.blank();
    }
    page.text(
        &format!("keydesk {}   database {}", env!("CARGO_PKG_VERSION"), app.shared.environment.database),
        theme.dim,
    );
}

fn user(app: &App, details: &UserDetails, page: &mut Page<'_>) {
    let theme = page.theme();
    let user = &details.user;
    page.facts(&[
        ("User", &facts::user(app, user)),
        ("Number", &user.id.0),
        ("Status", &user.status.label()),
    ]);
    if user.status != UserStatus::Deleted {
        let login = user.login.as_deref().map_or_else(|| "none".to_owned(), inert);
        let account = app.shared.account();
        // A role is its name alone.
        let uid = user.uid.filter(|_| account == Account::Login);
        let uid = uid.map(|uid| format!(" (user ID {uid})")).unwrap_or_default();
        page.facts(&[(if account == Account::Role { "Role" } else { "Login" }, &format!("{login}{uid}"))]);
        match details.sign_in.map(SignIn::problem) {
            Some(None) => page.fact("Sign-in", &format!("can sign in on {}", account.place()), theme.text),
            Some(Some(problem)) => page.fact("Sign-in", problem, theme.warning),
            None => page.fact("Sign-in", &format!("cannot sign in: no {account}"), theme.warning),
        };
    }
    page.facts(&[("Keys created", &user.keys), ("Added", &exact(app, user.created))]);
    match &details.last_change {
        Some(row) => {
            let what = format!("{}: {} by {}", row.entry.label(), row.subject(), actor(row));
            page.facts(&[("Last change", &exact(app, row.entry.at)), ("", &what)])
        }
        None => page.fact("Last change", "none", theme.dim),
    };
}

fn entry(app: &App, row: &AuditRow, found: Option<&Remains>, page: &mut Page<'_>) {
    let theme = page.theme();
    let entry = &row.entry;
    page.facts(&[
        ("Number", &entry.number),
        ("When", &exact(app, entry.at)),
        ("Actor", &format!("{} (login number {})", actor(row), entry.actor_uid)),
        ("Action", &entry.label()),
        ("Target", &row.subject()),
    ]);
    if let Some(application) = &row.application {
        page.facts(&[("Application", application)]);
    }
    for change in entry.changes() {
        let text = match (&change.before, &change.after) {
            (Some(before), Some(after)) => format!("{} -> {}", inert(before), inert(after)),
            (Some(before), None) => format!("was {}", inert(before)),
            (None, Some(after)) => inert(after),
            (None, None) => String::new(),
        };
        page.fact(&inert(&change.field), &text, theme.text);
    }
    if let Some(found) = found {
        remains(app, found, page);
    }
    page.blank().fact("Hash", &row.hash.to_string(), theme.dim);
    page.title = format!("Audit entry {}", entry.number);
}

/// The tombstone of a deleted key, and its use since.
fn remains(app: &App, remains: &Remains, page: &mut Page<'_>) {
    let theme = page.theme();
    let Remains { tombstone, refused, sources } = remains;
    let at = |at, address: &Option<String>| format!("{}{}", exact(app, at), from(address.as_deref()));
    let last = tombstone.last_used.map(|last| at(last, &tombstone.last_used_from));
    page.blank().facts(&[("Key", &tombstone.prefix), ("Last used", &last.unwrap_or_else(|| "never".into()))]);
    match tombstone.first_refused {
        Some(first) => {
            page.fact("First rejected", &at(first, &tombstone.first_refused_from), theme.warning);
        }
        None => drop(page.fact("First rejected", "no requests since the deletion", theme.dim)),
    }
    if let Some(still) = refused.iter().find(|refused| refused.today > 0) {
        let requests = count(still.today, "request");
        let text = format!("Still in use: {requests} today{}.", from(still.last_from.as_deref()));
        page.text(&text, theme.warning);
    }
    key_details::refusals(app, refused, page);
    sources::table(app, "Sources since the deletion", sources, page);
}
