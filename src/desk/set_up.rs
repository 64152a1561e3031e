//! Set up a database with its first user and Application, and look up the caller.

use super::{DeskError, Session, manage_applications, manage_users};
use crate::domain::application::Application;
use crate::domain::audit::{AuditAction, Change};
use crate::domain::commitment::draw_salt;
use crate::domain::text::Name;
use crate::domain::token::Prefix;
use crate::domain::user::{Account, Caller, Email, User, UserId, UserStatus};
use crate::store::users::Binding;
use crate::store::{NotAllowed, Store, StoreError, applications, database, users};

/// The first user and Application, created or found.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The first user, or the caller's. On a server also the one with the email.
    pub user: Option<User>,
    pub application: Application,
    /// How the database's keys begin.
    pub prefix: Prefix,
    /// Whether the database was set up before, and nothing was changed.
    pub already: bool,
}

/// Sets up an empty database: the caller becomes its first user. Changes nothing in any other.
///
/// # Errors
/// When the database is set up with another prefix than the one given.
pub fn set_up(
    session: &mut Session<'_>,
    email: &Email,
    application: &Name,
    prefix: Option<&Prefix>,
) -> Result<SetUp, DeskError> {
    let caller = session.caller;
    let first = Binding { login: Some(&caller.login), uid: Some(caller.uid) };
    set_up_for(session, first, email, application, prefix)
}

/// The same for a first user who is bound to another login than the caller's.
///
/// # Errors
/// As [`set_up`].
pub fn set_up_for(
    session: &mut Session<'_>,
    first: Binding<'_>,
    email: &Email,
    application: &Name,
    prefix: Option<&Prefix>,
) -> Result<SetUp, DeskError> {
    let caller = session.caller;
    let salt = draw_salt(session.entropy)?;
    session.store.bootstrap(caller, session.now, |tx| {
        let now = tx.now();
        let current = database::prefix(tx)?;
        if users::count(tx)? > 0 {
            if let Some(wanted) = prefix.filter(|wanted| **wanted != current) {
                return Err(DeskError::PrefixFixed { prefix: current, wanted: wanted.clone() });
            }
            let here = match applications::named(tx, application.as_str())? {
                Some(application) => Some(application),
                None => applications::first(tx)?,
            };
            let application = here.ok_or(DeskError::NoApplication)?;
            let user = match users::of_caller(tx, caller)? {
                // The owner of the tables is no user of them.
                None if tx.is_on_server() => users::by_email(tx, email)?,
                user => user,
            };
            return Ok((SetUp { user, application, prefix: current, already: true }, vec![]));
        }
        let prefix = prefix.cloned().unwrap_or_default();
        database::set_prefix(tx, &prefix)?;
        let (user, record) = manage_users::add(tx, AuditAction::SetUp, email, first, &salt, now)?;
        let first = record.change(Change::to("prefix", prefix.as_str()));
        let (application, second) = manage_applications::add(tx, application, now)?;
        Ok((SetUp { user: Some(user), application, prefix, already: false }, vec![first, second]))
    })
}

/// The caller as this database knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// There are no users yet.
    NotSetUp,
    Active(User),
    /// Read-only.
    Disabled(User),
    /// No user is bound to this login. Read-only.
    Unknown,
}

impl Who {
    /// Returns whether the caller is this user.
    #[must_use]
    pub fn is(&self, id: UserId) -> bool {
        matches!(self, Self::Active(user) | Self::Disabled(user) if user.id == id)
    }

    /// Returns why the caller with this login is read-only; none when they are not.
    #[must_use]
    pub fn read_only(&self, login: &str, account: Account) -> Option<NotAllowed> {
        match self {
            Self::NotSetUp | Self::Active(_) => None,
            Self::Disabled(user) => Some(NotAllowed::of(user)),
            Self::Unknown => Some(NotAllowed::Unknown { login: login.to_owned(), account }),
        }
    }
}

/// Looks up the caller among the users.
pub fn who(store: &Store, caller: &Caller) -> Result<Who, StoreError> {
    store.read(|r| {
        Ok(match users::of_caller(r, caller)? {
            Some(user) if user.status == UserStatus::Active => Who::Active(user),
            Some(user) => Who::Disabled(user),
            None if users::count(r)? == 0 => Who::NotSetUp,
            None => Who::Unknown,
        })
    })
}
