//! Keys by command: create, list, show, disable, enable, delete, and how they are named.

use serde_json::json;

use crate::support::home::Home;

/// The fields of a key, in the contract's order.
const FIELDS: [&str; 22] = [
    "id",
    "name",
    "application",
    "prefix",
    "kind",
    "platform",
    "type",
    "state",
    "created",
    "creator",
    "expires",
    "last_used",
    "last_used_from",
    "uses_30d",
    "replaces",
    "replaced_by",
    "owner",
    "note",
    "allowed_sources",
    "canary",
    "disabled_until",
    "ends_when_unused_for",
];

fn in_order(text: &str, fields: &[&str]) -> bool {
    let places: Vec<_> = fields.iter().map(|field| text.find(&format!("\"{field}\": "))).collect();
    places.iter().all(Option::is_some) && places.is_sorted()
}

#[test]
fn the_json_of_a_key_follows_the_contract() {
    let home = Home::set_up();
    let created = home.run(&[
        "keys",
        "create",
        "--name",
        "Checkout",
        "--platform",
        "braze",
        "--expires",
        "2099-02-21T10:00:00+01:00",
        "--json",
    ]);
    assert!(in_order(&created.out, &[&FIELDS[..], &["secret"]].concat()), "{}", created.out);
    let document = created.json();
    let id = document["id"].as_str().unwrap();
    assert_eq!(document.as_object().map(serde_json::Map::len), Some(23));
    assert!(document["secret"].as_str().unwrap().starts_with(&format!("ik_live_{id}_")));

    let shown = home.run(&["keys", "show", id, "--json"]);
    assert!(in_order(&shown.out, &FIELDS), "{}", shown.out);
    let mut expected = json!({
        "id": id, "name": "Checkout", "application": "Storefront", "prefix": format!("ik_live_{id}"),
        "kind": "third_party", "platform": "braze", "type": "production", "state": "valid",
        "creator": "ana@example.com", "expires": "2099-02-21T09:00:00Z",
        "last_used": null, "last_used_from": null, "uses_30d": 0, "replaces": null, "replaced_by": null,
        "owner": null, "note": null, "allowed_sources": [], "canary": false, "disabled_until": null,
        "ends_when_unused_for": null,
    });
    expected["created"] = document["created"].clone();
    assert_eq!(home.run(&["keys", "list", "--json"]).json(), json!([expected]));
    expected["sources"] = json!([]);
    // What only the details have.
    for (field, value) in
        [("rejected", json!([])), ("canary_used", json!(null)), ("acknowledged", json!(null))]
    {
        expected[field] = value;
    }
    assert_eq!(shown.json(), expected);

    let (test, _) = home.key("Generic", &["--type", "test"]);
    let test = home.run(&["keys", "show", &test, "--json"]).json();
    assert_eq!(
        (&test["kind"], &test["platform"], &test["type"]),
        (&json!("generic"), &json!(null), &json!("test"))
    );
    assert!(test["prefix"].as_str().unwrap().starts_with("ik_test_"));
    let days = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    let life = days(test["expires"].as_str().unwrap()) - days(test["created"].as_str().unwrap());
    assert_eq!(life.num_days(), 90, "the default of the settings");
}

