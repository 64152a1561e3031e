//! `keydesk serve --check-config`: checks what the start of the endpoint depends on.

use std::sync::Arc;
use std::time::Duration;

use super::Args;
use crate::cli::checks::{self, Finding, Outcome};
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::log;
use crate::cli::output::text;
use crate::domain::text::inert;
use crate::serve::{self, ListenAddress, TrustedProxies};
use crate::store::inspect::Inspection;
use crate::store::lookup::Lookup;
use crate::store::{Reader, Store, StoreError, applications, keys, migrate};

/// The findings, and the exit code of the first fault.
struct Checks {
    findings: Vec<Finding>,
    exit: Exit,
}

impl Checks {
    fn add(&mut self, check: &'static str, checked: Result<Outcome, CommandError>) {
        let outcome = checked.unwrap_or_else(|error| {
            if self.exit == Exit::Done {
                self.exit = error.exit();
            }
            Outcome::fault(
                inert(&error.to_string()),
                inert(error.what_to_do().unwrap_or("Run keydesk doctor")),
            )
        });
        self.findings.push(Finding::new(check, outcome));
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    let mut checks = Checks { findings: Vec::new(), exit: Exit::Done };
    // A mistake in the file has ended the command before.
    let config = text::path(&context.config);
    checks.add(
        "configuration",
        Ok(Outcome::good(if context.config.exists() {
            config
        } else {
            format!("defaults: {config} does not exist")
        })),
    );
    if let Some(filter) = log::invalid_filter() {
        let message = format!("KEYDESK_LOG is not a filter, and the default is used: {}", inert(&filter));
        checks.add("log", Ok(Outcome::note(message, "Set KEYDESK_LOG to a filter such as keydesk=debug")));
    }
    let trusted = args.trusted();
    let trusts_none = trusted.as_ref().is_ok_and(TrustedProxies::is_empty);
    checks.add("options", trusted.map(|_| Outcome::good("valid")));
    checks.add("database", database(context));
    if let Some(outcome) = read(context, |reader| application(reader, context.application.as_deref())) {
        checks.add("Application", Ok(outcome));
    }
    if trusts_none && let Some(outcome) = read(context, allowed_sources) {
        checks.add("allowed sources", Ok(outcome));
    }
    let addresses = serve::check_all(args.addresses(), args.reach());
    if addresses.is_empty() {
        checks.add("address", Ok(Outcome::good("the sockets from systemd")));
    }
    for (address, checked) in addresses {
        let check = if matches!(address, ListenAddress::Unix(..)) { "socket" } else { "address" };
        let good = Outcome::good(format!("{} is available", inert(&address.to_string())));
        checks.add(check, checked.map(|()| good).map_err(CommandError::from));
    }
    checks::print(&context.output, &checks.findings, "The endpoint can start.")?;
    Ok(checks.exit)
}

/// What starting does with the database, without migrating it.
fn database(context: &Context) -> Result<Outcome, CommandError> {
    let place = inert(&context.database.text());
    if let Some(path) = context.database.file() {
        let (found, newest) = (Inspection::open(path)?.format()?, migrate::NEWEST);
        if found != newest {
            let message = format!("{place}, format {found}: starting migrates it to format {newest}");
            return Ok(Outcome::note(message, "Back up the file first"));
        }
    }
    if context.database.file().is_none() {
        // As starting does, with the rights of a gateway.
        Lookup::open(&context.database, Duration::ZERO, Arc::default())?;
        return Ok(Outcome::good(format!("{place} can be read")));
    }
    match context.desk_without_known_head() {
        Ok(_) => Ok(Outcome::good(format!("{place} can be read and written"))),
        Err(StoreError::ReadOnly { .. }) => Ok(Outcome::note(
            format!("{place} can be read, but not written: use is not recorded"),
            "Check the owner and mode of the file and its directory",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Reads an outcome from a database of the newest format. None where that fails, which another check reports.
fn read(
    context: &Context,
    f: impl FnOnce(&Reader<'_>) -> Result<Option<Outcome>, StoreError>,
) -> Option<Outcome> {
    Store::open_read_only(&context.database).and_then(|store| store.read(f)).ok()?
}

/// Whether the Application given by `--app` exists: otherwise every key is rejected.
fn application(reader: &Reader<'_>, name: Option<&str>) -> Result<Option<Outcome>, StoreError> {
    let Some(name) = name.map(str::trim) else { return Ok(None) };
    Ok(Some(match applications::named(reader, name)? {
        Some(found) => Outcome::good(format!("keys of {} are accepted", inert(found.name.as_str()))),
        None => Outcome::note(
            format!("no Application is named {}: every key is rejected", inert(name)),
            "Run \"keydesk apps list\" to see all Applications",
        ),
    }))
}

fn allowed_sources(reader: &Reader<'_>) -> Result<Option<Outcome>, StoreError> {
    let keys = keys::count_restricted(reader)?;
    Ok((keys > 0).then(|| {
        let keys = text::count(keys, "key has", "keys have");
        Outcome::note(
            format!("{keys} allowed sources, and no proxy is trusted: behind a proxy they are rejected"),
            "Add --trusted-proxy with the address of the proxy",
        )
    }))
}
