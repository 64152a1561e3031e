//! `keydesk config`: prints the effective settings and where each comes from, or the documented defaults.

use std::path::Path;

use chrono::TimeDelta;
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::Serialize;
use serde_json::Value;

use crate::cli::context::{self, GlobalArgs};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::output::Output;
use crate::cli::output::table::Cell;
use crate::config::remembered::RememberedFile;
use crate::config::settings::{DEFAULT, Settings};
use crate::domain::location::Location;
use crate::domain::text::inert;
use crate::host::locations::Locations;

const EXAMPLES: Examples = Examples(&[
    ("keydesk config", ""),
    ("keydesk config --json | jq '.[] | select(.source != \"default\")'", ""),
    ("keydesk config --default > ~/.config/keydesk/config.toml", ""),
]);

/// Print the effective settings and where each comes from
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print all settings with their defaults and documentation, as a config.toml to start from
    #[arg(long)]
    default: bool,
}

/// Where the value of a setting comes from.
#[derive(Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
enum Source {
    Default,
    File {
        file: String,
        line: usize,
    },
    /// Chosen in the terminal UI and stored in the state directory.
    Remembered,
    Environment {
        variable: &'static str,
    },
    CommandLine {
        option: &'static str,
    },
}

impl Source {
    fn text(&self) -> String {
        match self {
            Self::Default => "default".into(),
            Self::File { file, line } => format!("{}:{line}", inert(file)),
            Self::Remembered => "chosen in the terminal UI".into(),
            Self::Environment { variable } => format!("environment ({variable})"),
            Self::CommandLine { option } => format!("command line ({option})"),
        }
    }
}

#[derive(Serialize)]
struct Setting {
    name: String,
    value: Value,
    #[serde(flatten)]
    source: Source,
}

pub(crate) fn run(global: GlobalArgs, args: &Args, matches: &ArgMatches) -> Result<Exit, CommandError> {
    let output = global.output();
    if args.default {
        return documented_defaults(&output);
    }
    let of_command = matches.subcommand().map_or(matches, |(_, matches)| matches);
    let settings = effective(global, of_command)?;
    let text = |value: &Value| match value {
        Value::String(text) => inert(text),
        Value::Null => "none".to_owned(),
        value => value.to_string(),
    };
    let cells = |setting: &Setting| {
        let cells = [inert(&setting.name), text(&setting.value), setting.source.text()];
        cells.map(Cell::plain).to_vec()
    };
    output.list(settings.iter(), &["SETTING", "VALUE", "SOURCE"], |setting| setting, cells)?;
    Ok(Exit::Done)
}

/// Prints the documented file, or its values as JSON.
fn documented_defaults(output: &Output) -> Result<Exit, CommandError> {
    let values: Value = toml::from_str(DEFAULT)
        .map_err(|error| CommandError::failed("configuration", error.message().to_owned()))?;
    output.print(&values, || DEFAULT.trim_end().to_owned())
}

fn effective(global: GlobalArgs, matches: &ArgMatches) -> Result<Vec<Setting>, CommandError> {
    let option = |id: &str, option, variable| match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Source::CommandLine { option },
        Some(ValueSource::EnvVariable) => Source::Environment { variable },
        _ => Source::Default,
    };
    let application = global.app.clone();
    let database = context::place(global.db, "the database", |locations: Locations| locations.database)?;
    let file = context::place(global.config, "the configuration", |locations| locations.config)?;
    let setting = |name: &str, value: Value, source| Setting { name: name.to_owned(), value, source };
    let settings = Settings::read(&file)?;
    let log_filter = std::env::var("KEYDESK_LOG").ok().filter(|filter| !filter.is_empty());
    let mut all = vec![
        setting("database", database.text().into(), option("db", "--db", "KEYDESK_DB")),
        setting(
            "configuration",
            file.display().to_string().into(),
            option("config", "--config", "KEYDESK_CONFIG"),
        ),
        setting("application", application.into(), option("app", "--app", "KEYDESK_APP")),
        setting(
            "log_filter",
            log_filter.as_deref().unwrap_or(super::log::DEFAULT_LEVEL).into(),
            log_filter.map_or(Source::Default, |_| Source::Environment { variable: "KEYDESK_LOG" }),
        ),
    ];
    all.extend(of_file(&settings, &file, &database));
    Ok(all)
}

/// The settings of `config.toml`.
fn of_file(settings: &Settings, file: &Path, database: &Location) -> Vec<Setting> {
    let at = |line: usize| Source::File { file: file.display().to_string(), line };
    let source = |name: &str| settings.lines.get(name).map_or(Source::Default, |line| at(*line));
    let remembered = RememberedFile::at_default_location(database).and_then(|file| file.read().theme);
    let word = |word: &'static str| Value::from(word);
    let clear_after = TimeDelta::from_std(settings.clipboard_clear_after).unwrap_or_default();
    let values = [
        ("theme", word(remembered.unwrap_or(settings.theme).as_str())),
        ("ascii", word(settings.ascii.into())),
        ("mouse", settings.mouse.into()),
        ("default_expiry", format!("{}d", settings.default_expiry).into()),
        ("max_lifetime", settings.max_lifetime.map(duration).into()),
        ("expires_soon", duration(settings.expires_soon).into()),
        ("unused_after", duration(settings.unused_after).into()),
        ("clipboard", word(settings.clipboard.into())),
        ("clipboard_clear_after", duration(clear_after).into()),
    ];
    let mut all: Vec<Setting> = values
        .into_iter()
        .map(|(name, value)| {
            let source =
                if name == "theme" && remembered.is_some() { Source::Remembered } else { source(name) };
            Setting { name: name.to_owned(), value, source }
        })
        .collect();
    for (name, line) in &settings.lines {
        let value = match name.split_once('.') {
            Some(("platforms", slug)) => Value::from(settings.catalog.name_of(slug)),
            Some(("keys", bound)) => Value::from(settings.bindings().keys_of(bound)),
            _ => continue,
        };
        all.push(Setting { name: name.clone(), value, source: at(*line) });
    }
    all
}

/// A duration in the largest unit that gives a whole number.
fn duration(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(unit, _)| seconds % unit == 0).unwrap_or((1, 's'));
    format!("{}{}", seconds / unit.0, unit.1)
}
