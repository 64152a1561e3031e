//! What the endpoint counts, as Prometheus reads it.

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::store::lookup::KeyCounts;

/// The content type of the text format, version 0.0.4.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the histogram's buckets, in seconds: decisions take tens of microseconds.
const BUCKETS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// The counters.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    decisions: IntCounterVec,
    accepted: IntCounter,
    seconds: Histogram,
    keys: IntGaugeVec,
    /// Connections that are open.
    pub connections: IntGauge,
    /// Connections that were refused: too many were open.
    pub turned_away: IntCounter,
    lost: IntCounter,
}

impl Metrics {
    /// All of them, at zero.
    ///
    /// # Errors
    /// When a name is used twice, which a test excludes.
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let decisions = IntCounterVec::new(
            Opts::new("keydesk_decisions_total", "Decisions of /auth, by outcome and reason."),
            &["outcome", "reason"],
        )?;
        let seconds = Histogram::with_opts(
            HistogramOpts::new("keydesk_decision_seconds", "How long a decision of /auth took, in seconds.")
                .buckets(BUCKETS.to_vec()),
        )?;
        let keys =
            IntGaugeVec::new(Opts::new("keydesk_keys", "Keys of all Applications, by state."), &["state"])?;
        let connections = IntGauge::new("keydesk_connections", "Connections that are open.")?;
        let turned_away = IntCounter::new(
            "keydesk_connections_refused_total",
            "Connections that were refused because too many were open.",
        )?;
        let lost = IntCounter::new(
            "keydesk_use_lost_total",
            "Uses and refusals that could not be recorded in the database.",
        )?;
        let build =
            IntGaugeVec::new(Opts::new("keydesk_build_info", "The version of keydesk."), &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(decisions.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(keys.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(turned_away.clone()))?;
        registry.register(Box::new(lost.clone()))?;
        registry.register(Box::new(build))?;
        let accepted = decisions.with_label_values(&["accepted", ""]);
        Ok(Self { registry, decisions, accepted, seconds, keys, connections, turned_away, lost })
    }

    /// A request was let in.
    pub(super) fn accepted(&self, took: Duration) {
        self.accepted.inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub(super) fn refused(&self, reason: &str, took: Duration) {
        self.decisions.with_label_values(&["refused", reason]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A request got no answer: the database could not be read.
    pub(super) fn unanswered(&self, took: Duration) {
        self.decisions.with_label_values(&["error", "database"]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// The text; `keys` is none while the database cannot be read, and then the gauge is left out.
    pub(super) fn text(&self, keys: Option<KeyCounts>, lost: u64) -> Vec<u8> {
        self.lost.inc_by(lost.saturating_sub(self.lost.get()));
        self.keys.reset();
        if let Some(keys) = keys {
            let states = [
                ("valid", keys.valid),
                ("expires_soon", keys.expires_soon),
                ("expired", keys.expired),
                ("disabled", keys.disabled),
            ];
            for (state, count) in states {
                self.keys.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}
