//! The wizard that creates a key.

use ratatui::text::Span;

use super::{calendar, properties};
use crate::config::bindings::Action;
use crate::desk::text::{CANARY, NAME_IN_USE, THIRD_PARTY_QUESTION};
use crate::domain::expiry::ExpiryError;
use crate::domain::key::KeyType;
use crate::domain::text::{capitalized, inert};
use crate::tui::app::App;
use crate::tui::app::modal::properties::Property;
use crate::tui::app::modal::wizard::{FIRST_TYPE, Focus, Step, TYPES, Wizard};
use crate::tui::app::msg::Target;
use crate::tui::view::facts::{application_name, count, exact};
use crate::tui::view::page::{Button, ButtonTone, Page};

pub(super) fn panel(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    match wizard.step {
        Step::Service => service(wizard, page),
        Step::Platform => platform(app, wizard, page),
        Step::Details => details(app, wizard, page),
        Step::Review => review(app, wizard, page),
    }
    if let Some(error) = &wizard.submission.error {
        page.blank().text(&inert(error), theme.danger);
    }
    let (number, all) = wizard.progress();
    page.title = format!("Create API Key: step {number} of {all}");
}

fn service(wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    page.text(THIRD_PARTY_QUESTION, theme.text).blank();
    let answers =
        [("No", "Generic key for your own integration"), ("Yes", "Key for a platform such as Braze")];
    for (place, (answer, meaning)) in answers.into_iter().enumerate() {
        let chosen = wizard.third_party == (place == 1);
        let line =
            vec![Span::styled(format!("{answer:<5}"), theme.accent), Span::styled(meaning, theme.text)];
        page.choice(line, chosen, place);
    }
}

fn platform(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    page.text("Choose the platform. Type to filter.", theme.dim);
    page.field("Platform", &wizard.menu.filter, true, usize::MAX).blank();
    for (place, slug) in wizard.platforms.iter().enumerate() {
        let name = inert(app.shared.catalog().name_of(slug));
        page.choice(vec![Span::styled(name, theme.text)], place == wizard.menu.chosen, place);
    }
}

/// From this number of rows on, both the calendar and the optional fields are drawn.
const BOTH_FROM: u16 = 30;

fn details(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    page.field("Name", &wizard.name.field, wizard.focus == Focus::Name, 0);
    let chosen = (wizard.key_type, wizard.is_canary);
    let types = TYPES.map(|one| (type_label(one).to_owned(), one == chosen));
    page.radio("Type", &types, wizard.focus == Focus::Type, FIRST_TYPE);
    let mut expiries: Vec<(String, bool)> = (0..)
        .zip(&wizard.expiration.presets)
        .map(|(place, days)| {
            let limit = if wizard.expiration.is_limit(*days) { " (maximum)" } else { "" };
            let label = format!("{}{limit}", count(u64::from(*days), "day"));
            (label, wizard.expiration.preset == Some(place))
        })
        .collect();
    expiries.push((format!("Custom date{}", page.appearance.glyphs.more), wizard.expiration.is_custom()));
    if !wizard.is_canary {
        page.radio("Expiration date", &expiries, wizard.focus == Focus::Expiry, 3);
    }
    if wizard.expiration.is_custom() && !wizard.is_canary {
        let place = wizard.first_property() - 1;
        page.field("Date", wizard.expiration.calendar.field(), wizard.focus == Focus::Date, place);
    }
    expiration(app, wizard, page);
    let has_calendar = wizard.focus == Focus::Date;
    if has_calendar {
        calendar::draw(app, &wizard.expiration.calendar, page);
    }
    if !has_calendar || app.shared.size.1 >= BOTH_FROM {
        let focused = match wizard.focus {
            Focus::Property(property) => Some(property),
            Focus::Name | Focus::Type | Focus::Expiry | Focus::Date => None,
        };
        properties::fields(&wizard.properties, focused, wizard.first_property(), page);
    }
}

fn type_label((key_type, is_canary): (KeyType, bool)) -> &'static str {
    if is_canary { "canary" } else { key_type.as_str() }
}

/// The exact instant, and a line for warnings even without any, so that the lines below do not move.
fn expiration(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    if wizard.is_canary {
        page.field_fact("Expires", "never", theme.text);
        page.field_fact("", &format!("! {CANARY}"), theme.warning);
        return;
    }
    match wizard.expiration.at(app.shared.now) {
        Ok(at) => {
            page.field_fact("Expires", &exact(app, at), theme.text);
            let warnings = wizard.expiration.warnings(app.shared.now, app.shared.zone());
            let text: Vec<String> = warnings.iter().map(|warning| format!("! {warning}")).collect();
            page.field_fact("", &text.join(" "), theme.warning);
        }
        Err(ExpiryError::NotADate(_)) if !wizard.expiration.is_date_submitted => {
            let forms = "Type 90d, 6mo, tomorrow, 2027-01-31 or 31.1.2027";
            page.field_fact("Expires", forms, theme.dim);
        }
        Err(error) => {
            page.field_fact("Expires", &capitalized(&inert(&error.to_string())), theme.danger);
        }
    }
}

fn review(app: &App, wizard: &Wizard, page: &mut Page<'_>) {
    let theme = page.theme();
    page.facts(&[
        ("Application", &application_name(app, wizard.application)),
        ("Name", &inert(wizard.name.field.text())),
        ("Platform", &app.shared.catalog().label(&wizard.kind())),
        ("Type", &type_label((wizard.key_type, wizard.is_canary))),
    ]);
    if wizard.is_canary {
        page.facts(&[("Expires", &"never")]).blank().text(CANARY, theme.warning);
    } else if let Ok(at) = wizard.expiration.at(app.shared.now) {
        page.facts(&[("Expires", &exact(app, at))]);
    }
    for property in Property::ALL {
        let text = wizard.properties.field(property).text().trim();
        if !text.is_empty() {
            let name = if property == Property::Sources { "Allowed from" } else { property.label() };
            page.facts(&[(name, &inert(text))]);
        }
    }
    let name = wizard.name.is_used.then_some(NAME_IN_USE.to_owned());
    let warnings = wizard.expiration.warnings(app.shared.now, app.shared.zone());
    let warnings = warnings.iter().filter(|_| !wizard.is_canary).map(ToString::to_string);
    let warnings: Vec<String> = name.into_iter().chain(warnings).collect();
    if !warnings.is_empty() {
        page.blank();
    }
    for warning in warnings {
        page.text(&format!("! {warning}"), theme.warning);
    }
    page.blank().text("The next step shows the secret once. Be ready to store it.", theme.dim).blank();
    let submitting = wizard.submission.is_pending();
    let label = if submitting { "Creating..." } else { "Create API Key" };
    page.buttons(&[Button {
        label,
        focused: !submitting,
        tone: ButtonTone::Off,
        target: Target::Action(Action::Confirm),
    }]);
}
