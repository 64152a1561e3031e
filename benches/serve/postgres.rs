//! The endpoint on PostgreSQL, over loopback TCP with TLS, against the endpoint on a file with the same keys.

use std::sync::Arc;
use std::time::Duration;

use keydesk::domain::secret::{KeyHash, Secret};

use crate::load::{Answer, Load, Measured, Until};
use crate::server::Server;
use crate::support::postgres::{Access, Postgres, psql, server};
use crate::support::relay::{Direction, Relay};
use crate::support::{Many, draw};
use crate::{median, setting};

const SCHEMA: &str = include_str!("../../assets/migrations/postgres/0001_base.sql");

const KEYS: usize = 1_000;

/// A network round trip more than that of the loopback device.
struct Row {
    name: &'static str,
    delay: Duration,
}

const ROWS: [Row; 3] = [
    Row { name: "postgres", delay: Duration::ZERO },
    Row { name: "postgres-1ms", delay: Duration::from_millis(1) },
    Row { name: "postgres-10ms", delay: Duration::from_millis(10) },
];

const GOAL: &str = "goal without delay: 30000/s, 0.5 of SQLite, p99 under 5 ms";

/// Measures the rows that are wanted. Returns the lines of a table, none where there is no server.
pub fn rows(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| wanted(row.name)).collect();
    if rows.is_empty() || !Postgres::available() {
        return Vec::new();
    }
    let many = Many::keys(KEYS, KEYS);
    let database = server().database();
    let secrets: Vec<Secret> = (0..KEYS).map(|_| draw().1).collect();
    database.psql_as_ana(SCHEMA);
    database.psql_as_ana(
        "INSERT INTO database (id, identity, prefix) VALUES (1, decode(repeat('ab', 16), 'hex'), 'ik'); \
         INSERT INTO users (email, login, status, created) VALUES ('ana@example.com', 'ana', 'active', 1); \
         INSERT INTO applications (name, folded, name_order, created) VALUES ('Shop', 'shop', 'shop', 1); \
         INSERT INTO audit (number, at, actor, actor_uid, action, changes, hash) \
         VALUES (1, 100, 1, 10, 'key_created', '[]', sha256('1'));",
    );
    for some in secrets.chunks(200) {
        database.psql_as_ana(&some.iter().map(insert).collect::<String>());
    }
    assert_eq!(psql(&database.socket_url(), "ANALYZE").code, 0);
    let relay = Relay::start(([127, 0, 0, 1], server().port()).into());
    let on_file = Server::keydesk(&many.path());
    let file_load = load(&many.secrets);
    let server_load = load(&secrets);
    let mut lines = vec![GOAL.to_owned()];
    for row in rows {
        relay.delay(Direction::Requests, row.delay / 2);
        relay.delay(Direction::Answers, row.delay / 2);
        let port = if row.delay.is_zero() { server().port() } else { relay.address.port() };
        let on_server = Server::keydesk_at(&database.url_at(format!("localhost:{port}")), Access::get());
        lines.push(row.measure((&on_file, &file_load), (&on_server, &server_load)));
        eprintln!("{}", lines[lines.len() - 1]);
    }
    lines
}

fn load(secrets: &[Secret]) -> Arc<Load> {
    let headers = secrets.iter().map(|key| format!("Authorization: ApiKey-v1 {}\r\n", key.expose()));
    Load::new(headers, Answer::Accepted)
}

fn insert(secret: &Secret) -> String {
    let id = keydesk::domain::token::parse(secret.expose()).unwrap().id;
    let hash = KeyHash::of(secret.expose());
    let hash = hash.as_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!(
        "INSERT INTO keys (key_id, hash, application_id, name, name_order, folded, prefix, type, platform, creator_id, \
         created, expires) VALUES ('{id}', decode('{hash}', 'hex'), 1, 'A', 'a', 'a', 'ik_live_{id}', 'production', '', 1, \
         100, 4000000000);"
    )
}

impl Row {
    fn measure(&self, file: (&Server, &Arc<Load>), server: (&Server, &Arc<Load>)) -> String {
        let round = Until::Elapsed(Duration::from_secs(setting("KEYDESK_BENCH_SECONDS", 1) as u64));
        let run = |(server, load): (&Server, &Arc<Load>)| load.run(server, round);
        run(file);
        run(server);
        let rounds = 0..setting("KEYDESK_BENCH_ROUNDS", 5);
        let pairs: Vec<(Measured, Measured)> = rounds.map(|_| (run(file), run(server))).collect();
        let median_of = |of: fn(&(Measured, Measured)) -> f64| median(pairs.iter().map(of).collect());
        format!(
            "{:<18} {:>8.0}/s   of SQLite {:>5.2}   p99 {:>6.2} ms (SQLite {:.2} ms)",
            self.name,
            median_of(|(_, server)| server.rate()),
            median_of(|(file, server)| server.rate() / file.rate()),
            median_of(|(_, server)| server.p99.as_secs_f64() * 1e3),
            median_of(|(file, _)| file.p99.as_secs_f64() * 1e3),
        )
    }
}
