//! What needs attention, in all Applications.

use chrono::TimeDelta;

use crate::domain::Instant;
use crate::domain::application::{Application, Scope};
use crate::domain::expiry::relative_short;
use crate::domain::text::{Name, inert};
use crate::store::keys::MOST_ATTENTION;
use crate::store::usage::{self, SourceAddress};
use crate::store::{Reader, StoreError, attention, keys};

/// The maximum number of deleted keys that are counted.
const MOST_DELETED: usize = 100;

/// The maximum number of used canary keys that are counted.
const MOST_CANARIES: usize = 100;

/// The maximum number of Applications that a text names.
const MOST_NAMED: usize = 3;

/// What needs attention in all Applications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// Canary keys with a use that was not acknowledged.
    pub canaries_used: usize,
    /// The latest of these uses, and its source.
    pub last_canary_use: Option<(Instant, SourceAddress)>,
    /// Keys that expire soon and have no successor: how many in each Application, the most first.
    pub expiring: Vec<(Name, u64)>,
    /// Deleted keys that were used in the last 24 hours.
    pub deleted_in_use: usize,
    /// Whether there is more than one Application.
    pub is_broken_down: bool,
}

impl Attention {
    /// Reads it. Keys that expire within `soon` need attention.
    pub(super) fn read(
        r: &Reader<'_>,
        all: &[Application],
        soon: TimeDelta,
        now: Instant,
    ) -> Result<Self, StoreError> {
        let mut expiring = Vec::new();
        for application in all.iter().filter(|application| application.keys > 0) {
            match keys::attention(r, application.id, now, now + soon)? {
                0 => {}
                count => expiring.push((application.name.clone(), count)),
            }
        }
        expiring.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let deleted_in_use = attention::deleted_in_use(r, Scope::All, now, MOST_DELETED)?.len();
        let canaries = attention::canaries_used(r, Scope::All, MOST_CANARIES)?.keys;
        let last_canary_use = match canaries.iter().max_by_key(|key| key.canary_used) {
            Some(key) => usage::sources(r, key.id, Some(usage::CANARY))?
                .into_iter()
                .max_by_key(|source| source.last)
                .map(|source| (source.last, source.address)),
            None => None,
        };
        let (canaries_used, is_broken_down) = (canaries.len(), all.len() > 1);
        Ok(Self { canaries_used, last_canary_use, expiring, deleted_in_use, is_broken_down })
    }

    /// Says it in fewer and fewer words; empty when nothing needs attention.
    #[must_use]
    pub fn texts(&self, soon: TimeDelta, now: Instant) -> Vec<String> {
        let keys: u64 = self.expiring.iter().map(|(_, count)| count).sum();
        let limited = |count: u64| {
            if count < MOST_ATTENTION { count.to_string() } else { format!("{MOST_ATTENTION}+") }
        };
        let number = limited(keys);
        let expire = if keys == 1 { "key expires" } else { "keys expire" };
        let full = format!("{number} {expire} within {} days", soon.num_days());
        let mut expiring = vec![full.clone(), format!("{number} soon")];
        if self.is_broken_down {
            let mut named: Vec<String> =
                [MOST_NAMED, 1].into_iter().map(|most| format!("{full}: {}", self.breakdown(most))).collect();
            named.dedup();
            expiring.splice(0..0, named);
        }
        let alarm = |count: usize, one: &str, many: &str, short: &str| {
            let long = if count == 1 { format!("1 {one}") } else { format!("{count} {many}") };
            (count > 0).then(|| (long, format!("{count} {short}")))
        };
        let canaries = alarm(self.canaries_used, "canary key used", "canary keys used", "canary used");
        let deleted =
            alarm(self.deleted_in_use, "deleted key in use", "deleted keys in use", "deleted in use");
        let (long, short): (Vec<String>, Vec<String>) =
            [&canaries, &deleted].into_iter().flatten().cloned().unzip();
        let (long, short) = (long.join(", "), short.join(", "));
        let from = self.last_canary_use.as_ref().map(|(at, source)| {
            let last = if self.canaries_used == 1 { "" } else { "last " };
            format!("{last}{} from {}", relative_short(*at, now), source.label())
        });
        if long.is_empty() {
            return if keys == 0 { Vec::new() } else { expiring };
        }
        let mut texts: Vec<String> = if keys == 0 {
            vec![long, short]
        } else {
            let both = expiring.iter().map(|text| format!("{long}, {text}"));
            both.chain([format!("{short}, {number} soon")]).collect()
        };
        let others = keys + self.deleted_in_use as u64;
        if let (Some((canaries, short)), Some(from)) = (&canaries, from) {
            let separator = if self.canaries_used == 1 { " " } else { ", " };
            let canaries = format!("{canaries}{separator}{from}");
            let full = deleted.iter().map(|(long, _)| long.clone());
            let full = [canaries].into_iter().chain(full).collect::<Vec<_>>().join(", ");
            let brief = match others {
                0 => format!("{short}{separator}{from}"),
                _ => format!("{short}{separator}{from}, {} more", limited(others)),
            };
            let named = expiring.iter().filter(|_| keys > 0).map(|text| format!("{full}, {text}"));
            let named: Vec<String> = if keys == 0 { vec![full.clone()] } else { named.collect() };
            texts.splice(0..0, named.into_iter().chain([brief]));
        }
        match &canaries {
            // The alarm is the last to go.
            Some((_, short)) if others > 0 => {
                texts.extend([format!("{short}, {} more", limited(others)), short.clone()]);
            }
            None if keys > 0 => texts.push(format!("{} alerts", limited(others))),
            Some(_) | None => {}
        }
        texts
    }

