//! `keydesk doctor`: diagnoses problems and suggests fixes.

mod database;
mod environment;
mod files;
mod postgres;
mod proxy;
mod server;
mod throwaway;

use crate::cli::checks::{self, Finding, Outcome};
use crate::cli::context::{Context, GlobalArgs};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::Output;
use crate::config::settings::Settings;
use crate::domain::location::Location;
use crate::host::clipboard::ClipboardMode;
use crate::host::{clock, locations};

const EXAMPLES: Examples = Examples(&[
    ("keydesk doctor", ""),
    ("keydesk doctor --json | jq '.checks[] | select(.ok | not)'", ""),
    ("keydesk doctor --proxy https://api.example.com/orders", ""),
    ("keydesk doctor --proxy http://127.0.0.1:8080/ --app Storefront --json", ""),
]);

/// Diagnose problems and suggest fixes
///
/// Checks the database and its files, users, audit log, clock, settings, log, clipboard and terminal. It does not
/// change the database. Each fault is reported with a fix. A note is not a fault.
///
/// For a database on a PostgreSQL server it also checks the server, its standbys and the rights of the role, and reports
/// what a failover may lose.
///
/// With --proxy it creates a throwaway key, sends requests with it through the proxy, deletes it, and sends them
/// again: the proxy must reject a deleted key immediately. The key is always deleted at the end, and expires after 5
/// minutes.
///
/// Exit code 0 when there are no faults, 1 when a fault was found.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check the proxy at this URL with a throwaway key instead: detects missing verification and cached responses
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

pub(crate) fn run(global: GlobalArgs, args: &Args) -> Result<Exit, CommandError> {
    if let Some(url) = &args.proxy {
        let context = Context::new(global)?;
        let exit = report(&context.output, &proxy::check(&context, url)?)?;
        context.output.finish();
        return Ok(exit);
    }
    let output = global.output();
    report(&output, &check(global))
}

/// Runs all checks. Invalid settings are a finding and do not end the command.
fn check(global: GlobalArgs) -> Vec<Finding> {
    const SET_HOME: &str = "Set HOME, or use --db and --config";
    let no_home = || Outcome::fault("this user has no home directory", SET_HOME);
    let locations = locations::default();
    let mut findings = Vec::new();
    match global.db.or_else(|| locations.as_ref().map(|locations| locations.database.clone().into())) {
        Some(Location::Postgres(url)) => findings.extend(server::check(&url, clock::now())),
        Some(Location::File(path)) => {
            // Runs before SQLite opens the database and creates its other files.
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
    checks::print(output, findings, "No faults found.")?;
    Ok(if checks::are_good(findings) { Exit::Done } else { Exit::No })
}
