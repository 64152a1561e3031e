//! The maximum lifetime of the configuration, for new keys and for successors.

use serde_json::{Value, json};

use crate::support::home::Home;

fn limited(home: &Home, days: u32) {
    std::fs::create_dir_all(home.path("config/keydesk")).unwrap();
    std::fs::write(home.path("config/keydesk/config.toml"), format!("max_lifetime = \"{days}d\"\n")).unwrap();
}

fn days_of(key: &Value) -> i64 {
    let at = |field: &str| chrono::DateTime::parse_from_rfc3339(key[field].as_str().unwrap()).unwrap();
    (at("expires") - at("created")).num_days()
}

#[test]
fn no_key_is_created_that_lives_longer() {
    let home = Home::set_up();
    limited(&home, 30);
    let create = |name: &str, more: &[&str]| home.run(&[&["keys", "create", name, "--json"], more].concat());
    assert_eq!(days_of(&create("Default", &[]).json()), 30, "the default of 90 days is limited");
    assert_eq!(days_of(&create("Exact", &["--expires", "30d"]).json()), 30);
    for when in ["31d", "6mo", "2099-01-01", "2099-01-01T00:00:00Z"] {
        let said = create("Long", &["--expires", when]);
        assert_eq!((said.code, said.error().0.as_str()), (2, "max_lifetime"), "{when}: {said:?}");
        assert!(said.error().1.contains("30 days") && said.error().2.contains("keydesk config"), "{said:?}");
    }
    assert_eq!(home.run(&["keys", "list", "--json"]).json().as_array().map(Vec::len), Some(2));
    let settings = home.run(&["config", "--json"]).json();
    let setting =
        |name: &str| settings.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(
        (&setting("max_lifetime")["value"], &setting("default_expiry")["value"]),
        (&json!("30d"), &json!("30d"))
    );
}

#[test]
fn a_successor_lives_no_longer_than_the_maximum_and_that_is_said() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    limited(&home, 30);
    let said = home.run(&["keys", "rotate", "Checkout", "--expires", "31d", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (2, "max_lifetime"), "{said:?}");
    assert_eq!(home.run(&["keys", "show", &id, "--json"]).json()["replaced_by"], json!(null));
    let said = home.run(&["keys", "rotate", "Checkout"]);
    assert!(said.err.contains("Its lifetime is limited to 30 days (max_lifetime)."), "{}", said.err);
    assert_eq!(days_of(&home.run(&["keys", "show", "Checkout", "--json"]).json()), 30);
    let said = home.run(&["keys", "rotate", "Checkout"]);
    assert!(!said.err.contains("max_lifetime"), "as long as before: {}", said.err);
    let said = home.run(&["keys", "rotate", "Checkout", "--expires", "7d"]);
    assert!(!said.err.contains("max_lifetime"), "as wanted: {}", said.err);
}
