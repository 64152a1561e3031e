//! Several threads that answer requests.

use std::path::Path;
use std::process::Command;

use keydesk::host::clock;
use keydesk::store::{Store, usage};

use crate::support::TestDesk;
use crate::support::endpoint::{Endpoint, command};
use crate::{delete, key};

/// The threads of a process that answer requests.
fn answering(endpoint: &Endpoint) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", endpoint.child.id())).unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    names.filter(|name| name.trim() == "requests").count()
}

#[test]
fn each_request_is_decided_and_counted_once() {
    const CLIENTS: usize = 16;
    const REQUESTS: usize = 200;
    let mut desk = TestDesk::of_today();
    let (used, secret) = key(&mut desk, "Checkout");
    let (deleted, gone) = key(&mut desk, "Gone");
    delete(&mut desk, &deleted);
    for threads in [2, 5] {
        let endpoint = Endpoint::start(&desk.path(), &["--threads", &threads.to_string()]);
        assert_eq!(answering(&endpoint), threads);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let mut client = endpoint.connect();
                let (secret, gone) = (&secret, &gone);
                scope.spawn(move || {
                    for _ in 0..REQUESTS {
                        assert_eq!(client.get("/auth", &[("X-API-Key", secret)]).status, 204);
                        assert_eq!(client.get("/auth", &[("X-API-Key", gone)]).status, 401);
                        assert_eq!(client.get("/healthz", &[]).status, 200);
                    }
                });
            }
        });
        let metrics = endpoint.get("/metrics", &[]).body;
        let accepted =
            format!("keydesk_decisions_total{{outcome=\"accepted\",reason=\"\"}} {}", CLIENTS * REQUESTS);
        assert!(metrics.lines().any(|line| line == accepted), "{metrics}");
        assert_eq!(endpoint.stop(), Some(0));
    }
    let store = Store::open_existing(desk.path(), &mut crate::support::Seeded(1)).unwrap();
    let days = store.read(|r| usage::last_30_days(r, used.key.id, clock::now())).unwrap();
    assert_eq!(days.iter().sum::<u64>(), 2 * (CLIENTS * REQUESTS) as u64);
}

#[test]
fn one_thread_is_the_default() {
    let desk = TestDesk::of_today();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    assert_eq!(answering(&endpoint), 0, "the main thread answers");
    assert_eq!(endpoint.get("/healthz", &[]).status, 200);
    assert_eq!(endpoint.stop(), Some(0));
}

#[test]
fn a_number_of_threads_that_makes_no_sense_is_rejected() {
    let serve = |threads: &str| -> Command {
        let mut serve = command(env!("CARGO_BIN_EXE_keydesk"), Path::new("/nowhere/keydesk.db"));
        serve.args(["serve", "--threads", threads]);
        serve
    };
    for threads in ["0", "65", "two", ""] {
        let output = serve(threads).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{threads}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("use a number from 1 to 64"), "{threads}: {said}");
    }
}
