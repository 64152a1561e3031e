//! Outages begin and end while the endpoint is asked without pause.

use chrono::TimeDelta;
use keydesk::desk::{self, KeyAccess, Picked};
use keydesk::host::clock;
use keydesk::store::keys;

use crate::key;
use crate::support::TestDesk;
use crate::support::endpoint::Endpoint;

const REQUESTS: usize = 100_000;

/// Requests between two changes.
const BETWEEN: usize = 500;

#[test]
fn no_answer_is_wrong_while_outages_begin_and_end() {
    let mut desk = TestDesk::of_today();
    let (created, secret) = key(&mut desk, "Checkout");
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let mut client = endpoint.connect();
    let request = format!("GET /auth HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\n\r\n");
    let mut until = None;
    for number in 0..REQUESTS {
        if number % BETWEEN == 0 {
            desk.now = clock::now();
            let now = desk.store.read(|r| keys::get(r, created.key.id)).unwrap().unwrap();
            let access = match number / BETWEEN % 3 {
                0 => KeyAccess::DisabledFor(TimeDelta::seconds(1)),
                1 => KeyAccess::DisabledFor(TimeDelta::hours(1)),
                _ => KeyAccess::Enabled,
            };
            let picked = [Picked { id: now.id, version: now.version }];
            let changed = desk::set_access(&mut desk.session(), &picked, access).unwrap();
            until = changed[0].disabled_until;
        }
        // The end of the outage may pass during the request: both answers are right then.
        let before = until.is_some_and(|until| clock::now() < until);
        let status = client.say(request.as_bytes()).unwrap().status;
        let after = until.is_some_and(|until| clock::now() < until);
        if before == after {
            assert_eq!(status, if before { 401 } else { 204 }, "request {number}, until {until:?}");
        }
    }
}
