//! What reaches the App, and what it wants done. Nothing else goes in or out.

use std::path::PathBuf;

use crate::config::bindings::{Action, Chord};
use crate::desk::known_head::KnownHeadCheck;
use crate::desk::{CreatedKey, DeskError, Ending, Picked, Rotated, SetUp};
use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId};
use crate::domain::audit::ChainHead;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::key::{Key, KeyId, NewKey, Tombstone};
use crate::domain::secret::Secret;
use crate::domain::text::Name;
use crate::domain::user::{Email, User, UserId};
use crate::host::clipboard::{Copied, CopyError};
use crate::store::audit::AuditRow;
use crate::store::keys::KeyQuery;
use crate::store::replay::Findings;
use crate::store::usage::Presented;
use crate::store::{Page, StoreError, Window};

pub use crate::desk::{KeyDetails, Remains, SessionInfo};

use super::screen_id::ScreenId;

/// A request to the worker: who asked, and a number that no other request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    pub asker: Asker,
    pub number: u64,
}

/// The part of the state that a response goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    App,
    Screen(ScreenId),
    Dialog(DialogId),
}

/// Tells a dialog from all others that were ever open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DialogId(pub u64);

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// The mouse was clicked on something that the last frame drew.
    Click(Target),
    /// The wheel was turned: rows down, or up when negative.
    Scroll(isize),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// Time has passed.
    Tick,
    /// The program is in the foreground again.
    Resumed,
    /// The worker has done what was asked, or could not.
    Response(RequestId, Response),
    /// Something that nobody asked about.
    Notice(Notice),
}

/// Something on the screen that can be clicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A row of the list, counted from the top of the screen.
    Row(usize),
    /// A screen's name in the header.
    Screen(ScreenId),
    /// A hint in the footer, a button.
    Action(Action),
    /// A choice, an option or a field of the top modal, by its place.
    Choice(usize),
    /// A day in the calendar.
    Day(chrono::NaiveDate),
}

/// What the App wants done. `run` and the worker do it; the answer comes as a [`Msg`].
#[derive(Debug)]
pub enum Effect {
    /// Read something. A newer request of one kind makes an older one void.
    Load(RequestId, Load),
    /// Change something: one operation of the desk.
    Do(RequestId, Operation),
    /// Copy the secret.
    Copy(RequestId, Secret),
    /// Empty the terminal's clipboard, where nobody can know whose content it is.
    ClearClipboard,
    /// Write the secret to a new file.
    Write(RequestId, PathBuf, Secret),
    /// Ask the store to overwrite what was deleted, when it has time.
    Scrub,
    /// Report mouse events, or leave the mouse to the terminal for selecting text.
    Mouse(bool),
    /// Draw everything anew.
    Redraw,
    /// Go to the background.
    Suspend,
    /// Leave.
    Quit,
}

/// Something to read.
#[derive(Clone, Debug)]
pub enum Load {
    /// Who is here, and where: what the header shows.
    SessionInfo {
        /// The chosen Application; when it is gone or none, the first by name.
        application: Option<ApplicationId>,
        /// Choose by name instead, as the command line asked.
        named: Option<String>,
    },
    /// Rows of the keys.
    Keys(Box<KeyQuery>, Window<Key>),
    /// How many keys match.
    KeyCount(Box<KeyQuery>),
    /// The identities of what is shown, for selecting all of it.
    KeyIds(Box<KeyQuery>),
    /// One key with its use, for the details.
    Details(KeyId),
    /// The keys that a destructive dialog is about.
    Targets(Vec<KeyId>),
    /// How many keys expire from one instant until before another.
    MonthCount(ApplicationId, Instant, Instant),
    /// How many keys expire from each of these instants until before the next.
    Timeline(ApplicationId, Vec<Instant>),
    /// Rows of the Applications.
    Applications(String, Window<Application>),
    /// All Applications' names to choose from, and whose name looks like another.
    ApplicationChoices,
    /// Rows of the users.
    Users(String, Window<User>),
    /// Rows of the audit log.
    Audit(Box<AuditFilter>, Window<AuditRow>),
    /// Whether the chain is whole: the next piece of it.
    AuditChain,
    /// The comparison of the audit log with the known head.
    KnownHead,
    /// Deleted keys that somebody still presents.
    Presented,
    /// What remains of a deleted key.
    Remains(KeyId),
}

