//! A calendar with a date field: the date is chosen with the arrow keys or typed.

use chrono::{Days, Months, NaiveDate, TimeDelta};

use crate::domain::expiry::MOST_DAYS;

use super::{Action, Press, TextField};

/// The maximum number of characters of the date field.
const MOST_TYPED: usize = 40;

#[derive(Clone, Debug)]
pub struct Calendar {
    today: NaiveDate,
    latest: NaiveDate,
    selected: NaiveDate,
    field: TextField,
}

impl Calendar {
    pub fn new(today: NaiveDate, selected: NaiveDate) -> Self {
        let latest = today.checked_add_signed(TimeDelta::days(MOST_DAYS - 1)).unwrap_or(today);
        let mut calendar = Self { today, latest, selected, field: TextField::new(MOST_TYPED) };
        calendar.choose(selected);
        calendar
    }

    /// The same without the days after this one.
    #[must_use]
    pub fn until(mut self, latest: Option<NaiveDate>) -> Self {
        self.latest = latest.map_or(self.latest, |latest| latest.clamp(self.today, self.latest));
        self.choose(self.selected);
        self
    }

    /// Whether a day can be chosen.
    pub fn allows(&self, day: NaiveDate) -> bool {
        (self.today..=self.latest).contains(&day)
    }

    pub fn selected(&self) -> NaiveDate {
        self.selected
    }

    pub fn today(&self) -> NaiveDate {
        self.today
    }

    /// The date field. Its text may be incomplete.
    pub fn field(&self) -> &TextField {
        &self.field
    }

    /// Chooses a date, or the nearest one that is allowed. Typing replaces its text.
    pub fn choose(&mut self, date: NaiveDate) {
        self.selected = date.clamp(self.today, self.latest);
        self.field.set(&self.selected.to_string());
        self.field.select_all();
    }

    /// Shows the date that was typed.
    pub fn follow(&mut self, date: NaiveDate) {
        self.selected = date.clamp(self.today, self.latest);
    }

    /// Takes a key that moves or types; returns whether it did.
    pub fn press(&mut self, press: &Press) -> bool {
        let at = self.selected;
        let to = match press.action {
            Some(Action::Left) => at.checked_sub_days(Days::new(1)),
            Some(Action::Right) => at.checked_add_days(Days::new(1)),
            Some(Action::Up) => at.checked_sub_days(Days::new(7)),
            Some(Action::Down) => at.checked_add_days(Days::new(7)),
            Some(Action::PageUp) => at.checked_sub_months(Months::new(1)),
            Some(Action::PageDown) => at.checked_add_months(Months::new(1)),
            Some(Action::First) => Some(self.today),
            Some(Action::Last) | None => return self.field.edit(&press.chord),
            Some(_) => return false,
        };
        if let Some(date) = to {
            self.choose(date);
        }
        true
    }

    pub fn paste(&mut self, text: &str) {
        self.field.paste(text.trim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::bindings::{Bindings, Context};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn press(calendar: &mut Calendar, keys: &[&str]) {
        let bindings = Bindings::built_in().unwrap();
        for key in keys {
            let chord: crate::config::bindings::Chord = key.parse().unwrap();
            let action =
                bindings.action(&[Context::Calendar, Context::List], &chord).filter(|_| !chord.is_text());
            assert!(calendar.press(&Press { chord, action }), "{key}");
        }
    }

    #[test]
    fn walks_by_day_week_and_month_and_never_into_the_past() {
        let mut calendar = Calendar::new(day("2026-11-23"), day("2027-01-31"));
        press(&mut calendar, &["right", "down"]);
        assert_eq!(calendar.selected(), day("2027-02-08"));
        press(&mut calendar, &["pageup", "pageup"]);
        assert_eq!(calendar.field().text(), "2026-12-08");
        for key in ["pageup", "left", "up"] {
            press(&mut calendar, &[key]);
            assert_eq!(calendar.selected(), day("2026-11-23"), "{key}");
        }
        press(&mut calendar, &["pagedown", "home"]);
        assert_eq!(calendar.selected(), day("2026-11-23"));
    }

    #[test]
    fn typing_replaces_the_date_and_end_keeps_it() {
        let mut calendar = Calendar::new(day("2026-11-23"), day("2026-11-30"));
        press(&mut calendar, &["2", "4", ".", "1", "/", "-", "T", ":"]);
        assert_eq!(calendar.field().text(), "24.1/-T:");
        press(&mut calendar, &["right"]);
        assert_eq!(calendar.field().text(), "2026-12-01", "from the last valid date");
        press(&mut calendar, &["end", "backspace", "3"]);
        assert_eq!(calendar.field().text(), "2026-12-03");
        calendar.paste(" 6mo\n");
        assert_eq!(calendar.field().text(), "2026-12-036mo");
    }

    #[test]
    fn the_latest_date_is_a_hundred_years_ahead() {
        let mut calendar = Calendar::new(day("2026-11-23"), day("9999-12-31"));
        let latest = calendar.selected();
        press(&mut calendar, &["right", "pagedown", "down"]);
        assert_eq!((calendar.selected(), latest.to_string().as_str()), (latest, "2126-11-23"));
    }
}
