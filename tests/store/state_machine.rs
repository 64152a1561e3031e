//! Any sequence of operations, by anybody, on things that are stale or gone too, against a model in memory: what may
//! happen happens, nothing else does, and at each step the audit log is whole and tells all.

use chrono::TimeDelta;
use keydesk::desk::known_head::KnownHeads;
use keydesk::desk::{self, KeyProperties, Picked};
use keydesk::domain::application::ApplicationId;
use keydesk::domain::audit_replay::AuditReplay;
use keydesk::domain::key::{KeyId, KeyKind, KeyType, NewKey};
use keydesk::domain::source::AllowedSources;
use keydesk::domain::text::{Name, parse_owner};
use keydesk::domain::user::{Caller, Email, User, UserId, UserStatus};
use keydesk::host::known_head_files::KnownHeadFiles;
use keydesk::store::audit::{self, ChainReport};
use keydesk::store::{Store, applications, keys, replay, users};
use keydesk::{Decision, Verifier};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::clock::{self, clock};
use crate::engines::on_both_engines;
use crate::fixtures::{self, email, name};
use crate::model::{End, Model, ModelKey, ModelUser};
use crate::steps::{HERE, KEY_NAMES, NAMES, OWNERS, PEOPLE, SOURCES, Step, step};
use crate::support::{self, Engine, Seeded, TestDesk};

on_both_engines!(any_sequence_of_operations_keeps_the_rules,);

pub struct Machine {
    pub desk: TestDesk,
    pub model: Model,
    known_heads: KnownHeads,
}

impl Machine {
    fn new(engine: Engine) -> Self {
        let desk = TestDesk::in_memory_on(engine);
        let known_heads = KnownHeads::new(KnownHeadFiles::new(desk.folder.path().join("known-heads")));
        // On a server, a login is a role. The one that owns the database has rights in it.
        let here: &[&str] = engine.pick(&HERE, &["ana"]);
        let mut model = Model { entries: 2, here, ..Model::default() };
        model.users.insert(1, ModelUser { name: "ana".into(), status: UserStatus::Active, version: 1 });
        model.applications.insert(1, ("Storefront".into(), 1));
        Self { desk, model, known_heads }
    }

    /// A key that was there once, and the version in which it is picked.
    fn pick(&self, index: Index, stale: bool) -> Picked {
        let known: Vec<KeyId> = self.model.keys.keys().chain(self.model.deleted.keys()).copied().collect();
        let id = if known.is_empty() { KeyId::PROBE } else { known[index.index(known.len())] };
        let version = self.model.keys.get(&id).map_or(1, |key| key.version);
        Picked { id, version: version - i64::from(stale) }
    }

    fn picks(&self, picks: &[Index], stale: bool) -> Vec<Picked> {
        let mut all: Vec<Picked> = Vec::new();
        for index in picks {
            let picked = self.pick(*index, stale);
            if all.iter().all(|other| other.id != picked.id) {
                all.push(picked);
            }
        }
        all
    }

    /// An Application that exists, or one that does not.
    fn application(&self, index: Index) -> i64 {
        let known: Vec<i64> = self.model.applications.keys().copied().chain([999]).collect();
        known[index.index(known.len())]
    }

    /// Does a step to both; their ends must be the same.
    fn take(&mut self, step: &Step) -> (End, End) {
        let actor = self.model.actor(&self.desk.caller.login);
        let unsettled = self.model.clone();
        if !matches!(step, Step::Sit(_) | Step::Wait(_) | Step::Reopen | Step::Use(_)) {
            self.model.settle(self.desk.now);
        }
        let ends = self.carry_out(step, actor);
        if ends.1 != End::Done {
            // Neither was anything marked as ended.
            self.model = unsettled;
        }
        ends
    }

