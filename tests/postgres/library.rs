//! The library inside programs that are written with async code: verification waits, and blocks no other thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keydesk::Verifier;
use tokio::runtime::{Builder, Runtime};

use crate::site::{ADMINISTRATOR, GATEWAY, Issued, Site};
use crate::support::postgres::{Postgres, server};

/// Tasks at once, each with some verifications.
const TASKS: usize = 16;
const EACH: usize = 25;

fn runtimes() -> [(&'static str, Runtime); 2] {
    [
        ("current thread", Builder::new_current_thread().enable_all().build().unwrap()),
        ("several threads", Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()),
    ]
}

fn accepts(verifier: &Verifier, key: &Issued) -> bool {
    verifier.verify(&key.secret, Some("Storefront")).unwrap().is_accepted()
}

/// Through the socket, where no role needs a password.
fn url(site: &Site, role: &str) -> String {
    site.database.socket_url_as(role)
}

#[test]
fn a_verifier_is_opened_used_and_dropped_inside_async_code() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    let (good, gone) = (site.key("Checkout"), site.key("Gone"));
    assert_eq!(site.run(&["keys", "delete", &gone.id, "--yes"]).code, 0);
    for (name, runtime) in runtimes() {
        let since = Instant::now();
        let url = url(&site, GATEWAY);
        let (good, gone) = (&good, &gone);
        runtime.block_on(async move {
            let verifier = Verifier::open(url).unwrap();
            assert!(accepts(&verifier, good), "{name}");
            tokio::task::yield_now().await;
            assert!(!accepts(&verifier, gone), "{name}");
        });
        assert!(since.elapsed() < Duration::from_secs(10), "{name}: {:?}", since.elapsed());
    }
    // Dropped, it has written what it counted.
    let uses = format!("SELECT coalesce(sum(count), 0) FROM key_uses WHERE key_id = '{}'", good.id);
    assert_eq!(site.database.psql(&uses), "2");
}

#[test]
fn tasks_share_a_verifier_and_see_a_deletion_at_once() {
    if !Postgres::available() {
        return;
    }
    let site = Site::on(server());
    for (name, runtime) in runtimes() {
        let (key, other) = (site.key(name), Arc::new(site.key("Other")));
        let verifier = Arc::new(Verifier::open(url(&site, GATEWAY)).unwrap());
        let all = runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let (verifier, other) = (Arc::clone(&verifier), Arc::clone(&other));
                    tokio::spawn(async move {
                        let mut accepted = 0;
                        for _ in 0..EACH {
                            accepted += usize::from(accepts(&verifier, &other));
                            // More than a task may do before tokio lets others run.
                            tokio::task::yield_now().await;
                        }
                        accepted
                    })
                })
                .collect();
            let mut all = 0;
            for task in tasks {
                all += task.await.unwrap();
            }
            all
        });
        assert_eq!(all, TASKS * EACH, "{name}");
        // On threads for code that waits, as the documentation of tokio advises.
        let blocking = Arc::clone(&verifier);
        let on_thread = Arc::clone(&other);
        let accepted = runtime.block_on(async move {
            tokio::task::spawn_blocking(move || accepts(&blocking, &on_thread)).await.unwrap()
        });
        assert!(accepted, "{name}");
        runtime.block_on(async {
            assert!(accepts(&verifier, &key), "{name}");
            let said = site.run_at(&url(&site, ADMINISTRATOR), &["keys", "delete", &key.id, "--yes"]);
            assert_eq!(said.code, 0, "{said:?}");
            assert!(!accepts(&verifier, &key), "{name}");
        });
        assert_eq!(site.run(&["keys", "delete", &other.id, "--yes"]).code, 0);
    }
}

#[test]
fn a_server_that_is_gone_is_an_error_inside_async_code() {
    if !Postgres::available() {
        return;
    }
    let own = Postgres::start();
    let site = Site::on(&own);
    let key = site.key("Checkout");
    for (name, runtime) in runtimes() {
        runtime.block_on(async {
            let verifier = Verifier::open(url(&site, GATEWAY)).unwrap();
            assert!(accepts(&verifier, &key), "{name}");
            own.stop();
            let since = Instant::now();
            verifier.verify(&key.secret, None).unwrap_err();
            assert!(since.elapsed() < Duration::from_secs(5), "{name}: {:?}", since.elapsed());
            Verifier::open(url(&site, GATEWAY)).unwrap_err();
            own.start_again();
        });
    }
}
