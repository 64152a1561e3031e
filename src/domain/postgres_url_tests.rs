use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> PostgresUrl {
    PostgresUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> UrlError {
    PostgresUrl::parse(text).expect_err(text)
}

fn endpoints(text: &str) -> Vec<String> {
    parse(text).settings().endpoints().map(|(host, port)| format!("{host}:{port}")).collect()
}

#[test]
fn urls_are_read_as_by_libpq() {
    let url = parse(
        "postgres://keydesk_admin@db.internal:6432/keydesk?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3",
    );
    let settings = url.settings();
    assert_eq!(settings.user.as_deref(), Some("keydesk_admin"));
    assert_eq!(settings.database.as_deref(), Some("keydesk"));
    assert_eq!(settings.ssl_mode, Some(SslMode::VerifyFull));
    assert_eq!(settings.root_certificate, Some(RootCertificate::File("/etc/ca.pem".into())));
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(3)));
    assert_eq!(endpoints("postgresql://a,b:1,[::1]:2/x"), ["a:5432", "b:1", "[::1]:2"]);
    assert_eq!(endpoints("postgres:///x?host=/run/pg&port=7"), ["/run/pg:7"]);
    assert_eq!(endpoints("postgres:///x?host=a,b&port=7"), ["a:7", "b:7"]);
    assert_eq!(endpoints("postgres://%2Frun%2Fpg/x"), ["/run/pg:5432"]);
    assert!(endpoints("postgres:///keydesk").is_empty());
    assert_eq!(parse("postgres://d%C3%A9mo%40x@h/a%2Fb").settings().user.as_deref(), Some("démo@x"));
    assert_eq!(parse("postgres://?service=keydesk").service(), Some("keydesk"));
}

#[test]
fn a_url_with_a_password_is_rejected_and_not_repeated() {
    for (text, expected) in [
        ("postgres://ana:hunter2@db/keydesk", UrlError::Password),
        ("postgres://ana:@db/keydesk", UrlError::Password),
        ("postgres://ana@db/keydesk?password=hunter2", UrlError::Password),
        ("postgres://db/keydesk?user=ana&%70assword=hunter2", UrlError::Password),
        ("postgres://db/keydesk?sslpassword=hunter2", UrlError::Password),
        // Passwords that are not encoded.
        ("postgres://ana:hun@ter2@db/keydesk", UrlError::Character),
        ("postgres://ana:hunter2/x@db/keydesk", UrlError::Character),
        ("postgres://ana:5432/hunter2@db/keydesk", UrlError::Character),
        ("postgres://ana:5432?hunter2=x@db/keydesk", UrlError::Character),
        ("postgres://ana:hunter2", UrlError::Port),
        ("postgres://ana:hunter2/keydesk", UrlError::Port),
        ("postgres://ana hunter2@[db/keydesk", UrlError::Host),
    ] {
        let error = error(text);
        assert_eq!(error, expected, "{text}");
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("hunter2"), "{text}");
    }
    assert!(error("postgres://ana:x@db").hint().contains("~/.pgpass"));
}

