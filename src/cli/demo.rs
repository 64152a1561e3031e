//! `keydesk demo`: the whole program on a throwaway database with made-up keys.
//!
//! They are made by the operations of the desk, each at a time of its own in the past, so that what one sees is what
//! a year of work leaves behind. The choice is the same each time; the secrets are real random ones, and are dropped.

use std::fmt::Write;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use chrono::TimeDelta;

use super::demo_data::{APPLICATIONS, COLLEAGUES, PLACES, PURPOSES};
use super::demo_use::{self, Life};
use super::exit::Exit;
use super::failure::{Failure, Stop};
use super::open::{self, OpenScreen};
use super::run::Run;
use crate::desk::{self, DeskError, Ending, Picked, Session};
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::key::{KeyKind, KeyType, NewKey};
use crate::domain::platform::Catalogue;
use crate::domain::text::Name;
use crate::domain::token::Entropy;
use crate::domain::user::{Caller, Email};
use crate::host::entropy::SystemEntropy;
use crate::host::identity;
use crate::store::Store;
use crate::store::use_book::UseBook;
use crate::verify::Reason;

/// How many keys are made; some of them are deleted again.
pub const KEYS: u64 = 300;
/// How far back the made-up work goes, in days.
const PAST: i64 = 400;

/// Makes the database, opens the screen on it, and clears it away.
pub(crate) fn run(mut run: Run, open: OpenScreen) -> Result<Exit, Stop> {
    open::needs_terminal()?;
    let folder = Folder::create()?;
    run.database = folder.0.join("demo.db");
    run.application = None;
    run.witness = None;
    let mut store = run.store_or_new()?;
    seed(&mut store, &identity::caller(), &run.settings.catalogue, run.now, &mut SystemEntropy)?;
    open::show(run, store, Some(folder.0.clone()), open)
}

/// A private folder that goes when it is dropped, with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Stop> {
        let mut random = [0_u8; 8];
        SystemEntropy.fill(&mut random).map_err(DeskError::from)?;
        let mut name = String::from("keydesk-demo-");
        for byte in random {
            let _ = write!(name, "{byte:02x}");
        }
        let path = std::env::temp_dir().join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => {
                let message = format!("could not make the folder {}: {error}", path.display());
                Err(Failure::failed("file", message).into())
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fills an empty database with made-up Applications, users and keys. The caller becomes an active user of it.
///
/// # Errors
/// When the database cannot be written, or the system has no random bits.
pub fn seed(
    store: &mut Store,
    caller: &Caller,
    catalogue: &Catalogue,
    now: Instant,
    entropy: &mut dyn Entropy,
) -> Result<(), DeskError> {
    let mut work = Work { store, entropy, choice: Choice(17), now, lives: Vec::new() };
    let applications = work.begin(caller)?;
    let colleagues = work.colleagues(caller)?;
    let mut days: Vec<i64> = (0..KEYS).map(|_| work.choice.among(2, PAST - 10)).collect();
    days.sort_unstable_by(|one, other| other.cmp(one));
    for days in days {
        let creator = match work.choice.below(colleagues.len() as u64 + 1) {
            0 => caller,
            n => colleagues.get(usize::try_from(n).unwrap_or(1) - 1).unwrap_or(caller),
        };
        work.key(creator, &applications, catalogue, days)?;
    }
    // The one who left, and the one who is away: their keys go on working.
    work.part_with(caller, 1, desk::disable_user)?;
    work.part_with(caller, 2, desk::delete_user)?;
    work.use_keys()
}

/// The same choices each time, spread evenly enough for the eye (a linear congruential generator, Knuth's numbers).
pub(super) struct Choice(u64);

impl Choice {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    pub(super) fn among(&mut self, from: i64, until: i64) -> i64 {
        from + i64::try_from(self.below((until - from).unsigned_abs())).unwrap_or_default()
    }

    pub(super) fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(usize::try_from(self.below(items.len() as u64)).ok()?)
    }
}

struct Work<'a> {
    store: &'a mut Store,
    entropy: &'a mut dyn Entropy,
    choice: Choice,
    now: Instant,
    lives: Vec<Life>,
}

