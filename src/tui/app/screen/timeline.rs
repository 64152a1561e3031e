//! The timeline: how many keys expire in each of the next 12 months, so that a cluster is seen before it hurts.

use chrono::{Datelike, Months, NaiveDate};

use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Load, RequestId};

/// How many months it shows.
pub const MONTHS: u32 = 12;

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
    /// The months, once they have been counted.
    pub months: Vec<Month>,
    dates: Vec<NaiveDate>,
    awaited: Option<RequestId>,
}

impl Timeline {
    /// Counts anew.
    pub fn reload(&mut self, application: ApplicationId, cx: &mut Context<'_>) {
        let zone = cx.around.zone;
        let today = zone.local(cx.now).date_naive();
        let Some(first) = today.with_day(1) else { return };
        self.dates = (0..=MONTHS).filter_map(|month| first.checked_add_months(Months::new(month))).collect();
        let mut bounds: Vec<Instant> = self.dates.iter().filter_map(|date| zone.start_of(*date)).collect();
        // What has expired already is no surprise any more.
        if let Some(start) = bounds.first_mut() {
            *start = cx.now;
        }
        self.awaited = Some(cx.load(Load::Timeline(application, bounds)));
    }

    /// Takes the counts, if they are those that were asked for last.
    pub fn take(&mut self, request: RequestId, counts: &[u64]) {
        if self.awaited == Some(request) {
            let months = self.dates.iter().zip(counts);
            self.months = months.map(|(first, keys)| Month { first: *first, keys: *keys }).collect();
        }
    }
}
