//! What every command needs: the settings, the database, who asks, and where to say what happened.

use std::cell::OnceCell;
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::cli::error::CommandError;
use crate::cli::log;
use crate::cli::output::table::Headers;
use crate::cli::output::{Format, Output};
use crate::config::settings::Settings;
use crate::desk::known_head::{KnownHeadCheck, KnownHeads, LogMismatch};
use crate::desk::{Desk, DeskError, Session, Who};
use crate::domain::Instant;
use crate::domain::expiry;
use crate::domain::location::Location;
use crate::domain::user::{Account, Caller};
use crate::host::clock::Zone;
use crate::host::entropy::SystemEntropy;
use crate::host::files::ConfigExposure;
use crate::host::known_head_files::KnownHeadFiles;
use crate::host::{clock, identity, locations};
use crate::store::{DatabaseClock, Reader, Store, StoreError, Urgency};

/// The options that every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Database: a file, or a postgres:// URL [default: keydesk.db in the data directory] [env: KEYDESK_DB]
    #[arg(long, global = true, value_name = "DB", env = "KEYDESK_DB", hide_env = true, value_parser = database())]
    pub(crate) db: Option<Location>,
    /// Configuration [default: config.toml in the configuration directory] [env: KEYDESK_CONFIG]
    #[arg(long, global = true, value_name = "PATH", env = "KEYDESK_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// Application, if there are several [env: KEYDESK_APP]
    #[arg(long, global = true, value_name = "NAME", env = "KEYDESK_APP", hide_env = true)]
    pub(crate) app: Option<String>,
    /// Print JSON, and errors as JSON on standard error
    #[arg(long, global = true)]
    json: bool,
    /// Print tables without the header line
    #[arg(long, global = true)]
    no_headers: bool,
}

impl GlobalArgs {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }

    pub(crate) fn output(&self) -> Output {
        Output::new(self.format(), if self.no_headers { Headers::Hidden } else { Headers::Shown })
    }
}

/// Parses a path or a URL. An empty text is neither.
pub(crate) fn database() -> impl TypedValueParser<Value = Location> {
    PathBufValueParser::new().try_map(|text| Location::parse(text.as_os_str()))
}

/// How to compare the log with a head stored elsewhere.
const COMPARE: &str =
    "to compare the log with a head stored elsewhere, run: keydesk audit verify --expect HEAD";

/// The context of one command.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) settings: Settings,
    /// The path of the configuration file, which may not exist.
    pub(crate) config: PathBuf,
    pub(crate) database: Location,
    /// The Application given by `--app` or the environment.
    pub(crate) application: Option<String>,
    /// The clock of the system at the start of the command.
    started: Instant,
    /// The clock of the database at its opening, and that clock.
    opened: OnceCell<(Instant, DatabaseClock)>,
    /// The known heads of this user; none for a user without a home directory, and in the demo.
    pub(crate) known_heads: Option<KnownHeads>,
}

impl Context {
    /// Reads the settings and determines the location of the database.
    pub(crate) fn new(global: GlobalArgs) -> Result<Self, CommandError> {
        let output = global.output();
        let config = place(global.config, "the configuration file", |locations| locations.config)?;
        let settings = Settings::read(&config)?;
        if let Some(exposure) = ConfigExposure::of(&config) {
            output.warn(&format!("{}: run {}", exposure.problem(&config), exposure.command(&config)));
        }
        Ok(Self {
            output,
            settings,
            config,
            database: place(global.db, "the database", |locations| locations.database)?,
            application: global.app.filter(|name| !name.trim().is_empty()),
            started: clock::now(),
            opened: OnceCell::new(),
            known_heads: KnownHeadFiles::at_default_location().map(KnownHeads::new),
        })
    }

    /// The start of the command, at which lists and states are evaluated; the opening of the database where that has a
    /// clock of its own.
    pub(crate) fn now(&self) -> Instant {
        self.opened.get().map_or(self.started, |(now, _)| *now)
    }

    /// The present instant, by the clock of the database.
    pub(crate) fn present(&self) -> Instant {
        let system = clock::now();
        self.opened.get().map_or(system, |(_, clock)| clock.now(system))
    }

    pub(crate) fn desk(&self) -> Result<Desk, CommandError> {
        self.desk_for(Urgency::Normal)
    }

    fn desk_for(&self, urgency: Urgency) -> Result<Desk, CommandError> {
        let mut desk = self.opened(urgency)?;
        self.check_known_head(&mut desk);
        desk.settle(self.now());
        Ok(desk)
    }

    /// Compares the audit log with the known head, and warns of a mismatch or a lost known head.
    pub(crate) fn check_known_head(&self, desk: &mut Desk) {
        let check = desk.check_known_head();
        self.warn_of_loss(&check);
        if let Some(mismatch) = check.mismatch {
            self.warn_of_mismatch(&mismatch);
        }
    }

    /// Warns once when the known head was lost, with what that means.
    pub(crate) fn warn_of_loss(&self, check: &KnownHeadCheck) {
        if let Some(loss) = check.loss() {
            self.output.warn(&loss);
            self.output.warn(COMPARE);
        }
    }

    /// Opens the existing database for a command that checks the known head itself.
    pub(crate) fn desk_without_known_head(&self) -> Result<Desk, StoreError> {
        self.opened(Urgency::Normal)
    }

    /// The same for a command that looks for changes made outside keydesk, and therefore reads a changed schema too.
    pub(crate) fn desk_to_verify(&self) -> Result<Desk, StoreError> {
        match self.desk_without_known_head() {
            Err(StoreError::AlteredSchema { .. }) => self.desk_on(Store::open_read_only(&self.database)?),
            opened => opened,
        }
    }

