//! The columns of the table of keys at each width, measured on the screen.

use chrono::TimeDelta;
use insta::assert_snapshot;
use keydesk::config::remembered::Remembered;
use keydesk::desk::{self, Ending, Picked};
use keydesk::domain::key::{KeyKind, NewKey};

use keydesk::tui::app::msg::Msg;

use crate::script::{Script, Start};
use crate::support::TestDesk;

const PLATFORMS: [Option<&str>; 3] = [None, Some("braze"), Some("customer_data")];

/// Names that begin alike, two creators, a rotation, a key that nobody has.
fn demo_like() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.now -= TimeDelta::days(30);
    desk.add_user("benjamin@example.com", Some("ben"));
    for (place, name) in [
        "Loyalty job: nightly points export to S3",
        "Loyalty job: nightly points import",
        "Loyalty job: birthday voucher mailing",
        "Loyalty job: tier recalculation",
        "Loyalty job: partner settlement report",
        "Loyalty job: wallet pass refresh",
        "Loyalty job: fraud score sync",
        "Checkout",
    ]
    .into_iter()
    .enumerate()
    {
        if place % 2 == 1 {
            (desk.caller.login, desk.caller.uid) = ("ben".into(), 1001);
        } else {
            desk.caller = crate::support::ana();
        }
        let platform = PLATFORMS[place % 3].map(str::to_owned);
        let new = NewKey {
            kind: KeyKind::from_platform(platform),
            ..desk.new_key(name, [32, 60, 90, 120, 180, 365, 400, 200][place])
        };
        let key = desk.deliver(&new).key;
        if name == "Checkout" {
            let picked = [Picked { id: key.id, version: key.version }];
            let rotated =
                desk::rotate_keys(&mut desk.session(), &picked, Ending::After(TimeDelta::days(60))).unwrap();
            desk::mark_delivered(&mut desk.session(), rotated[0].created.key.id).unwrap();
        }
    }
    desk.caller = crate::support::ana();
    desk.now += TimeDelta::days(30);
    desk
}

fn at(columns: u16, details_pane: Option<bool>) -> Script {
    let remembered = Remembered { details_pane, ..Remembered::default() };
    Script::starting(demo_like(), Start { remembered, ..Start::default() }, columns, 24)
}

/// The headers of columns of these widths, after the mark and with gaps of one cell. Those of numbers are at the right.
fn headers(columns: &[(&str, usize)]) -> String {
    let cells = columns.iter().map(|(name, width)| match name.trim_end_matches([' ', '↑', '↓']) {
        "EXPIRES" | "LAST USED" => format!(" {name:>width$}"),
        _ => format!(" {name:width$}"),
    });
    format!(" {}", cells.collect::<String>()).trim_end().to_owned()
}

fn header_line(script: &Script) -> String {
    let screen = script.screen();
    let line = screen.lines().find(|line| line.contains("NAME")).unwrap();
    line.split(['│', '▲']).next().unwrap().trim_end().to_owned()
}

const AT_60: &[(&str, usize)] = &[("NAME", 32), ("EXPIRES", 9), ("STATE ↑", 14)];
const AT_80: &[(&str, usize)] =
    &[("NAME", 28), ("PLATFORM", 11), ("EXPIRES", 9), ("STATE ↑", 14), ("LAST USED", 9)];
const AT_100: &[(&str, usize)] =
    &[("NAME", 28), ("PLATFORM", 11), ("EXPIRES", 9), ("STATE ↑", 14), ("CREATOR", 18), ("LAST USED", 9)];
const AT_120: &[(&str, usize)] = &[
    ("NAME", 32),
    ("KEY ID", 10),
    ("PLATFORM", 12),
    ("EXPIRES", 9),
    ("STATE ↑", 14),
    ("CREATOR", 20),
    ("LAST USED", 10),
];
const AT_200: &[(&str, usize)] = &[
    ("NAME", 40),
    ("KEY ID", 10),
    ("ROTATION", 13),
    ("PLATFORM", 20),
    ("EXPIRES", 9),
    ("STATE ↑", 14),
    ("CREATOR", 24),
    ("LAST USED", 10),
];

#[test]
fn each_width_has_its_columns() {
    for (width, pane, expected) in [
        (60, None, AT_60),
        (80, None, AT_80),
        (100, None, AT_100),
        (120, None, AT_120),
        (160, None, AT_120),
        (200, None, AT_200),
        // The pane leaves the list what a terminal of 80 columns has.
        (120, Some(true), AT_80),
    ] {
        let script = at(width, pane);
        assert_eq!(header_line(&script), headers(expected), "{width}: {}", script.screen());
        if pane.is_none() {
            assert_snapshot!(format!("columns_{width}"), script.picture());
        }
    }
}

