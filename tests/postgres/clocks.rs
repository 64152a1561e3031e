//! Clocks that are off by a year: what has expired is told by the clock of the server.

use std::process::Stdio;
use std::time::Duration;

use crate::site::{ADMINISTRATOR, Issued, Site, ask, output};
use crate::support::postgres::{Postgres, server};
use crate::support::{have, until};

const DIFFERENCES: [&str; 2] = ["-366d", "+366d"];

#[test]
fn the_clock_of_an_administrator_does_not_make_an_expired_key_valid() {
    if !Postgres::available() || !have("faketime") {
        return;
    }
    let site = Site::on(server());
    let gateway = site.gateway();
    let valid = site.key("Valid");
    let now = keydesk::host::clock::now();
    let soon = keydesk::domain::expiry::rfc3339(now + chrono::TimeDelta::seconds(4));
    let said = site.run(&["keys", "create", "--json", "--name", "Expired", "--expires", &soon]);
    assert_eq!(said.code, 0, "{said:?}");
    let (id, secret) = (said.json()["id"].clone(), said.json()["secret"].clone());
    let expired = Issued { id: id.as_str().unwrap().into(), secret: secret.as_str().unwrap().into() };
    assert!(until(Duration::from_secs(10), || ask(&gateway, &expired) == 401));
    let url = site.url(ADMINISTRATOR);
    for difference in DIFFERENCES {
        let before = ["faketime", "-f", difference];
        for (key, exit) in [(&valid, 0), (&expired, 1)] {
            let mut verify = site.command_at(&url, &before, &["verify", "--json"]);
            let mut child =
                verify.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), key.secret.as_bytes()).unwrap();
            let said = output(child.wait_with_output().unwrap());
            assert_eq!(said.code, exit, "{difference}: {said:?}");
        }
        // A deletion is one at any time.
        let doomed = site.key("Doomed");
        let delete = ["keys", "delete", &doomed.id, "--yes"];
        let said = output(site.command_at(&url, &before, &delete).output().unwrap());
        assert_eq!(said.code, 0, "{difference}: {said:?}");
        assert_eq!((ask(&gateway, &doomed), ask(&gateway, &valid), ask(&gateway, &expired)), (401, 204, 401));
    }
    site.is_sound("after changes at other times");
}
