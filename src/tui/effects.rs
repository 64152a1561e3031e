//! Carries out what the App asks of the database: reads through the store, changes through the desk.

use std::sync::Arc;

use super::app::msg::{
    KeyDetails, Load, Loaded, MOST_PRESENTED, MOST_SELECTED, Operation, Outcome, Remains, SessionInfo,
};
use super::audit_check::AuditCheck;
use crate::config::settings::Settings;
use crate::desk::known_head::{KnownHeadCheck, KnownHeads};
use crate::desk::{self, DeskError, Session};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::clock;
use crate::domain::key::KeyId;
use crate::domain::token::Entropy;
use crate::domain::user::Caller;
use crate::host::identity;
use crate::store::{Reader, Store, StoreError, applications, audit, keys, usage, users};

/// How many Applications can be chosen from at once.
const MOST_CHOICES: usize = 1_000;

/// The store, and who asks.
pub struct Desk {
    store: Store,
    caller: Caller,
    settings: Arc<Settings>,
    entropy: Box<dyn Entropy + Send>,
    check: AuditCheck,
    known_heads: Option<KnownHeads>,
}

impl Desk {
    /// Takes the store over.
    pub fn new(
        store: Store,
        caller: Caller,
        settings: Arc<Settings>,
        entropy: Box<dyn Entropy + Send>,
    ) -> Self {
        Self { store, caller, settings, entropy, check: AuditCheck::default(), known_heads: None }
    }

