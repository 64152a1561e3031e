//! Canary keys: the client learns nothing, and everyone else is told.

use std::time::Duration;

use keydesk::desk;
use keydesk::domain::key::KeyType;
use keydesk::domain::token::{self, Prefix};
use keydesk::store::{keys, usage};

use crate::support::endpoint::Endpoint;
use crate::support::{Seeded, TestDesk, until};

#[test]
fn a_canary_key_is_answered_like_an_unknown_one_and_raises_an_alarm() {
    let mut desk = TestDesk::of_today();
    let new = desk.new_key("CI canary", 90);
    let canary = desk::create_canary_key(&mut desk.session(), &new).unwrap();
    let secret = canary.secret.expose().to_owned();
    let mut entropy = Seeded(7);
    let id = token::draw_id(&mut entropy).unwrap();
    let unknown = token::draw_secret(&Prefix::default(), KeyType::Production, id, &mut entropy)
        .unwrap()
        .expose()
        .to_owned();
    let endpoint = Endpoint::start(&desk.path(), &[]);
    let metrics = || endpoint.get("/metrics", &[]).body;
    let before = metrics();
    for line in
        ["keydesk_decisions_total{outcome=\"refused\",reason=\"canary\"} 0", "keydesk_canaries_used 0"]
    {
        assert!(before.contains(line), "{line}: {before}");
    }
    for path in ["/auth", "/auth/Storefront", "/auth/Other"] {
        let answers = [&unknown, &secret].map(|text| {
            let answer = endpoint.get(path, &[("X-API-Key", text)]);
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
            (answer.status, headers, answer.body)
        });
        assert_eq!(answers[0].0, 401);
        assert_eq!(answers[0], answers[1], "{path}");
    }
    assert!(
        metrics().contains("keydesk_decisions_total{outcome=\"refused\",reason=\"canary\"} 3"),
        "{}",
        metrics()
    );
    let used = || desk.store.read(|r| keys::get(r, canary.key.id)).unwrap().unwrap();
    assert!(until(Duration::from_secs(5), || used().has_alarm()));
    let sources = desk.store.read(|r| usage::sources(r, canary.key.id, Some(usage::CANARY))).unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0].address, usage::SourceAddress::Known("127.0.0.1".into()));
    let (_, log) = endpoint.stop_and_read_log();
    let alarms: Vec<&String> = log.iter().filter(|line| line.contains("canary key used")).collect();
    assert_eq!(alarms.len(), 3, "{log:?}");
    for part in ["WARN", canary.key.id.as_str(), "reason=\"canary\"", "from=127.0.0.1", "20"] {
        assert!(alarms[0].contains(part), "{part}: {}", alarms[0]);
    }
    assert!(!log.iter().any(|line| line.contains(&secret)), "{log:?}");

    // The gauge counts what was not acknowledged.
    let gauge = |desk: &TestDesk| {
        let endpoint = Endpoint::start(&desk.path(), &[]);
        let text = endpoint.get("/metrics", &[]).body;
        text.lines().find(|line| line.starts_with("keydesk_canaries_used ")).unwrap().to_owned()
    };
    assert_eq!(gauge(&desk), "keydesk_canaries_used 1");
    let seen = desk::CanaryUse::of(&used()).unwrap();
    desk::acknowledge_canaries(&mut desk.session(), &[seen]).unwrap();
    assert_eq!(gauge(&desk), "keydesk_canaries_used 0");
}
