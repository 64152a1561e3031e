//! Environment files, with `NAME=value` on each line: where a new value goes, with all other bytes as they are.
//!
//! The formats of shells, systemd, Docker and the dotenv libraries differ in quotes, comments and continued lines. A
//! file that they read differently around the variable is rejected.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::text::inert;

/// The name of an environment variable: letters, digits and underscores, no digit first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableName(String);

impl FromStr for VariableName {
    type Err = NotAVariableName;

    fn from_str(text: &str) -> Result<Self, NotAVariableName> {
        let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotAVariableName(text.to_owned())) }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid name of a variable {:?}: use letters, digits and underscores, no digit first", inert(.0))]
pub struct NotAVariableName(String);

/// Why the place of a variable is not certain. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvFileError {
    #[error("it contains NUL bytes and is not a text file")]
    NotText,
    #[error("{name} is set more than once, on the lines {}", joined(.lines))]
    Duplicate { name: VariableName, lines: Vec<usize> },
    #[error("{name} on line {line} is within the quoted value that begins on line {quote}")]
    WithinQuotes { name: VariableName, line: usize, quote: usize },
    #[error("the quote on line {0} is not closed")]
    OpenQuote(usize),
    #[error("the value of {name} spans several lines from line {line} on")]
    SeveralLines { name: VariableName, line: usize },
    #[error("line {0} ends with a backslash, which continues it for some programs")]
    Continued(usize),
    #[error("line {0} contains more than a name, a value and a comment")]
    MoreThanAValue(usize),
}

fn joined(lines: &[usize]) -> String {
    lines.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The place of a value in an environment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bytes that the value replaces, without quotes.
    range: Range<usize>,
    /// What an added line needs around the value.
    before: String,
    after: &'static str,
}

impl Place {
    /// Returns the text with a value, which must consist of letters, digits and underscores: then it needs no escapes.
    #[must_use]
    pub fn with_value(&self, text: &[u8], value: &str) -> Zeroizing<Vec<u8>> {
        let parts = [
            &text[..self.range.start],
            self.before.as_bytes(),
            value.as_bytes(),
            self.after.as_bytes(),
            &text[self.range.end..],
        ];
        // The whole capacity at once: a buffer that grows leaves a copy behind.
        let mut whole = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            whole.extend_from_slice(part);
        }
        whole
    }
}

/// A physical line without its line break.
#[derive(Clone, Copy)]
struct Line {
    /// From 1 on.
    number: usize,
    start: usize,
    end: usize,
    next: usize,
}

/// What a line sets.
struct Assignment<'a> {
    name: &'a [u8],
    is_exported: bool,
    /// The first byte after the equals sign.
    value: usize,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c')
}

struct Scanner<'a> {
    text: &'a [u8],
    number: usize,
    next: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        let byte_order_mark = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, number: 0, next: byte_order_mark }
    }

    fn line(&mut self) -> Option<Line> {
        let start = self.next;
        if start >= self.text.len() {
            return None;
        }
        let rest = &self.text[start..];
        let (mut end, next) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(length) => (start + length, start + length + 1),
            None => (self.text.len(), self.text.len()),
        };
        if self.text[start..end].ends_with(b"\r") {
            end -= 1;
        }
        (self.number, self.next) = (self.number + 1, next);
        Some(Line { number: self.number, start, end, next })
    }

    fn skip_blanks(&self, mut at: usize, end: usize) -> usize {
        while at < end && is_blank(self.text[at]) {
            at += 1;
        }
        at
    }

    fn assignment(&self, line: Line) -> Option<Assignment<'a>> {
        let mut start = self.skip_blanks(line.start, line.end);
        let after_export = self.text[start..line.end].strip_prefix(b"export").map(|_| start + 6);
        let is_exported = after_export.is_some_and(|at| at < line.end && is_blank(self.text[at]));
        if let Some(at) = after_export.filter(|_| is_exported) {
            start = self.skip_blanks(at, line.end);
        }
        let name = self.text[start..line.end].iter().take_while(|byte| !is_blank(**byte) && **byte != b'=');
        let end = start + name.count();
        let equals = self.skip_blanks(end, line.end);
        // Comments begin with `#`, for systemd with `;` too.
        let is_set = end > start
            && !matches!(self.text[start], b'#' | b';')
            && equals < line.end
            && self.text[equals] == b'=';
        is_set.then(|| Assignment { name: &self.text[start..end], is_exported, value: equals + 1 })
    }

    /// Where the quoted value that begins here ends: its closing quote. Only double quotes know escapes.
    fn closing_quote(&self, opening: usize) -> Option<usize> {
        let quote = self.text[opening];
        let mut at = opening + 1;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'\\' if quote == b'"' => at += 2,
                byte if *byte == quote => return Some(at),
                _ => at += 1,
            }
        }
        None
    }

    /// The opening quote of a value that begins with one.
    fn opening_quote(&self, assignment: &Assignment<'_>, line: Line) -> Option<usize> {
        let at = self.skip_blanks(assignment.value, line.end);
        (at < line.end && matches!(self.text[at], b'"' | b'\'')).then_some(at)
    }

    /// Whether a line ends with a backslash that no other one escapes.
    fn is_continued(&self, line: Line) -> bool {
        let backslashes =
            self.text[line.start..line.end].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes % 2 == 1
    }

    /// The bytes of the value without quotes.
    fn value(&self, of: &Assignment<'_>, line: Line) -> Result<Range<usize>, EnvFileError> {
        let start = self.skip_blanks(of.value, line.end);
        let (range, behind) = if let Some(opening) = self.opening_quote(of, line) {
            let closing = self.closing_quote(opening).ok_or(EnvFileError::OpenQuote(line.number))?;
            (opening + 1..closing, closing + 1)
        } else if start == line.end || (self.text[start] == b'#' && start > of.value) {
            // Directly behind the equals sign: a shell runs what follows a blank as a command.
            (of.value..of.value, of.value)
        } else {
            let length = self.text[start..line.end].iter().take_while(|byte| !is_blank(**byte)).count();
            let range = start..start + length;
            if self.text[range.clone()].iter().any(|byte| matches!(byte, b';' | b'&' | b'|')) {
                return Err(EnvFileError::MoreThanAValue(line.number));
            }
            (range, start + length)
        };
        // Only a comment may follow, after a blank.
        let rest = self.skip_blanks(behind, line.end);
        if rest < line.end && (self.text[rest] != b'#' || rest == behind) {
            return Err(EnvFileError::MoreThanAValue(line.number));
        }
        Ok(range)
    }
}

