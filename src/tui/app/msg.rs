//! The messages that the App takes, and the effects that it returns.

use std::path::PathBuf;

use crate::config::bindings::{Action, Chord};
use crate::config::remembered::Remembered;
use crate::desk::known_head::KnownHeadCheck;
use crate::desk::{
    Batch, CanaryUse, CreatedKey, DeskError, EditedKey, Ending, Identified, KeyAccess, KeyAction,
    KeyProperties, Picked, Rotated, Selection, SetUp,
};
use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId, Scope};
use crate::domain::audit::ChainHead;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::key::{Key, KeyId, NewKey, Tombstone};
use crate::domain::key_finder::FoundText;
use crate::domain::secret::Secret;
use crate::domain::text::Name;
use crate::domain::user::{Email, SignIn, User, UserId};
use crate::host::clipboard::{Copied, CopyError};
use crate::store::audit::AuditRow;
use crate::store::keys::KeyQuery;
use crate::store::usage::Presented;
use crate::store::{Page, StoreError, Window};

pub use crate::desk::{KeyDetails, Remains, SessionInfo, UserDetails, VerificationStep};

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

/// An event.
#[derive(Debug)]
pub enum Msg {
    Key(Chord),
    /// It may contain a key, so that it is redacted from the first byte.
    Paste(Secret),
    /// A click on something that the last frame drew.
    Click(Target),
    /// The mouse wheel: rows down, or up when negative.
    Scroll(isize),
    /// The new size of the terminal: columns, rows.
    Resize(u16, u16),
    /// Time has passed.
    Tick,
    /// The program is in the foreground again.
    Resumed,
    /// The result of a request.
    Response(RequestId, Response),
    Notice(Notice),
}

/// Something that can be clicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A row of the list, counted from the first visible one.
    Row(usize),
    Screen(ScreenId),
    /// A hint in the footer or a button.
    Action(Action),
    /// A choice, an option or a field of the top dialog, by its place.
    Choice(usize),
    Day(chrono::NaiveDate),
}

/// What the event loop and the worker are asked to do. Results come as a [`Msg::Response`].
#[derive(Debug)]
pub enum Effect {
    /// A newer request of the same kind replaces an older one.
    Load(RequestId, Load),
    Do(RequestId, Operation),
    /// Keeps the choices of the user for the next start.
    Remember(Remembered),
    Copy(RequestId, Secret),
    /// Clears the clipboard of the terminal, which cannot be read.
    ClearClipboard,
    Write(RequestId, PathBuf, Secret),
    /// Overwrites deleted data in the database file, when there is time.
    Scrub,
    /// Whether mouse events are reported. Without them, the mouse selects text.
    Mouse(bool),
    Redraw,
    Suspend,
    Quit,
}

/// A read.
#[derive(Clone, Debug)]
pub enum Load {
    SessionInfo {
        /// What is shown; the first Application by name when it is none or was deleted.
        scope: Option<Scope>,
        /// The Application that the command line names.
        named: Option<String>,
    },
    Keys(Box<KeyQuery>, Window<Key>),
    Count(Counted),
    /// The IDs of all keys that match, to select them.
    KeyIds(Box<KeyQuery>),
    Details(KeyId),
    User(UserId),
    /// What an action on these keys would do.
    Selection(KeyAction, Vec<KeyId>),
    /// The name, with a number behind it if a key of the Application has it.
    UnusedName(ApplicationId, Name),
    /// How many keys expire from one instant until before another.
    MonthCount(ApplicationId, Instant, Instant),
    /// How many keys expire from each of these instants until before the next.
    Timeline(Scope, Vec<Instant>),
    Applications(Vec<String>, Window<Application>),
    /// All Applications.
    ApplicationChoices,
    Users(Vec<String>, Window<User>),
    Audit(Box<AuditFilter>, Window<AuditRow>),
    /// Verifies the next part of the hash chain.
    AuditChain,
    /// The comparison of the audit log with the known head.
    KnownHead,
    /// Deleted keys that are still in use.
    Presented,
    /// The tombstone of a deleted key.
    Remains(KeyId),
    /// The keys in a text.
    Identify(Suspect),
}

/// What is to be identified.
#[derive(Clone, Debug)]
pub enum Suspect {
    /// A text that may contain keys.
    Text(Secret),
    /// Keys that were found before.
    Found(Vec<FoundText>),
}

