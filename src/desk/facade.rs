//! The one façade through which both front ends work with a database.

use std::time::Duration;

use chrono::TimeDelta;

use super::attention::Attention;
use super::known_head::{KnownHeadCheck, KnownHeads};
use super::reads::{self, SessionInfo};
use super::{DeskError, Session, Who, settle};
use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::domain::audit::ChainHead;
use crate::domain::clock;
use crate::domain::token::Entropy;
use crate::domain::user::{Account, Caller, SignIn};
use crate::host::identity;
use crate::store::{Reader, Store, StoreError, applications, audit, open, roles, state};

/// How long marking what has ended waits for another session.
const SETTLING: Duration = Duration::from_millis(100);

/// The maximum number of Applications that a session knows by name.
const MOST_APPLICATIONS: usize = 10_000;

/// A database with the caller, their known heads and a source of randomness.
pub struct Desk {
    store: Store,
    caller: Caller,
    known_heads: Option<KnownHeads>,
    entropy: Box<dyn Entropy + Send>,
    max_lifetime: Option<TimeDelta>,
    /// Found after a change, and not reported yet.
    unreported: KnownHeadCheck,
}

impl Desk {
    /// Takes over an open database. Without `known_heads`, the audit log is not compared with anything.
    #[must_use]
    pub fn new(
        store: Store,
        caller: Caller,
        known_heads: Option<KnownHeads>,
        entropy: Box<dyn Entropy + Send>,
    ) -> Self {
        let unreported = KnownHeadCheck::default();
        Self { store, caller, known_heads, entropy, max_lifetime: None, unreported }
    }

    /// Limits the lifetime of new keys.
    #[must_use]
    pub fn with_max_lifetime(self, max_lifetime: Option<TimeDelta>) -> Self {
        Self { max_lifetime, ..self }
    }

    /// Returns the database, for lists and for what only one front end reads.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the present instant by the clock of the database, where that of the system shows `system`.
    #[must_use]
    pub fn now(&self, system: Instant) -> Instant {
        self.store.clock().now(system)
    }

    /// Gives the database back.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }

    /// Returns who works with it.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns what the users of the database sign in with.
    #[must_use]
    pub fn account(&self) -> Account {
        self.store.location().account()
    }

    /// Returns the user ID of a login, where it exists on this system. None for a role of a server, which is its name alone.
    #[must_use]
    pub fn uid_of(&self, login: &str) -> Option<u32> {
        match self.account() {
            Account::Login => identity::uid_of(login),
            Account::Role => None,
        }
    }

