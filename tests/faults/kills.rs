//! Six processes at a time create, rotate, disable, delete and verify on one database, and are killed at random. What was
//! acknowledged stays; everything else is there entirely, with its audit entry, or not at all.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::Seeded;
use crate::support::home::{Home, id_of};
use crate::{is_sound, verdict};

const PROCESSES: u64 = 6;
const KILLS: usize = 500;

/// A run of keydesk that may not live to its end.
enum Ended {
    Killed,
    /// The exit code and standard output.
    Itself(i32, String),
}

/// What one process knows for certain of its own keys.
#[derive(Default)]
struct Known {
    alive: Vec<(String, String)>,
    refused: Vec<(String, String)>,
}

struct Worker<'a> {
    home: &'a Home,
    number: u64,
    kills: &'a AtomicUsize,
    random: Seeded,
    /// How long a command takes: the kills are spread over that.
    usual: Duration,
    known: Known,
    turn: u64,
}

impl Worker<'_> {
    fn draw(&mut self, below: u64) -> u64 {
        use keydesk::domain::token::Entropy;
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % below
    }

    fn run(&mut self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keydesk"));
        command.env_clear().envs(self.home.environment()).args(arguments);
        let began = Instant::now();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        if self.draw(3) > 0 {
            let micros = u64::try_from(self.usual.as_micros()).unwrap();
            std::thread::sleep(Duration::from_micros(self.draw(micros + micros / 4)));
            let _ = child.kill();
        }
        let output = child.wait_with_output().unwrap();
        if output.status.signal() == Some(9) {
            self.kills.fetch_add(1, Ordering::Relaxed);
            return Ended::Killed;
        }
        self.usual = (self.usual * 7 + began.elapsed()) / 8;
        Ended::Itself(output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
    }

    fn step(&mut self) {
        self.turn += 1;
        let place = usize::try_from(self.draw(1_000)).unwrap();
        let known = self.known.alive.len();
        match (self.draw(5), known) {
            (0 | 1, _) | (_, 0) => {
                let name = format!("{}-{}", self.number, self.turn);
                if let Ended::Itself(code, out) = self.run(&["keys", "create", "--name", &name]) {
                    assert_eq!(code, 0, "a create that was not killed");
                    let secret = out.trim().to_owned();
                    self.known.alive.push((id_of(&secret), secret));
                }
            }
            (2, _) => {
                let (id, secret) = self.known.alive.swap_remove(place % known);
                if let Ended::Itself(code, _) = self.run(&["keys", "delete", &id, "--yes"]) {
                    assert_eq!(code, 0, "a delete that was not killed");
                    self.known.refused.push((id, secret));
                }
            }
            (3, _) => {
                let (id, secret) = self.known.alive.swap_remove(place % known);
                if let Ended::Itself(code, out) = self.run(&["keys", "rotate", &id, "--leaked"]) {
                    assert_eq!(code, 0, "a rotation that was not killed");
                    let new = out.trim().to_owned();
                    self.known.alive.push((id_of(&new), new));
                    self.known.refused.push((id, secret));
                }
            }
            _ => {
                let (id, secret) = self.known.alive.swap_remove(place % known);
                if let Ended::Itself(code, _) = self.run(&["keys", "disable", &id]) {
                    assert_eq!(code, 0, "a pause that was not killed");
                    self.known.refused.push((id, secret));
                }
            }
        }
        // Somebody presents keys meanwhile.
        if self.turn.is_multiple_of(4) {
            if let Some((id, secret)) = self.known.refused.last() {
                assert!(verdict(self.home, secret).is_err(), "{id} was acknowledged to be refused");
            }
            if let Some((id, secret)) = self.known.alive.last() {
                assert_eq!(verdict(self.home, secret), Ok(()), "{id} was acknowledged");
            }
        }
    }
}

#[test]
fn what_was_acknowledged_survives_any_kill() {
    let home = Home::set_up();
    let kills = AtomicUsize::new(0);
    let all: Vec<Known> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PROCESSES)
            .map(|number| {
                let (home, kills) = (&home, &kills);
                scope.spawn(move || {
                    let random = Seeded(number * 7_919 + 1);
                    let usual = Duration::from_millis(30);
                    let known = Known::default();
                    let mut worker = Worker { home, number, kills, random, usual, known, turn: 0 };
                    while kills.load(Ordering::Relaxed) < KILLS {
                        worker.step();
                    }
                    worker.known
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    is_sound(&home, "after the kills");
    let (mut alive, mut refused) = (0, 0);
    for known in all {
        for (id, secret) in known.alive {
            assert_eq!(verdict(&home, &secret), Ok(()), "{id} is lost");
            alive += 1;
        }
        for (id, secret) in known.refused {
            assert!(verdict(&home, &secret).is_err(), "{id} is revived");
            refused += 1;
        }
    }
    assert!(alive > 0 && refused > 100, "{alive} alive, {refused} refused: too little was tried");
    is_sound(&home, "after verifying");
}
