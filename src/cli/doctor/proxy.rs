//! Checks that a proxy verifies each request: it must accept a throwaway key, and reject it as soon as it is deleted.

use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

use super::throwaway::Throwaway;
use crate::cli::checks::{self, Finding, Outcome};
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::interrupt::Interrupt;
use crate::domain::text::inert;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Number of requests with the valid key, and with the deleted one.
const REQUESTS: u64 = 5;

/// Time within which the endpoint has recorded a use.
const RECORDING_DELAY: Duration = Duration::from_secs(3);

/// Time for which a proxy that accepts a deleted key is observed.
const OBSERVATION: Duration = Duration::from_secs(10);

const NOT_GUARDED: &str =
    "Configure the proxy to ask keydesk for this address. See the examples in the README";
const CACHES: &str = "Turn off caching of keydesk's responses: no proxy_cache (nginx) and no cache plugin at the location \
    that asks keydesk, and no cache in front of the proxy for requests that need a key";

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
            return Err(bad("a URL must begin with http:// or https:// and a host".into()));
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

    /// Sends one request, with the key or without.
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
            CommandError::failed(
                "proxy",
                format!("no response from {}: {error}", inert(&self.url.to_string())),
            )
            .hint("Check that the proxy is running: curl -i with the same URL")
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
            return Err(CommandError::failed("interrupted", "interrupted; the throwaway key was deleted"));
        }
        Ok(())
    }
}

/// Sends requests without a key, with a valid one and with a deleted one. Ends at the first step that fails.
pub(super) fn check(context: &Context, url: &str) -> Result<Vec<Finding>, CommandError> {
    let client = Client::new(url)?;
    let mut findings = vec![Finding::new("a request without a key", without_key(client.ask(None)?))];
    if checks::are_good(&findings) {
        let mut key = Throwaway::create(context)?;
        findings.push(Finding::new("requests with a valid key", accepted(&client, &key)?));
        if checks::are_good(&findings) {
            findings
                .push(Finding::new("requests that reached keydesk", every_request_verified(&client, &key)?));
            // A cache with a short lifetime must hold a response when the key is deleted.
            client.ask(Some(&key))?;
            key.delete()?;
            findings
                .push(Finding::new("requests with the deleted key", rejected_after_deletion(&client, &key)?));
        }
    }
    Ok(findings)
}

fn without_key(response: Response) -> Outcome {
    match response {
        Response::Rejected(status) => Outcome::good(format!("rejected ({status})")),
        Response::Accepted(status) => {
            Outcome::fault(format!("NOT rejected ({status}): this address is not protected"), NOT_GUARDED)
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
                    format!("rejected ({status}), although the key {} is valid", key.key.prefix),
                    "Check that keydesk serve uses this database (--db, KEYDESK_DB) and this Application (--app, \
                     /auth/<application>), and that the proxy forwards the Authorization header",
                ));
            }
            other => return Ok(unexpected(other)),
        }
    }
    Ok(Outcome::good(format!("accepted, {REQUESTS} of {REQUESTS}")))
}

/// Checks that each request has reached the endpoint: a proxy that caches responses does not ask it.
fn every_request_verified(client: &Client, key: &Throwaway<'_>) -> Result<Outcome, CommandError> {
    let since = Instant::now();
    let mut uses = key.uses()?;
    while uses < REQUESTS && since.elapsed() < RECORDING_DELAY {
        client.pause(Duration::from_millis(100))?;
        uses = key.uses()?;
    }
    Ok(match uses {
        0 => Outcome::good("unknown: keydesk serve does not record use in this database"),
        uses if uses < REQUESTS => Outcome::fault(
            format!("only {uses} of {REQUESTS} requests reached keydesk: a response is cached"),
            CACHES,
        ),
        _ => Outcome::good(format!("{REQUESTS} of {REQUESTS} requests reached keydesk")),
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
                            format!(
                                "ACCEPTED ({status}), rejected only after {time} s: responses are cached"
                            ),
                            CACHES,
                        ));
                    }
                }
                return Ok(Outcome::fault(
                    format!(
                        "ACCEPTED ({status}), also {} s later: responses are cached",
                        OBSERVATION.as_secs()
                    ),
                    CACHES,
                ));
            }
            other => return Ok(unexpected(other)),
        }
    }
    Ok(Outcome::good(format!("rejected immediately, {REQUESTS} of {REQUESTS}")))
}

fn unexpected(response: Response) -> Outcome {
    let (message, hint) = match response {
        Response::Redirect(status) => (format!("redirected ({status})"), "Use the URL of the redirect"),
        Response::Failed(status) | Response::Accepted(status) | Response::Rejected(status) => (
            format!("unexpected status {status}: neither accepted nor rejected"),
            "Check that keydesk serve and the API behind the proxy are running. See the proxy's log",
        ),
    };
    Outcome::fault(message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_classified() {
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
    fn only_http_urls_are_accepted() {
        for url in ["", "localhost:8080", "/orders", "ftp://localhost/", "http://"] {
            assert!(Client::new(url).is_err(), "{url}");
        }
        assert!(Client::new("http://localhost:8080/orders?a=b").is_ok());
    }
}