/// What to count.
#[derive(Clone, Debug)]
pub enum Counted {
    Keys(Box<KeyQuery>),
    Applications(Vec<String>),
    Users(Vec<String>),
    Audit(Box<AuditFilter>),
}

/// One operation of the desk. Users are identified with the version that was seen.
#[derive(Clone, Debug)]
pub enum Operation {
    SetUp(Email, Name),
    CreateKey(NewKey),
    CreateCanaryKey(NewKey),
    /// Records that the secret was delivered.
    MarkDelivered(KeyId),
    DeleteKeys(Vec<Picked>),
    RotateKeys(Vec<Picked>, Ending),
    /// Changes when the old key of a rotation ends.
    ChangeOverlap(Picked, Ending),
    SetAccess(Vec<Picked>, KeyAccess),
    /// Uses of canary keys that were seen.
    AcknowledgeCanaries(Vec<CanaryUse>),
    EditKey(Picked, Box<KeyProperties>),
    CreateApplication(Name),
    /// With the version that was seen.
    RenameApplication(ApplicationId, i64, Name),
    /// With the version, the number of keys and the name that were seen.
    DeleteApplication(ApplicationId, i64, u64, Name),
    AddUser(Email, Option<String>),
    DisableUser(UserId, i64),
    EnableUser(UserId, i64),
    DeleteUser(UserId, i64),
    /// Accepts the current audit log as the known one.
    AcceptLog,
}

/// The result of a request.
#[derive(Debug)]
pub enum Response {
    Loaded(Result<Loaded, StoreError>),
    Done(Box<Result<Outcome, DeskError>>),
    Copied(Result<Copied, CopyError>),
    /// The path of the file, or why it could not be written.
    Written(Result<PathBuf, String>),
}

/// What the worker reports without a request.
#[derive(Debug)]
pub enum Notice {
    /// Another session has changed the data.
    Changed,
    /// Whether the store waits for another session.
    Waiting(bool),
    /// Why the database cannot be reached; none when it can again.
    Unreachable(Option<String>),
}

/// The result of a [`Load`].
#[derive(Debug)]
pub enum Loaded {
    SessionInfo(Box<SessionInfo>),
    Keys(Page<Key>),
    Count(u64),
    /// At most [`MOST_SELECTED`].
    KeyIds(Vec<KeyId>),
    /// None when the key is deleted.
    Details(Option<Box<KeyDetails>>),
    /// None when there is no such user.
    User(Option<Box<UserDetails>>),
    Selection(Box<Selection>),
    UnusedName(Name),
    Timeline(Vec<u64>),
    Applications(Page<Application>),
    ApplicationChoices(Vec<Application>),
    Users(Page<User>),
    Audit(Page<AuditRow>),
    AuditChain(VerificationStep),
    KnownHead(Box<KnownHeadCheck>),
    /// At most [`MOST_PRESENTED`].
    Presented(Vec<Presented>),
    /// None when no such key was deleted.
    Remains(Option<Box<Remains>>),
    /// At most [`MOST_IDENTIFIED`].
    Identified(Vec<Identified>),
}

/// The maximum number of keys of a text that are identified.
pub const MOST_IDENTIFIED: usize = 100;

/// The maximum number of deleted keys in use that are read.
pub const MOST_PRESENTED: usize = 100;

/// The maximum number of keys that can be selected at once.
pub const MOST_SELECTED: usize = 10_000;

/// The result of an [`Operation`].
#[derive(Debug)]
pub enum Outcome {
    SetUp(SetUp),
    Created(CreatedKey),
    Delivered,
    Deleted(Batch<Tombstone>),
    Rotated(Batch<Rotated>),
    /// With the old key as it is now.
    OverlapChanged(Key),
    AccessSet(Batch<Key>, KeyAccess),
    Acknowledged(Vec<Key>),
    Edited(Box<EditedKey>),
    ApplicationCreated(Application),
    ApplicationRenamed(Application),
    /// With the number of keys deleted with it.
    ApplicationDeleted(Name, u64),
    /// With whether their login can be used; none without one.
    UserAdded(User, Option<SignIn>),
    /// Disabled or enabled.
    UserChanged(User),
    /// With the number of keys that keep working.
    UserDeleted(UserId, u64),
    LogAccepted(ChainHead),
}
