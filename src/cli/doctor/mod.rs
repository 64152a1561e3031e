//! `keydesk doctor`: diagnoses problems and suggests fixes.

mod database;
mod environment;
mod files;
mod finding;
mod proxy;
mod throwaway;

use serde::Serialize;

use finding::{Finding, Outcome};

use crate::cli::context::{Context, GlobalArgs};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::table::Style;
use crate::config::settings::Settings;
use crate::host::clipboard::ClipboardMode;
use crate::host::{clock, locations};

const EXAMPLES: &str = "\
Looks at the database and its files, users, the audit log, the clock, settings, log, clipboard and terminal, and writes
nothing into the database. Each fault comes with what mends it; a note is no fault.

With --proxy it makes a throwaway key, goes through the proxy with it, deletes it, and goes again: a deleted key must
be refused with the very next request. The key is deleted whatever happens, and expires after 5 minutes.

Exit code 0 when all is well, 1 when a fault was found.

Examples:
  keydesk doctor
  keydesk doctor --json | jq '.checks[] | select(.ok | not)'
  keydesk doctor --proxy https://api.example.com/orders
  keydesk doctor --proxy http://127.0.0.1:8080/ --app Storefront --json";

/// Look at what keydesk rests on, and say what to mend
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Instead go through the proxy at this URL with a throwaway key, delete it, go again: finds a proxy that caches answers
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Finding],
}

pub(crate) fn run(global: GlobalArgs, args: &Args) -> Result<Exit, CommandError> {
    if let Some(url) = &args.proxy {
        let context = Context::new(global)?;
        let exit = report(&context.output, &proxy::check(&context, url)?)?;
        context.output.finish();
        return Ok(exit);
    }
    let output = Output::new(global.format());
    report(&output, &check(global))
}

/// Checks one thing after the other. Unusable settings are a finding and do not end the command.
fn check(global: GlobalArgs) -> Vec<Finding> {
    const SET_HOME: &str = "Set HOME, or name the file with --db and --config";
    let no_home = || Outcome::fault("this user has no home folder", SET_HOME);
    let locations = locations::default();
    let mut findings = Vec::new();
    match global.db.or_else(|| locations.as_ref().map(|locations| locations.database.clone())) {
        Some(path) => {
            // Before SQLite opens the database, which creates files beside it.
            let files = files::check(&path);
            findings.extend(database::check(&path, clock::now()));
            findings.extend(files);
        }
        None => findings.push(Finding::new("database", no_home())),
    }
    let mut clipboard = ClipboardMode::Auto;
    match global.config.or_else(|| locations.as_ref().map(|locations| locations.config.clone())) {
        Some(path) => {
            let settings = Settings::read(&path);
            if let Ok(settings) = &settings {
                clipboard = settings.clipboard;
            }
            findings.push(Finding::new("settings", environment::settings(&path, &settings)));
        }
        None => findings.push(Finding::new("settings", no_home())),
    }
    findings.extend([
        Finding::new("log", environment::log(locations.map(|locations| locations.log))),
        Finding::new("clipboard", environment::clipboard(clipboard)),
        Finding::new("terminal", environment::terminal()),
        Finding::new("core dumps", environment::core_dumps()),
    ]);
    findings
}

fn report(output: &Output, findings: &[Finding]) -> Result<Exit, CommandError> {
    let ok = findings.iter().all(|finding| finding.outcome.ok);
    if output.is_json() {
        output.document(&Report { ok, checks: findings })?;
    } else {
        for finding in findings {
            let (state, style) = match (finding.outcome.ok, &finding.outcome.hint) {
                (true, None) => ("ok   ", Style::Good),
                (true, Some(_)) => ("note ", Style::Soon),
                (false, _) => ("FAULT", Style::Bad),
            };
            let state = output.styled(style, state);
            output.line(&format!("{state}  {}", finding.line()))?;
            if let Some(hint) = &finding.outcome.hint {
                output.line(&format!("       {hint}"))?;
            }
        }
        let faults = findings.iter().filter(|finding| !finding.outcome.ok).count();
        output.say(&match faults {
            0 => "All is well.".to_owned(),
            1 => "1 fault.".to_owned(),
            faults => format!("{faults} faults."),
        });
    }
    Ok(if ok { Exit::Done } else { Exit::No })
}
