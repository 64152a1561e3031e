//! Whether a proxy verifies every request: it must accept a throwaway key, and reject it as soon as it is deleted.

use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

use super::finding::{Finding, Outcome};
use super::throwaway::Throwaway;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::interrupt::Interrupt;
use crate::domain::text::inert;

/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Number of requests with the valid key, and with the deleted one.
const REQUESTS: u64 = 5;

/// Within which the endpoint has recorded a use.
const RECORDING_DELAY: Duration = Duration::from_secs(3);

/// How long a proxy that accepts a deleted key is observed.
const OBSERVATION: Duration = Duration::from_secs(10);

const NOT_GUARDED: &str =
    "Does the proxy ask keydesk for this address? Compare it with the examples of the README";
const CACHES: &str = "Let the proxy keep no answers of keydesk's: no proxy_cache (nginx) and no cache plugin at the \
    location that asks it, and no cache in front of the proxy for what needs a key";

/// What the status of a response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    Accepted(u16),
    Rejected(u16),
    Redirect(u16),
    Failed(u16),
}

impl Response {
    fn of(status: u16) -> Self {
        match status {
            401 | 403 => Self::Rejected(status),
            300..=399 => Self::Redirect(status),
            407 | 429 | 500..=599 => Self::Failed(status),
            // The API itself decides on accepted requests: it may answer 404.
            _ => Self::Accepted(status),
        }
    }
}

/// Sends requests through a proxy until it is interrupted.
struct Client {
    agent: Agent,
    url: Uri,
    interrupt: Interrupt,
}

impl Client {
    fn new(url: &str) -> Result<Self, CommandError> {
        let bad = |why: String| CommandError::usage("bad_url", format!("--proxy {}: {why}", inert(url)));
        let parsed: Uri = url.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none() {
            return Err(bad("a URL begins with http:// or https:// and a host".into()));
        }
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("keydesk/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), url: parsed, interrupt: Interrupt::listen()? })
    }

    /// One request, with the key or without.
    fn ask(&self, key: Option<&Throwaway<'_>>) -> Result<Response, CommandError> {
        self.check_interrupt()?;
        let mut request = self.agent.get(&self.url);
        if let Some(key) = key {
            let text = Zeroizing::new(format!("ApiKey-v1 {}", key.secret.expose()));
            let value = HeaderValue::from_str(&text).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            let value = value.map_err(|error| CommandError::failed("system", error.to_string()))?;
            request = request.header("Authorization", value);
        }
        let response = request.call();
        self.check_interrupt()?;
        let response = response.map_err(|error| {
            CommandError::failed("proxy", format!("could not ask {}: {error}", inert(&self.url.to_string())))
                .hint("Does the proxy listen there? Try: curl -i with the same URL")
        })?;
        Ok(Response::of(response.status().as_u16()))
    }

    fn pause(&self, time: Duration) -> Result<(), CommandError> {
        let since = Instant::now();
        while since.elapsed() < time {
            self.check_interrupt()?;
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
        Ok(())
    }

    fn check_interrupt(&self) -> Result<(), CommandError> {
        if self.interrupt.is_set() {
            return Err(CommandError::failed("interrupted", "interrupted; nothing is left behind"));
        }
        Ok(())
    }
}

/// Sends requests without a key, with a valid one and with a deleted one. Ends at the first step that fails.
pub(super) fn check(context: &Context, url: &str) -> Result<Vec<Finding>, CommandError> {
    let client = Client::new(url)?;
    let mut findings = vec![Finding::new("a request without a key", without_key(client.ask(None)?))];
    if all_good(&findings) {
        let mut key = Throwaway::create(context)?;
        findings.push(Finding::new("requests with a valid key", accepted(&client, &key)?));
        if all_good(&findings) {
            findings
                .push(Finding::new("keydesk was asked each time", every_request_verified(&client, &key)?));
            // A cache with a short lifetime must hold a response when the key is deleted.
            client.ask(Some(&key))?;
            key.delete()?;
            findings
                .push(Finding::new("requests with the deleted key", rejected_after_deletion(&client, &key)?));
        }
    }
    Ok(findings)
}

fn all_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.outcome.ok)
}