impl Work<'_> {
    /// Does an operation as if at an instant before.
    fn at<T>(
        &mut self,
        caller: &Caller,
        ago: TimeDelta,
        operation: impl FnOnce(&mut Session<'_>) -> Result<T, DeskError>,
    ) -> Result<T, DeskError> {
        let now = self.now - ago;
        operation(&mut Session { store: self.store, caller, now, entropy: self.entropy })
    }

    fn begin(&mut self, caller: &Caller) -> Result<Vec<ApplicationId>, DeskError> {
        let email = Email::parse(&identity::suggested_email(caller))
            .unwrap_or_else(|_| Email::from_stored("you@example.com".into()));
        let mut applications = Vec::new();
        for (at, name) in APPLICATIONS.into_iter().enumerate() {
            let name = Name::from_stored(name.into());
            let ago = TimeDelta::days(PAST - i64::try_from(at).unwrap_or_default());
            applications.push(if at == 0 {
                self.at(caller, ago, |session| desk::set_up(session, &email, &name))?.application.id
            } else {
                self.at(caller, ago, |session| desk::create_application(session, &name))?.id
            });
        }
        Ok(applications)
    }

    fn colleagues(&mut self, caller: &Caller) -> Result<Vec<Caller>, DeskError> {
        let mut colleagues = Vec::new();
        for (name, uid) in COLLEAGUES {
            let email = Email::from_stored(format!("{name}@example.com"));
            // No login of this machine is called so: nobody is bound by accident.
            let colleague = Caller { uid, login: format!("demo:{name}") };
            self.at(caller, TimeDelta::days(PAST - 8), |session| {
                desk::add_user(session, &email, Some(&colleague.login), Some(uid))
            })?;
            colleagues.push(colleague);
        }
        Ok(colleagues)
    }

    fn part_with(
        &mut self,
        caller: &Caller,
        which: usize,
        operation: fn(
            &mut Session<'_>,
            crate::domain::user::UserId,
            i64,
        ) -> Result<crate::domain::user::User, DeskError>,
    ) -> Result<(), DeskError> {
        let Some((name, _)) = COLLEAGUES.get(which) else { return Ok(()) };
        let email = Email::from_stored(format!("{name}@example.com"));
        let Some(user) = self.store.read(|reader| crate::store::users::by_email(reader, &email))? else {
            return Ok(());
        };
        self.at(caller, TimeDelta::hours(20), |session| operation(session, user.id, user.version)).map(drop)
    }

    /// A key, made so many days ago, with what has become of it since.
    fn key(
        &mut self,
        creator: &Caller,
        applications: &[ApplicationId],
        catalogue: &Catalogue,
        days: i64,
    ) -> Result<(), DeskError> {
        let new = self.invent(applications, catalogue, days);
        let ago = TimeDelta::days(days) - TimeDelta::minutes(self.choice.among(0, 600));
        let created = self.at(creator, ago, |session| desk::create_key(session, &new))?;
        let id = created.key.id;
        // One in a hundred was never handed over: the connection dropped just then.
        if self.choice.below(100) == 0 {
            return Ok(());
        }
        self.at(creator, ago, |session| desk::mark_delivered(session, id))?;
        let picked = [Picked { id, version: created.key.version }];
        let later = ago / 2;
        let end = self.now - later;
        let mut life =
            Life { id, from: created.key.created, until: created.key.expires, then: Some(Reason::Expired) };
        match self.choice.below(20) {
            0 => {
                (life.until, life.then) = (end, Some(Reason::Disabled));
                self.at(creator, later, |session| desk::set_disabled(session, &picked, true))?;
            }
            1 => {
                (life.until, life.then) = (end, Some(Reason::Deleted));
                self.at(creator, later, |session| desk::delete_keys(session, &picked))?;
            }
            2..4 => self.rotate(creator, &picked, &mut life)?,
            _ => {}
        }
        self.lives.push(life);
        Ok(())
    }

    /// A successor within the last ten days, unless the key has ended before.
    fn rotate(&mut self, creator: &Caller, picked: &[Picked], old: &mut Life) -> Result<(), DeskError> {
        let ago = TimeDelta::minutes(self.choice.among(60, 14_000));
        if self.now - ago <= old.from || self.now - ago >= old.until {
            return Ok(());
        }
        let overlap = Ending::After(TimeDelta::days(7));
        for rotated in self.at(creator, ago, |session| desk::rotate_keys(session, picked, overlap))? {
            let key = rotated.created.key;
            self.at(creator, ago, |session| desk::mark_delivered(session, key.id))?;
            // Every other client takes the new key at once.
            (old.until, old.then) = match self.choice.below(2) {
                0 => (rotated.old.expires, old.then),
                _ => (key.created, None),
            };
            self.lives.push(Life {
                id: key.id,
                from: key.created,
                until: key.expires,
                then: Some(Reason::Expired),
            });
        }
        Ok(())
    }

    /// Writes down what the keys were used for, as an endpoint would have.
    fn use_keys(&mut self) -> Result<(), DeskError> {
        let mut lines = demo_use::lines(&self.lives, self.now, &mut self.choice);
        let mut book = UseBook::open(self.store.path(), std::time::Duration::from_secs(5))?;
        Ok(book.write(&mut lines)?)
    }

    fn invent(&mut self, applications: &[ApplicationId], catalogue: &Catalogue, days: i64) -> NewKey {
        let application = match self.choice.below(2) {
            0 => applications.first(),
            _ => self.choice.of(applications),
        };
        let kind = match self.choice.below(5) {
            0 | 1 => KeyKind::Generic,
            _ => {
                let slugs: Vec<&str> = catalogue.iter().map(|platform| platform.slug.as_str()).collect();
                KeyKind::from_platform(self.choice.of(&slugs).map(|slug| (*slug).to_owned()))
            }
        };
        let purpose = self.choice.of(&PURPOSES).copied().unwrap_or_default();
        let place = self.choice.of(&PLACES).copied().unwrap_or_default();
        // Most keys of the past are replaced before their end, so most of these still work.
        let expires = match self.choice.below(12) {
            0 => self.now - TimeDelta::days(self.choice.among(0, days.min(40))),
            1 => self.now + TimeDelta::hours(self.choice.among(5, 160)),
            2..=5 => self.now + TimeDelta::days(self.choice.among(8, 90)),
            _ => self.now + TimeDelta::days(self.choice.among(30, 330)),
        };
        NewKey {
            application: application.copied().unwrap_or(ApplicationId(1)),
            name: Name::from_stored(format!("{purpose} {place}").trim().to_owned()),
            kind,
            key_type: if self.choice.below(5) == 0 { KeyType::Test } else { KeyType::Production },
            expires: expires - TimeDelta::minutes(self.choice.among(0, 240)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::KeyState;
    use crate::host::clock;
    use crate::store::keys::{self, KeyQuery, KeySort};
    use crate::store::{applications, audit, usage, users};

    #[test]
    fn the_demo_has_something_of_everything() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("demo.db"), &mut SystemEntropy).unwrap();
        let catalogue = Catalogue::built_in().unwrap();
        let now = clock::now();
        seed(&mut store, &identity::caller(), &catalogue, now, &mut SystemEntropy).unwrap();
        store
            .read(|reader| {
                let count = |state| {
                    let all = applications::all(reader, 10)?;
                    all.iter()
                        .map(|application| {
                            let query = KeyQuery {
                                application: application.id,
                                filter: String::new(),
                                state: Some(state),
                                platform: None,
                                sort: KeySort::Name,
                                descending: false,
                                now,
                                soon: TimeDelta::days(7),
                            };
                            keys::count(reader, &query, &catalogue)
                        })
                        .sum::<Result<u64, _>>()
                };
                for state in KeyState::ALL {
                    assert!(count(state)? >= 5, "{state:?}");
                }
                assert!(applications::count(reader)? >= 3);
                let statuses: Vec<_> = users::all(reader)?.iter().map(|user| user.status.as_str()).collect();
                for status in ["active", "disabled", "deleted"] {
                    assert!(statuses.contains(&status), "{status}");
                }
                assert!(
                    !usage::presented_today(reader, now, 10)?.is_empty(),
                    "a deleted key is still presented"
                );
                let all = applications::all(reader, 10)?;
                let (mut rotated, mut busy) = (0, 0);
                for id in keys::ids_of(reader, all[0].id)? {
                    let key = keys::get(reader, id)?.unwrap();
                    rotated += u32::from(key.replaced_by.is_some());
                    busy += u32::from(usage::last_30_days(reader, id, now)?.iter().sum::<u64>() > 100);
                }
                assert!(rotated > 0 && busy > 0, "{rotated} {busy}");
                let (entries, _) = audit::head(reader)?;
                assert!(entries > KEYS);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn the_folder_is_private_and_goes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::create().unwrap();
        let path = folder.0.clone();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }
}