    fn breakdown(&self, most: usize) -> String {
        if let [(name, _)] = self.expiring.as_slice() {
            return inert(name.as_str());
        }
        let shown =
            self.expiring.iter().take(most).map(|(name, count)| format!("{} {count}", inert(name.as_str())));
        let rest = self.expiring.len().saturating_sub(most);
        let more = (rest > 0).then(|| format!("+{rest} more"));
        shown.chain(more).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(expiring: &[(&str, u64)], deleted_in_use: usize, is_broken_down: bool) -> Vec<String> {
        texts_with(0, expiring, deleted_in_use, is_broken_down)
    }

    fn texts_with(
        canaries_used: usize,
        expiring: &[(&str, u64)],
        deleted_in_use: usize,
        is_broken_down: bool,
    ) -> Vec<String> {
        let expiring =
            expiring.iter().map(|(name, count)| (Name::from_stored((*name).to_owned()), *count)).collect();
        let last_canary_use = None;
        Attention { canaries_used, last_canary_use, expiring, deleted_in_use, is_broken_down }
            .texts(TimeDelta::days(7), Instant::UNIX_EPOCH)
    }

    #[test]
    fn the_texts_name_applications_and_get_shorter() {
        assert_eq!(texts(&[], 0, true), [""; 0]);
        assert_eq!(
            texts(&[("Storefront", 2), ("Billing", 1)], 0, true),
            [
                "3 keys expire within 7 days: Storefront 2, Billing 1",
                "3 keys expire within 7 days: Storefront 2, +1 more",
                "3 keys expire within 7 days",
                "3 soon"
            ]
        );
        assert_eq!(
            texts(&[("A", 4), ("B", 3), ("C", 2), ("D", 1), ("E", 1)], 0, true)[0],
            "11 keys expire within 7 days: A 4, B 3, C 2, +2 more"
        );
        let one = ["1 key expires within 7 days: Billing", "1 key expires within 7 days", "1 soon"];
        assert_eq!(texts(&[("Billing", 1)], 0, true), one);
        assert_eq!(texts(&[("Billing", 1)], 0, false), one[1..]);
        assert_eq!(texts(&[("A", MOST_ATTENTION)], 0, false)[0], "1000+ keys expire within 7 days");
        assert_eq!(texts(&[], 1, true), ["1 deleted key in use", "1 deleted in use"]);
        assert_eq!(
            texts(&[("A", 2)], 2, false),
            [
                "2 deleted keys in use, 2 keys expire within 7 days",
                "2 deleted keys in use, 2 soon",
                "2 deleted in use, 2 soon",
                "4 alerts"
            ]
        );
    }
    #[test]
    fn the_latest_use_of_a_canary_key_is_told_with_its_source() {
        let texts = |canaries_used, deleted_in_use, expiring: u64| {
            let source = SourceAddress::Known("10.0.0.9".into());
            let now = Instant::UNIX_EPOCH + TimeDelta::hours(1);
            let attention = Attention {
                canaries_used,
                last_canary_use: Some((now - TimeDelta::minutes(2), source)),
                expiring: (expiring > 0)
                    .then(|| (Name::from_stored("A".to_owned()), expiring))
                    .into_iter()
                    .collect(),
                deleted_in_use,
                is_broken_down: false,
            };
            attention.texts(TimeDelta::days(7), now)
        };
        assert_eq!(
            texts(1, 0, 0)[..2],
            ["1 canary key used 2 m ago from 10.0.0.9", "1 canary used 2 m ago from 10.0.0.9"]
        );
        assert_eq!(
            texts(2, 1, 3)[..3],
            [
                "2 canary keys used, last 2 m ago from 10.0.0.9, 1 deleted key in use, 3 keys expire within 7 days",
                "2 canary keys used, last 2 m ago from 10.0.0.9, 1 deleted key in use, 3 soon",
                "2 canary used, last 2 m ago from 10.0.0.9, 4 more"
            ]
        );
    }

    #[test]
    fn a_used_canary_key_comes_first_and_is_never_left_out() {
        assert_eq!(texts_with(1, &[], 0, true), ["1 canary key used", "1 canary used"]);
        assert_eq!(
            texts_with(2, &[("A", 2)], 1, false),
            [
                "2 canary keys used, 1 deleted key in use, 2 keys expire within 7 days",
                "2 canary keys used, 1 deleted key in use, 2 soon",
                "2 canary used, 1 deleted in use, 2 soon",
                "2 canary used, 3 more",
                "2 canary used"
            ]
        );
    }
}
