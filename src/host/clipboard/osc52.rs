//! Copying through the terminal: OSC 52, plain or wrapped for a multiplexer. Terminals do not acknowledge it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Maximum size of a DCS that GNU screen passes on, in bytes. It prints a longer one.
const SCREEN_CHUNK: usize = 76;

/// The multiplexer between keydesk and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// None, or one that passes OSC 52 on.
    Plain,
    Tmux,
    /// GNU screen, in pieces.
    Screen,
}

/// The sequence that copies a text. An empty text clears the clipboard.
#[must_use]
pub fn sequence(text: &str, wrapping: Wrapping) -> Zeroizing<String> {
    let encoded = base64(text.as_bytes());
    let mut plain = Zeroizing::new(String::with_capacity(encoded.len() + 8));
    let encoded = std::str::from_utf8(&encoded).unwrap_or_default();
    let _ = write!(plain, "\x1b]52;c;{encoded}\x07");
    let pieces = plain.len().div_ceil(SCREEN_CHUNK);
    let mut out = Zeroizing::new(String::with_capacity(plain.len() + 4 * pieces + 16));
    match wrapping {
        Wrapping::Plain => return plain,
        Wrapping::Tmux => {
            // Each ESC inside is doubled.
            let _ = write!(out, "\x1bPtmux;\x1b{}\x1b\\", plain.as_str());
        }
        Wrapping::Screen => {
            let mut rest = plain.as_str();
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(rest.len().min(SCREEN_CHUNK));
                let _ = write!(out, "\x1bP{piece}\x1b\\");
                rest = tail;
            }
        }
    }
    out
}

/// Base64 with padding (RFC 4648), allocated once and wiped: growing would leave copies in memory.
fn base64(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(vec![0; bytes.len().div_ceil(3) * 4]);
    // Cannot fail: the slice has the encoded size.
    let length = STANDARD.encode_slice(bytes, encoded.as_mut_slice()).unwrap_or_default();
    encoded.truncate(length);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()).as_slice(), encoded.as_bytes());
        }
    }

    #[test]
    fn plain_and_through_tmux() {
        assert_eq!(sequence("foo", Wrapping::Plain).as_str(), "\x1b]52;c;Zm9v\x07");
        assert_eq!(sequence("foo", Wrapping::Tmux).as_str(), "\x1bPtmux;\x1b\x1b]52;c;Zm9v\x07\x1b\\");
        assert_eq!(sequence("", Wrapping::Plain).as_str(), "\x1b]52;c;\x07");
    }

    #[test]
    fn the_pieces_for_screen_add_up_to_the_text() {
        for length in 0..300 {
            let text = "k".repeat(length);
            let out = sequence(&text, Wrapping::Screen);
            let pieces: Vec<&str> = out
                .split("\x1b\\")
                .filter(|piece| !piece.is_empty())
                .map(|piece| piece.strip_prefix("\x1bP").unwrap())
                .collect();
            assert!(pieces.iter().all(|piece| piece.len() <= 76), "{length}: {pieces:?}");
            assert_eq!(pieces.concat(), sequence(&text, Wrapping::Plain).as_str());
        }
    }
}
