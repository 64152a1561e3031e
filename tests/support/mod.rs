//! Shared by all test binaries, each of which uses a part of it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::format_push_string,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failed step fails the test, and a skipped test says why"
)]

pub mod display;
pub mod endpoint;
pub mod engine;
pub mod fake_clock;
pub mod home;
pub mod keeper;
pub mod namespace;
pub mod postgres;
pub mod proxies;
pub mod pty;
pub mod relay;
pub mod small_disk;
mod steps;

pub use engine::Engine;
pub use steps::{have, until};

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use keydesk::desk::{self, CreatedKey, Session};
use keydesk::domain::Instant;
use keydesk::domain::application::ApplicationId;
use keydesk::domain::key::{KeyKind, KeyType, NewKey};
use keydesk::domain::source::AllowedSources;
use keydesk::domain::text::Name;
use keydesk::domain::token::{Entropy, EntropyError};
use keydesk::domain::user::{Caller, Email};
use keydesk::host::clock;
use keydesk::store::{Store, applications};

/// The program under test.
pub const KEYDESK: &str = env!("CARGO_BIN_EXE_keydesk");

/// Random bits that repeat from run to run.
#[derive(Debug, Clone)]
pub struct Seeded(pub u64);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            // SplitMix64, by Sebastiano Vigna: short and good enough for tests.
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *byte = z.to_le_bytes()[3];
        }
        Ok(())
    }
}

/// 2026-11-23 09:00:00 UTC, a Monday.
pub fn noon() -> Instant {
    Instant::from_timestamp(1_795_424_400, 0).expect("a time")
}

/// Ana, who sets databases up.
pub fn ana() -> Caller {
    Caller { uid: 1000, login: "ana".into() }
}

/// A database in a folder of its own, or on the server of this test, set up by Ana with the Application Storefront.
pub struct TestDesk {
    pub folder: tempfile::TempDir,
    pub store: Store,
    place: engine::Place,
    pub caller: Caller,
    pub entropy: Seeded,
    pub now: Instant,
}

impl TestDesk {
    pub fn new() -> Self {
        Self::on(Engine::Sqlite)
    }

    pub fn on(engine: Engine) -> Self {
        Self::within(tempfile::tempdir().expect("a folder"), engine)
    }

    /// At the present moment.
    pub fn of_today() -> Self {
        let mut desk = Self::new();
        desk.now = clock::now();
        desk
    }

    /// In memory, where the system has such a place: for tests that make many changes.
    pub fn in_memory() -> Self {
        Self::in_memory_on(Engine::Sqlite)
    }

    pub fn in_memory_on(engine: Engine) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self::within(folder.expect("a folder"), engine)
    }

    fn within(folder: tempfile::TempDir, engine: Engine) -> Self {
        let mut entropy = Seeded(7);
        let place = engine::Place::new(engine);
        let store = Store::open(place.location(folder.path()), &mut entropy).expect("a database");
        let unused = entropy.clone();
        let mut desk = Self { folder, store, place, caller: ana(), entropy, now: noon() };
        let email = Email::parse("ana@example.com").expect("an email");
        let name = Name::parse("Storefront").expect("a name");
        desk::set_up(&mut desk.session(), &email, &name, None).expect("set up");
        desk.entropy = unused;
        desk
    }

    /// Adds a user and leaves the random bits of the keys as they would have been.
    pub fn add_user(&mut self, email: &str, login: Option<&str>) {
        let mut entropy = Seeded(8);
        self.place.set_clock(self.now);
        let (store, caller, now) = (&mut self.store, &self.caller, self.now);
        let email = Email::parse(email).expect("an email");
        desk::add_user(
            &mut Session { store, caller, now, entropy: &mut entropy, max_lifetime: None },
            &email,
            login,
            None,
        )
        .expect("another user");
    }

    /// The Application Storefront.
    pub fn application(&self) -> ApplicationId {
        self.store.read(applications::first).expect("the Applications").expect("an Application").id
    }

    /// A generic production key of Storefront that expires in this number of days.
    pub fn new_key(&self, name: &str, days: i64) -> NewKey {
        NewKey {
            application: self.application(),
            name: Name::parse(name).expect("a name"),
            kind: KeyKind::Generic,
            key_type: KeyType::Production,
            expires: self.now + TimeDelta::days(days),
            owner: None,
            note: None,
            allowed_sources: AllowedSources::default(),
        }
    }

    pub fn create(&mut self, new: &NewKey) -> CreatedKey {
        desk::create_key(&mut self.session(), new).expect("a key")
    }

    /// Creates a key whose secret was delivered.
    pub fn deliver(&mut self, new: &NewKey) -> CreatedKey {
        let created = self.create(new);
        desk::mark_delivered(&mut self.session(), created.key.id).expect("delivered");
        created
    }

    pub fn path(&self) -> PathBuf {
        self.store.location().file().expect("a file").to_owned()
    }

    /// At [`Self::now`], which the clock of a server shows from then on.
    pub fn session(&mut self) -> Session<'_> {
        self.place.set_clock(self.now);
        Session {
            store: &mut self.store,
            caller: &self.caller,
            now: self.now,
            entropy: &mut self.entropy,
            max_lifetime: None,
        }
    }
}

/// The bytes of a database and of its write-ahead log.
pub fn all_bytes(database: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(database).unwrap_or_default();
    let mut wal = database.as_os_str().to_owned();
    wal.push("-wal");
    bytes.extend(std::fs::read(wal).unwrap_or_default());
    bytes
}

/// Whether a text stands anywhere in bytes.
pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
