//! The rotation of all keys that match, one after the other. Each is complete in itself: if its delivery fails, its new
//! key alone is withdrawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde::Serialize;

use super::one::Rotation;
use super::urgency;
use crate::cli::confirm::Confirmation;
use crate::cli::context::{Context, read};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::key_list;
use crate::cli::keys::show::Shown;
use crate::cli::output::documents::KeyDocument;
use crate::cli::output::report::{self, ErrorDocument};
use crate::cli::output::table::Cell;
use crate::cli::output::{Format, text};
use crate::cli::prompt;
use crate::cli::resolve::{self, AllApplications};
use crate::desk::{self, Desk, DueKeys, Ending, NotDue, Standing};
use crate::domain::application::Scope;
use crate::domain::expiry::{self, relative};
use crate::domain::key::Key;
use crate::domain::text::inert;
use crate::host::files::private_folder;
use crate::store::Reader;
use crate::store::keys::{self, KeyQuery};

/// The options for several keys.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Rotate all keys that expire within this time: 24h, 14d, 12w
    #[arg(long, value_name = "DURATION", value_parser = expiry::parse_duration)]
    due: Option<TimeDelta>,
    /// Rotate all keys for this platform (see keydesk platforms), or generic
    #[arg(long, value_name = "P")]
    platform: Option<String>,
    /// Rotate all keys that match these words, "phrases" and terms (see keydesk keys list)
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    pub(super) all: AllApplications,
    /// Write each new secret to a new file in this directory, PREFIX.key (mode 0600)
    #[arg(long, value_name = "DIR", requires = "matching", conflicts_with_all = ["run", "out", "env_file", "copy"])]
    pub(super) out_dir: Option<PathBuf>,
    /// Continue with the next key after a failure
    #[arg(long, requires = "matching")]
    keep_going: bool,
    /// List what would be rotated, and rotate nothing
    #[arg(long, requires = "matching")]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

/// How many keys are named.
const NAMED: usize = 20;

const HEADS: [&str; 6] = ["NAME", "KEY ID", "APPLICATION", "PLATFORM", "EXPIRES", "ROTATION"];

#[derive(Serialize)]
struct DryRun<'a> {
    due: Vec<KeyDocument<'a>>,
    skipped: Vec<Skipped<'a>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    rotated: Vec<Rotated<'a>>,
    failed: Vec<Failed<'a>>,
    left: Vec<KeyDocument<'a>>,
    skipped: Vec<Skipped<'a>>,
}

/// A successor.
#[derive(Serialize)]
struct Rotated<'a> {
    #[serde(flatten)]
    key: KeyDocument<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
}

#[derive(Serialize)]
struct Failed<'a> {
    #[serde(flatten)]
    key: KeyDocument<'a>,
    error: ErrorDocument<'a>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    #[serde(flatten)]
    key: KeyDocument<'a>,
    reason: String,
}

/// The keys that match when the command starts.
struct Matching {
    due: Vec<Shown>,
    skipped: Vec<(Shown, NotDue)>,
}

/// What has become of them.
#[derive(Default)]
struct Report {
    rotated: Vec<(Shown, Option<PathBuf>)>,
    failed: Vec<(Shown, CommandError)>,
    left: Vec<Shown>,
}

pub(super) fn run(context: &Context, rotation: &Rotation<'_>, args: &Args) -> Result<Exit, CommandError> {
    if rotation.delivery.prints() && !args.dry_run {
        return Err(CommandError::usage("usage", "the rotation of several keys needs --run or --out-dir")
            .hint("add --dry-run to list the keys first"));
    }
    let mut desk =
        if args.dry_run { context.desk()? } else { context.desk_to_change(urgency(rotation.ending))? };
    rotation.expires(context.present())?;
    let matching = read(desk.store(), |reader| matching(context, reader, args))?;
    if args.dry_run {
        return dry_run(context, &matching);
    }
    say_skipped(context, &matching.skipped);
    if matching.due.is_empty() {
        context.output.say(NOTHING_DUE);
        summary(context, &Report::default(), &matching.skipped)?;
        return Ok(Exit::Done);
    }
    confirm(context, rotation.ending, args, &matching.due)?;
    if let Some(directory) = &args.out_dir {
        check_directory(directory)?;
    }
    // From here on a signal ends the command after the present key.
    let interrupt = Interrupt::listen()?;
    let mut report = Report::default();
    let count = matching.due.len();
    let mut due = matching.due.into_iter().enumerate();
    let mut skipped = matching.skipped;
    for (number, shown) in due.by_ref() {
        let old = match now(context, &desk, shown)? {
            Ok(old) => old,
            Err(left_out) => {
                say_skipped(context, std::slice::from_ref(&left_out));
                skipped.push(left_out);
                continue;
            }
        };
        if prompt::is_watched(&context.output) {
            let of = format!("[{}/{count}]", number + 1);
            context.output.say(&format!("{of} {} ({})", old.key.name, old.key.prefix));
        }
        match rotation.carry_out(context, &mut desk, &old.key) {
            Ok(new) => {
                let file = rotation.delivery.file(&new.key.prefix);
                report.rotated.push((new, file));
            }
            Err(error) => {
                if !context.output.is_json() {
                    report::report(&error, Format::Text);
                }
                report.failed.push((old, error));
            }
        }
        if interrupt.is_set() || (!report.failed.is_empty() && !args.keep_going) {
            break;
        }
    }
    report.left = due.map(|(_, shown)| shown).collect();
    summary(context, &report, &skipped)?;
    outcome(&report, interrupt.is_set())
}

