//! `keydesk doctor`: looks at what keydesk rests on, and says what to mend.

mod proxy;
mod throwaway;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::failure::Stop;
use super::run::Run;

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Go through the proxy at this URL with a throwaway key, delete it, go again: finds a proxy that caches answers
    #[arg(long, value_name = "URL", required = true)]
    pub(crate) proxy: String,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    /// Whether it is as it should be.
    pub(super) ok: bool,
    /// What was seen.
    pub(super) message: String,
    /// What mends it.
    pub(super) hint: Option<String>,
}

impl Finding {
    fn good(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, ok: true, message: message.into(), hint: None }
    }

    fn fault(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, ok: false, message: message.into(), hint: Some(hint.into()) }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Finding],
}

/// Looks, and says what it found.
pub(crate) fn run(run: &Run, args: &DoctorArgs) -> Result<Exit, Stop> {
    let findings = proxy::check(run, &args.proxy)?;
    let ok = findings.iter().all(|finding| finding.ok);
    if run.output.is_json() {
        run.output.document(&Report { ok, checks: &findings })?;
    } else {
        for finding in &findings {
            let state = if finding.ok { "ok   " } else { "FAULT" };
            run.output.line(&format!("{state}  {}: {}", finding.check, finding.message))?;
            if let Some(hint) = &finding.hint {
                run.output.line(&format!("       {hint}"))?;
            }
        }
    }
    Ok(if ok { Exit::Done } else { Exit::No })
}
