//! An old primary that continues after a failover.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::site::{ADMINISTRATOR, GATEWAY, Issued, Site, ask};
use crate::support::endpoint::{Client, Endpoint};
use crate::support::postgres::standby::Replication;
use crate::support::postgres::{Postgres, psql};
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// How long a gateway may answer 503 after a new primary is there.
const LIMIT: Duration = Duration::from_secs(2);

/// A primary, its standby with the same content, and the URL of both, the old primary first.
struct Pair<'a> {
    site: Site<'a>,
    primary: &'a Postgres,
    standby: Postgres,
}

impl<'a> Pair<'a> {
    fn of(primary: &'a Postgres) -> Self {
        let site = Site::on(primary);
        let standby = primary.standby(Replication::Asynchronous);
        Self { site, primary, standby }
    }

    fn url(&self, role: &str, connect_timeout: u32) -> String {
        let place = format!("localhost:{},localhost:{}", self.primary.port(), self.standby.port());
        format!("{}&connect_timeout={connect_timeout}", self.site.url_at(place, role))
    }

    /// It must not wait the whole timeout for a server that does not answer.
    fn gateway(&self) -> Endpoint {
        self.site.gateway_at(&self.url(GATEWAY, 30), &[])
    }

    /// Runs SQL on the new primary.
    fn psql_there(&self, sql: &str) -> String {
        psql(&self.standby.socket_url("postgres", self.site.database.name()), sql).out
    }

    /// The standby has everything that was committed.
    fn has_caught_up(&self) {
        let sql = "SELECT number FROM head";
        let number = self.site.database.psql(sql);
        assert!(until(PATIENCE, || self.psql_there(sql) == number));
    }

    /// Deletes a key on the new primary.
    fn delete_at(&self, url: &str, key: &Issued) {
        let said = self.site.run_at(url, &["keys", "delete", &key.id, "--yes"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(self.site.is_deleted(&key.id, &self.standby), "deleted on the old primary");
    }

    fn delete(&self, key: &Issued) {
        self.delete_at(&self.url(ADMINISTRATOR, 1), key);
    }

    /// While the old primary answers too.
    fn delete_there(&self, key: &Issued) {
        let place = format!("localhost:{}", self.standby.port());
        self.delete_at(&self.site.url_at(place, ADMINISTRATOR), key);
    }
}

/// Sets a flag when it is dropped, also by a failure.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The answers of a gateway about one key.
struct Answers(Vec<(Instant, Instant, u16)>);

impl Answers {
    /// Asks until `is_over`.
    fn collect(gateway: SocketAddr, key: &Issued, started: &AtomicUsize, is_over: &AtomicBool) -> Self {
        let mut answers = Vec::new();
        let mut client = Client::to(gateway);
        while !is_over.load(Ordering::SeqCst) {
            let asked = Instant::now();
            let status = client.get("/auth", &[("X-Api-Key", &key.secret)]).status;
            if answers.is_empty() {
                started.fetch_add(1, Ordering::SeqCst);
            }
            answers.push((asked, Instant::now(), status));
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(answers)
    }

    /// Those to questions that were asked after an instant.
    fn since(&self, instant: Instant) -> impl Iterator<Item = u16> {
        self.0.iter().filter(move |(asked, ..)| *asked >= instant).map(|(.., status)| *status)
    }

    fn count(&self, since: Instant, status: u16) -> usize {
        self.since(since).filter(|found| *found == status).count()
    }
}

/// What happened when.
struct Course {
    promoted: Instant,
    deleted: Instant,
    /// The old primary answers again.
    continued: Instant,
    end: Instant,
}

/// Asks three gateways all the time for two keys, one of which is deleted after the failover.
#[expect(clippy::print_stderr, reason = "the figures of a run")]
fn during_failover(pair: &Pair<'_>, course: impl FnOnce(&Pair<'_>, &Issued) -> Course) {
    let (kept, doomed) = (pair.site.key("Kept"), pair.site.key("Doomed"));
    pair.has_caught_up();
    let gateways = [(); 3].map(|()| pair.gateway());
    let (started, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (course, all) = std::thread::scope(|scope| {
        let asking: Vec<_> = gateways
            .iter()
            .map(|gateway| {
                let (address, started, is_over) = (gateway.address, &started, &is_over);
                [&kept, &doomed]
                    .map(|key| scope.spawn(move || Answers::collect(address, key, started, is_over)))
            })
            .collect();
        let ending = Ending(&is_over);
        assert!(until(PATIENCE, || started.load(Ordering::SeqCst) == 2 * gateways.len()));
        let course = course(pair, &doomed);
        drop(ending);
        let answers = asking.into_iter().map(|asking| asking.map(|thread| thread.join().unwrap()));
        (course, answers.collect::<Vec<_>>())
    });
    for [kept, doomed] in all {
        assert!(doomed.0[0].2 == 204 && kept.0[0].2 == 204);
        assert_eq!(doomed.count(course.deleted, 204), 0, "accepted after its deletion");
        assert!(doomed.count(course.deleted, 401) > 20);
        assert!(kept.count(course.continued, 204) > 20);
        assert_eq!(kept.count(course.promoted, 401), 0);
        // Right again soon after the promotion, and from then on but for the restart of the new primary.
        let again = kept.0.iter().find(|(asked, _, status)| *asked >= course.promoted && *status == 204);
        let took = again.unwrap().1.duration_since(course.promoted);
        eprintln!(
            "right again {took:?} after the promotion; of {} questions after the deletion {} were rejected, {} not answered",
            doomed.since(course.deleted).count(),
            doomed.count(course.deleted, 401),
            doomed.count(course.deleted, 503),
        );
        assert!(took < LIMIT, "{took:?}");
        assert_eq!(kept.since(course.end).find(|status| *status != 204), None);
    }
}

/// The sessions of the gateways on the new primary end, so that they connect again.
fn end_sessions(pair: &Pair<'_>) {
    let sql =
        format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{GATEWAY}'");
    assert_ne!(pair.psql_there(&sql), "0");
}

/// While the old primary answers: new connections, also where only the old one can be reached for a moment.
fn reconnect(pair: &Pair<'_>) -> Instant {
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(500));
        end_sessions(pair);
    }
    std::thread::sleep(Duration::from_millis(500));
    pair.standby.stop();
    std::thread::sleep(Duration::from_millis(1_500));
    pair.standby.start_again();
    std::thread::sleep(LIMIT);
    let end = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    end
}

#[test]
fn gateways_stay_with_the_new_primary_when_the_old_one_was_frozen_and_continues() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    during_failover(&Pair::of(&primary), |pair, doomed| {
        pair.primary.freeze();
        // Gateways notice it, and have no other server yet.
        std::thread::sleep(Duration::from_millis(1_500));
        pair.standby.promote();
        let promoted = Instant::now();
        pair.delete(doomed);
        let deleted = Instant::now();
        pair.primary.thaw();
        let continued = Instant::now();
        let end = reconnect(pair);
        Course { promoted, deleted, continued, end }
    });
}