    fn opened(&self, urgency: Urgency) -> Result<Desk, StoreError> {
        let store = match urgency {
            Urgency::Normal => Store::open_existing(&self.database, &mut SystemEntropy)?,
            Urgency::Revoking => Store::open_to_revoke(&self.database, &mut SystemEntropy)?,
        };
        Ok(self.warned(self.desk_on(store)?))
    }

    /// Opens the database, or creates it.
    pub(crate) fn desk_or_new(&self) -> Result<Desk, CommandError> {
        let store = Store::open(&self.database, &mut SystemEntropy)?;
        log::create();
        Ok(self.warned(self.desk_on(store)?))
    }

    /// Works with an open database, as the user of this process or as the role of its session.
    pub(crate) fn desk_on(&self, store: Store) -> Result<Desk, StoreError> {
        let caller = store.database_caller()?.unwrap_or_else(identity::caller);
        let clock = store.clock();
        self.opened.get_or_init(|| (clock.now(self.started), clock));
        Ok(Desk::new(store, caller, self.known_heads.clone(), Box::new(SystemEntropy))
            .with_max_lifetime(self.settings.max_lifetime))
    }

    fn warned(&self, desk: Desk) -> Desk {
        // The command itself reports a log that cannot be read.
        let warnings = desk.warnings(self.now()).unwrap_or_else(|_| desk.store().warnings().to_vec());
        for warning in warnings {
            self.output.warn(&warning);
        }
        desk
    }

    fn warn_of_mismatch(&self, mismatch: &LogMismatch) {
        self.output.warn(&mismatch.to_string());
        if let Some(restored) = mismatch.restored_keys() {
            self.output.warn(&restored);
        }
        for line in self.what_to_do(mismatch) {
            self.output.warn(&line);
        }
    }

    /// Returns the commands that resolve a mismatch.
    pub(crate) fn what_to_do(&self, mismatch: &LogMismatch) -> Vec<String> {
        let database = (!is_default(&self.database)).then_some(&self.database);
        let delete = mismatch.delete_command(database).map(|line| format!("delete them with: {line}"));
        let accept =
            format!("if you know the reason, accept the log with: {}", LogMismatch::accept_command(database));
        delete.into_iter().chain([accept]).collect()
    }

    /// Opens the database for a command that changes it. Rejects a read-only caller before any prompt or file. The
    /// change itself checks again.
    pub(crate) fn desk_to_change(&self, urgency: Urgency) -> Result<Desk, CommandError> {
        let desk = self.desk_for(urgency)?;
        let who = desk.who()?;
        if let Some(reason) = who.read_only(&desk.caller().login, desk.account()) {
            return Err(DeskError::from(reason).into());
        }
        if who == Who::NotSetUp {
            let message = format!("{} is not set up yet", self.database);
            return Err(CommandError::failed("not_set_up", message)
                .hint("run \"keydesk init --email EMAIL --app NAME\" to set it up"));
        }
        Ok(desk)
    }

    /// Carries out an operation. The time is taken here, after a confirmation prompt that may have been open for a while.
    pub(crate) fn change<T>(
        &self,
        desk: &mut Desk,
        operation: impl FnOnce(&mut Session<'_>) -> Result<T, DeskError>,
    ) -> Result<T, CommandError> {
        self.change_at(self.present(), desk, operation)
    }

    /// Carries out an operation at a given time: the one from which its dates were calculated.
    pub(crate) fn change_at<T>(
        &self,
        now: Instant,
        desk: &mut Desk,
        operation: impl FnOnce(&mut Session<'_>) -> Result<T, DeskError>,
    ) -> Result<T, CommandError> {
        let done = desk.perform(now, operation)?;
        self.warn_of_loss(&desk.take_unreported());
        Ok(done)
    }

    /// Empties the write-ahead log after deletions, so that the deleted hashes leave the disk too.
    pub(crate) fn scrub(&self, store: &Store) {
        match store.scrub() {
            Ok(true) => {}
            Ok(false) => self.output.warn(
                "the deletion is complete, but the hash stays in the -wal file of the database while another session \
                 reads it; a later change removes it",
            ),
            Err(error) => self.output.warn(&format!("the deletion is complete, but cleaning up after it failed: {error}")),
        }
    }

    /// Prints a notice for a user who is bound to root.
    pub(crate) fn notice_root(&self, login: &Caller) {
        if let (Account::Login, Some(notice)) = (self.database.account(), identity::notice(login)) {
            self.output.warn(notice);
        }
    }

    /// An instant in local time, with its distance from now.
    pub(crate) fn exact(&self, at: Instant) -> String {
        format!("{} ({})", Zone::Local.show(at), expiry::relative(at, self.now()))
    }
}

/// Whether a database is the one at the default location.
pub(crate) fn is_default(database: &Location) -> bool {
    database
        .file()
        .is_some_and(|file| locations::default().is_some_and(|locations| locations.database == file))
}

/// What was given, or the file at its default location.
pub(crate) fn place<T: From<PathBuf>>(
    named: Option<T>,
    what: &str,
    usual: fn(locations::Locations) -> PathBuf,
) -> Result<T, CommandError> {
    named.or_else(|| locations::default().map(usual).map(T::from)).ok_or_else(|| {
        CommandError::failed("no_home", format!("cannot locate {what}: this user has no home directory"))
            .hint("set HOME, or use --db and --config")
    })
}

/// Reads in one transaction, with the errors of commands.
pub(crate) fn read<T>(
    store: &Store,
    f: impl FnOnce(&Reader<'_>) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    store.read(|reader| Ok(f(reader)))?
}
