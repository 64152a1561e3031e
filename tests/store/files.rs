//! The file: how it is made, what is refused and left as it is, upgrades, two connections.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use keydesk::desk;
use keydesk::store::inspect::Inspection;
use keydesk::store::{Store, StoreError, migrate, open};

use crate::fixtures::{create, name};
use crate::support::small_disk::SmallDisk;
use crate::support::{Seeded, TestDesk};

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, &mut Seeded(3))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_bundled_sqlite_has_the_wal_fix() {
    assert!(rusqlite::version_number() >= open::OLDEST_SQLITE, "{}", rusqlite::version());
    open::check_sqlite().unwrap();
}

#[test]
fn all_files_are_private_in_a_private_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/keydesk.db");
    let _store = open(&path).unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for end in ["", "-wal", "-shm", "-reserve"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        assert_eq!(mode(Path::new(&file)), 0o600, "{end}");
    }
}

#[test]
fn a_shared_folder_gets_group_writable_files() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o2770)).unwrap();
    let path = shared.join("keydesk.db");
    let store = open(&path).unwrap();
    assert!(store.warnings().is_empty(), "{:?}", store.warnings());
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        assert_eq!(mode(Path::new(&file)), 0o660, "{end}");
    }
}

#[test]
fn a_file_readable_by_others_causes_a_warning() {
    let desk = TestDesk::new();
    std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = open(&desk.path()).unwrap();
    assert!(store.warnings().iter().any(|warning| warning.contains("chmod")), "{:?}", store.warnings());
}

#[test]
fn a_foreign_file_is_rejected_and_not_modified() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keydesk.db");
    let foreign = folder.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')").unwrap();
    drop(other);
    for bytes in [std::fs::read(&foreign).unwrap(), b"just a text, of some length".to_vec()] {
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(&path), Err(StoreError::Foreign { .. })), "{:?}", open(&path).err());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_newer_file_is_rejected_and_not_modified() {
    let desk = TestDesk::new();
    let path = desk.path();
    let folder = desk.folder;
    drop(desk.store);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(raw);
    let bytes = std::fs::read(&path).unwrap();
    assert!(matches!(open(&path), Err(StoreError::Newer { found: 99, .. })));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(keydesk::Verifier::open(&path).is_err());
    drop(folder);
}

#[test]
fn a_damaged_file_never_panics_and_never_accepts_a_key() {
    let mut desk = TestDesk::new();
    let created = create(&mut desk, "Checkout");
    let secret = created.secret.expose().to_owned();
    let path = desk.path();
    let folder = desk.folder;
    drop(desk.store);
    let whole = std::fs::read(&path).unwrap();
    let mut changed = 0_u64;
    for round in 0..60_usize {
        let mut bytes = whole.clone();
        if round % 3 == 0 {
            bytes.truncate(whole.len() * round / 60);
        } else {
            for step in 0..40 {
                let at = (round * 7_919 + step * 104_729) % bytes.len();
                bytes[at] ^= 0x5a;
            }
        }
        let damaged = folder.path().join(format!("damaged-{round}.db"));
        std::fs::write(&damaged, &bytes).unwrap();
        if let Ok(store) = open(&damaged) {
            let _ = Inspection::open(&damaged).and_then(|inspection| inspection.integrity());
            let _ = store.read(keydesk::store::audit::head);
        } else {
            changed += 1;
        }
        if let Ok(verifier) = keydesk::Verifier::open(&damaged) {
            // The right key may still be found whole; another never is.
            let _ = verifier.verify(&secret, None);
            let stranger = {
                let mut other = TestDesk::new();
                other.entropy.0 = round as u64 + 1_000;
                create(&mut other, "Checkout").secret.expose().to_owned()
            };
            let decision = verifier.verify(&stranger, None);
            assert!(!decision.is_ok_and(|decision| decision.is_accepted()), "round {round}");
        }
    }
    assert!(changed > 0, "some of it is refused at once");
}

#[test]
fn a_symbolic_link_as_database_file_is_rejected() {
    let desk = TestDesk::new();
    let link = desk.folder.path().join("link.db");
    std::os::unix::fs::symlink(desk.path(), &link).unwrap();
    assert!(open(&link).is_err());
}

/// The present format and two that do not exist yet: what upgrades are tried with.
const STEPS: [&str; 3] = [
    include_str!("../../assets/migrations/0001_base.sql"),
    "ALTER TABLE tombstones ADD COLUMN note TEXT;",
    "CREATE INDEX tombstones_by_note ON tombstones (note); UPDATE tombstones SET note = 'old';",
];

#[test]
fn a_migrated_file_equals_a_new_one() {
    let mut desk = TestDesk::new();
    let kept = create(&mut desk, "Checkout").key;
    let path = desk.path();
    desk.store = open(&desk.folder.path().join("other.db")).unwrap();
    open::upgrade_with(&path, &STEPS, &mut Seeded(3)).unwrap();
    let fresh = desk.folder.path().join("fresh.db");
    std::fs::write(&fresh, "").unwrap();
    open::upgrade_with(&fresh, &STEPS, &mut Seeded(4)).unwrap();
    let schema = |path: &Path| -> Vec<(String, String)> {
        let raw = rusqlite::Connection::open(path).unwrap();
        let mut statement = raw
            .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(schema(&path), schema(&fresh));
    let raw = rusqlite::Connection::open(&path).unwrap();
    let name: String = raw
        .query_row("SELECT name FROM keys WHERE key_id = ?1", [kept.id.as_str()], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "Checkout", "what was in it is in it");
    let version: i64 = raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 3);
    assert_eq!(migrate::NEWEST, 1);
    assert!(matches!(open(&path), Err(StoreError::Newer { found: 3, known: 1, .. })));
}

