//! Thousands of requests through a real proxy while keys come, go, pause and come back: not one wrong answer.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use keydesk::desk::{self, CreatedKey, Ending, Picked};
use keydesk::domain::key::{Key, NewKey};
use keydesk::host::clock;
use keydesk::tui::app::msg::{Operation, Outcome};
use keydesk::tui::effects::Effects as Screen;

use crate::screen;
use crate::support::TestDesk;
use crate::support::endpoint::{Client, Endpoint};
use crate::support::have;
use crate::support::proxies::{Api, Kind, Proxy};

const CLIENTS: usize = 6;
const LASTS: Duration = Duration::from_secs(8);

/// Nobody can say what it must be: it is just being changed.
const CHANGING: u8 = 0;
const OPEN: u8 = 1;
const SHUT: u8 = 2;

/// A key, and what the last acknowledged change made of it.
struct Known {
    secret: String,
    state: AtomicU8,
    /// Grows with each change, so that one that came during a request is noticed.
    changes: AtomicUsize,
}

impl Known {
    fn look(&self) -> (u8, usize) {
        (self.state.load(Ordering::SeqCst), self.changes.load(Ordering::SeqCst))
    }
}

#[test]
fn nginx_gives_no_wrong_answer() {
    storm(Kind::Nginx);
}

#[test]
fn caddy_gives_no_wrong_answer() {
    storm(Kind::Caddy);
}

fn storm(kind: Kind) {
    if !have(kind.program()) {
        return;
    }
    let desk = TestDesk::of_today();
    let endpoint = Endpoint::start(&desk.path(), &["--trusted-proxy", "127.0.0.1"]);
    let api = Api::start();
    let proxy = Proxy::start(kind, endpoint.address, Some("Storefront"), api.address);
    let keys: RwLock<Vec<Arc<Known>>> = RwLock::default();
    let (done, asked, open) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let new = desk.new_key("Storm", 90);
    let mut screen = screen(&desk, 11);
    let mut living = Vec::new();
    for _ in 0..8 {
        living.push(create(&mut screen, &new, &keys));
    }
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (keys, done, asked, open, address) = (&keys, &done, &asked, &open, proxy.address);
            scope.spawn(move || {
                let mut client = Client::to(address);
                let mut turn = number;
                while !done.load(Ordering::SeqCst) {
                    turn = turn.wrapping_mul(31).wrapping_add(7);
                    let known = {
                        let keys = keys.read().unwrap();
                        // The newest are asked for most: there it happens.
                        let back = turn % keys.len().min(24);
                        Arc::clone(&keys[keys.len() - 1 - back])
                    };
                    let before = known.look();
                    let request = format!(
                        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                        known.secret
                    );
                    let Some(answer) = client.say(request.as_bytes()) else {
                        // nginx ends a connection after 1,000 requests.
                        client = Client::to(address);
                        continue;
                    };
                    let status = answer.status;
                    assert!([200, 401].contains(&status), "{kind:?}: {status}");
                    asked.fetch_add(1, Ordering::Relaxed);
                    open.fetch_add(usize::from(status == 200), Ordering::Relaxed);
                    if before == known.look() {
                        match before.0 {
                            OPEN => assert_eq!(status, 200, "{kind:?}: a valid key was refused"),
                            SHUT => assert_eq!(status, 401, "{kind:?}: a rejected key was accepted"),
                            _ => {}
                        }
                    }
                }
            });
        }
        let since = Instant::now();
        let mut turn = 0_usize;
        while since.elapsed() < LASTS {
            turn += 1;
            let place = turn % living.len();
            match turn % 5 {
                0 => {
                    let (known, key) = living.swap_remove(place);
                    change(&mut screen, &known, SHUT, Operation::DeleteKeys, &key);
                }
                1 => living.push(create(&mut screen, &new, &keys)),
                4 => {
                    let (known, key) = living.swap_remove(place);
                    living.push(rotate(&mut screen, &known, &key, &keys));
                }
                step => {
                    let access = if step == 2 { desk::KeyAccess::Disabled } else { desk::KeyAccess::Enabled };
                    let (known, key) = &mut living[place];
                    let state = if step == 2 { SHUT } else { OPEN };
                    let changed =
                        change(&mut screen, known, state, |picked| Operation::SetAccess(picked, access), key);
                    *key = changed.unwrap_or_else(|| key.clone());
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        done.store(true, Ordering::SeqCst);
    });
    let (asked, open) = (asked.into_inner(), open.into_inner());
    assert!(asked > 1_000, "{kind:?}: only {asked} requests");
    assert!(open > asked / 20 && open < asked, "{kind:?}: {open} of {asked} were accepted");
}

fn create(screen: &mut Screen, new: &NewKey, keys: &RwLock<Vec<Arc<Known>>>) -> (Arc<Known>, Key) {
    match screen.operate(Operation::CreateKey(new.clone()), clock::now()).unwrap() {
        Outcome::Created(created) => known_from_now_on(created, keys),
        other => panic!("{other:?}"),
    }
}

fn known_from_now_on(created: CreatedKey, keys: &RwLock<Vec<Arc<Known>>>) -> (Arc<Known>, Key) {
    let known = Arc::new(Known {
        secret: created.secret.expose().to_owned(),
        state: AtomicU8::new(OPEN),
        changes: AtomicUsize::new(0),
    });
    keys.write().unwrap().push(Arc::clone(&known));
    (known, created.key)
}

/// The old key has leaked: once this is acknowledged it is shut, and its successor is open.
fn rotate(
    screen: &mut Screen,
    known: &Known,
    key: &Key,
    keys: &RwLock<Vec<Arc<Known>>>,
) -> (Arc<Known>, Key) {
    known.state.store(CHANGING, Ordering::SeqCst);
    known.changes.fetch_add(1, Ordering::SeqCst);
    let picked = vec![Picked { id: key.id, version: key.version }];
    let done = screen.operate(Operation::RotateKeys(picked, Ending::AtOnce), clock::now()).unwrap();
    known.state.store(SHUT, Ordering::SeqCst);
    match done {
        Outcome::Rotated(mut rotated) => known_from_now_on(rotated.done.remove(0).created, keys),
        other => panic!("{other:?}"),
    }
}

/// Changes a key as the screen does; the key as it is then, where it still is.
fn change(
    screen: &mut Screen,
    known: &Known,
    state: u8,
    operation: impl FnOnce(Vec<Picked>) -> Operation,
    key: &Key,
) -> Option<Key> {
    known.state.store(CHANGING, Ordering::SeqCst);
    known.changes.fetch_add(1, Ordering::SeqCst);
    let picked = Picked { id: key.id, version: key.version };
    let done = screen.operate(operation(vec![picked]), clock::now()).unwrap();
    known.state.store(state, Ordering::SeqCst);
    match done {
        Outcome::AccessSet(mut keys, _) => keys.done.pop(),
        _ => None,
    }
}