#[test]
fn the_details_pane_has_its_width_and_is_remembered() {
    let pane = |script: &Script| {
        let screen = script.screen();
        let line = screen.lines().nth(4).unwrap().to_owned();
        line.chars().position(|c| c == '│').map(|at| usize::from(script.app.shared.size.0) - at - 1)
    };
    let mut script = at(160, None);
    assert_eq!(pane(&script), Some(40));
    assert_eq!(pane(&at(200, None)), Some(48));
    script.press("i");
    assert_eq!((pane(&script), script.remembered.as_ref().unwrap().details_pane), (None, Some(false)));
    assert_eq!(pane(&at(160, Some(false))), None);

    let mut script = at(120, None);
    assert_eq!(pane(&script), None);
    script.press("i");
    assert_eq!(pane(&script), Some(40));
    assert!(script.screen().contains("ik_live_"), "{}", script.screen());
    for columns in 40..=220 {
        script.msg(Msg::Resize(columns, 24));
        let name = header_line(&script).find("EXPIRES").unwrap();
        assert!(pane(&script).is_none() || name > 30, "{columns}: NAME keeps 28 cells beside the pane");
    }
    let mut script = at(80, None);
    script.press("i");
    assert!(script.screen().contains("The details pane needs 98 columns"), "{}", script.screen());
    assert_eq!(script.remembered, None);
    script.press("enter");
    assert_eq!(script.app.modals.len(), 1, "a dialog has the details");
}

#[test]
fn names_get_room_first_and_no_more_than_they_need() {
    let mut desk = TestDesk::new();
    desk.deliver(&desk.new_key("Checkout", 90));
    let script = Script::on(desk, 80, 24);
    let expected = [("NAME", 18), ("PLATFORM", 21), ("EXPIRES", 9), ("STATE ↑", 14), ("LAST USED", 9)];
    assert_eq!(header_line(&script), headers(&expected), "{}", script.screen());
}

#[test]
fn names_that_look_alike_have_their_ids() {
    for columns in [60, 80, 100] {
        let script = at(columns, None);
        let screen = script.screen();
        let checkouts: Vec<&str> = screen.lines().filter(|line| line.contains("Checkout")).collect();
        assert_eq!(checkouts.len(), 2, "{screen}");
        let keys = script.app.screens.keys.list.rows.visible().0;
        for key in keys.iter().filter(|key| key.name.as_str() == "Checkout") {
            let arrow = if key.replaced_by.is_some() { "→" } else { "←" };
            let with =
                |line: &&&str| line.contains(key.id.as_str()) && line.contains(&format!("Checkout {arrow}"));
            assert_eq!(checkouts.iter().filter(with).count(), 1, "{screen}");
        }
        // These two differ only behind the place where they are cut.
        if columns == 80 {
            assert_eq!(screen.matches("Loyalty job: nig").count(), 2, "{screen}");
        }
        assert!(screen.contains("Loyalty job: fraud score sync") || columns > 60, "{screen}");
    }
}

#[test]
fn the_sorted_column_is_always_there_with_its_arrow() {
    let headers = ["STATE", "CREATOR", "LAST USED", "NAME", "KEY ID", "PLATFORM", "EXPIRES"];
    for columns in [60, 80, 100, 120, 160, 200] {
        let mut script = at(columns, None);
        for header in headers {
            assert!(header_line(&script).contains(&format!("{header} ↑")), "{columns}: {}", script.screen());
            script.press("S");
            assert!(header_line(&script).contains(&format!("{header} ↓")), "{columns}: {}", script.screen());
            script.press("S s");
        }
    }
}

#[test]
fn the_domain_of_the_creators_leaves_first() {
    assert!(at(200, None).screen().contains("ana@example.com"));
    let screen = at(120, None).screen();
    let (_, list) = screen.split_once("NAME").unwrap();
    assert!(list.contains(" ana ") && list.contains("benjamin ") && !list.contains('@'), "{screen}");
    let mut desk = demo_like();
    desk.add_user("eve@partner.org", Some("eve"));
    (desk.caller.login, desk.caller.uid) = ("eve".into(), 1002);
    desk.deliver(&desk.new_key("Search", 20));
    desk.caller = crate::support::ana();
    let screen = Script::on(desk, 120, 24).screen();
    assert!(screen.contains("eve@partner.org") && screen.contains("ana@example.com"), "{screen}");
}