#[test]
fn lists_are_filtered_sorted_and_reversed() {
    let home = Home::set_up();
    for (name, platform, expires) in
        [("b one", "braze", "3d"), ("A two", "segment", "20d"), ("c three", "generic", "10d")]
    {
        home.key(name, &["--platform", platform, "--expires", expires]);
    }
    home.run(&["keys", "disable", "c three"]);
    let names = |more: &[&str]| {
        let said = home.run(&[&["keys", "list", "--json"], more].concat());
        assert_eq!(said.code, 0, "{said:?}");
        let list = said.json();
        list.as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["A two", "b one", "c three"]);
    assert_eq!(names(&["--sort", "name", "--reverse"]), ["c three", "b one", "A two"]);
    assert_eq!(names(&["--sort", "expires"]), ["b one", "c three", "A two"]);
    assert_eq!(names(&["--sort", "state"]), ["b one", "A two", "c three"]);
    for column in ["id", "platform", "creator", "last_used"] {
        assert_eq!(names(&["--sort", column]).len(), 3, "{column}");
    }
    assert_eq!(names(&["--state", "expires_soon"]), ["b one"]);
    assert_eq!(names(&["--state", "disabled"]), ["c three"]);
    assert_eq!(names(&["--state", "valid"]), ["A two"]);
    assert_eq!(names(&["--platform", "generic"]), ["c three"]);
    assert_eq!(names(&["--platform", "segment"]), ["A two"]);
    assert_eq!(names(&["--filter", "TWO ana@"]), ["A two"]);
    assert_eq!(names(&["--filter", "nothing"]), Vec::<String>::new());
    assert_eq!(names(&["--filter", "\"b o\""]), ["b one"]);
    assert_eq!(
        names(&["--filter", "state:soon platform:braze creator:ana@ used:never expires:<4d"]),
        ["b one"]
    );
    assert_eq!(names(&["--filter", "expires:>4d state:valid"]), ["A two"]);
    assert_eq!(names(&["--filter", "type:test"]), Vec::<String>::new());
    assert_eq!(names(&["--filter", "https://x"]), Vec::<String>::new(), "an ordinary word");
    for (term, allowed) in
        [("state:xyz", "state:valid|soon"), ("expires:soon", "<14d"), ("creator:", "creator:ana@")]
    {
        let said = home.run(&["keys", "list", "--filter", term]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{term}");
        assert!(said.err.contains(&format!("{term:?}")) && said.err.contains(allowed), "{}", said.err);
    }

    let text = home.run(&["keys", "list"]).out;
    assert!(text.starts_with("NAME     KEY ID      PLATFORM  TYPE        EXPIRES"), "{text}");
    assert!(text.contains("Expires soon") && !text.contains('\u{1b}'), "{text}");
    let said = home.run(&["keys", "list", "--filter", "nothing"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert!(said.err.contains("No matching keys"), "{}", said.err);
}

#[test]
fn keys_are_found_by_id_prefix_or_name() {
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    let shown = |named: &str| home.run(&["keys", "show", named, "--json"]);
    for named in [&id, &format!("ik_live_{id}"), "Checkout", "CHECKOUT"] {
        assert_eq!(shown(named).json()["id"], id.as_str(), "{named}");
    }
    let said = shown(&format!("ik_test_{id}"));
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_found"), "another key's prefix");

    let said = shown("Chekout");
    assert_eq!(said.code, 3);
    let expected = (
        "not_found".to_owned(),
        "key \"Chekout\" not found in Storefront".to_owned(),
        "did you mean \"Checkout\"? Otherwise run \"keydesk keys list\" to see all keys".to_owned(),
    );
    assert_eq!(said.error(), expected);
    assert_eq!(shown("xyz").error().2, "run \"keydesk keys list\" to see all keys");

    let (second, _) = home.key("checkout", &[]);
    let said = shown("Checkout");
    let (code, message, _) = said.error();
    assert_eq!((said.code, code.as_str()), (3, "ambiguous"));
    assert!(message.contains(&id) && message.contains(&second), "{message}");
    for _ in 0..10 {
        home.key("Checkout", &[]);
    }
    let (_, message, _) = shown("Checkout").error();
    assert!(message.matches("  ik_live_").count() == 8 && message.ends_with("\n  and 4 more"), "{message}");

    // A name of ten letters is no key ID unless there is such a key.
    let (ten, _) = home.key("Newsletter", &[]);
    assert_eq!(shown("Newsletter").json()["id"], ten.as_str());

    home.run(&["apps", "create", "Other"]);
    assert_eq!(shown(&id).json()["id"], id.as_str(), "an ID needs no Application");
    let said = home.run(&["keys", "show", &id, "--app", "Other", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "not_found"));
    assert_eq!(shown("Newsletter").code, 2, "a name does");

    home.run(&["keys", "delete", &ten, "--yes"]);
    let said = home.run(&["keys", "show", &ten, "--app", "Storefront", "--json"]);
    assert_eq!((said.code, said.error().0.as_str()), (3, "deleted"));
}

#[test]
fn a_key_is_created_with_its_name_as_argument_or_option() {
    let home = Home::set_up();
    for arguments in [&["Checkout"][..], &["--name", "Checkout 2"], &["--platform", "braze", "--", "--odd"]] {
        let said = home.run(&[&["keys", "create", "--json"], arguments].concat());
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.json()["name"], *arguments.last().unwrap());
    }
    assert_eq!(home.run(&["keys", "create", "A", "--name", "A"]).code, 2, "one of them");
    for no_terminal in [&["keys", "create"][..], &["keys", "create", "--platform", "braze"]] {
        let said = home.run(&[no_terminal, &["--json"]].concat());
        let expected = (
            "usage".into(),
            "missing argument: <NAME>".into(),
            "run \"keydesk keys create --help\" for help".into(),
        );
        assert_eq!((said.code, said.error()), (2, expected));
    }
}

#[test]
fn disabled_keys_can_be_enabled_and_deleted_ones_cannot() {
    let home = Home::set_up();
    let (one, secret) = home.key("One", &[]);
    let (two, _) = home.key("Two", &[]);
    let reason = || home.run_with(secret.clone(), &["verify", "--json"]).json()["reason"].clone();

    let said = home.run(&["keys", "disable", "One", &two, &one, "--json"]);
    let list = said.json();
    assert_eq!(list.as_array().map(Vec::len), Some(2), "each once");
    assert_eq!(list[0]["state"], "disabled");
    assert_eq!(reason(), "disabled");
    assert_eq!(home.run(&["keys", "disable", &one]).code, 0, "again is harmless");
    assert_eq!(home.run(&["keys", "enable", "One", "Two"]).code, 0);
    assert_eq!(reason(), json!(null));
    home.run(&["keys", "disable", "Two"]);
    home.sql("UPDATE keys SET created = 1600000000, expires = 1600000001 WHERE name = 'Two'");
    let said = home.run(&["keys", "enable", "Two"]);
    assert!(said.err.contains("It has expired: requests that use it are rejected"), "{}", said.err);

    let said = home.run(&["keys", "delete", "One", "Nobody", "--yes"]);
    assert_eq!(said.code, 3, "all or none");
    assert_eq!(reason(), json!(null));
    let said = home.run(&["keys", "delete", "One"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "no terminal and no --yes");
    assert_eq!(reason(), json!(null));

    let said = home.run(&["keys", "delete", "One", "--yes", "--json"]);
    let receipt = &said.json()[0];
    assert_eq!((&receipt["id"], &receipt["name"]), (&json!(one), &json!("One")));
    assert!(receipt["deleted"].as_str().is_some_and(|at| at.ends_with('Z')));
    // `verify` let it in above; a file or a pipe has no address.
    assert!(receipt["last_used"].as_str().is_some_and(|at| at <= receipt["committed"].as_str().unwrap()));
    assert_eq!(receipt["last_used_from"], json!(null));
    assert_eq!(reason(), "deleted");
    let said = home.run(&["keys", "delete", "Two", "--yes"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert!(said.err.contains("deleted. Requests that use it are rejected since"), "{}", said.err);
    // It may have been used a moment ago.
    assert!(said.err.contains("No recorded use as of 1 s ago."), "{}", said.err);
}

#[test]
fn warnings_do_not_stop_a_command() {
    let home = Home::set_up();
    let create = |name: &str, when: &str| home.run(&["keys", "create", name, "--expires", when]);
    let said = create("A", "2098-03-01T12:00:00Z");
    assert!(said.code == 0 && said.err.contains("Saturday"), "{}", said.err);
    assert!(create("B", "2098-12-29").err.contains("Expires during the year-end holidays"));
    for number in 0..10 {
        assert!(!create(&format!("C {number}"), "2098-05-13").err.contains("warning"));
    }
    let said = create("a", "2098-05-13");
    assert!(said.code == 0 && said.err.contains("warning: Another key of this Application has this name."));
    let said = create("D", "2098-05-14");
    assert!(said.code == 0 && said.err.contains("11 other keys expire in the same month"), "{}", said.err);
}

#[test]
fn usage_instructions_never_contain_the_secret() {
    let home = Home::set_up();
    let (id, secret) = home.key("Checkout", &["--platform", "braze"]);
    let document = home.run(&["keys", "usage", &id, "--json"]).json();
    assert_eq!(document["platform"], "braze");
    assert!(document["curl"].as_str().unwrap().starts_with("curl "));
    assert!(!document["steps"].as_array().unwrap().is_empty());
    home.key("Plain", &[]);
    let text = home.run(&["keys", "usage", "Plain"]).out;
    assert!(text.contains("Authorization: ApiKey-v1 <key>") && text.contains("curl "), "{text}");
    for said in [home.run(&["keys", "usage", &id]), home.run(&["keys", "show", &id])] {
        assert!(!said.out.contains(&secret), "{}", said.out);
    }
}

#[test]
fn hostile_names_are_stored_and_displayed_safely() {
    let home = Home::set_up();
    let hostile = [
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "\u{202e}live",
        "\u{9b}31mred",
        "zero\u{200b}width",
        "'; DROP TABLE keys; --\"",
        "=1+1",
    ];
    for name in hostile {
        let (id, _) = home.key(name, &[]);
        let said = home.run(&["keys", "show", &id, "--json"]);
        assert_eq!(said.json()["name"], name);
        assert!(!said.out.trim_end().chars().any(keydesk::domain::text::is_unsafe), "{}", said.out);
        assert_eq!(home.run(&["keys", "show", name, "--json"]).json()["id"], id.as_str());
    }
    home.run(&["apps", "create", "App\u{202e}\u{1b}[1m"]);
    let outputs = [
        home.run(&["keys", "list", "--app", "Storefront"]),
        home.run(&["apps", "list"]),
        home.run(&["keys", "list"]),
        home.run(&["keys", "show", "\u{1b}[31m", "--app", "Storefront"]),
        home.run(&["keys", "list", "--sort", "\u{1b}[31m\u{202e}"]),
        home.run(&["\u{1b}[31m\u{202e}"]),
    ];
    for said in outputs {
        let all = format!("{}{}", said.out, said.err).replace('\n', "");
        assert!(!all.chars().any(keydesk::domain::text::is_unsafe), "{all:?}");
    }
}

#[test]
fn all_applications_are_listed_together_in_natural_order() {
    let home = Home::set_up();
    home.run(&["apps", "create", "Other"]);
    for (name, application) in [("Job 10", "Storefront"), ("job 2", "Other"), ("Job 1", "Other")] {
        home.key(name, &["--app", application]);
    }
    assert_eq!(home.run(&["keys", "list"]).code, 2, "which one?");
    let said = home.run(&["keys", "list", "--all-apps", "--json"]);
    let found = said.json();
    let of = |field: &str| -> Vec<String> {
        found.as_array().unwrap().iter().map(|key| key[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("name"), ["Job 1", "job 2", "Job 10"]);
    assert_eq!(of("application"), ["Other", "Other", "Storefront"]);
    let table = home.run(&["keys", "list", "--all-apps", "--limit", "2"]).out;
    let columns: Vec<&str> = table.lines().next().unwrap().split_whitespace().take(2).collect();
    assert_eq!((columns, table.lines().count()), (vec!["NAME", "APPLICATION"], 3), "{table}");
    assert!(!home.run(&["keys", "list", "--app", "Other"]).out.contains("APPLICATION"));
    let none = home.run(&["keys", "list", "--all-apps", "--filter", "nothing"]);
    assert!(none.err.contains("No matching keys in any Application."), "{none:?}");
    let exported = home.run(&["export", "--app", "Other", "--all-apps", "--format", "json"]);
    assert_eq!(exported.json().as_array().unwrap().len(), 3);
}

#[test]
fn a_filter_of_too_many_terms_is_rejected() {
    let home = Home::set_up();
    home.key("Checkout", &[]);
    let list = |terms: usize| home.run(&["keys", "list", "--json", "--filter", &"check ".repeat(terms)]);
    assert_eq!(list(100).json()[0]["name"], "Checkout");
    let said = list(5_000);
    assert_eq!((said.code, said.error().0.as_str()), (2, "bad_filter"), "{said:?}");
}
