//! The maximum lifetime is a rule of the desk: no front end can create a key that lives longer.

use chrono::TimeDelta;
use keydesk::desk::{self, DeskError, Ending, Session};

use crate::engines::on_both_engines;
use crate::fixtures::{create, picked, wanted};
use crate::support::{Engine, TestDesk};

on_both_engines!(
    new_keys_and_chosen_dates_beyond_the_maximum_are_rejected,
    successors_are_limited_and_shorter_lifetimes_stay,
);

fn limited(desk: &mut TestDesk) -> Session<'_> {
    Session { max_lifetime: Some(TimeDelta::days(30)), ..desk.session() }
}

fn new_keys_and_chosen_dates_beyond_the_maximum_are_rejected(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let old = create(&mut desk, "Checkout").key;
    for (days, is_allowed) in [(1, true), (30, true), (31, false), (90, false)] {
        let new = wanted(&desk, "Other", days);
        let result = desk::create_key(&mut limited(&mut desk), &new);
        assert_eq!(matches!(result, Err(DeskError::BeyondMaxLifetime(_))), !is_allowed, "{days}: {result:?}");
        assert_eq!(result.is_ok(), is_allowed, "{days}");
    }
    let expires = desk.now + TimeDelta::days(30) + TimeDelta::seconds(1);
    let begun = desk::begin_rotation(&mut limited(&mut desk), picked(&old)[0], Some(expires));
    assert!(matches!(begun, Err(DeskError::BeyondMaxLifetime(_))), "{begun:?}");
}

fn successors_are_limited_and_shorter_lifetimes_stay(engine: Engine) {
    let mut desk = TestDesk::on(engine);
    let long = create(&mut desk, "Long").key;
    let new = wanted(&desk, "Short", 7);
    let short = desk.create(&new).key;
    desk.now += TimeDelta::days(1);
    let now = desk.now;
    let both = [picked(&long)[0], picked(&short)[0]];
    let rotated = desk::rotate_keys(&mut limited(&mut desk), &both, Ending::Unchanged).unwrap();
    let lives: Vec<i64> = rotated.iter().map(|one| (one.created.key.expires - now).num_days()).collect();
    assert_eq!(lives, [30, 7]);
    let successor = rotated[0].created.key.clone();
    desk::mark_delivered(&mut desk.session(), successor.id).unwrap();
    let begun = desk::begin_rotation(&mut limited(&mut desk), picked(&successor)[0], None).unwrap();
    assert_eq!(begun.created.key.expires - now, TimeDelta::days(30));
}
