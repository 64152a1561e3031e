//! A date, chosen with the arrow keys or typed as `YYYY-MM-DD`.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::config::bindings::Key;

use super::{Action, Press, TextField};

/// A date that is being chosen.
#[derive(Clone, Debug)]
pub struct Calendar {
    today: NaiveDate,
    selected: NaiveDate,
    text: TextField,
}

impl Calendar {
    pub fn new(today: NaiveDate, selected: NaiveDate) -> Self {
        let mut calendar = Self { today, selected, text: TextField::new(10) };
        calendar.select(selected);
        calendar
    }

    pub fn selected(&self) -> NaiveDate {
        self.selected
    }

    pub fn today(&self) -> NaiveDate {
        self.today
    }

    /// The text as typed so far; not always a date.
    pub fn text(&self) -> &str {
        self.text.text()
    }

    pub fn field(&self) -> &TextField {
        &self.text
    }

    pub fn select(&mut self, date: NaiveDate) {
        // The field has four digits for the year.
        if (1970..=9999).contains(&date.year()) {
            self.selected = date;
            self.text.set(&date.format("%Y-%m-%d").to_string());
        }
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
            Some(_) => return false,
            None => {
                let is_edit = match press.chord.key {
                    Key::Char(c) => c.is_ascii_digit() || c == '-',
                    key => matches!(key, Key::Backspace | Key::Delete),
                };
                let edited = is_edit && !press.chord.ctrl && !press.chord.alt && self.text.edit(&press.chord);
                self.read();
                return edited;
            }
        };
        if let Some(date) = to {
            self.select(date);
        }
        true
    }

    /// Takes a pasted date.
    pub fn paste(&mut self, text: &str) {
        let digits: String = text.chars().take(64).filter(|c| c.is_ascii_digit() || *c == '-').collect();
        self.text.set(&digits);
        self.read();
    }

    /// Follows the text once it is a date.
    fn read(&mut self) {
        if let Ok(date) = NaiveDate::parse_from_str(self.text.text(), "%Y-%m-%d")
            && (1970..=9999).contains(&date.year())
        {
            self.selected = date;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::bindings::{Bindings, Context};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn pressed(key: &str) -> Press {
        let chord = key.parse().unwrap();
        Press { chord, action: Bindings::built_in().unwrap().action(&[Context::Calendar], &chord) }
    }

    fn press(calendar: &mut Calendar, keys: &[&str]) {
        for key in keys {
            assert!(calendar.press(&pressed(key)), "{key}");
        }
    }

    #[test]
    fn walks_by_day_week_and_month() {
        let mut calendar = Calendar::new(day("2026-11-23"), day("2027-01-31"));
        press(&mut calendar, &["right", "down"]);
        assert_eq!(calendar.selected(), day("2027-02-08"));
        press(&mut calendar, &["pageup", "pageup", "pageup"]);
        assert_eq!(calendar.text(), "2026-11-08");
        press(&mut calendar, &["home", "left", "up"]);
        assert_eq!(calendar.selected(), day("2026-11-15"));
    }

    #[test]
    fn typing_goes_there_once_it_is_a_date() {
        let mut calendar = Calendar::new(day("2026-11-23"), day("2026-11-23"));
        for _ in 0..10 {
            press(&mut calendar, &["backspace"]);
        }
        for c in "2027-02-3".chars() {
            press(&mut calendar, &[&c.to_string()]);
        }
        assert_eq!(calendar.selected(), day("2027-02-03"), "a short day is a day");
        press(&mut calendar, &["1"]);
        assert_eq!((calendar.text(), calendar.selected()), ("2027-02-31", day("2027-02-03")));
        assert!(!calendar.press(&pressed("x")));
    }

    #[test]
    fn the_end_of_the_calendar_is_no_fault() {
        let mut calendar = Calendar::new(day("9999-12-31"), day("9999-12-31"));
        press(&mut calendar, &["right", "pagedown", "down"]);
        assert_eq!(calendar.text(), "9999-12-31");
    }
}
