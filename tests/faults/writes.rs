//! Each write, sync, cut and rename of an operation in its turn is the one at which the program is killed, or which
//! fails, once or from then on. Injected by strace; skipped where that is missing or not allowed.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::have;
use crate::support::home::{CommandOutput, Home};
use crate::{is_sound, verdict};

const CALLS: &str =
    "pwrite64,pwritev,fsync,fdatasync,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat";

/// What is done to the N-th call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Kill,
    /// An error, this time only.
    Once(&'static str),
    /// An error, from then on.
    ForEver(&'static str),
}

impl Fault {
    fn rule(self, number: usize) -> String {
        match self {
            Self::Kill => format!("inject={CALLS}:signal=SIGKILL:when={number}"),
            Self::Once(error) => format!("inject={CALLS}:error={error}:when={number}"),
            Self::ForEver(error) => format!("inject={CALLS}:error={error}:when={number}+"),
        }
    }
}

/// Runs keydesk with a fault; and whether the fault was met.
pub(crate) fn run(home: &Home, fault: Fault, number: usize, arguments: &[&str]) -> (CommandOutput, bool) {
    run_program(home, fault, number, Path::new(env!("CARGO_BIN_EXE_keydesk")), arguments, &[])
}

/// The same with any program.
pub(crate) fn run_program(
    home: &Home,
    fault: Fault,
    number: usize,
    program: &Path,
    arguments: &[&str],
    variables: &[(&str, String)],
) -> (CommandOutput, bool) {
    let trace = home.path("trace");
    let mut command = Command::new("strace");
    command.env_clear().envs(home.environment()).envs(variables.iter().cloned());
    command.arg("-f").arg("-qq").arg("-o").arg(&trace);
    command.args(["-e", &format!("trace={CALLS}"), "-e", &fault.rule(number)]);
    let output = command.arg(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let trace = std::fs::read_to_string(trace).unwrap_or_default();
    let met = trace.contains("INJECTED") || trace.contains("killed by SIGKILL");
    let said = CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    (said, met)
}

pub(crate) fn is_possible() -> bool {
    if !have("strace") {
        return false;
    }
    let home = Home::set_up();
    let (said, met) = run(&home, Fault::Kill, 1, &["keys", "create", "--name", "Trial"]);
    if !met {
        eprintln!("skipped: strace may not trace here: {}", said.err);
    }
    met
}

fn keys(home: &Home) -> Vec<Value> {
    let said = home.run(&["keys", "list", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    said.json().as_array().unwrap().clone()
}

pub(crate) const FAULTS: [Fault; 5] =
    [Fault::Kill, Fault::Once("EIO"), Fault::ForEver("EIO"), Fault::Once("ENOSPC"), Fault::ForEver("ENOSPC")];

/// Far more than an operation needs.
pub(crate) const MOST: usize = 120;

#[test]
fn a_creation_is_complete_or_absent() {
    if !is_possible() {
        return;
    }
    for fault in FAULTS {
        let home = Home::set_up();
        let mut ended = false;
        for number in 1..MOST {
            let name = format!("Key {number}");
            let before = keys(&home).len();
            let (said, met) = run(&home, fault, number, &["keys", "create", "--name", &name]);
            let when = format!("{fault:?} at {number}: {said:?}");
            is_sound(&home, &when);
            let made = keys(&home).len() - before;
            if said.code == 0 {
                assert_eq!((made, verdict(&home, said.out.trim())), (1, Ok(())), "{when}");
            } else {
                // After the commit it may have been delivered.
                let handed_over = said.out.contains("ik_live");
                assert!(
                    !handed_over || verdict(&home, said.out.trim()).is_ok(),
                    "a secret without a key: {when}"
                );
                assert!(matches!(fault, Fault::Kill) || !said.err.is_empty(), "it says why: {when}");
            }
            assert!(said.code == 0 || said.code == 3 || said.code == -1, "{when}");
            if !met {
                assert_eq!(said.code, 0, "{when}");
                ended = true;
                break;
            }
        }
        assert!(ended, "{fault:?}: each call had its turn");
    }
}

#[test]
fn a_deletion_is_complete_or_absent_and_reported_correctly() {
    if !is_possible() {
        return;
    }
    for fault in FAULTS {
        let home = Home::set_up();
        let (mut id, mut secret) = home.key("First", &[]);
        let mut ended = false;
        for number in 1..MOST {
            let (said, met) = run(&home, fault, number, &["keys", "delete", &id, "--yes"]);
            let when = format!("{fault:?} at {number}: {said:?}");
            is_sound(&home, &when);
            let there = keys(&home).iter().any(|key| key["id"] == id.as_str());
            match verdict(&home, &secret) {
                Ok(()) => assert!(there && said.code != 0, "{when}"),
                Err(reason) => assert!(!there && reason == "deleted", "{reason}, {when}"),
            }
            if said.code != 0 && !matches!(fault, Fault::Kill) {
                assert!(!said.err.is_empty(), "it says why: {when}");
            }
            if !there {
                (id, secret) = home.key("Next", &[]);
            }
            if !met {
                assert_eq!(said.code, 0, "{when}");
                ended = true;
                break;
            }
        }
        assert!(ended, "{fault:?}: each call had its turn");
    }
}

#[test]
fn a_killed_rotation_keeps_the_old_key_or_is_complete() {
    if !is_possible() {
        return;
    }
    let home = Home::set_up();
    let (mut old, mut secret) = home.key("Checkout", &[]);
    for number in 1..MOST {
        let (said, met) = run(&home, Fault::Kill, number, &["keys", "rotate", &old, "--leaked"]);
        let when = format!("at {number}: {said:?}");
        is_sound(&home, &when);
        if verdict(&home, &secret).is_ok() {
            let waiting = keys(&home).iter().filter(|key| key["replaces"] == old.as_str()).count();
            assert!(said.code != 0 && waiting <= 1, "{waiting} {when}");
        } else {
            // The secret was printed before the old key got its end.
            assert_eq!(verdict(&home, said.out.trim()), Ok(()), "{when}");
            (old, secret) = home.key("Next", &[]);
        }
        if !met {
            assert_eq!(said.code, 0, "{when}");
            return;
        }
    }
    panic!("each call had its turn");
}

#[test]
fn a_receipt_of_a_deletion_is_whole_or_absent() {
    if !is_possible() {
        return;
    }
    let home = Home::set_up();
    let (id, _) = home.key("Checkout", &[]);
    assert_eq!(home.run(&["keys", "delete", &id, "--yes"]).code, 0);
    for (at, fault) in FAULTS.into_iter().enumerate() {
        let mut ended = false;
        for number in 1..MOST {
            let file = home.path(&format!("receipt-{at}-{number}"));
            let path = file.to_str().unwrap();
            let (said, met) = run(&home, fault, number, &["audit", "receipt", &id, "--out", path]);
            let when = format!("{fault:?} at {number}: {said:?}");
            assert!(matches!(said.code, 0 | 3 | -1), "{when}");
            if file.exists() {
                let verified = home.run(&["audit", "receipt", "--verify", path]);
                assert_eq!(verified.code, 0, "{verified:?}, {when}");
            } else {
                assert_ne!(said.code, 0, "{when}");
                assert!(matches!(fault, Fault::Kill) || !said.err.is_empty(), "it says why: {when}");
            }
            if !met {
                assert_eq!(said.code, 0, "{when}");
                ended = true;
                break;
            }
        }
        assert!(ended, "{fault:?}: each call had its turn");
    }
    is_sound(&home, "after the faults");
}