    #[expect(clippy::too_many_lines, reason = "a line or two for each kind of step")]
    fn carry_out(&mut self, step: &Step, actor: Result<UserId, End>) -> (End, End) {
        match step {
            Step::Create { application, days, test, braze } => {
                let id = ApplicationId(self.application(*application));
                self.create(actor, id, *days, *test, *braze)
            }
            Step::Deliver(index) => {
                let id = self.pick(*index, false).id;
                let result = desk::mark_delivered(&mut self.desk.session(), id);
                let expected = actor.map_or_else(
                    |end| end,
                    |_| match self.model.keys.get_mut(&id) {
                        Some(key) => {
                            self.model.entries += u64::from(!key.delivered);
                            key.delivered = true;
                            End::Done
                        }
                        None => End::NotFound,
                    },
                );
                (End::of(&result), expected)
            }
            Step::Edit { pick, name, owner, sources, stale } => {
                let picked = self.pick(*pick, *stale);
                self.edit(actor, picked, *name, *owner, *sources)
            }
            Step::SetDisabled { picks, disabled, stale } => {
                let (picked, now) = (self.picks(picks, *stale), self.desk.now);
                let result = desk::set_access(
                    &mut self.desk.session(),
                    &picked,
                    if *disabled { desk::KeyAccess::Disabled } else { desk::KeyAccess::Enabled },
                );
                (
                    End::of(&result),
                    self.expect_picked(actor, &picked, |model, id| {
                        let key = model.keys.get_mut(&id).unwrap();
                        if key.disabled != *disabled {
                            (key.disabled, key.version) = (*disabled, key.version + 1);
                            if let (Some((_, since)), false) = (&mut key.unused, *disabled) {
                                *since = now.max(*since);
                            }
                            model.entries += 1;
                        }
                    }),
                )
            }
            Step::Delete { picks, stale } => {
                let picked = self.picks(picks, *stale);
                let result = desk::delete_keys(&mut self.desk.session(), &picked);
                let expected = self.expect_picked(actor, &picked, |_, _| {});
                if expected == End::Done {
                    self.model.relink(&picked.iter().map(|one| one.id).collect::<Vec<_>>());
                    for one in &picked {
                        self.model.delete_key(one.id);
                    }
                }
                (End::of(&result), expected)
            }
            Step::Rotate { pick, ends, stale } => {
                let picked = self.pick(*pick, *stale);
                self.rotate(actor, picked, *ends)
            }
            Step::Overlap { pick, ends, stale } => {
                let picked = self.pick(*pick, *stale);
                self.overlap(actor, picked, *ends)
            }
            Step::Use(index) => {
                let id = self.pick(*index, false).id;
                self.use_key(id);
                (End::Done, End::Done)
            }
            Step::Begin { pick, stale } => {
                let picked = self.pick(*pick, *stale);
                self.begin(actor, picked)
            }
            Step::Finish { pick, ends } => {
                let id = self.pick(*pick, false).id;
                self.finish(actor, id, *ends)
            }
            Step::Withdraw(index) => {
                let id = self.pick(*index, false).id;
                let result = desk::withdraw_successor(&mut self.desk.session(), id);
                let expected = actor.map_or_else(|end| end, |_| self.model.gone(id).unwrap_or(End::Done));
                if expected == End::Done {
                    self.model.relink(&[id]);
                    self.model.delete_key(id);
                }
                (End::of(&result), expected)
            }
            Step::CreateApplication(to) => {
                let result = desk::create_application(&mut self.desk.session(), &name(NAMES[*to]));
                let end = End::of(&result);
                let expected = match actor {
                    Err(end) => end,
                    Ok(_) if self.model.is_called(NAMES[*to], None) => End::Taken,
                    Ok(_) => End::Done,
                };
                if let Ok(made) = result {
                    self.model.applications.insert(made.id.0, (NAMES[*to].into(), 1));
                    self.model.entries += 1;
                }
                (end, expected)
            }
            Step::Rename { application, to, stale } => {
                self.rename(actor, self.application(*application), *to, *stale)
            }
            Step::DeleteApplication { application, stale, miscounted } => {
                self.delete_application(actor, self.application(*application), *stale, *miscounted)
            }
            Step::AddUser(who) => self.add_user(actor, *who),
            Step::SetUser { user, to, stale } => {
                let known: Vec<i64> = self.model.users.keys().copied().chain([999]).collect();
                let id = known[user.index(known.len())];
                let version = self.model.users.get(&id).map_or(1, |user| user.version) - i64::from(*stale);
                let (mut session, user) = (self.desk.session(), UserId(id));
                let can_sign_in =
                    |user: &User| user.login.as_deref().is_some_and(|login| HERE.contains(&login));
                let result = match to {
                    UserStatus::Active => desk::enable_user(&mut session, user, version),
                    UserStatus::Disabled => desk::disable_user(&mut session, user, version, &can_sign_in),
                    UserStatus::Deleted => desk::delete_user(&mut session, user, version, &can_sign_in),
                };
                let set = |actor| self.model.set_status(actor, id, version, *to);
                let expected = actor.map_or_else(|end| end, set);
                (End::of(&result), expected)
            }
            Step::Sit(who) => {
                self.desk.caller = caller(*who);
                (End::Done, End::Done)
            }
            Step::Wait(seconds) => {
                self.desk.now += TimeDelta::seconds(*seconds);
                (End::Done, End::Done)
            }
            Step::Reopen => {
                self.desk.store = Store::open(self.desk.store.location().clone(), &mut Seeded(3)).unwrap();
                (End::Done, End::Done)
            }
        }
    }

