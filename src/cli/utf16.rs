//! UTF-16 as ASCII: some systems write text files in UTF-16, where a key would not be found.

use std::io::{self, Read};

/// How an input is encoded, by its byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Not read yet.
    Unknown,
    /// Anything but UTF-16, passed on as it is.
    Bytes,
    Little,
    Big,
}

/// An input whose UTF-16 letters of ASCII become one byte each. Everything else stays, so that text in another encoding
/// behind the byte order mark is found too.
pub(crate) struct Narrow<R> {
    input: R,
    encoding: Encoding,
    /// The first byte of a unit whose second one has not been read.
    half: Option<u8>,
}

impl<R: Read> Narrow<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, encoding: Encoding::Unknown, half: None }
    }

    /// Narrows the units in a buffer in place, and keeps half a unit at its end. Returns how many bytes they become.
    fn narrow(&mut self, text: &mut [u8], unit: fn([u8; 2]) -> u16) -> usize {
        let (mut at, mut narrowed) = (0, 0);
        while let Some([first, second]) = text.get(at..at + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok())
        {
            let ascii = u8::try_from(unit([first, second])).ok().filter(u8::is_ascii);
            for byte in
                ascii.map_or([Some(first), Some(second)], |ascii| [Some(ascii), None]).into_iter().flatten()
            {
                text[narrowed] = byte;
                narrowed += 1;
            }
            at += 2;
        }
        self.half = text.get(at).copied();
        narrowed
    }
}

impl<R: Read> Read for Narrow<R> {
    /// The space must have at least two bytes.
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let kept = usize::from(self.half.is_some());
            let Some(free) = space.get_mut(kept..) else { return Ok(0) };
            let bytes = self.input.read(free)?;
            if let (Some(half), Some(first)) = (self.half.take(), space.first_mut()) {
                *first = half;
            }
            if self.encoding == Encoding::Unknown && bytes > 0 {
                self.encoding = match space.get(..2.min(bytes)) {
                    Some([0xFF, 0xFE]) => Encoding::Little,
                    Some([0xFE, 0xFF]) => Encoding::Big,
                    _ => Encoding::Bytes,
                };
            }
            let text = space.get_mut(..kept + bytes).unwrap_or_default();
            let narrowed = match self.encoding {
                _ if bytes == 0 => return Ok(kept),
                Encoding::Unknown | Encoding::Bytes => return Ok(bytes),
                Encoding::Little => self.narrow(text, u16::from_le_bytes),
                Encoding::Big => self.narrow(text, u16::from_be_bytes),
            };
            // Nothing would mean the end.
            if narrowed > 0 {
                return Ok(narrowed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an input that comes in pieces of this size.
    fn narrowed(input: &[u8], piece: usize) -> Vec<u8> {
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
                let most = self.1.min(space.len());
                self.0.read(&mut space[..most])
            }
        }
        let (mut narrow, mut text, mut space) = (Narrow::new(Pieces(input, piece)), Vec::new(), [0; 16]);
        loop {
            match narrow.read(&mut space).unwrap() {
                0 => return text,
                bytes => text.extend_from_slice(&space[..bytes]),
            }
        }
    }

    #[test]
    fn utf_16_becomes_ascii_and_everything_else_stays() {
        let text = "\u{feff}KEY=ik_\u{e9}\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for piece in 2..9 {
            assert_eq!(narrowed(&little, piece), b"\xff\xfeKEY=ik_\xe9\0\n", "{piece}");
            assert_eq!(narrowed(&big, piece), b"\xfe\xffKEY=ik_\0\xe9\n", "{piece}");
            // ASCII behind the mark, also at an odd place.
            for appended in ["KEY=ik_1", "KEY=ik_12"] {
                let mixed = [&little[..], appended.as_bytes()].concat();
                assert!(narrowed(&mixed, piece).ends_with(appended.as_bytes()), "{piece}");
            }
        }
        for bytes in [&b""[..], b"\xff", b"plain", b"\xfd\xfe\0\xff"] {
            assert_eq!(narrowed(bytes, 3), bytes);
        }
    }
}