/// All keys that match in the Application, or in all.
fn matching(context: &Context, reader: &Reader<'_>, args: &Args) -> Result<Matching, CommandError> {
    let scope = if args.all.all_apps {
        Scope::All
    } else {
        Scope::Application(resolve::application(context, reader)?.id)
    };
    let filter = key_list::filter(args.filter.as_deref().unwrap_or_default())?;
    let mut query = KeyQuery { filter, ..key_list::query(context, scope) };
    let platform = args.platform.as_deref();
    query.platform = platform.map(|slug| resolve::platform(context, reader, &query, slug)).transpose()?;
    let DueKeys { due, skipped } = desk::due_keys(reader, query, args.due, &context.settings.catalog)?;
    let around = |key| Shown::around(context, reader, key);
    Ok(Matching {
        due: due.into_iter().map(around).collect::<Result<_, _>>()?,
        skipped: skipped
            .into_iter()
            .map(|(key, why)| Ok((around(key)?, why)))
            .collect::<Result<_, CommandError>>()?,
    })
}

/// The key as it is now, or why it is left out: another session may have changed it meanwhile.
fn now(context: &Context, desk: &Desk, seen: Shown) -> Result<Result<Shown, (Shown, NotDue)>, CommandError> {
    read(desk.store(), |reader| {
        let Some(key) = keys::get(reader, seen.key.id)? else { return Ok(Err((seen, NotDue::Changed))) };
        let standing = desk::standing(reader, &key, context.present())?;
        let now = Shown::around(context, reader, key)?;
        Ok(match standing {
            Standing::Due => Ok(now),
            Standing::Skipped(why) => Err((now, why)),
            Standing::Out => Err((now, NotDue::Changed)),
        })
    })
}

fn dry_run(context: &Context, matching: &Matching) -> Result<Exit, CommandError> {
    if context.output.is_json() {
        context.output.document(&DryRun {
            due: documents(context, &matching.due),
            skipped: skipped_documents(context, &matching.skipped),
        })?;
        return Ok(Exit::Done);
    }
    let mut table = context.output.table(&HEADS);
    let due = matching.due.iter().map(|shown| (shown, "due".to_owned()));
    let skipped = matching.skipped.iter().map(|(shown, why)| (shown, format!("skipped: {why}")));
    for (shown, rotation) in due.chain(skipped) {
        table.row(vec![
            Cell::plain(shown.key.name.to_string()),
            Cell::plain(shown.key.id.as_str()),
            Cell::plain(inert(&shown.application)),
            Cell::plain(context.settings.catalog.label(&shown.key.kind)),
            Cell::plain(expiry::relative_short(shown.key.expires, context.now())),
            Cell::plain(rotation),
        ])?;
    }
    table.finish()?;
    context.output.say(&if matching.due.is_empty() {
        NOTHING_DUE.to_owned()
    } else {
        format!("{} due. Nothing was changed.", are(matching.due.len()))
    });
    Ok(Exit::Done)
}

const NOTHING_DUE: &str = "No keys are due.";

fn are(count: usize) -> String {
    format!("{} {}", keys_of(count), if count == 1 { "is" } else { "are" })
}

fn keys_of(count: usize) -> String {
    text::count(count as u64, "key", "keys")
}