    /// A request with a key, which is recorded if it is accepted.
    fn use_key(&mut self, id: KeyId) {
        let now = self.desk.now;
        clock::set(now);
        let Some(key) = self.model.keys.get(&id) else { return };
        let is_accepted = self.model.ended(key, now).is_none() && !key.disabled && key.sources.is_empty();
        let verifier = Verifier::with_clock(self.desk.address(), clock).unwrap();
        let decision = verifier.verify(&key.secret, None).unwrap();
        assert_eq!(matches!(decision, Decision::Accepted(_)), is_accepted, "{id}: {decision:?}");
        drop(verifier);
        if let Some(key) = self.model.keys.get_mut(&id).filter(|_| is_accepted) {
            key.used = Some((key.used.map_or(now, |(first, _)| first), now));
        }
    }

    /// All or none, in the order in which they were picked.
    fn expect_picked(
        &mut self,
        actor: Result<UserId, End>,
        picked: &[Picked],
        change: impl Fn(&mut Model, KeyId),
    ) -> End {
        let allowed =
            actor.and_then(|_| picked.iter().try_for_each(|one| self.model.picked(one.id, one.version)));
        if let Err(end) = allowed {
            return end;
        }
        for one in picked {
            change(&mut self.model, one.id);
        }
        End::Done
    }

    fn create(
        &mut self,
        actor: Result<UserId, End>,
        application: ApplicationId,
        days: i64,
        test: bool,
        braze: bool,
    ) -> (End, End) {
        let key_name = format!("Key {}", self.model.entries);
        let new = NewKey {
            application,
            name: name(&key_name),
            kind: KeyKind::from_platform(braze.then(|| "braze".to_owned())),
            key_type: if test { KeyType::Test } else { KeyType::Production },
            expires: self.desk.now + TimeDelta::days(days),
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
        };
        let expected = match actor {
            _ if days <= 0 => End::Past,
            Err(end) => end,
            Ok(_) if !self.model.applications.contains_key(&application.0) => End::NotFound,
            Ok(_) => End::Done,
        };
        let result = desk::create_key(&mut self.desk.session(), &new);
        let end = End::of(&result);
        if let (Ok(created), Ok(creator)) = (result, actor) {
            let key = ModelKey {
                application,
                name: key_name,
                owner: String::new(),
                sources: String::new(),
                creator,
                expires: new.expires,
                disabled: false,
                delivered: false,
                version: 1,
                secret: created.secret.expose().to_owned(),
                created: self.desk.now,
                replaces: None,
                replaced_by: None,
                own: new.expires,
                unused: None,
                used: None,
            };
            self.model.keys.insert(created.key.id, key);
            self.model.entries += 1;
        }
        (end, expected)
    }

