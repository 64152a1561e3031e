//! Carries out what the App asks of the database: reads through the store, changes through the desk.

use std::sync::Arc;

use super::app::msg::{
    Counted, Load, Loaded, MOST_IDENTIFIED, MOST_PRESENTED, MOST_SELECTED, Operation, Outcome, Suspect,
};
use crate::config::settings::Settings;
use crate::desk::{self, AuditVerifier, Desk, DeskError, Picked, Session};
use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::host::identity;
use crate::store::{Store, StoreError, applications, audit, keys, usage, users};

/// The longest audit log that is compared with the database here, because of the memory that this takes.
/// `keydesk audit verify` has no limit.
const MOST_COMPARED: u64 = 200_000;

/// The maximum number of Applications to choose from.
const MOST_CHOICES: usize = 1_000;

/// Carries out what the App asks for.
pub struct Effects {
    desk: Desk,
    settings: Arc<Settings>,
    verifier: AuditVerifier,
}

impl Effects {
    /// Takes over the database.
    #[must_use]
    pub fn new(desk: Desk, settings: Arc<Settings>) -> Self {
        Self { desk, settings, verifier: AuditVerifier::new(MOST_COMPARED) }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.desk.store()
    }

    /// Marks what has ended by itself; returns whether there was something.
    pub fn settle(&mut self, now: Instant) -> bool {
        self.desk.settle(now)
    }

    /// Reads something at an instant by the clock of the system.
    pub fn load(&mut self, load: Load, now: Instant) -> Result<Loaded, StoreError> {
        let now = self.desk.now(now);
        let (store, catalog) = (self.desk.store(), &self.settings.catalog);
        Ok(match load {
            Load::SessionInfo { scope, named } => {
                let soon = self.settings.expires_soon;
                Loaded::SessionInfo(Box::new(self.desk.session_info(named.as_deref(), scope, soon, now)?))
            }
            Load::Keys(query, window) => {
                Loaded::Keys(store.read(|r| keys::page(r, &query, catalog, &window))?)
            }
            Load::Count(counted) => Loaded::Count(store.read(|r| match counted {
                Counted::Keys(query) => keys::count(r, &query, catalog),
                Counted::Applications(words) => applications::count_matching(r, &words),
                Counted::Users(words) => users::count_matching(r, &words),
                Counted::Audit(filter) => audit::count(r, &filter),
            })?),
            Load::KeyIds(query) => {
                Loaded::KeyIds(store.read(|r| keys::ids(r, &query, catalog, MOST_SELECTED))?)
            }
            Load::Details(id) => {
                Loaded::Details(store.read(|r| desk::key_details(r, id, now))?.map(Box::new))
            }
            Load::User(id) => Loaded::User(store.read(|r| desk::user_details(r, id))?.map(Box::new)),
            Load::Selection(action, ids) => {
                Loaded::Selection(Box::new(store.read(|r| desk::selection(r, action, &ids, now))?))
            }
            Load::UnusedName(application, name) => {
                Loaded::UnusedName(store.read(|r| desk::unused_name(r, application, &name))?)
            }
            Load::MonthCount(application, from, until) => Loaded::Count(
                store.read(|r| keys::expiring(r, Scope::Application(application), from, until))?,
            ),
            Load::Timeline(scope, bounds) => Loaded::Timeline(store.read(|r| {
                let months = bounds.windows(2);
                months.map(|month| keys::expiring(r, scope, month[0], month[1])).collect()
            })?),
            Load::Applications(filter, window) => {
                Loaded::Applications(store.read(|r| applications::page(r, &filter, &window))?)
            }
            Load::ApplicationChoices => {
                Loaded::ApplicationChoices(store.read(|r| applications::all(r, MOST_CHOICES))?)
            }
            Load::Users(filter, window) => Loaded::Users(store.read(|r| users::page(r, &filter, &window))?),
            Load::Audit(filter, window) => Loaded::Audit(store.read(|r| audit::page(r, &filter, &window))?),
            Load::AuditChain => Loaded::AuditChain(store.read(|r| self.verifier.step(r))?),
            Load::KnownHead => Loaded::KnownHead(Box::new(self.desk.check_known_head())),
            Load::Presented => {
                Loaded::Presented(store.read(|r| usage::presented_today(r, now, MOST_PRESENTED))?)
            }
            Load::Identify(suspect) => Loaded::Identified(store.read(|r| match suspect {
                Suspect::Text(text) => desk::identify_all(r, &text, MOST_IDENTIFIED, now),
                Suspect::Found(texts) => desk::identify_again(r, texts, now),
            })?),
            Load::Remains(id) => Loaded::Remains(store.read(|r| desk::remains(r, id, now))?.map(Box::new)),
        })
    }

