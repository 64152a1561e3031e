//! Users: what a user's page tells, and that nobody locks everybody out.

use insta::assert_snapshot;

use crate::script::Script;
use crate::support::TestDesk;

fn desk() -> TestDesk {
    let mut desk = TestDesk::new();
    desk.add_user("ben@example.com", Some("no-such-login"));
    let new = desk.new_key("Checkout", 90);
    desk.deliver(&new);
    desk
}

#[test]
fn enter_on_a_user_opens_the_user() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::on(desk(), columns, rows);
        script.press("3 down enter");
        assert_snapshot!(format!("user_{columns}"), script.picture());
        script.press("x");
        assert!(script.screen().contains("Disable user"), "{}", script.screen());
        script.press("y");
        assert!(script.screen().contains("User ben@example.com disabled"), "{}", script.screen());
        script.press("up enter");
        assert!(script.screen().contains("ana@example.com (this is you)"), "{}", script.screen());
    }
}

#[test]
fn a_dialog_says_that_it_is_you_and_the_last_who_can_sign_in_here_stays() {
    for (columns, rows) in [(80, 24), (120, 36)] {
        let mut script = Script::on(desk(), columns, rows);
        script.press("3 x");
        assert_snapshot!(format!("user_disable_me_{columns}"), script.picture());
        script.press("y");
        let refusal = "The last active user who can sign in here can be neither";
        assert!(script.screen().contains(refusal), "{}", script.screen());
        script.press("esc d");
        assert!(script.screen().contains("ana@example.com (this is you)"), "{}", script.screen());
        script.text("ana@example.com").press("enter");
        assert!(script.screen().contains(refusal), "{}", script.screen());
        // This login exists on every system.
        script.press("esc n").text("daemon@example.com").press("enter").text("daemon").press("enter");
        script.press("home x y");
        assert!(script.screen().contains("User ana@example.com disabled"), "{}", script.screen());
    }
}

#[test]
fn a_form_explains_an_invalid_email_in_a_sentence() {
    let mut script = Script::on(desk(), 80, 24);
    script.press("3 n").text("bad").press("enter enter");
    assert!(script.screen().contains("│ An email address must have one @"), "{}", script.screen());
}