    fn edit(
        &mut self,
        actor: Result<UserId, End>,
        picked: Picked,
        name: Option<usize>,
        owner: Option<usize>,
        sources: Option<usize>,
    ) -> (End, End) {
        let old = self.model.keys.get(&picked.id);
        let old = old.map_or((KEY_NAMES[0], "", ""), |key| (&key.name, &key.owner, &key.sources));
        let texts = (
            name.map_or(old.0, |name| KEY_NAMES[name]).to_owned(),
            owner.map_or(old.1, |owner| OWNERS[owner]).to_owned(),
            sources.map_or(old.2, |sources| SOURCES[sources]).to_owned(),
        );
        let new = KeyProperties {
            name: fixtures::name(&texts.0),
            owner: parse_owner(&texts.1).unwrap(),
            note: None,
            allowed_sources: AllowedSources::parse(&texts.2).unwrap(),
        };
        let result = desk::edit_key(&mut self.desk.session(), picked, &new);
        let expected = actor.map_or_else(
            |end| end,
            |_| self.model.edit(picked.id, picked.version, (&texts.0, &texts.1, &texts.2)),
        );
        (End::of(&result), expected)
    }

    fn rename(&mut self, actor: Result<UserId, End>, id: i64, to: usize, stale: bool) -> (End, End) {
        let version = self.model.applications.get(&id).map_or(1, |(_, version)| *version);
        let seen = version - i64::from(stale);
        let result =
            desk::rename_application(&mut self.desk.session(), ApplicationId(id), seen, &name(NAMES[to]));
        let expected = match actor {
            Err(end) => end,
            Ok(_) if !self.model.applications.contains_key(&id) => End::NotFound,
            Ok(_) if stale => End::Changed,
            Ok(_) if self.model.is_called(NAMES[to], Some(id)) => End::Taken,
            Ok(_) => {
                self.model.applications.insert(id, (NAMES[to].into(), version + 1));
                self.model.entries += 1;
                End::Done
            }
        };
        (End::of(&result), expected)
    }

    fn delete_application(
        &mut self,
        actor: Result<UserId, End>,
        id: i64,
        stale: bool,
        miscounted: bool,
    ) -> (End, End) {
        let version = self.model.applications.get(&id).map_or(1, |(_, version)| *version);
        let doomed = self.model.keys_of(id);
        let shown = doomed.len() as u64 + u64::from(miscounted);
        let seen = version - i64::from(stale);
        let result = desk::delete_application(&mut self.desk.session(), ApplicationId(id), seen, shown);
        let expected = match actor {
            Err(end) => end,
            Ok(_) if !self.model.applications.contains_key(&id) => End::NotFound,
            Ok(_) if stale || miscounted => End::Changed,
            Ok(_) => {
                for key in doomed {
                    self.model.delete_key(key);
                }
                self.model.applications.remove(&id);
                self.model.entries += 1;
                End::Done
            }
        };
        (End::of(&result), expected)
    }

    fn add_user(&mut self, actor: Result<UserId, End>, who: usize) -> (End, End) {
        let Caller { uid, login } = caller(who);
        let address = email(&format!("{login}@example.com"));
        let result = desk::add_user(&mut self.desk.session(), &address, Some(&login), Some(uid));
        let there = self.model.actor(&login) != Err(End::Unknown);
        let expected = match actor {
            Err(end) => end,
            Ok(_) if there => End::Taken,
            Ok(_) => End::Done,
        };
        let end = End::of(&result);
        if let Ok(user) = result {
            let added = ModelUser { name: login, status: UserStatus::Active, version: 1 };
            self.model.users.insert(user.id.0, added);
            self.model.entries += 1;
        }
        (end, expected)
    }

