//! The fields for the expiration date of a new key: the presets, and a custom date with its calendar.

use chrono::{NaiveDate, TimeDelta};

use crate::desk::month_of;
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::expiry::{self, ExpiryError, PRESETS, Warning};
use crate::host::clock::Zone;
use crate::tui::app::direction::Direction;
use crate::tui::app::modal::calendar::Calendar;
use crate::tui::app::modal::{Load, Pending, Press, Reply, Shared};

#[derive(Debug)]
pub struct Expiration {
    /// The lifetimes to choose from, in days: those of [`PRESETS`] up to the maximum, and the maximum.
    pub presets: Vec<u32>,
    /// The position of the chosen preset; none for a custom date.
    pub preset: Option<usize>,
    /// The custom date.
    pub calendar: Calendar,
    /// The instant that the text of the calendar means.
    date: Result<Instant, ExpiryError>,
    /// Whether Enter was pressed since the date was edited. Before, it may be incomplete.
    pub is_date_submitted: bool,
    application: ApplicationId,
    /// The number of other keys of the Application that expire in the same month.
    in_month: u64,
    month_count: Pending<u64>,
}

impl Expiration {
    pub fn new(application: ApplicationId, shared: &Shared) -> Self {
        let today = shared.zone().local(shared.now).date_naive();
        let days = shared.settings().default_expiry;
        let date = today.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(today);
        // A date means the end of its day.
        let latest = shared.settings().max_lifetime.and_then(|max| shared.now.checked_add_signed(max));
        let latest = latest.and_then(|at| shared.zone().local(at).date_naive().pred_opt());
        let presets = presets(shared.settings().max_lifetime);
        let mut expiration = Self {
            preset: presets.iter().position(|preset| *preset == days),
            presets,
            calendar: Calendar::new(today, date).until(latest),
            date: Ok(shared.now),
            is_date_submitted: false,
            application,
            in_month: 0,
            month_count: Pending::default(),
        };
        expiration.read_date(shared);
        expiration
    }

    /// Whether a lifetime is the longest that is allowed, so that longer ones are not among the presets.
    pub fn is_limit(&self, days: u32) -> bool {
        self.presets.last() == Some(&days) && PRESETS.iter().any(|preset| preset.days > days)
    }

    pub fn is_custom(&self) -> bool {
        self.preset.is_none()
    }

    pub fn at(&self, now: Instant) -> Result<Instant, ExpiryError> {
        match self.preset.and_then(|place| self.presets.get(place)) {
            Some(days) => expiry::expires_after(now, i64::from(*days)),
            None => self.date.clone(),
        }
    }

    pub fn warnings(&self, now: Instant, zone: Zone) -> Vec<Warning> {
        self.at(now).map_or_else(|_| Vec::new(), |at| expiry::warnings(at, &zone, self.in_month))
    }

    /// Reads the date at the present time.
    pub fn read_date(&mut self, shared: &Shared) {
        let max = shared.settings().max_lifetime;
        let date = expiry::parse_when(self.calendar.field().text(), shared.now, &shared.zone());
        self.date = date.and_then(|at| {
            expiry::check_lifetime(at, shared.now, max)?;
            Ok(at)
        });
        if let Ok(at) = self.date {
            self.calendar.follow(shared.zone().local(at).date_naive());
        }
    }

    /// Reads the date, and counts the other keys that expire in its month.
    pub fn changed(&mut self, shared: &mut Shared) {
        self.is_date_submitted = false;
        self.in_month = 0;
        self.month_count.cancel();
        self.read_date(shared);
        let Ok(expires) = self.at(shared.now) else { return };
        if let Some((from, until)) = month_of(expires, &shared.zone()) {
            self.month_count.load(Load::MonthCount(self.application, from, until), shared);
        }
    }

    /// `place`: the presets, then the custom date.
    pub fn choose(&mut self, place: usize, shared: &mut Shared) {
        self.preset = (place < self.presets.len()).then_some(place);
        self.changed(shared);
    }

    pub fn step(&mut self, direction: Direction, shared: &mut Shared) {
        let place = self.preset.unwrap_or(self.presets.len());
        self.choose(direction.step(place, self.presets.len() + 1), shared);
    }

    /// Takes a key that moves in the calendar or types; returns whether it did.
    pub fn press_date(&mut self, press: &Press, shared: &mut Shared) -> bool {
        let is_taken = self.calendar.press(press);
        if is_taken {
            self.changed(shared);
        }
        is_taken
    }

    pub fn paste_date(&mut self, text: &str, shared: &mut Shared) {
        self.calendar.paste(text);
        self.changed(shared);
    }

    /// Chooses a day, if that is allowed; returns whether it did.
    pub fn choose_day(&mut self, day: NaiveDate, shared: &mut Shared) -> bool {
        let is_allowed = self.calendar.allows(day);
        if is_allowed {
            self.calendar.choose(day);
            self.changed(shared);
        }
        is_allowed
    }

    pub fn loaded(&mut self, reply: &mut Reply) {
        if let Some(Ok(count)) = self.month_count.take(reply) {
            self.in_month = count;
        }
    }
}

fn presets(max: Option<TimeDelta>) -> Vec<u32> {
    let max = max.and_then(|max| u32::try_from(max.num_days()).ok()).unwrap_or(u32::MAX);
    let mut presets: Vec<u32> =
        PRESETS.iter().map(|preset| preset.days).filter(|days| *days <= max).collect();
    let is_cut = presets.len() < PRESETS.len();
    if is_cut && presets.last() != Some(&max) {
        presets.push(max);
    }
    presets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_preset_is_longer_than_the_maximum_which_is_the_last_one() {
        let of = |days| presets(Some(TimeDelta::days(days)));
        assert_eq!(presets(None), [7, 30, 90, 180, 365]);
        assert_eq!(of(365), [7, 30, 90, 180, 365]);
        assert_eq!(of(1_000), [7, 30, 90, 180, 365]);
        assert_eq!(of(90), [7, 30, 90]);
        assert_eq!(of(45), [7, 30, 45]);
        assert_eq!(of(1), [1]);
    }
}
