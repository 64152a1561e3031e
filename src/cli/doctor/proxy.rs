//! Does a proxy ask anew for each request? A throwaway key is let in, deleted, and must be refused at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use ureq::Agent;
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

use super::Finding;
use super::throwaway::Throwaway;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::domain::text::inert;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the key is presented while it is valid, and after it was deleted.
const TIMES: u64 = 5;

/// How long uses take to be written at most.
const RECORDED_WITHIN: Duration = Duration::from_secs(3);

/// How long a proxy that lets a deleted key in is watched.
const WATCHED: Duration = Duration::from_secs(10);

const NOT_GUARDED: &str =
    "Does the proxy ask keydesk for this address? Compare it with the examples of the README";
const CACHES: &str = "Let the proxy keep no answers of keydesk's: no proxy_cache (nginx) and no cache plugin at the \
    location that asks it, and no cache in front of the proxy for what needs a key";

/// What a proxy answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    LetIn(u16),
    Refused(u16),
    Redirect(u16),
    Broken(u16),
}

impl Answered {
    fn of(status: u16) -> Self {
        match status {
            401 | 403 => Self::Refused(status),
            300..=399 => Self::Redirect(status),
            407 | 429 | 500..=599 => Self::Broken(status),
            // What the API makes of the request is its own affair: 404 is an answer of somebody who was let in.
            _ => Self::LetIn(status),
        }
    }
}

/// Asks through a proxy, and ends when it is told to.
struct Client {
    agent: Agent,
    url: Uri,
    stop: Arc<AtomicBool>,
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
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("keydesk/", env!("CARGO_PKG_VERSION")))
            .build();
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|error| {
                CommandError::failed("system", format!("could not listen for signals: {error}"))
            })?;
        }
        Ok(Self { agent: config.into(), url: parsed, stop })
    }

    /// One request, with the key or without.
    fn ask(&self, key: Option<&Throwaway<'_>>) -> Result<Answered, CommandError> {
        self.go_on()?;
        let mut request = self.agent.get(&self.url);
        if let Some(key) = key {
            let text = Zeroizing::new(format!("ApiKey-v1 {}", key.secret().expose()));
            let value = HeaderValue::from_str(&text).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            let value = value.map_err(|error| CommandError::failed("system", error.to_string()))?;
            request = request.header("Authorization", value);
        }
        let answered = request.call();
        self.go_on()?;
        let answer = answered.map_err(|error| {
            CommandError::failed("proxy", format!("could not ask {}: {error}", inert(&self.url.to_string())))
                .hint("Does the proxy listen there? Try: curl -i with the same URL")
        })?;
        Ok(Answered::of(answer.status().as_u16()))
    }

    /// Waits a little.
    fn pause(&self, time: Duration) -> Result<(), CommandError> {
        let since = Instant::now();
        while since.elapsed() < time {
            self.go_on()?;
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
        Ok(())
    }

    fn go_on(&self) -> Result<(), CommandError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(CommandError::failed("interrupted", "interrupted; nothing is left behind"));
        }
        Ok(())
    }
}

/// Goes through the proxy without a key, with one, and with the deleted one. It stops where going on would tell nothing.
pub(super) fn check(context: &Context, url: &str) -> Result<Vec<Finding>, CommandError> {
    let client = Client::new(url)?;
    let mut findings = vec![without_key(client.ask(None)?)];
    if all_good(&findings) {
        let mut key = Throwaway::make(context)?;
        findings.push(let_in(&client, &key)?);
        if all_good(&findings) {
            findings.push(each_asked(&client, &key)?);
            // What is cached for a moment only must be warm when the key goes.
            client.ask(Some(&key))?;
            key.delete()?;
            findings.push(refused_at_once(&client, &key)?);
        }
    }
    Ok(findings)
}

fn all_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.ok)
}

