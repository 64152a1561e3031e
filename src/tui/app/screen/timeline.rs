//! The timeline: how many keys expire in each of the next 12 months.

use chrono::{Datelike, Months, NaiveDate};

use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::tui::app::msg::Load;
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

const MONTHS: u32 = 12;

/// A month and how many keys expire in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day, in the local zone.
    pub first: NaiveDate,
    /// How many keys expire in it; of the present month, from now on.
    pub keys: u64,
}

/// The timeline, while it is shown.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Empty until the keys have been counted.
    pub months: Vec<Month>,
    dates: Vec<NaiveDate>,
    counts: Pending<Vec<u64>>,
}

impl Timeline {
    pub fn reload(&mut self, scope: Scope, shared: &mut Shared) {
        let zone = shared.zone();
        let today = zone.local(shared.now).date_naive();
        let Some(first) = today.with_day(1) else { return };
        self.dates = (0..=MONTHS).filter_map(|month| first.checked_add_months(Months::new(month))).collect();
        let mut bounds: Vec<Instant> = self.dates.iter().filter_map(|date| zone.start_of(*date)).collect();
        // Keys that have expired this month are not to come.
        if let Some(start) = bounds.first_mut() {
            *start = shared.now;
        }
        self.counts.load(Load::Timeline(scope, bounds), shared);
    }

    pub fn receive(&mut self, reply: &mut Reply) {
        if let Some(Ok(counts)) = self.counts.take(reply) {
            let months = self.dates.iter().zip(counts);
            self.months = months.map(|(first, keys)| Month { first: *first, keys }).collect();
        }
    }
}