#[test]
fn a_failing_migration_keeps_the_old_format() {
    let desk = TestDesk::new();
    let steps = [STEPS[0], STEPS[1], "INSERT INTO nowhere VALUES (1);"];
    assert!(open::upgrade_with(&desk.path(), &steps, &mut Seeded(3)).is_err());
    let raw = rusqlite::Connection::open(desk.path()).unwrap();
    let version: i64 = raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    assert!(raw.prepare("SELECT note FROM tombstones").is_err(), "the step before is undone too");
}

#[test]
fn two_connections_see_each_others_changes() {
    let mut desk = TestDesk::new();
    let other = open(&desk.path()).unwrap();
    let before = other.data_version().unwrap();
    desk::create_application(&mut desk.session(), &name("Billing")).unwrap();
    assert_ne!(other.data_version().unwrap(), before);
    assert_eq!(other.read(keydesk::store::applications::count).unwrap(), 2);
    assert!(matches!(
        desk::create_application(&mut desk.session(), &name("BILLING")),
        Err(desk::DeskError::Taken { .. })
    ));
}

#[test]
fn a_lock_held_elsewhere_is_awaited_and_then_reported() {
    let mut desk = TestDesk::new();
    let other = rusqlite::Connection::open(desk.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = std::time::Instant::now();
    let result = desk::create_application(&mut desk.session(), &name("Billing"));
    assert!(matches!(result, Err(desk::DeskError::Store(StoreError::Busy))), "{result:?}");
    assert!(since.elapsed() >= open::BUSY_TIMEOUT);
    other.execute_batch("ROLLBACK").unwrap();
    desk::create_application(&mut desk.session(), &name("Billing")).unwrap();
}

#[test]
fn deleted_data_is_removed_from_disk_when_no_reader_is_left() {
    let mut desk = TestDesk::new();
    let created = create(&mut desk, "Checkout");
    desk::delete_keys(&mut desk.session(), &crate::fixtures::picked(&created.key)).unwrap();
    let reader = rusqlite::Connection::open(desk.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM keys").unwrap();
    assert!(!desk.store.scrub().unwrap(), "another session reads: later");
    reader.execute_batch("COMMIT").unwrap();
    assert!(desk.store.scrub().unwrap());
    let wal = desk.folder.path().join("keydesk.db-wal");
    assert_eq!(std::fs::metadata(wal).unwrap().len(), 0);
}

#[test]
fn the_reserve_is_complete_or_absent() {
    const WHOLE: u64 = 1 << 20;
    let desk = TestDesk::new();
    let (folder, path) = (desk.folder.path().to_owned(), desk.path());
    let beside = |end: &str| folder.join(format!("keydesk.db{end}"));
    let size = |end: &str| std::fs::metadata(beside(end)).map_or(0, |metadata| metadata.len());
    // A short one, and what a killed process has left: the next start makes it whole.
    for (reserve, left) in [("", None), ("short", None), ("short", Some("half")), ("", Some(""))] {
        std::fs::write(beside("-reserve"), reserve).unwrap();
        if let Some(left) = left {
            std::fs::write(beside("-reserve-new"), left).unwrap();
        }
        drop(open(&path).unwrap());
        assert_eq!(
            (size("-reserve"), beside("-reserve-new").exists()),
            (WHOLE, false),
            "{reserve:?} {left:?}"
        );
    }
    // What others may have put there is left as it is.
    std::fs::remove_file(beside("-reserve")).unwrap();
    let own = folder.join("own");
    std::fs::write(&own, "mine").unwrap();
    std::os::unix::fs::symlink(&own, beside("-reserve-new")).unwrap();
    drop(open(&path).unwrap());
    std::fs::remove_file(beside("-reserve-new")).unwrap();
    std::fs::hard_link(&own, beside("-reserve-new")).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(std::fs::read(&own).unwrap(), b"mine");
    std::fs::remove_file(beside("-reserve-new")).unwrap();
    // Many at once: from the first whole one on there is never none, and never a short one.
    drop(open(&path).unwrap());
    std::fs::write(beside("-reserve"), "short").unwrap();
    let seen_whole = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    drop(open(&path).unwrap());
                    let whole = size("-reserve") == WHOLE;
                    let before = seen_whole.fetch_or(whole, std::sync::atomic::Ordering::SeqCst);
                    assert!(whole || !before, "a whole one was taken away");
                }
            });
        }
    });
    assert_eq!(size("-reserve"), WHOLE);
}

#[test]
fn on_a_full_disk_a_key_can_be_deleted() {
    for opened_before in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let Some(small) = SmallDisk::mount(folder.path(), "2200k") else { return };
        let path = folder.path().join("keydesk.db");
        let mut desk = TestDesk::new();
        desk.store = open(&path).unwrap();
        desk::set_up(
            &mut desk.session(),
            &crate::fixtures::email("ana@example.com"),
            &name("Storefront"),
            None,
        )
        .unwrap();
        let created = create(&mut desk, "Checkout");
        if !opened_before {
            // The last one who closes it takes the log away; it cannot be made again.
            desk.store = Store::open(desk.folder.path().join("other.db"), &mut Seeded(5)).unwrap();
        }
        small.fill("fill");
        if !opened_before {
            assert!(matches!(open(&path), Err(StoreError::Full { .. })), "reading takes nothing");
            desk.store = Store::open_to_revoke(&path, &mut Seeded(3)).unwrap();
        }
        desk::delete_keys(&mut desk.session(), &crate::fixtures::picked(&created.key)).unwrap();
        let verifier = keydesk::Verifier::open(&path).unwrap();
        assert!(!verifier.verify(created.secret.expose(), None).unwrap().is_accepted());
        drop(desk);
    }
}
