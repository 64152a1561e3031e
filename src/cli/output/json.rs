//! JSON that is safe to print on a terminal: control, bidirectional and zero-width characters are escaped as `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::domain::inert_json;

/// Compact, with a space after `:` and `,`, and control characters escaped.
struct Inert;

impl Formatter for Inert {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        inert_json::write_fragment(writer, fragment)
    }
}

/// Writes a value as JSON, without a newline.
pub(crate) fn write<T: Serialize>(writer: impl Write, value: &T) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(writer, Inert)).map_err(io::Error::from)
}

pub(crate) fn to_string<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    // It cannot fail: all documents have text keys, and writing to a vector cannot fail.
    let _ = write(&mut bytes, value);
    String::from_utf8(bytes).unwrap_or_default()
}

/// An array that is written element by element, one per line. Nothing is written before the first element is known, or
/// that there is none: an error of the first read leaves the output empty.
pub(crate) struct Array<W: Write> {
    writer: W,
    /// What is before the first element.
    head: String,
    elements: u64,
}

impl<W: Write> Array<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, head: "[".to_owned(), elements: 0 }
    }

    /// A document whose first field is the array.
    pub(crate) fn within(writer: W, field: &str) -> Self {
        Self { writer, head: format!("{{\"{field}\": ["), elements: 0 }
    }

    pub(crate) fn add<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let before = if self.elements == 0 { self.head.as_str() } else { "," };
        write!(self.writer, "{before}\n  ")?;
        self.elements += 1;
        write(&mut self.writer, value)
    }

    /// Closes the array, flushes the writer and returns the number of elements.
    pub(crate) fn close(self) -> io::Result<u64> {
        self.end("\n")
    }

    /// Closes the array and the document that it is in, with the fields of `rest` behind it.
    pub(crate) fn close_with<T: Serialize>(self, rest: &T) -> io::Result<u64> {
        let rest = to_string(rest);
        let fields = rest.strip_prefix('{').unwrap_or_default();
        let comma = if fields.starts_with('}') { "" } else { ", " };
        self.end(&format!("{comma}{fields}\n"))
    }

    fn end(mut self, behind: &str) -> io::Result<u64> {
        let before = if self.elements == 0 { self.head.as_str() } else { "\n" };
        write!(self.writer, "{before}]{behind}")?;
        self.writer.flush()?;
        Ok(self.elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::is_unsafe;

    #[test]
    fn hostile_text_is_exact_and_inert() {
        let hostile = "a\u{1b}[2J\u{9b}\u{202e}\u{e0001}\0\"\\é";
        let text = to_string(&hostile);
        assert!(!text.chars().any(is_unsafe), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    #[test]
    fn arrays_are_one_document() {
        let written = |items: &[u32]| {
            let mut bytes = Vec::new();
            let mut array = Array::new(&mut bytes);
            for item in items {
                array.add(item).unwrap();
            }
            array.close().unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(written(&[]), "[]\n");
        assert_eq!(written(&[1, 2]), "[\n  1,\n  2\n]\n");
    }

    #[test]
    fn an_array_can_be_part_of_a_document() {
        #[derive(Serialize)]
        struct Rest {
            #[serde(skip_serializing_if = "Option::is_none")]
            files: Option<u64>,
        }
        let written = |files| {
            let mut bytes = Vec::new();
            let mut array = Array::within(&mut bytes, "found");
            array.add(&1).unwrap();
            array.close_with(&Rest { files }).unwrap();
            serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
        };
        assert_eq!(written(None), serde_json::json!({"found": [1]}));
        assert_eq!(written(Some(2)), serde_json::json!({"found": [1], "files": 2}));
    }
}
