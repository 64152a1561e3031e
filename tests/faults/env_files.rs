//! A rotation into an environment file meets a fault at each of its writes: the file is the old or the new one, as a
//! whole, with its mode, and a key that is in it works.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::support::home::Home;
use crate::writes::{Fault, MOST, is_possible, run};
use crate::{is_sound, verdict};

const ABOVE: &str = "# mine\nOTHER='1'\n";
const BELOW: &str = " # note\nLAST=1";

#[test]
fn an_environment_file_is_old_or_new() {
    if !is_possible() {
        return;
    }
    for fault in [Fault::Kill, Fault::Once("EIO"), Fault::ForEver("ENOSPC")] {
        let home = Home::set_up();
        let (mut old, mut secret) = home.key("Checkout", &[]);
        let path = home.path("app.env");
        let whole = |value: &str| format!("{ABOVE}API_KEY={value}{BELOW}");
        let mut value = "none".to_owned();
        std::fs::write(&path, whole(&value)).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mut ended = false;
        for number in 1..MOST {
            let file = path.to_str().unwrap();
            let arguments = ["keys", "rotate", &old, "--leaked", "--env-file", file, "--env-name", "API_KEY"];
            let (said, met) = run(&home, fault, number, &arguments);
            let when = format!("{fault:?} at {number}: {said:?}");
            is_sound(&home, &when);
            let text = std::fs::read_to_string(&path).unwrap();
            let now =
                text.strip_prefix(&format!("{ABOVE}API_KEY=")).and_then(|rest| rest.strip_suffix(BELOW));
            let now = now.unwrap_or_else(|| panic!("{when}: {text}")).to_owned();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o640, "{when}");
            let is_new = now != value;
            if verdict(&home, &secret).is_ok() {
                assert_ne!(said.code, 0, "{when}");
                // A killed rotation leaves a key that works, or the old text.
                let is_dead = is_new && verdict(&home, &now).is_err();
                assert!(!is_dead || said.err.contains("not removed"), "a withdrawn key: {when}");
            } else {
                assert!(is_new && verdict(&home, &now) == Ok(()), "{when}");
                (old, secret) = home.key("Next", &[]);
            }
            value = now;
            // A killed program cannot remove its temporary file, nor one that can write nothing.
            let folder = std::fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().path());
            for left in folder.filter(|path| path.extension().is_some_and(|end| end == "part")) {
                let bytes = left.metadata().unwrap().len();
                assert!(!matches!(fault, Fault::Once(_)) || bytes == 0, "{bytes} bytes left: {when}");
                std::fs::remove_file(left).unwrap();
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