    /// Returns whether a login of this system, or a role of the server, can be used to sign in.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn sign_in(&self, login: &str) -> Result<SignIn, StoreError> {
        match self.account() {
            Account::Login if identity::uid_of(login).is_some() => Ok(SignIn::Possible),
            Account::Login => Ok(SignIn::NoLogin),
            Account::Role => self.store.read(|r| roles::sign_in(r, login)),
        }
    }

    /// Carries out an operation at an instant by the clock of the system, and makes the head after it the known one: otherwise a restored backup could undo the
    /// operation without a mismatch.
    ///
    /// # Errors
    /// Those of the operation. Nothing was changed then, unless the operation says otherwise.
    pub fn perform<T>(
        &mut self,
        now: Instant,
        operation: impl FnOnce(&mut Session<'_>) -> Result<T, DeskError>,
    ) -> Result<T, DeskError> {
        let now = self.now(now);
        let mut session = Session {
            store: &mut self.store,
            caller: &self.caller,
            now,
            entropy: self.entropy.as_mut(),
            max_lifetime: self.max_lifetime,
        };
        let done = operation(&mut session)?;
        if let Some(known_heads) = &self.known_heads {
            let check = known_heads.record(&self.store, &self.caller);
            self.unreported.problems.extend(check.problems);
        }
        Ok(done)
    }

    /// Marks what has ended by itself, such as keys that were no longer used; returns whether there was something. The
    /// state of a key does not depend on it, so that it is left to the next session where the caller is read-only or the
    /// database is busy.
    pub fn settle(&mut self, now: Instant) -> bool {
        let is_due = self.store.read(|r| settle::is_due(r, self.now(now)));
        let may_write = || self.who().is_ok_and(|who| matches!(who, Who::Active(_)));
        if self.store.is_on_reserve() || !is_due.is_ok_and(|is_due| is_due && may_write()) {
            return false;
        }
        let settled = self.settle_within(SETTLING, now);
        if let Err(error) = &settled {
            tracing::debug!(%error, "could not mark what has ended");
        }
        settled.is_ok()
    }

    fn settle_within(&mut self, patience: Duration, now: Instant) -> Result<(), DeskError> {
        self.store.set_patience(patience)?;
        let settled = self.perform(now, settle::settle);
        self.store.set_patience(open::BUSY_TIMEOUT)?;
        settled
    }

    /// Compares the audit log with the known head, and also returns the problems that were found after a change.
    pub fn check_known_head(&mut self) -> KnownHeadCheck {
        let mut check = std::mem::take(&mut self.unreported);
        if let Some(known_heads) = &self.known_heads {
            let present = known_heads.check(&self.store, &self.caller);
            (check.known, check.mismatch) = (present.known, present.mismatch);
            check.problems.extend(present.problems);
        }
        check
    }

    /// Returns the problems that were found after a change, once.
    pub fn take_unreported(&mut self) -> KnownHeadCheck {
        std::mem::take(&mut self.unreported)
    }

    /// Returns the notice for a caller who is root; none on a server, which does not know the users of systems.
    fn notice(&self) -> Option<&'static str> {
        match self.account() {
            Account::Login => identity::notice(&self.caller),
            Account::Role => None,
        }
    }

    /// Accepts the audit log as it is: its head becomes the known one.
    ///
    /// # Errors
    /// When the caller has no directory for known heads, or the head cannot be saved.
    pub fn accept_log(&self) -> Result<ChainHead, DeskError> {
        let known_heads = self.known_heads.as_ref().ok_or(DeskError::NoStateDirectory)?;
        Ok(known_heads.accept(&self.store)?)
    }

    /// Looks up the caller among the users.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn who(&self) -> Result<Who, StoreError> {
        super::who(&self.store, &self.caller)
    }

    /// Returns warnings about the database: exposed files, and a clock that is behind the audit log.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn warnings(&self, now: Instant) -> Result<Vec<String>, StoreError> {
        self.store.read(|r| warnings(&self.store, r, now))
    }

    /// Returns the caller and what to show: the Application with the name, else the scope, else the first Application.
    /// Keys that expire within `soon` need attention.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn session_info(
        &self,
        named: Option<&str>,
        scope: Option<Scope>,
        soon: TimeDelta,
        now: Instant,
    ) -> Result<SessionInfo, StoreError> {
        let (who, now) = (self.who()?, self.now(now));
        self.store.read(|r| {
            // A session that was open when the database was moved would show what is no longer true.
            state::confirm_not_moved(r)?;
            let applications = applications::all(r, MOST_APPLICATIONS)?;
            Ok(SessionInfo {
                who,
                login: self.caller.login.clone(),
                account: self.account(),
                scope: reads::scope_to_show(&applications, named, scope),
                attention: Attention::read(r, &applications, soon, now)?,
                applications,
                warnings: warnings(&self.store, r, now)?,
                notice: self.notice(),
                suggested_email: identity::suggested_email(&match self.account() {
                    Account::Login => self.caller.clone(),
                    Account::Role => identity::caller(),
                }),
            })
        })
    }
}

fn warnings(store: &Store, r: &Reader<'_>, now: Instant) -> Result<Vec<String>, StoreError> {
    let (mut warnings, clock) = (store.warnings().to_vec(), store.clock());
    if let Some(behind) = clock::behind_the_log(clock.whose(), audit::last_at(r)?, clock.now(now)) {
        warnings.push(format!("{behind}. {}", clock.whose().hint()));
    }
    Ok(warnings)
}
