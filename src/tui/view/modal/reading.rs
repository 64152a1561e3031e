//! Forms, lists to choose from, and pages to read.

use ratatui::text::Span;

use crate::config::bindings::Context;
use crate::domain::audit_filter::NAMED;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::form::{Form, Purpose};
use crate::tui::app::modal::{Help, Palette, Picker, Usage};
use crate::tui::view::facts::count;
use crate::tui::view::page::{Page, pad};
use crate::tui::view::text::cut;

/// A form of a few fields.
pub(super) fn form(form: &Form, page: &mut Page<'_>) {
    let theme = page.theme();
    let heading = match &form.purpose {
        Purpose::SetUp { notice } => {
            page.text(
                "This database is empty. Your email becomes its first user, bound to your login; an Application is \
                 what API keys belong to.",
                theme.text,
            );
            if let Some(notice) = notice {
                page.blank().text(notice, theme.warning);
            }
            page.blank();
            "Welcome to keydesk".to_owned()
        }
        Purpose::CreateApplication => "Create Application".to_owned(),
        Purpose::RenameApplication(application) => format!("Rename {}", application.name),
        Purpose::AddUser => {
            page.text(
                "With a login of this machine they can sign in from it; without one they are known by name only.",
                theme.dim,
            );
            page.blank();
            "Add user".to_owned()
        }
    };
    for (place, (label, field)) in form.fields.iter().enumerate() {
        page.field(label, field, form.focus == place, place);
    }
    page.blank();
    if form.submission.is_pending() || form.submission.error.is_some() {
        page.submission(&form.submission, "Writing...");
    } else if let Some(other) = form.look_alike() {
        page.text(&format!("This looks like the Application {other}, but is another name."), theme.warning);
    }
    page.title = heading;
}

/// Choose an Application.
pub(super) fn picker(picker: &Picker, page: &mut Page<'_>) {
    let theme = page.theme();
    page.field("Filter", &picker.menu.filter, true, usize::MAX).blank();
    let matching = picker.matching();
    if let Some(error) = &picker.error {
        page.text(&inert(error), theme.danger);
    } else if picker.all.is_none() {
        page.text("Reading...", theme.dim);
    } else if matching.is_empty() {
        page.text("No Application matches.", theme.dim);
    }
    let entries: Vec<_> = matching
        .iter()
        .map(|application| (application.name.to_string(), count(application.keys, "key")))
        .collect();
    page.menu(&picker.menu, &entries);
    page.title = "Choose an Application".into();
}

/// How to use a key.
pub(super) fn usage(usage: &Usage, page: &mut Page<'_>) {
    let theme = page.theme();
    let Usage { prefix, usage, scroll } = usage;
    page.text(&format!("Put the whole key ({prefix}_...) in the place of <key>."), theme.dim).blank();
    page.text("Header", theme.heading).text(&usage.header, theme.text).blank();
    page.text("With curl", theme.heading).text(&usage.curl, theme.text).blank();
    page.text("Steps", theme.heading);
    for (number, step) in (1..).zip(&usage.steps) {
        page.text(&inert(&format!("{number}. {step}")), theme.text);
    }
    page.title = format!("How to use it: {}", usage.title);
    page.scroll = scroll.0;
}

/// The keys that do something on the screen or modal below.
pub(super) fn help(app: &App, help: &Help, page: &mut Page<'_>) {
    let theme = page.theme();
    for context in &help.contexts {
        let heading = match context {
            Context::List => "In every list",
            Context::Filter => "In the filter",
            Context::Global => "Everywhere",
            Context::Modal => "In every dialog",
            Context::Question => "To answer Yes or No",
            Context::Choice => "To choose",
            Context::Calendar => "In the calendar",
            Context::Reveal => "Where the secret is shown",
            Context::Keys | Context::Applications | Context::Users | Context::Audit => help.title.as_str(),
        };
        page.text(heading, theme.heading);
        for hint in app.shared.bindings().of(*context).filter(|hint| !hint.chords.is_empty()) {
            let keys = pad(&cut(&hint.keys(), 18, page.appearance.glyphs.cut), 18);
            page.line(vec![
                Span::styled(format!("  {keys} "), theme.accent),
                Span::styled(hint.help.clone(), theme.text),
            ]);
        }
        if *context == Context::Audit {
            page.blank().text("In its filter", theme.heading);
            for (word, help) in NAMED {
                page.line(vec![
                    Span::styled(format!("  {} ", pad(word, 18)), theme.accent),
                    Span::styled(help, theme.text),
                ]);
            }
        }
        page.blank();
    }
    page.text(
        &format!("keydesk {}   database {}", env!("CARGO_PKG_VERSION"), app.shared.environment.database),
        theme.dim,
    );
    page.title = format!("Help: {}", help.title);
    page.scroll = help.scroll.0;
}

/// Every action by name.
pub(super) fn palette(palette: &Palette, page: &mut Page<'_>) {
    let theme = page.theme();
    page.field("", &palette.menu.filter, true, usize::MAX).blank();
    let entries = palette.entries();
    if entries.is_empty() {
        page.text("Nothing is called that.", theme.dim);
    }
    let note = |keys: &str| cut(keys, 20, page.appearance.glyphs.cut);
    let entries: Vec<_> = entries.iter().map(|entry| (entry.name.clone(), note(&entry.keys))).collect();
    page.menu(&palette.menu, &entries);
    page.title = "Do something".into();
}
