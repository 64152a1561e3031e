//! Secrets from standard input: not shown while they are pasted, and in no buffer that is not wiped.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::output::to_stderr;

/// Standard input without the buffer of the standard library, which is never wiped.
pub(crate) fn unbuffered() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Reads one line from the terminal, with its line break. A line that is longer than `most` bytes is cut after the next
/// one.
pub(crate) fn line(prompt: &str, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let _echo_off = EchoOff::begin();
    to_stderr(prompt);
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    let mut byte = Zeroizing::new([0_u8; 1]);
    while bytes.len() <= most {
        match nix::unistd::read(io::stdin(), byte.as_mut_slice()) {
            Ok(0) => break,
            Ok(_) => bytes.push(byte[0]),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if bytes.ends_with(b"\n") {
            break;
        }
    }
    Ok(bytes)
}

/// Turns terminal echo off until dropped. What was typed before, and what is left unread at the end, is discarded: the
/// shell would run the rest of a text of several lines.
pub(crate) struct EchoOff(Termios);

impl EchoOff {
    pub(crate) fn begin() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}
