//! The metrics of the endpoint for Prometheus.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
    histogram_opts, register_histogram_with_registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_vec_with_registry,
    register_int_gauge_with_registry,
};

use crate::domain;
use crate::store::lookup::{KeyCounts, Lookup};
use crate::verify::Reason;

/// The content type of the text format, version 0.0.4.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the histogram's buckets, in seconds: decisions take tens of microseconds.
const BUCKETS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    decisions: IntCounterVec,
    accepted: IntCounter,
    seconds: Histogram,
    keys: IntGaugeVec,
    canaries: IntGauge,
    pub connections: IntGauge,
    pub connections_refused: IntCounter,
    lost: IntCounter,
}

impl Metrics {
    /// # Errors
    /// When a name is used twice (prevented by a test).
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let decisions = register_int_counter_vec_with_registry!(
            "keydesk_decisions_total",
            "Decisions of /auth and /envoy, by outcome and reason.",
            &["outcome", "reason"],
            registry
        )?;
        let seconds = histogram_opts!(
            "keydesk_decision_seconds",
            "Duration of a decision of /auth and /envoy, in seconds.",
            BUCKETS.to_vec()
        );
        register_int_gauge_vec_with_registry!(
            "keydesk_build_info",
            "Version of keydesk.",
            &["version"],
            registry
        )?
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1);
        // An alarm is an increase: it needs a number before the first use.
        decisions.with_label_values(&["refused", Reason::Canary.as_str()]);
        Ok(Self {
            accepted: decisions.with_label_values(&["accepted", ""]),
            decisions,
            seconds: register_histogram_with_registry!(seconds, registry)?,
            keys: register_int_gauge_vec_with_registry!(
                "keydesk_keys",
                "Keys of all Applications, by state.",
                &["state"],
                registry
            )?,
            canaries: register_int_gauge_with_registry!(
                "keydesk_canaries_used",
                "Canary keys with a use that was not acknowledged.",
                registry
            )?,
            connections: register_int_gauge_with_registry!(
                "keydesk_connections",
                "Open connections.",
                registry
            )?,
            connections_refused: register_int_counter_with_registry!(
                "keydesk_connections_refused_total",
                "Connections rejected because of the connection limit.",
                registry
            )?,
            lost: register_int_counter_with_registry!(
                "keydesk_use_lost_total",
                "Requests whose use could not be recorded in the database.",
                registry
            )?,
            registry,
        })
    }

    pub(super) fn accepted(&self, took: Duration) {
        self.accepted.inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// `outcome` is `refused`, or `error` when there was no decision.
    pub(super) fn not_accepted(&self, outcome: &str, reason: &str, took: Duration) {
        self.decisions.with_label_values(&[outcome, reason]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// The metrics as text. Without a census, while the database cannot be read, the numbers of keys are omitted, and that of
    /// the used canary keys stays.
    pub(super) fn text(&self, census: Option<Counted>, lost: u64) -> Vec<u8> {
        self.lost.inc_by(lost.saturating_sub(self.lost.get()));
        self.keys.reset();
        if let Some(counted) = &census {
            self.canaries.set(counted.canaries_used);
        }
        for (state, count) in census.iter().flat_map(|counted| counted.keys) {
            self.keys.with_label_values(&[state.as_str()]).set(count);
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "could not encode the metrics");
        }
        text
    }
}

/// How long the numbers of keys are cached: counting a million takes a while.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// The numbers of keys, cached, read on a separate connection.
pub(super) struct Census {
    pub lookup: Lookup,
    /// How long before its expiration a key counts as expiring soon.
    pub soon: chrono::TimeDelta,
    pub counted: Option<(Instant, Counted)>,
}

#[derive(Clone, Copy)]
pub(super) struct Counted {
    keys: KeyCounts,
    canaries_used: i64,
}

impl Census {
    pub(super) fn counts(census: &Mutex<Self>, now: domain::Instant) -> Option<Counted> {
        let mut census = census.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counted)) = census.counted.filter(|(at, _)| at.elapsed() < COUNTS_FOR) {
            return Some(counted);
        }
        let soon = census.soon;
        let keys = census.lookup.counts(now, soon).ok()?;
        let counted = Counted { keys, canaries_used: census.lookup.canaries_used().ok()? };
        census.counted = Some((Instant::now(), counted));
        Some(counted)
    }
}