/// Asks on a terminal. Elsewhere only what ends keys at once needs `--yes`: timers rotate with an overlap.
fn confirm(context: &Context, ending: Ending, args: &Args, due: &[Shown]) -> Result<(), CommandError> {
    if ending != Ending::AtOnce && !prompt::has_terminal() {
        return Ok(());
    }
    let mut applications: BTreeMap<&str, usize> = BTreeMap::new();
    for shown in due {
        *applications.entry(&shown.application).or_default() += 1;
    }
    let counts: Vec<String> =
        applications.into_iter().map(|(name, count)| format!("{} {count}", inert(name))).collect();
    let mut preview = vec![format!("{} due: {}", are(due.len()), counts.join(", "))];
    preview.extend(due.iter().take(NAMED).map(|shown| {
        let Shown { key, application, .. } = shown;
        let expires = relative(key.expires, context.now());
        format!("  {}  {}  {}  expires {expires}", key.name, key.prefix, inert(application))
    }));
    preview.extend(more(due.len()).map(|more| format!("  {more}")));
    if ending == Ending::AtOnce {
        preview.push("Each old key is rejected as soon as its new one is delivered.".to_owned());
    }
    args.confirmation.ask(&preview, &format!("rotate {}", keys_of(due.len())))
}

fn more(count: usize) -> Option<String> {
    count.checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!("and {more} more"))
}

/// Creates the directory where it is missing.
fn check_directory(directory: &Path) -> Result<(), CommandError> {
    use nix::unistd::{AccessFlags, access};
    let failed = |reason: String| {
        let message = format!("could not write to {}: {reason}", text::path(directory));
        CommandError::failed("file", message)
    };
    private_folder(directory).map_err(|error| failed(error.to_string()))?;
    if !directory.is_dir() {
        return Err(failed("it is not a directory".into()));
    }
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|error| failed(error.to_string()))
}

fn say_skipped(context: &Context, skipped: &[(Shown, NotDue)]) {
    let mut reasons: BTreeMap<NotDue, Vec<&Key>> = BTreeMap::new();
    for (shown, why) in skipped {
        reasons.entry(*why).or_default().push(&shown.key);
    }
    for (why, keys) in reasons {
        context.output.say(&format!("{} skipped ({why}): {}.", keys_of(keys.len()), names(keys.into_iter())));
    }
}

/// The names of the first keys, each with its prefix.
fn names<'a>(keys: impl ExactSizeIterator<Item = &'a Key>) -> String {
    let more = more(keys.len());
    let named = keys.take(NAMED).map(|key| format!("{} ({})", key.name, key.prefix));
    named.chain(more).collect::<Vec<_>>().join(", ")
}

fn documents<'a>(context: &Context, keys: &'a [Shown]) -> Vec<KeyDocument<'a>> {
    keys.iter().map(|shown| shown.document(context)).collect()
}

fn skipped_documents<'a>(context: &Context, skipped: &'a [(Shown, NotDue)]) -> Vec<Skipped<'a>> {
    let document =
        |(shown, why): &'a (Shown, NotDue)| Skipped { key: shown.document(context), reason: why.to_string() };
    skipped.iter().map(document).collect()
}

/// Prints what has become of the keys.
fn summary(context: &Context, report: &Report, skipped: &[(Shown, NotDue)]) -> Result<(), CommandError> {
    let Report { rotated, failed, left } = report;
    if context.output.is_json() {
        let rotated = rotated
            .iter()
            .map(|(shown, file)| Rotated { key: shown.document(context), file: file.as_deref() });
        let failed =
            failed.iter().map(|(shown, error)| Failed { key: shown.document(context), error: error.into() });
        return context.output.document(&Summary {
            rotated: rotated.collect(),
            failed: failed.collect(),
            left: documents(context, left),
            skipped: skipped_documents(context, skipped),
        });
    }
    if !rotated.is_empty() {
        context.output.say(&format!("{} rotated.", keys_of(rotated.len())));
    }
    for (what, keys) in [
        ("failed", failed.iter().map(|(shown, _)| &shown.key).collect::<Vec<_>>()),
        ("left", left.iter().map(|shown| &shown.key).collect()),
    ] {
        if !keys.is_empty() {
            context.output.say(&format!("{} {what}: {}.", keys_of(keys.len()), names(keys.into_iter())));
        }
    }
    Ok(())
}

fn outcome(report: &Report, is_interrupted: bool) -> Result<Exit, CommandError> {
    let (rotated, failed, left) = (report.rotated.len(), report.failed.len(), report.left.len());
    if failed == 0 && left == 0 {
        return Ok(Exit::Done);
    }
    let counts = format!("{} rotated, {failed} failed, {left} left", keys_of(rotated));
    let error = if is_interrupted {
        CommandError::failed("interrupted", format!("interrupted: {counts}"))
    } else {
        CommandError::failed("not_all_rotated", format!("not all keys were rotated: {counts}"))
    };
    Err(error.hint("run the same command again: it takes only what is left"))
}