/// Finds the value of a variable, or the place for a new line at the end.
///
/// # Errors
/// When the place is not certain: programs would read the file differently.
pub fn find(text: &[u8], name: &VariableName) -> Result<Place, EnvFileError> {
    if text.contains(&0) {
        return Err(EnvFileError::NotText);
    }
    let wanted = name.0.as_bytes();
    let mut scanner = Scanner::new(text);
    let (mut found, mut lines) = (None, Vec::new());
    let (mut set, mut exported) = (0, 0);
    let mut continued = None;
    while let Some(line) = scanner.line() {
        let Some(assignment) = scanner.assignment(line) else {
            continued = scanner.is_continued(line).then_some(line.number);
            continue;
        };
        (set, exported) = (set + 1, exported + usize::from(assignment.is_exported));
        let mut last = line;
        if let Some(opening) = scanner.opening_quote(&assignment, line) {
            let closing = scanner.closing_quote(opening).ok_or(EnvFileError::OpenQuote(line.number))?;
            while closing >= last.next {
                let Some(within) = scanner.line() else { break };
                if scanner.assignment(within).is_some_and(|other| other.name == wanted) {
                    let (name, line, quote) = (name.clone(), within.number, line.number);
                    return Err(EnvFileError::WithinQuotes { name, line, quote });
                }
                last = within;
            }
        }
        if assignment.name == wanted {
            if let Some(before) = continued {
                return Err(EnvFileError::Continued(before));
            }
            if last.number > line.number {
                return Err(EnvFileError::SeveralLines { name: name.clone(), line: line.number });
            }
            if scanner.is_continued(line) {
                return Err(EnvFileError::Continued(line.number));
            }
            lines.push(line.number);
            found = Some(scanner.value(&assignment, line)?);
        }
        continued = scanner.is_continued(last).then_some(last.number);
    }
    match (found, continued) {
        _ if lines.len() > 1 => Err(EnvFileError::Duplicate { name: name.clone(), lines }),
        (Some(range), _) => Ok(Place { range, before: String::new(), after: "" }),
        (None, Some(line)) => Err(EnvFileError::Continued(line)),
        (None, None) => Ok(at_the_end(text, name, set > 0 && exported == set)),
    }
}

