//! `keydesk keys show`: where requests came from, and which sources have moved to the successor.

use serde_json::json;

use crate::support::home::Home;

/// Checkout, rotated an hour ago: its predecessor is used by four sources, of which one has moved.
fn rotated() -> (Home, String, String) {
    let home = Home::set_up();
    let (old, _) = home.key("Checkout", &[]);
    let said = home.run(&["keys", "rotate", "Checkout", "--json"]);
    let new = said.json()["id"].as_str().unwrap().to_owned();
    home.sql(&format!(
        "INSERT INTO key_use SELECT key_id, application_id, unixepoch() - 9000, unixepoch() - 90, '10.0.0.9'
         FROM keys WHERE key_id = '{old}';
         INSERT INTO key_uses VALUES ('{old}', unixepoch() / 86400, 412);
         INSERT INTO key_sources VALUES
             ('{old}', '', '10.0.0.9', 400, unixepoch() - 9000, unixepoch() - 90),
             ('{old}', '', '10.0.0.4', 9, unixepoch() - 8000, unixepoch() - 1800),
             ('{old}', '', '2001:db8::7', 2, unixepoch() - 8000, unixepoch() - 1700),
             ('{old}', '', '', 1, unixepoch() - 9000, unixepoch() - 9000),
             ('{old}', '', '*', 30, unixepoch() - 900000, unixepoch() - 864000),
             ('{old}', 'disabled', '10.0.0.77', 5, unixepoch() - 20000, unixepoch() - 19000),
             ('{new}', '', '10.0.0.4', 80, unixepoch() - 1800, unixepoch() - 1),
             ('{new}', '', '2001:db8::7', 1, unixepoch() - 1900, unixepoch() - 1900);"
    ));
    (home, old, new)
}

#[test]
fn show_lists_the_sources_and_whether_they_have_moved() {
    let (home, old, new) = rotated();
    let document = home.run(&["keys", "show", &old, "--json"]).json();
    let sources: Vec<_> = document["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| {
            assert!(source["first"].as_str().unwrap().ends_with('Z'), "{source}");
            assert!(source["last"].as_str() >= source["first"].as_str(), "{source}");
            assert_eq!(source.as_object().unwrap().len(), 5, "{source}");
            (source["address"].clone(), source["requests"].clone(), source["moved"].clone())
        })
        .collect();
    assert_eq!(
        sources,
        [
            (json!("10.0.0.9"), json!(400), json!(false)),
            (json!("2001:db8::7"), json!(2), json!(false)),
            (json!("10.0.0.4"), json!(9), json!(true)),
            (json!(null), json!(1), json!(null)),
        ],
        "the one that used the old key again has not moved"
    );
    assert_eq!(document["older_sources"]["requests"], 30);

    let document = home.run(&["keys", "show", &new, "--json"]).json();
    assert_eq!(document["sources"][0]["address"], "10.0.0.4");
    assert_eq!(document["sources"][0]["moved"], json!(null), "nothing to move to");
    assert_eq!(document.get("older_sources"), None);

    let text = home.run(&["keys", "show", &old]).out;
    let table: Vec<&str> = text.lines().skip_while(|line| !line.contains("SOURCE")).collect();
    assert_eq!(
        table,
        [
            "  SOURCE           REQUESTS  FIRST        LAST            MOVED",
            "  10.0.0.9              400  2 hours ago  1 minute ago    no",
            "  2001:db8::7             2  2 hours ago  28 minutes ago  both",
            "  10.0.0.4                9  2 hours ago  30 minutes ago  yes",
            "  unknown address         1  2 hours ago  2 hours ago",
            "  older sources          30  10 days ago  10 days ago",
        ],
        "{text}"
    );
    assert!(!home.run(&["keys", "show", &new]).out.contains("MOVED"));
    let (unused, _) = home.key("Unused", &[]);
    assert!(!home.run(&["keys", "show", &unused]).out.contains("SOURCE"));
}
