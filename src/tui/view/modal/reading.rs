//! Forms, lists to choose from, and pages to read.

use ratatui::text::Span;

use super::{Panel, title};
use crate::config::bindings::Context;
use crate::domain::audit_filter::NAMED;
use crate::domain::text::inert;
use crate::tui::app::App;
use crate::tui::app::modal::form::{Form, Purpose};
use crate::tui::app::modal::{Help, Palette, Picker, Usage};
use crate::tui::view::Look;
use crate::tui::view::page::{Page, pad};
use crate::tui::view::screen::count;
use crate::tui::view::text::cut;

/// A form of a few fields.
pub(super) fn form<'a>(form: &Form, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
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
        Purpose::RenameApplication(application) => title(&format!("Rename {}", application.name), room, look),
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
    Panel::new(heading, page)
}

/// Choose an Application.
pub(super) fn picker<'a>(picker: &Picker, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
    page.field("Filter", &picker.menu.filter, true, usize::MAX).blank();
    let cursor = page.cursor;
    let matching = picker.matching();
    if let Some(error) = &picker.error {
        page.text(&inert(error), theme.danger);
    } else if picker.all.is_none() {
        page.text("Reading...", theme.dim);
    } else if matching.is_empty() {
        page.text("No Application matches.", theme.dim);
    }
    for (place, application) in matching.iter().enumerate() {
        let keys = count(application.keys, "key");
        let name = cut(&application.name.to_string(), room.saturating_sub(keys.len() + 4), look.glyphs.cut);
        let name = pad(&name, room.saturating_sub(keys.len() + 3));
        page.choice(
            vec![Span::styled(name, theme.text), Span::styled(keys, theme.dim)],
            place == picker.menu.chosen,
            place,
        );
    }
    page.cursor = cursor;
    Panel::new("Choose an Application", page)
}

/// How to use a key.
pub(super) fn usage<'a>(usage: &Usage, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
    let Usage { prefix, usage, scroll } = usage;
    page.text(&format!("Put the whole key ({prefix}_...) in the place of <key>."), theme.dim).blank();
    page.text("Header", theme.heading).text(&usage.header, theme.text).blank();
    page.text("With curl", theme.heading).text(&usage.curl, theme.text).blank();
    page.text("Steps", theme.heading);
    for (number, step) in (1..).zip(&usage.steps) {
        page.text(&inert(&format!("{number}. {step}")), theme.text);
    }
    Panel::new(title(&format!("How to use it: {}", usage.title), room, look), page).scrolled(*scroll)
}

/// The keys that do something on the screen or modal below.
pub(super) fn help<'a>(app: &App, help: &Help, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
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
            let keys = pad(&cut(&hint.keys(), 18, look.glyphs.cut), 18);
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
    Panel::new(title(&format!("Help: {}", help.title), room, look), page).scrolled(help.scroll)
}

/// Every action by name.
pub(super) fn palette<'a>(palette: &Palette, look: &'a Look, room: usize) -> Panel<'a> {
    let theme = &look.theme;
    let mut page = Page::new(look, room);
    page.field("", &palette.menu.filter, true, usize::MAX).blank();
    let cursor = page.cursor;
    let entries = palette.entries();
    if entries.is_empty() {
        page.text("Nothing is called that.", theme.dim);
    }
    for (place, entry) in entries.iter().enumerate() {
        let keys = cut(&entry.keys, 20, look.glyphs.cut);
        let name = cut(&entry.name, room.saturating_sub(keys.len() + 4), look.glyphs.cut);
        let name = pad(&name, room.saturating_sub(keys.len() + 3));
        page.choice(
            vec![Span::styled(name, theme.text), Span::styled(keys, theme.dim)],
            place == palette.menu.chosen,
            place,
        );
    }
    page.cursor = cursor;
    Panel::new("Do something", page)
}