fn without_key(response: Response) -> Outcome {
    match response {
        Response::Rejected(status) => Outcome::good(format!("refused ({status})")),
        Response::Accepted(status) => {
            Outcome::fault(format!("NOT refused ({status}): nothing guards this address"), NOT_GUARDED)
        }
        other => unexpected(other),
    }
}

fn accepted(client: &Client, key: &Throwaway<'_>) -> Result<Outcome, CommandError> {
    for _ in 0..REQUESTS {
        match client.ask(Some(key))? {
            Response::Accepted(_) => {}
            Response::Rejected(status) => {
                return Ok(Outcome::fault(
                    format!("refused ({status}), though the key {} is valid", key.key.prefix),
                    "Does keydesk serve use this database (--db, KEYDESK_DB), this Application (--app here, the path \
                     /auth/<application> there), and does the proxy pass the Authorization header on to it?",
                ));
            }
            other => return Ok(unexpected(other)),
        }
    }
    Ok(Outcome::good(format!("let in, {REQUESTS} of {REQUESTS}")))
}

/// Each request must have reached the endpoint: a proxy that caches responses does not ask it.
fn every_request_verified(client: &Client, key: &Throwaway<'_>) -> Result<Outcome, CommandError> {
    let since = Instant::now();
    let mut uses = key.uses()?;
    while uses < REQUESTS && since.elapsed() < RECORDING_DELAY {
        client.pause(Duration::from_millis(100))?;
        uses = key.uses()?;
    }
    Ok(match uses {
        0 => Outcome::good("not known: keydesk serve records no use here"),
        uses if uses < REQUESTS => Outcome::fault(
            format!("only {uses} of {REQUESTS} requests reached it: an answer is kept somewhere"),
            CACHES,
        ),
        _ => Outcome::good(format!("{REQUESTS} of {REQUESTS} requests reached it")),
    })
}

fn rejected_after_deletion(client: &Client, key: &Throwaway<'_>) -> Result<Outcome, CommandError> {
    let deleted = Instant::now();
    for _ in 0..REQUESTS {
        match client.ask(Some(key))? {
            Response::Rejected(_) => {}
            Response::Accepted(status) => {
                while deleted.elapsed() < OBSERVATION {
                    client.pause(Duration::from_millis(500))?;
                    if let Response::Rejected(_) = client.ask(Some(key))? {
                        let time = deleted.elapsed().as_secs();
                        return Ok(Outcome::fault(
                            format!("LET IN ({status}); refused only after {time} s: answers are cached"),
                            CACHES,
                        ));
                    }
                }
                return Ok(Outcome::fault(
                    format!(
                        "LET IN ({status}), and still {} s later: answers are cached",
                        OBSERVATION.as_secs()
                    ),
                    CACHES,
                ));
            }
            other => return Ok(unexpected(other)),
        }
    }
    Ok(Outcome::good(format!("refused at once, {REQUESTS} of {REQUESTS}")))
}

fn unexpected(response: Response) -> Outcome {
    let (message, hint) = match response {
        Response::Redirect(status) => {
            (format!("answered with a redirect ({status})"), "Give the URL that it leads to")
        }
        Response::Failed(status) | Response::Accepted(status) | Response::Rejected(status) => (
            format!("answered with {status}: neither let in nor refused"),
            "Is keydesk serve running where the proxy asks it, and the API behind the proxy? Look at the proxy's log",
        ),
    };
    Outcome::fault(message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_told_apart() {
        for status in [200, 204, 400, 404, 405, 422] {
            assert_eq!(Response::of(status), Response::Accepted(status));
        }
        assert_eq!(Response::of(401), Response::Rejected(401));
        assert_eq!(Response::of(403), Response::Rejected(403));
        assert_eq!(Response::of(301), Response::Redirect(301));
        for status in [500, 502, 503, 504, 429] {
            assert_eq!(Response::of(status), Response::Failed(status));
        }
    }

    #[test]
    fn only_a_url_is_taken() {
        for url in ["", "localhost:8080", "/orders", "ftp://localhost/", "http://"] {
            assert!(Client::new(url).is_err(), "{url}");
        }
        assert!(Client::new("http://localhost:8080/orders?a=b").is_ok());
    }
}