/// A line of its own, with the line break of the others, and without one if the last line has none.
fn at_the_end(text: &[u8], name: &VariableName, is_exported: bool) -> Place {
    let first_break = text.iter().position(|byte| *byte == b'\n');
    let line_break = if first_break.is_some_and(|at| text[..at].ends_with(b"\r")) { "\r\n" } else { "\n" };
    let is_ended = text.is_empty() || text.ends_with(b"\n");
    let export = if is_exported { "export " } else { "" };
    Place {
        range: text.len()..text.len(),
        before: format!("{}{export}{name}=", if is_ended { "" } else { line_break }),
        after: if is_ended { line_break } else { "" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> VariableName {
        text.parse().unwrap()
    }

    fn with(text: &str) -> Result<String, EnvFileError> {
        let place = find(text.as_bytes(), &name("KEY"))?;
        Ok(String::from_utf8(place.with_value(text.as_bytes(), "new").to_vec()).unwrap())
    }

    #[test]
    fn only_the_value_changes() {
        for (before, after) in [
            ("KEY=old\n", "KEY=new\n"),
            ("KEY=old", "KEY=new"),
            ("A=1\r\nKEY=old\r\nB=2\r\n", "A=1\r\nKEY=new\r\nB=2\r\n"),
            ("A=1\r\nKEY=old\r", "A=1\r\nKEY=new\r"),
            ("KEY=\"old\"\n", "KEY=\"new\"\n"),
            ("KEY='old' # why\n", "KEY='new' # why\n"),
            ("KEY=\"o\\\"ld\"\t# \"why\"\n", "KEY=\"new\"\t# \"why\"\n"),
            ("  export\tKEY = old  # a b\n", "  export\tKEY = new  # a b\n"),
            ("export KEY = 'old'\n", "export KEY = 'new'\n"),
            ("KEY=old#no comment\n", ""),
            ("KEY=old#part\n", "KEY=new\n"),
            ("KEY=\n", "KEY=new\n"),
            ("KEY= # why\n", "KEY=new # why\n"),
            ("KEY =  \n", "KEY =new  \n"),
            ("KEY=\"\"\n", "KEY=\"new\"\n"),
            ("KEY=<your-key>\n", "KEY=new\n"),
            ("KEY=don't\n", "KEY=new\n"),
            ("\u{feff}KEY=old\n", "\u{feff}KEY=new\n"),
            (
                "# KEY=1\n#KEY=2\n;KEY=3\nMY_KEY=4\nKEYS=5\nkey=6\nKEY\nKEY=old\n",
                "# KEY=1\n#KEY=2\n;KEY=3\nMY_KEY=4\nKEYS=5\nkey=6\nKEY\nKEY=new\n",
            ),
            ("# it's a \"comment\nKEY=old\n", "# it's a \"comment\nKEY=new\n"),
            ("A='1\n2\n3'\nKEY=old\n", "A='1\n2\n3'\nKEY=new\n"),
            ("A=\"1\\\"\n2\"\nKEY=old\n", "A=\"1\\\"\n2\"\nKEY=new\n"),
            ("A=1\\\\\nKEY=old\n", "A=1\\\\\nKEY=new\n"),
            ("A=1\\\n\nKEY=old\n", "A=1\\\n\nKEY=new\n"),
        ] {
            match after {
                "" => assert!(with(before).is_err(), "{before:?}"),
                after => assert_eq!(with(before).as_deref(), Ok(after), "{before:?}"),
            }
        }
    }

    #[test]
    fn a_new_line_is_like_the_others() {
        for (before, after) in [
            ("", "KEY=new\n"),
            ("\n", "\nKEY=new\n"),
            ("A=1\n", "A=1\nKEY=new\n"),
            ("A=1", "A=1\nKEY=new"),
            ("A=1\r\nB=2", "A=1\r\nB=2\r\nKEY=new"),
            ("A=1\r\n", "A=1\r\nKEY=new\r\n"),
            ("# c\nexport A=1\nexport B=2\n", "# c\nexport A=1\nexport B=2\nexport KEY=new\n"),
            ("export A=1\nB=2\n", "export A=1\nB=2\nKEY=new\n"),
            ("#KEY=old\n", "#KEY=old\nKEY=new\n"),
            ("exportKEY=old\n", "exportKEY=old\nKEY=new\n"),
        ] {
            assert_eq!(with(before).as_deref(), Ok(after), "{before:?}");
        }
    }

    #[test]
    fn what_programs_read_differently_is_rejected() {
        let key = || name("KEY");
        for (text, error) in [
            ("KEY=1\nA=2\nexport KEY=3\n", EnvFileError::Duplicate { name: key(), lines: vec![1, 3] }),
            ("A=\"1\nKEY=2\n\"\n", EnvFileError::WithinQuotes { name: key(), line: 2, quote: 1 }),
            ("A='1\n3\nKEY=2'\n", EnvFileError::WithinQuotes { name: key(), line: 3, quote: 1 }),
            ("A=\"1\nKEY=2\n", EnvFileError::OpenQuote(1)),
            ("KEY='2\n", EnvFileError::OpenQuote(1)),
            ("KEY='1\n2'\n", EnvFileError::SeveralLines { name: key(), line: 1 }),
            ("A=1 \\\nKEY=2\n", EnvFileError::Continued(1)),
            ("# a\\\nKEY=2\n", EnvFileError::Continued(1)),
            ("KEY=2\\\nA=1\n", EnvFileError::Continued(1)),
            ("A=1\\\n", EnvFileError::Continued(1)),
            ("A=1\n\\", EnvFileError::Continued(2)),
            ("A=1\nKEY=2 B=3\n", EnvFileError::MoreThanAValue(2)),
            ("KEY=2;B=3\n", EnvFileError::MoreThanAValue(1)),
            ("KEY='2'; export KEY\n", EnvFileError::MoreThanAValue(1)),
            ("KEY='2'#c\n", EnvFileError::MoreThanAValue(1)),
            ("KEY=\"2\"'3'\n", EnvFileError::MoreThanAValue(1)),
            ("KEY=2\rA=3\n", EnvFileError::MoreThanAValue(1)),
            ("KEY=2\0\n", EnvFileError::NotText),
        ] {
            assert_eq!(with(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn names_of_variables() {
        for valid in ["KEY", "_", "a1_B"] {
            assert_eq!(name(valid).to_string(), valid);
        }
        for invalid in ["", "1A", "A-B", "A B", "A=", "Ä", "A\n"] {
            assert!(invalid.parse::<VariableName>().is_err(), "{invalid:?}");
        }
    }
}