/// Something to change.
#[derive(Clone, Debug)]
pub enum Operation {
    /// First start.
    SetUp(Email, Name),
    /// Create a key.
    CreateKey(NewKey),
    /// Note that the secret was handed over.
    MarkDelivered(KeyId),
    /// Delete keys.
    DeleteKeys(Vec<Picked>),
    /// Rotate keys: successors take their places.
    RotateKeys(Vec<Picked>, Ending),
    /// Disable or enable keys.
    SetDisabled(Vec<Picked>, bool),
    /// Create an Application.
    CreateApplication(Name),
    /// Rename an Application that was seen in this version.
    RenameApplication(ApplicationId, i64, Name),
    /// Delete an Application that was seen in this version with so many keys and this name.
    DeleteApplication(ApplicationId, i64, u64, Name),
    /// Add a user.
    AddUser(Email, Option<String>),
    /// Disable a user that was seen in this version.
    DisableUser(UserId, i64),
    /// Enable a user that was seen in this version.
    EnableUser(UserId, i64),
    /// Delete a user that was seen in this version.
    DeleteUser(UserId, i64),
    /// Take the audit log as it is for the one that was seen.
    AcceptLog,
}

/// What became of a request.
#[derive(Debug)]
pub enum Response {
    Loaded(Result<Loaded, StoreError>),
    Done(Box<Result<Outcome, DeskError>>),
    Copied(Result<Copied, CopyError>),
    /// Where the file is, or a sentence that says why it could not be written.
    Written(Result<PathBuf, String>),
}

/// What the worker reports by itself.
#[derive(Debug)]
pub enum Notice {
    /// Another session has changed the data.
    Changed,
    /// Whether the store waits for another session.
    Waiting(bool),
    /// Why the database cannot be reached; none when it can again.
    Unreachable(Option<String>),
}

/// Something read.
#[derive(Debug)]
pub enum Loaded {
    /// See [`Load::SessionInfo`].
    SessionInfo(Box<SessionInfo>),
    /// See [`Load::Keys`].
    Keys(Page<Key>),
    /// See [`Load::KeyCount`].
    KeyCount(u64),
    /// See [`Load::KeyIds`]; at most [`MOST_SELECTED`].
    KeyIds(Vec<(KeyId, i64)>),
    /// See [`Load::Details`]; none when the key is gone.
    Details(Option<Box<KeyDetails>>),
    /// See [`Load::Targets`].
    Targets(Vec<KeyDetails>),
    /// See [`Load::MonthCount`].
    MonthCount(u64),
    /// See [`Load::Timeline`].
    Timeline(Vec<u64>),
    /// See [`Load::Applications`].
    Applications(Page<Application>),
    /// See [`Load::ApplicationChoices`].
    ApplicationChoices(Vec<Application>),
    /// See [`Load::Users`].
    Users(Page<User>),
    /// See [`Load::Audit`].
    Audit(Page<AuditRow>),
    /// See [`Load::AuditChain`].
    AuditChain(Chain),
    /// See [`Load::KnownHead`].
    KnownHead(Box<KnownHeadCheck>),
    /// See [`Load::Presented`]; at most [`MOST_PRESENTED`].
    Presented(Vec<Presented>),
    /// See [`Load::Remains`]; none when no such key was deleted.
    Remains(Option<Box<Remains>>),
}

/// How many deleted keys that are still presented are looked at.
pub const MOST_PRESENTED: usize = 100;

/// How many keys can be selected at once.
pub const MOST_SELECTED: usize = 10_000;

/// Whether the audit log is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// So many entries were looked at.
    Checking {
        /// How many.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// Each entry holds to the one before.
    Whole {
        /// The last one.
        head: ChainHead,
        /// When the first one was written.
        since: Option<Instant>,
        /// Whether it was compared with the keys, users and Applications too.
        compared: bool,
    },
    /// Each entry holds to the one before, and there is something that they do not tell.
    Untrue {
        /// The last one.
        head: ChainHead,
        /// What.
        findings: Findings,
    },
    /// The first entry that does not hold, and why.
    Broken(String),
}

/// What an operation has changed.
#[derive(Debug)]
pub enum Outcome {
    /// See [`Operation::SetUp`].
    SetUp(SetUp),
    /// See [`Operation::CreateKey`].
    Created(CreatedKey),
    /// See [`Operation::MarkDelivered`].
    Delivered(KeyId),
    /// See [`Operation::DeleteKeys`].
    Deleted(Vec<Tombstone>),
    /// See [`Operation::RotateKeys`].
    Rotated(Vec<Rotated>),
    /// See [`Operation::SetDisabled`].
    Disabled(Vec<Key>, bool),
    /// A new Application.
    ApplicationCreated(Application),
    /// An Application with its new name.
    ApplicationRenamed(Application),
    /// A deleted Application's name and how many keys went with it.
    ApplicationDeleted(Name, u64),
    /// A new user.
    UserAdded(User),
    /// A user who may change nothing any more.
    UserDisabled(User),
    /// A user who may change things again.
    UserEnabled(User),
    /// The number of a deleted user, and how many keys go on working.
    UserDeleted(UserId, u64),
    /// From now on this head is the one that was seen.
    LogAccepted(ChainHead),
}
