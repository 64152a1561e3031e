//! What people may do at the desk, drawn at random: also with what is stale, gone or never was.

use keydesk::domain::user::UserStatus;
use proptest::prelude::*;
use proptest::sample::Index;

/// People who may come to the desk, by login; the first one sets it up.
pub const PEOPLE: [&str; 4] = ["ana", "ben", "eve", "kim"];
/// Those of them who can sign in on this system.
pub const HERE: [&str; 2] = ["ana", "eve"];
pub const NAMES: [&str; 4] = ["Storefront", "storeFRONT", "Billing", "Loyalty"];

/// What a key can be edited to; the email is that of a user, until that user is deleted.
pub const KEY_NAMES: [&str; 3] = ["Checkout", "Checkout EU", "for ana@example.com"];
pub const OWNERS: [&str; 3] = ["", "Payments team", "<ana@example.com>"];
pub const SOURCES: [&str; 3] = ["", "10.0.0.0/8", "10.0.0.4,2001:db8::/32"];
/// How an old key ends.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    /// After seconds.
    After(i64),
    /// When it was unused for seconds.
    WhenUnused(i64),
    AtOnce,
    Unchanged,
}

#[derive(Clone, Debug)]
pub enum Step {
    Create { application: Index, days: i64, test: bool, braze: bool },
    Deliver(Index),
    Edit { pick: Index, name: Option<usize>, owner: Option<usize>, sources: Option<usize>, stale: bool },
    SetDisabled { picks: Vec<Index>, disabled: bool, stale: bool },
    Delete { picks: Vec<Index>, stale: bool },
    Rotate { pick: Index, ends: Ends, stale: bool },
    Begin { pick: Index, stale: bool },
    Finish { pick: Index, ends: Ends },
    Overlap { pick: Index, ends: Ends, stale: bool },
    Use(Index),
    Withdraw(Index),
    CreateApplication(usize),
    Rename { application: Index, to: usize, stale: bool },
    DeleteApplication { application: Index, stale: bool, miscounted: bool },
    AddUser(usize),
    SetUser { user: Index, to: UserStatus, stale: bool },
    Sit(usize),
    Wait(i64),
    Reopen,
}

pub fn step() -> impl Strategy<Value = Step> {
    let picks = || proptest::collection::vec(any::<Index>(), 1..4);
    let rare = || proptest::bool::weighted(0.15);
    let other = || proptest::option::of(0..OWNERS.len());
    let ends = || {
        prop_oneof![
            2 => (0..200_000_i64).prop_map(Ends::After),
            3 => (1..2_000_000_i64).prop_map(Ends::WhenUnused),
            1 => Just(Ends::AtOnce),
            1 => Just(Ends::Unchanged),
        ]
    };
    let to = prop_oneof![Just(UserStatus::Active), Just(UserStatus::Disabled), Just(UserStatus::Deleted)];
    prop_oneof![
        6 => (any::<Index>(), -1..60_i64, any::<bool>(), any::<bool>())
            .prop_map(|(application, days, test, braze)| Step::Create { application, days, test, braze }),
        2 => any::<Index>().prop_map(Step::Deliver),
        4 => (any::<Index>(), other(), other(), other(), rare())
            .prop_map(|(pick, name, owner, sources, stale)| Step::Edit { pick, name, owner, sources, stale }),
        3 => (picks(), any::<bool>(), rare())
            .prop_map(|(picks, disabled, stale)| Step::SetDisabled { picks, disabled, stale }),
        3 => (picks(), rare()).prop_map(|(picks, stale)| Step::Delete { picks, stale }),
        4 => (any::<Index>(), ends(), rare()).prop_map(|(pick, ends, stale)| Step::Rotate { pick, ends, stale }),
        3 => (any::<Index>(), ends(), rare()).prop_map(|(pick, ends, stale)| Step::Overlap { pick, ends, stale }),
        6 => any::<Index>().prop_map(Step::Use),
        2 => (any::<Index>(), rare()).prop_map(|(pick, stale)| Step::Begin { pick, stale }),
        2 => (any::<Index>(), ends()).prop_map(|(pick, ends)| Step::Finish { pick, ends }),
        1 => any::<Index>().prop_map(Step::Withdraw),
        2 => (0..NAMES.len()).prop_map(Step::CreateApplication),
        2 => (any::<Index>(), 0..NAMES.len(), rare())
            .prop_map(|(application, to, stale)| Step::Rename { application, to, stale }),
        1 => (any::<Index>(), rare(), rare())
            .prop_map(|(application, stale, miscounted)| Step::DeleteApplication { application, stale, miscounted }),
        3 => (0..PEOPLE.len()).prop_map(Step::AddUser),
        3 => (any::<Index>(), to, rare()).prop_map(|(user, to, stale)| Step::SetUser { user, to, stale }),
        3 => (0..PEOPLE.len()).prop_map(Step::Sit),
        4 => (0..2_000_000_i64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}