    /// Carries out an operation.
    pub fn operate(&mut self, operation: Operation, now: Instant) -> Result<Outcome, DeskError> {
        let desk = &mut self.desk;
        Ok(match operation {
            Operation::SetUp(email, name) => {
                Outcome::SetUp(desk.perform(now, |session| desk::set_up(session, &email, &name, None))?)
            }
            Operation::CreateKey(new) => {
                Outcome::Created(desk.perform(now, |session| desk::create_key(session, &new))?)
            }
            Operation::CreateCanaryKey(new) => {
                Outcome::Created(desk.perform(now, |session| desk::create_canary_key(session, &new))?)
            }
            Operation::MarkDelivered(id) => {
                desk.perform(now, |session| desk::mark_delivered(session, id))?;
                Outcome::Delivered
            }
            Operation::RotateKeys(picked, ending) => {
                let rotate =
                    |session: &mut Session<'_>, picked: &[Picked]| desk::rotate_keys(session, picked, ending);
                Outcome::Rotated(desk.perform(now, |session| desk::on_unchanged(session, &picked, rotate))?)
            }
            Operation::ChangeOverlap(picked, ending) => Outcome::OverlapChanged(
                desk.perform(now, |session| desk::change_overlap(session, picked, ending))?,
            ),
            Operation::DeleteKeys(picked) => {
                let delete = desk::delete_keys;
                Outcome::Deleted(desk.perform(now, |session| desk::on_unchanged(session, &picked, delete))?)
            }
            Operation::SetAccess(picked, access) => {
                let set =
                    |session: &mut Session<'_>, picked: &[Picked]| desk::set_access(session, picked, access);
                let keys = desk.perform(now, |session| desk::on_unchanged(session, &picked, set))?;
                Outcome::AccessSet(keys, access)
            }
            Operation::AcknowledgeCanaries(uses) => Outcome::Acknowledged(
                desk.perform(now, |session| desk::acknowledge_canaries(session, &uses))?,
            ),
            Operation::EditKey(picked, new) => {
                let edited = desk.perform(now, |session| desk::edit_key(session, picked, &new))?;
                Outcome::Edited(Box::new(edited))
            }
            Operation::CreateApplication(name) => Outcome::ApplicationCreated(
                desk.perform(now, |session| desk::create_application(session, &name))?,
            ),
            Operation::RenameApplication(id, version, name) => Outcome::ApplicationRenamed(
                desk.perform(now, |session| desk::rename_application(session, id, version, &name))?,
            ),
            Operation::DeleteApplication(id, version, keys, name) => {
                let deleted =
                    desk.perform(now, |session| desk::delete_application(session, id, version, keys))?;
                Outcome::ApplicationDeleted(name, deleted)
            }
            Operation::AddUser(email, login) => {
                let uid = login.as_deref().and_then(|login| desk.uid_of(login));
                let sign_in = login.as_deref().map(|login| desk.sign_in(login)).transpose()?;
                let user =
                    desk.perform(now, |session| desk::add_user(session, &email, login.as_deref(), uid))?;
                Outcome::UserAdded(user, sign_in)
            }
            Operation::DisableUser(id, version) => {
                Outcome::UserChanged(desk.perform(now, |session| {
                    desk::disable_user(session, id, version, &identity::can_sign_in)
                })?)
            }
            Operation::EnableUser(id, version) => {
                Outcome::UserChanged(desk.perform(now, |session| desk::enable_user(session, id, version))?)
            }
            Operation::DeleteUser(id, version) => {
                let user = desk.perform(now, |session| {
                    desk::delete_user(session, id, version, &identity::can_sign_in)
                })?;
                Outcome::UserDeleted(user.id, user.keys)
            }
            Operation::AcceptLog => Outcome::LogAccepted(desk.accept_log()?),
        })
    }
}