fn without_key(answered: Answered) -> Finding {
    const CHECK: &str = "a request without a key";
    match answered {
        Answered::Refused(status) => Finding::good(CHECK, format!("refused ({status})")),
        Answered::LetIn(status) => {
            Finding::fault(CHECK, format!("NOT refused ({status}): nothing guards this address"), NOT_GUARDED)
        }
        other => broken(CHECK, other),
    }
}

fn let_in(client: &Client, key: &Throwaway<'_>) -> Result<Finding, CommandError> {
    const CHECK: &str = "requests with a valid key";
    for _ in 0..TIMES {
        match client.ask(Some(key))? {
            Answered::LetIn(_) => {}
            Answered::Refused(status) => {
                return Ok(Finding::fault(
                    CHECK,
                    format!("refused ({status}), though the key {} is valid", key.key().prefix),
                    "Does keydesk serve use this database (--db, KEYDESK_DB), this Application (--app here, the path \
                     /auth/<application> there), and does the proxy pass the Authorization header on to it?",
                ));
            }
            other => return Ok(broken(CHECK, other)),
        }
    }
    Ok(Finding::good(CHECK, format!("let in, {TIMES} of {TIMES}")))
}

/// Each request must have reached keydesk: whoever remembers an answer does not ask.
fn each_asked(client: &Client, key: &Throwaway<'_>) -> Result<Finding, CommandError> {
    const CHECK: &str = "keydesk was asked each time";
    let since = Instant::now();
    let mut uses = key.uses()?;
    while uses < TIMES && since.elapsed() < RECORDED_WITHIN {
        client.pause(Duration::from_millis(100))?;
        uses = key.uses()?;
    }
    Ok(match uses {
        0 => Finding::good(CHECK, "not known: keydesk serve records no use here"),
        uses if uses < TIMES => Finding::fault(
            CHECK,
            format!("only {uses} of {TIMES} requests reached it: an answer is kept somewhere"),
            CACHES,
        ),
        _ => Finding::good(CHECK, format!("{TIMES} of {TIMES} requests reached it")),
    })
}

fn refused_at_once(client: &Client, key: &Throwaway<'_>) -> Result<Finding, CommandError> {
    const CHECK: &str = "requests with the deleted key";
    let deleted = Instant::now();
    for _ in 0..TIMES {
        match client.ask(Some(key))? {
            Answered::Refused(_) => {}
            Answered::LetIn(status) => {
                while deleted.elapsed() < WATCHED {
                    client.pause(Duration::from_millis(500))?;
                    if let Answered::Refused(_) = client.ask(Some(key))? {
                        let time = deleted.elapsed().as_secs();
                        return Ok(Finding::fault(
                            CHECK,
                            format!("LET IN ({status}); refused only after {time} s: answers are cached"),
                            CACHES,
                        ));
                    }
                }
                return Ok(Finding::fault(
                    CHECK,
                    format!("LET IN ({status}), and still {} s later: answers are cached", WATCHED.as_secs()),
                    CACHES,
                ));
            }
            other => return Ok(broken(CHECK, other)),
        }
    }
    Ok(Finding::good(CHECK, format!("refused at once, {TIMES} of {TIMES}")))
}

fn broken(check: &'static str, answered: Answered) -> Finding {
    let (message, hint) = match answered {
        Answered::Redirect(status) => {
            (format!("answered with a redirect ({status})"), "Give the URL that it leads to")
        }
        Answered::Broken(status) | Answered::LetIn(status) | Answered::Refused(status) => (
            format!("answered with {status}: neither let in nor refused"),
            "Is keydesk serve running where the proxy asks it, and the API behind the proxy? Look at the proxy's log",
        ),
    };
    Finding::fault(check, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        for status in [200, 204, 400, 404, 405, 422] {
            assert_eq!(Answered::of(status), Answered::LetIn(status));
        }
        assert_eq!(Answered::of(401), Answered::Refused(401));
        assert_eq!(Answered::of(403), Answered::Refused(403));
        assert_eq!(Answered::of(301), Answered::Redirect(301));
        for status in [500, 502, 503, 504, 429] {
            assert_eq!(Answered::of(status), Answered::Broken(status));
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