#[test]
fn gateways_stay_with_the_new_primary_when_the_old_one_was_killed_and_is_started_again() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    during_failover(&Pair::of(&primary), |pair, doomed| {
        pair.primary.kill();
        pair.standby.promote();
        let promoted = Instant::now();
        pair.delete(doomed);
        let deleted = Instant::now();
        pair.primary.start_again();
        let continued = Instant::now();
        let end = reconnect(pair);
        Course { promoted, deleted, continued, end }
    });
}

#[test]
fn an_idle_connection_to_an_old_primary_accepts_nothing() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let pair = Pair::of(&primary);
    let (kept, doomed) = (pair.site.key("Kept"), pair.site.key("Doomed"));
    pair.has_caught_up();
    let gateway = pair.gateway();
    assert_eq!((ask(&gateway, &kept), ask(&gateway, &doomed)), (204, 204));
    // Nothing is asked meanwhile: that connection has not noticed anything. Those that record use have.
    primary.freeze();
    pair.standby.promote();
    let sessions = format!("SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = '{GATEWAY}'");
    assert!(until(PATIENCE, || pair.psql_there(&sessions) == "t"));
    primary.thaw();
    pair.delete_there(&doomed);
    assert_eq!(ask(&gateway, &doomed), 401);
    assert_eq!(ask(&gateway, &kept), 204);
}

#[test]
fn what_an_old_primary_has_committed_since_is_not_seen() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let pair = Pair::of(&primary);
    let (kept, other) = (pair.site.key("Kept"), pair.site.key("Other"));
    pair.has_caught_up();
    let gateway = pair.gateway();
    primary.freeze();
    pair.standby.promote();
    assert!(until(PATIENCE, || ask(&gateway, &kept) == 204));
    primary.thaw();
    // Its log is longer than that of the new primary, and diverged.
    let old = format!("{}&connect_timeout=1", pair.site.url(ADMINISTRATOR));
    for name in ["First", "Second"] {
        let said = pair.site.run_at(&old, &["keys", "create", "--json", "--name", name]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let said = pair.site.run_at(&old, &["keys", "delete", &other.id, "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    for _ in 0..5 {
        end_sessions(&pair);
        assert!(until(LIMIT, || ask(&gateway, &kept) == 204));
        assert_eq!(ask(&gateway, &other), 204);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures of a run")]
fn gateways_follow_a_new_primary_while_the_old_one_still_answers() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let pair = Pair::of(&primary);
    let (kept, doomed) = (pair.site.key("Kept"), pair.site.key("Doomed"));
    pair.has_caught_up();
    let gateways = [(); 3].map(|()| pair.gateway());
    for gateway in &gateways {
        assert_eq!(ask(gateway, &doomed), 204);
    }
    pair.standby.promote();
    let promoted = Instant::now();
    pair.delete_there(&doomed);
    let follow = || gateways.iter().all(|gateway| ask(gateway, &doomed) == 401);
    assert!(until(PATIENCE, follow), "a gateway stays with the old primary");
    eprintln!("all follow {:.1?} after the promotion", promoted.elapsed());
    for _ in 0..20 {
        for gateway in &gateways {
            assert_eq!((ask(gateway, &doomed), ask(gateway, &kept)), (401, 204));
        }
    }
    // A restart of the new primary leads none of them back.
    pair.standby.stop();
    for _ in 0..20 {
        for gateway in &gateways {
            assert_eq!(ask(gateway, &doomed), 503);
        }
    }
    pair.standby.start_again();
    assert!(until(PATIENCE, follow));
}

#[test]
fn a_command_uses_the_new_primary_while_the_old_one_still_answers() {
    if !Postgres::available() {
        return;
    }
    let primary = Postgres::start();
    let pair = Pair::of(&primary);
    let doomed = pair.site.key("Doomed");
    pair.has_caught_up();
    pair.standby.promote();
    // The URL begins with the old one.
    pair.delete(&doomed);
    let is_there = format!("SELECT count(*) FROM keys WHERE key_id = '{}'", doomed.id);
    assert_eq!(pair.psql_there(&is_there), "0");
    let gateway = pair.gateway();
    assert_eq!(ask(&gateway, &doomed), 401, "from the first request on");
}
