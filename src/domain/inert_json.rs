//! Text in JSON that is safe to print on a terminal: control, bidirectional and zero-width characters are escaped as
//! `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::text::is_unsafe;

/// Writes a part of a string for [`Formatter::write_string_fragment`].
pub(crate) fn write_fragment(writer: &mut (impl Write + ?Sized), fragment: &str) -> io::Result<()> {
    let mut rest = fragment;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
        writer.write_all(rest.as_bytes().get(..at).unwrap_or_default())?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        rest = rest.get(at + c.len_utf8()..).unwrap_or_default();
    }
    writer.write_all(rest.as_bytes())
}

/// One field on each line.
struct Lines(PrettyFormatter<'static>);

impl Formatter for Lines {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_fragment(writer, fragment)
    }
}

/// Returns a document with one field on each line, with a trailing newline.
pub(super) fn lines(document: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // It cannot fail: the documents have text keys, and writing to a vector cannot fail.
    let _ = document.serialize(&mut Serializer::with_formatter(&mut bytes, Lines(PrettyFormatter::new())));
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap_or_default()
}
