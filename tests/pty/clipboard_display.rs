//! Copies to the clipboard of a display: X11 (Xvfb, xclip) and Wayland (sway, wl-clipboard), and one that is mute.
//!
//! A test whose programs are not installed says so and passes.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::display::{Display, Holder, MuteDisplay, holders};
use crate::support::home::{Home, run};
use crate::support::{KEYDESK, until};

const TEXT: &str = "ik_live_7Qm2x9KdPa_canary";
const SOON: Duration = Duration::from_secs(3);

/// Runs a check on both kinds of display at once, as far as they are installed.
fn on_each_display(check: impl Fn(&Display) + Sync) {
    std::thread::scope(|scope| {
        for start in [Display::x11, Display::wayland] {
            let check = &check;
            scope.spawn(move || start().iter().for_each(check));
        }
    });
}

fn ready(display: &Display, text: &str, seconds: u64) -> Holder {
    let mut holder = Holder::start(display, text, seconds);
    assert_eq!(holder.first_word(), "READY\n", "{:?}", display.variables);
    holder
}

#[test]
fn a_copied_key_outlives_the_program_until_it_is_cleared() {
    on_each_display(|display| {
        // By the seconds, the helper of each display is found among the processes.
        let seconds = if display.is_wayland() { 5 } else { 4 };
        let home = Home::clearing_after(seconds);
        let mut command = home.program("setsid");
        command
            .args(["--wait", KEYDESK, "keys", "create", "--name", "Checkout", "--copy"])
            .envs(display.variables.clone());
        let output = run(&mut command);
        assert_eq!(output.code, 0, "{output:?}");
        let since = Instant::now();
        assert_eq!(output.out, "", "the secret is not printed");
        let copied = format!("Copied to the clipboard (cleared in {seconds} s)");
        assert!(output.err.contains(&copied), "{output:?}");
        let content = display.content().unwrap();
        assert!(home.accepts(&content), "what is in the clipboard is the key");
        assert!(display.types().contains("x-kde-passwordManagerHint"), "{}", display.types());
        assert!(until(Duration::from_secs(seconds + 2), || display.content().is_none()), "it is cleared");
        assert!(since.elapsed() > SOON, "but not before its time");
        assert!(until(SOON, || holders(seconds) == 0), "the helper is gone");
    });
}

#[test]
fn a_newer_copy_is_not_cleared() {
    on_each_display(|display| {
        let mut holder = ready(display, TEXT, 2);
        display.copy("something else");
        assert_eq!(holder.ended(SOON), Some(0), "it leaves by itself");
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(display.content().as_deref(), Some("something else"));
    });
}

#[test]
fn a_terminated_helper_clears_the_clipboard_first() {
    on_each_display(|display| {
        for signal in [Signal::SIGTERM, Signal::SIGHUP] {
            let mut holder = ready(display, TEXT, 600);
            assert_eq!(display.content().as_deref(), Some(TEXT));
            holder.signal(signal);
            assert_eq!(holder.ended(SOON), Some(0), "{signal}");
            assert!(until(SOON, || display.content().is_none()), "{signal}: {:?}", display.variables);
        }
    });
}

#[test]
fn the_newer_of_two_copies_stays() {
    on_each_display(|display| {
        let mut older = ready(display, "older", 600);
        let newer = ready(display, TEXT, 600);
        assert_eq!(older.ended(SOON), Some(0));
        assert_eq!(display.content().as_deref(), Some(TEXT));
        drop(newer);
    });
}

#[test]
fn the_helper_is_detached_and_exposes_nothing() {
    let Some(display) = Display::x11() else { return };
    let holder = ready(&display, TEXT, 600);
    let process = std::path::PathBuf::from(format!("/proc/{}", holder.id()));
    let stat = std::fs::read_to_string(process.join("stat")).unwrap();
    // proc(5): after the name come state, parent, process group, session.
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session, holder.id().to_string(), "a session of its own");
    assert!(!String::from_utf8_lossy(&std::fs::read(process.join("cmdline")).unwrap()).contains(TEXT));
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // Of a process that cannot be dumped everything belongs to root; only root may look all the same.
    match std::fs::read(process.join("environ")) {
        Ok(environment) => assert!(!String::from_utf8_lossy(&environment).contains(TEXT)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn a_text_too_long_for_a_key_is_rejected() {
    let Some(display) = Display::x11() else { return };
    display.copy("something else");
    let mut holder = Holder::start(&display, &"x".repeat(10_000), 600);
    assert_eq!(holder.first_word(), "");
    assert_eq!(holder.ended(SOON), Some(1));
    assert_eq!(display.content().as_deref(), Some("something else"));
}

#[test]
fn an_unresponsive_display_times_out() {
    // A time that no other test uses, by which the helper is found among the processes.
    const MINE: u64 = 37;
    let display = MuteDisplay::new();
    let home = Home::clearing_after(MINE);
    let since = Instant::now();
    // In a session without a terminal, so that no other way is left.
    let mut command = home.program("setsid");
    command
        .args(["--wait", KEYDESK, "keys", "create", "--name", "Checkout", "--copy"])
        .env("DISPLAY", &display.name);
    let output = run(&mut command);
    let took = since.elapsed();
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.err.contains("did not respond within 2 s"), "{output:?}");
    // Far above 2 s: on a machine that runs other tests beside it, a process starts late.
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(8), "{took:?}");
    assert!(until(SOON, || holders(MINE) == 0), "the helper is gone");
}
