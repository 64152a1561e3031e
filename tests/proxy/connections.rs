//! The examples keep connections open to the endpoint and to the API.

use std::sync::atomic::Ordering;

use crate::support::endpoint::Client;
use crate::support::have;
use crate::support::proxies::{Api, Kind, Proxy};

const REQUESTS: usize = 40;

#[test]
fn connections_to_the_endpoint_and_the_api_are_kept() {
    for kind in Kind::ALL.into_iter().filter(|kind| have(kind.program())) {
        let endpoint = Api::answering(if kind == Kind::Envoy { "200 OK" } else { "204 No Content" });
        let api = Api::start();
        let proxy = Proxy::start(kind, endpoint.address, None, api.address);
        let mut client = Client::to(proxy.address);
        for _ in 0..REQUESTS {
            assert_eq!(client.get("/orders", &[("X-API-Key", "x")]).status, 200, "{kind:?}: {}", proxy.log());
        }
        for (name, at) in [("endpoint", &endpoint), ("API", &api)] {
            let requests = at.seen.lock().unwrap().len();
            assert!(requests >= REQUESTS, "{kind:?}: {requests} requests to the {name}");
            let connections = at.connections.load(Ordering::SeqCst);
            assert!(connections <= 4, "{kind:?}: {connections} connections to the {name}");
        }
    }
}