    /// Compares the audit log with these known heads.
    pub fn with_known_heads(self, known_heads: Option<KnownHeads>) -> Self {
        Self { known_heads, ..self }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads something.
    pub fn load(&mut self, load: Load, now: Instant) -> Result<Loaded, StoreError> {
        let catalogue = &self.settings.catalogue;
        Ok(match load {
            Load::SessionInfo { application, named } => {
                Loaded::SessionInfo(Box::new(self.session_info(application, named.as_deref(), now)?))
            }
            Load::Keys(query, window) => {
                Loaded::Keys(self.store.read(|r| keys::page(r, &query, catalogue, &window))?)
            }
            Load::KeyCount(query) => {
                Loaded::KeyCount(self.store.read(|r| keys::count(r, &query, catalogue))?)
            }
            Load::KeyIds(query) => {
                Loaded::KeyIds(self.store.read(|r| keys::ids(r, &query, catalogue, MOST_SELECTED))?)
            }
            Load::Details(id) => Loaded::Details(self.store.read(|r| details(r, id, now))?.map(Box::new)),
            Load::Targets(ids) => Loaded::Targets(self.store.read(|r| {
                let found: Result<Vec<_>, _> = ids.iter().map(|id| details(r, *id, now)).collect();
                Ok(found?.into_iter().flatten().collect())
            })?),
            Load::MonthCount(application, from, until) => {
                Loaded::MonthCount(self.store.read(|r| keys::expiring(r, application, from, until))?)
            }
            Load::Timeline(application, bounds) => Loaded::Timeline(self.store.read(|r| {
                let months = bounds.windows(2);
                months.map(|month| keys::expiring(r, application, month[0], month[1])).collect()
            })?),
            Load::Applications(filter, window) => {
                Loaded::Applications(self.store.read(|r| applications::page(r, &filter, &window))?)
            }
            Load::ApplicationChoices => {
                Loaded::ApplicationChoices(self.store.read(|r| applications::all(r, MOST_CHOICES))?)
            }
            Load::Users(filter, window) => {
                Loaded::Users(self.store.read(|r| users::page(r, &filter, &window))?)
            }
            Load::Audit(filter, window) => {
                Loaded::Audit(self.store.read(|r| audit::page(r, &filter, &window))?)
            }
            Load::AuditChain => Loaded::AuditChain(self.check.step(&self.store)?),
            Load::KnownHead => Loaded::KnownHead(Box::new(self.known_head())),
            Load::Presented => {
                Loaded::Presented(self.store.read(|r| usage::presented_today(r, now, MOST_PRESENTED))?)
            }
            Load::Remains(id) => Loaded::Remains(self.store.read(|r| {
                let Some(tombstone) = keys::tombstone(r, id)? else { return Ok(None) };
                Ok(Some(Box::new(Remains { tombstone, refused: usage::refused(r, id, now)? })))
            })?),
        })
    }

    fn session_info(
        &self,
        wanted: Option<ApplicationId>,
        named: Option<&str>,
        now: Instant,
    ) -> Result<SessionInfo, StoreError> {
        let who = desk::who(&self.store, &self.caller)?;
        let soon = self.settings.expires_soon;
        self.store.read(|r| {
            let mut application = named.map_or(Ok(None), |name| applications::named(r, name))?;
            if application.is_none() {
                application = wanted.map_or(Ok(None), |id| applications::get(r, id))?;
            }
            if application.is_none() {
                application = applications::first(r)?;
            }
            let attention =
                application.as_ref().map_or(Ok(0), |here| keys::attention(r, here.id, now, soon))?;
            let mut warnings = self.store.warnings().to_vec();
            if let Some(behind) = clock::behind_the_log(audit::last_at(r)?, now) {
                warnings.push(format!("Beware: {behind}. {}.", clock::MEND));
            }
            Ok(SessionInfo {
                who,
                login: self.caller.login.clone(),
                application,
                applications: applications::count(r)?,
                attention,
                warnings,
                notice: identity::notice(&self.caller),
                suggested_email: identity::suggested_email(&self.caller),
            })
        })
    }

    /// Changes something: one operation of the desk.
    pub fn operate(&mut self, operation: Operation, now: Instant) -> Result<Outcome, DeskError> {
        let done = self.carry_out(operation, now)?;
        // Otherwise a restored backup could undo the change without a mismatch.
        if let Some(known_heads) = &self.known_heads {
            drop(known_heads.record(&self.store, &self.caller));
        }
        Ok(done)
    }

    fn known_head(&self) -> KnownHeadCheck {
        self.known_heads
            .as_ref()
            .map(|known_heads| known_heads.check(&self.store, &self.caller))
            .unwrap_or_default()
    }

    fn accept_log(&self) -> Result<Outcome, DeskError> {
        let known_heads = self.known_heads.as_ref().ok_or_else(|| DeskError::NotFound {
            what: "directory in which a known head could be saved".into(),
        })?;
        Ok(Outcome::LogAccepted(known_heads.accept(&self.store)?))
    }

    fn carry_out(&mut self, operation: Operation, now: Instant) -> Result<Outcome, DeskError> {
        let session = &mut Session {
            store: &mut self.store,
            caller: &self.caller,
            now,
            entropy: self.entropy.as_mut(),
        };
        Ok(match operation {
            Operation::SetUp(email, name) => Outcome::SetUp(desk::set_up(session, &email, &name, None)?),
            Operation::CreateKey(new) => Outcome::Created(desk::create_key(session, &new)?),
            Operation::MarkDelivered(id) => {
                desk::mark_delivered(session, id)?;
                Outcome::Delivered(id)
            }
            Operation::RotateKeys(picked, ending) => {
                Outcome::Rotated(desk::rotate_keys(session, &picked, ending)?)
            }
            Operation::DeleteKeys(picked) => Outcome::Deleted(desk::delete_keys(session, &picked)?),
            Operation::SetDisabled(picked, disabled) => {
                Outcome::Disabled(desk::set_disabled(session, &picked, disabled)?, disabled)
            }
            Operation::CreateApplication(name) => {
                Outcome::ApplicationCreated(desk::create_application(session, &name)?)
            }
            Operation::RenameApplication(id, version, name) => {
                Outcome::ApplicationRenamed(desk::rename_application(session, id, version, &name)?)
            }
            Operation::DeleteApplication(id, version, keys, name) => {
                Outcome::ApplicationDeleted(name, desk::delete_application(session, id, version, keys)?)
            }
            Operation::AcceptLog => return self.accept_log(),
            Operation::AddUser(email, login) => {
                let uid = login.as_deref().and_then(identity::uid_of);
                Outcome::UserAdded(desk::add_user(session, &email, login.as_deref(), uid)?)
            }
            Operation::DisableUser(id, version) => {
                Outcome::UserDisabled(desk::disable_user(session, id, version)?)
            }
            Operation::EnableUser(id, version) => {
                Outcome::UserEnabled(desk::enable_user(session, id, version)?)
            }
            Operation::DeleteUser(id, version) => {
                let user = desk::delete_user(session, id, version)?;
                Outcome::UserDeleted(user.id, user.keys)
            }
        })
    }
}

fn details(r: &Reader<'_>, id: KeyId, now: Instant) -> Result<Option<KeyDetails>, StoreError> {
    let Some(key) = keys::get(r, id)? else { return Ok(None) };
    let (days, refused) = (usage::last_30_days(r, id, now)?, usage::refused(r, id, now)?);
    let replaced = keys::replaced_at(r, &key)?;
    Ok(Some(KeyDetails { key, days, refused, replaced }))
}
