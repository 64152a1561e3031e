//! `keydesk keys create`: the one step in which a secret is handed over.

use chrono::{Datelike, Months};

use super::super::args_keys::CreateArgs;
use super::super::exit::Exit;
use super::super::failure::{Failure, Stop};
use super::super::hand_over::Destination;
use super::super::resolve;
use super::super::run::{Run, change, read};
use super::show::Shown;
use crate::desk::{self, CreatedKey};
use crate::domain::Instant;
use crate::domain::application::Application;
use crate::domain::expiry::{expires_after, parse_when, warnings};
use crate::domain::key::{Key, NewKey};
use crate::domain::text::Name;
use crate::host::clock::Zone;
use crate::store::{Reader, StoreError, keys};

pub(super) fn run(run: &Run, args: CreateArgs) -> Result<Exit, Stop> {
    let name = Name::parse(&args.name)?;
    let kind = resolve::kind(&run.settings.catalogue, &args.platform)?;
    let expires = expires(run, args.expires.as_deref())?;
    let destination = Destination::choose(args.out, args.copy);
    let mut store = run.store_to_change()?;
    let (application, in_month) = read(&store, |reader| {
        let application = resolve::application(run, reader)?;
        let in_month = in_month(reader, &application, expires)?;
        Ok((application, in_month))
    })?;
    // Nothing is made that could not be handed over afterwards.
    destination.check(&run.settings)?;
    for warning in warnings(expires, &Zone::Local, in_month) {
        run.output.warn(&warning.to_string());
    }
    let new = NewKey { application: application.id, name, kind, key_type: args.key_type, expires };
    let created = change(&mut store, |session| desk::create_key(session, &new))?;
    let CreatedKey { key, secret } = created;
    let shown = Shown { key, application: application.name.as_str().to_owned(), uses_30d: 0, replaced: None };
    run.output.say(&format!(
        "Key {} ({}) of {} created; it expires {}.",
        shown.key.prefix,
        shown.key.name,
        application.name,
        run.exact(shown.key.expires)
    ));
    let handed_over = destination
        .hand_over(run, &secret, &shown.document(run))
        .map_err(|reason| not_delivered(&shown.key, &reason))?;
    if handed_over {
        run.output.say(
            "You cannot display the API key after this step. If you lose the value, create a new API key.",
        );
        if let Err(Stop::Failed(failure)) =
            change(&mut store, |session| desk::mark_delivered(session, shown.key.id))
        {
            run.output
                .warn(&format!("that the secret was handed over could not be noted: {}", failure.message()));
        }
    }
    Ok(Exit::Done)
}

fn expires(run: &Run, when: Option<&str>) -> Result<Instant, Failure> {
    Ok(match when {
        Some(text) => parse_when(text, run.now, &Zone::Local)?,
        None => expires_after(run.now, i64::from(run.settings.default_expiry))?,
    })
}

/// How many keys of the Application expire in the month of that instant, here.
fn in_month(reader: &Reader<'_>, application: &Application, expires: Instant) -> Result<u64, StoreError> {
    let zone = Zone::Local;
    let first = zone.local(expires).date_naive().with_day(1);
    let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
    match (first.and_then(|date| zone.start_of(date)), next.and_then(|date| zone.start_of(date))) {
        (Some(from), Some(until)) => keys::expiring(reader, application.id, from, until),
        _ => Ok(0),
    }
}

/// The key is there and nobody has its secret: that must be said plainly.
fn not_delivered(key: &Key, reason: &str) -> Failure {
    let message = format!(
        "the key {} ({}) was created, but its secret could not be handed over: {reason}. Nobody has the secret; \
         the key is marked \"secret never shown\"",
        key.prefix, key.name
    );
    Failure::failed("secret_not_delivered", message)
        .hint(format!("Delete it and create another: keydesk keys delete {} --yes", key.id))
}