    /// What holds at each step.
    fn check(&self) -> Result<(), TestCaseError> {
        let (desk, model) = (&self.desk, &self.model);
        let mut replayed = AuditReplay::default();
        let (report, findings) = desk
            .store
            .read(|r| {
                let report = audit::walk(r, None, None, &mut |entry, _| replayed.take(entry))?;
                Ok((report, replay::compare(r, &replayed)?))
            })
            .unwrap();
        prop_assert!(
            matches!(report, ChainReport::Intact(n, _) if n == model.entries),
            "{:?}, {}",
            report,
            model.entries
        );
        prop_assert_eq!(findings.listed, vec![]);
        prop_assert!(self.known_heads.check(&desk.store, &support::ana()).mismatch.is_none());

        for (id, user) in &model.users {
            let found = desk.store.read(|r| users::get(r, UserId(*id))).unwrap().unwrap();
            let gone = user.status == UserStatus::Deleted;
            prop_assert_eq!(
                (found.status, found.email.is_none(), found.login.is_none()),
                (user.status, gone, gone)
            );
            let created = model.keys.values().filter(|key| key.creator.0 == *id).count() as u64;
            prop_assert_eq!(found.keys, created);
        }
        let there = desk.store.read(|r| applications::all(r, 100)).unwrap();
        prop_assert_eq!(there.len(), model.applications.len());
        for application in there {
            let (called, version) = &model.applications[&application.id.0];
            prop_assert_eq!((application.name.as_str(), application.version), (called.as_str(), *version));
            prop_assert_eq!(application.keys, model.keys_of(application.id.0).len() as u64);
        }
        for (id, key) in &model.keys {
            let found = desk.store.read(|r| keys::get(r, *id)).unwrap().unwrap();
            let creator = &model.users[&key.creator.0];
            let shown =
                (creator.status != UserStatus::Deleted).then(|| format!("{}@example.com", creator.name));
            prop_assert_eq!(found.creator.email.as_ref().map(Email::as_str), shown.as_deref());
            let sources = found.allowed_sources.to_string();
            prop_assert_eq!(
                (
                    found.application,
                    found.name.as_str(),
                    found.owner.as_ref().map_or("", Name::as_str),
                    sources.as_str(),
                    found.expires,
                    found.disabled.is_some(),
                    found.version
                ),
                (
                    key.application,
                    key.name.as_str(),
                    key.owner.as_str(),
                    key.sources.as_str(),
                    key.expires,
                    key.disabled,
                    key.version
                )
            );
            prop_assert_eq!(
                (found.replaces, found.replaced_by, found.own_expiration(), found.last_used),
                (key.replaces, key.replaced_by, key.own, key.used.map(|(_, last)| last))
            );
            prop_assert_eq!(found.until_unused.map(|rule| (rule.length, rule.since)), key.unused);
        }
        for id in model.deleted.keys() {
            prop_assert!(desk.store.read(|r| keys::get(r, *id)).unwrap().is_none());
        }
        clock::set(desk.now);
        let verifier = Verifier::with_clock(desk.address(), clock).unwrap().without_recording();
        for (secret, expected) in model.verdicts(desk.now) {
            let reason = match verifier.verify(secret, None).unwrap() {
                Decision::Accepted(_) => None,
                Decision::Refused(refusal) => Some(refusal.reason),
            };
            prop_assert_eq!(reason, expected);
        }
        Ok(())
    }
}

fn caller(who: usize) -> Caller {
    Caller { uid: support::ana().uid + u32::try_from(who).unwrap(), login: PEOPLE[who].into() }
}

fn any_sequence_of_operations_keeps_the_rules(engine: Engine) {
    proptest!(engine.cases(48), |(steps in proptest::collection::vec(step(), 1..50))| {
        let mut machine = Machine::new(engine);
        for step in &steps {
            let (end, expected) = machine.take(step);
            prop_assert_eq!(end, expected, "{:?}", step);
            machine.check()?;
        }
    });
}