#[test]
fn invalid_urls_say_what_is_wrong() {
    let unknown = |keyword: &str| UrlError::Unknown(keyword.to_owned());
    for (text, expected) in [
        ("postgres://h:0/x", UrlError::Port),
        ("postgres://h:65536/x", UrlError::Port),
        ("postgres://h:1:2/x", UrlError::Port),
        ("postgres://[::1/x", UrlError::Host),
        ("postgres://[::1]x/x", UrlError::Host),
        ("postgres://a b/x", UrlError::Host),
        ("postgres://h/x?port=1,2", UrlError::Ports),
        ("postgres://h/%zz", UrlError::Encoding),
        ("postgres://h/%00", UrlError::Encoding),
        ("postgres://h/%ff", UrlError::Encoding),
        ("postgres://h/a/b", UrlError::Character),
        ("postgres://h/x?sslmode", UrlError::NoValue),
        ("postgres://h/x?options=-cjit=off", unknown("options")),
        ("postgres://h/x?sslmode=full", UrlError::Value { keyword: "sslmode", value: "full".into() }),
        (
            "postgres://h/x?target_session_attrs=standby",
            UrlError::Value { keyword: "target_session_attrs", value: "standby".into() },
        ),
    ] {
        let error = error(text);
        assert_eq!(error, expected, "{text}");
        assert!(error.hint().starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
    }
}

#[test]
fn only_loopback_addresses_and_sockets_may_be_used_without_tls() {
    let encryption = |text: &str| {
        let url = PostgresUrl::parse(text)?;
        url.settings().encryption(&url.settings().hosts[0])
    };
    for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "%2Ftmp"] {
        assert_eq!(encryption(&format!("postgres://{host}/x")), Ok(Encryption::None), "{host}");
        assert_eq!(
            encryption(&format!("postgres://{host}/x?sslmode=disable")),
            Ok(Encryption::None),
            "{host}"
        );
    }
    for host in ["db.internal", "10.0.0.1", "[2001:db8::1]", "localhost.example.com", "[::ffff:10.0.0.1]"] {
        for mode in ["", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=verify-full"] {
            let text = format!("postgres://{host}/x{mode}");
            assert_eq!(encryption(&text), Ok(Encryption::Verified), "{text}");
        }
        for mode in ["disable", "allow", "prefer"] {
            let text = format!("postgres://{host}/x?sslmode={mode}");
            assert_eq!(encryption(&text).map_err(|error| error.code()), Err("tls_required"), "{text}");
        }
    }
    assert_eq!(encryption("postgres://localhost/x?sslmode=verify-full"), Ok(Encryption::Verified));
    assert_eq!(encryption("postgres://localhost/x?sslrootcert=ca.pem"), Ok(Encryption::Verified));
    // One host of several is enough.
    assert_eq!(error("postgres://localhost,db/x?sslmode=disable").code(), "tls_required");
}

#[test]
fn a_service_fills_in_what_the_url_leaves_out() {
    let mut service = Settings::default();
    for (keyword, value) in [("host", "a,b"), ("port", "6432"), ("user", "ana"), ("dbname", "keydesk")] {
        service.set(keyword, value).unwrap();
    }
    let url = parse("postgres://bob@/?service=x");
    let merged = url.settings().clone().or(service);
    assert_eq!(merged.user.as_deref(), Some("bob"));
    assert_eq!(merged.database.as_deref(), Some("keydesk"));
    assert_eq!(merged.endpoints().map(|(_, port)| port).collect::<Vec<_>>(), [6432, 6432]);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fail_otherwise(text in "(postgres://)?[a-z0-9@:/?&=%,.\\[\\]é \u{202e}-]{0,40}") {
        let _ = PostgresUrl::parse(&text);
    }

    #[test]
    fn what_is_displayed_is_the_same_url(
        user in proptest::option::of("[a-zé@:/ ]{1,8}"),
        hosts in proptest::collection::vec(("[a-z]{1,5}|127\\.0\\.0\\.1|::1|/run/x y", proptest::option::of(1u16..)), 0..3),
        database in proptest::option::of("[a-z/?&=%]{1,8}"),
        mode in proptest::option::of(Just(SslMode::VerifyFull)),
        service in proptest::option::of("[a-z&=]{1,5}"),
        name in proptest::option::of("[ -~]{1,8}"),
    ) {
        let url = PostgresUrl {
            service,
            settings: Settings {
                ports: hosts.iter().map(|(_, port)| *port).collect(),
                hosts: hosts.iter().map(|(host, _)| host.parse().unwrap()).collect(),
                user,
                database,
                ssl_mode: mode,
                application_name: name,
                ..Settings::default()
            },
        };
        let shown = url.to_string();
        let parsed = PostgresUrl::parse(&shown).unwrap();
        prop_assert_eq!(parsed.to_string(), shown);
        prop_assert_eq!(
            parsed.settings().endpoints().collect::<Vec<_>>(),
            url.settings().endpoints().collect::<Vec<_>>()
        );
        prop_assert_eq!(&parsed.settings().user, &url.settings().user);
        prop_assert_eq!(&parsed.settings().database, &url.settings().database);
        prop_assert_eq!(parsed.service(), url.service());
    }
}
