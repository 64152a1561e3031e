//! From the common dialect of the statements to the one of PostgreSQL.

/// Words with another name in PostgreSQL. `CROSS JOIN x ON` keeps SQLite from joining in another order: here it is a join as
/// any other.
const WORDS: [(&str, &str); 3] = [("instr", "strpos"), ("char", "chr"), ("CROSS", "")];

/// Converts the placeholders `?` and `?1` to `$1`, and [`WORDS`] to those of PostgreSQL, and removes `INDEXED BY name`.
/// Literals, quoted names and comments stay as they are.
pub(in crate::store) fn translate(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut highest = 0;
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\'' | '"' => quoted(rest, c),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '?' => {
                let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                let number = rest[1..=digits].parse().unwrap_or(highest + 1);
                highest = highest.max(number);
                out.push('$');
                out.push_str(&number.to_string());
                rest = &rest[1 + digits..];
                continue;
            }
            c if is_of_word(c) => {
                if let Some(after) = indexed_by(rest) {
                    rest = after;
                    continue;
                }
                let (found, after) = rest.split_at(word(rest));
                if let Some((_, other)) = WORDS.iter().find(|(word, _)| *word == found) {
                    out.push_str(other);
                    rest = after;
                    continue;
                }
                found.len()
            }
            c => c.len_utf8(),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// The length of the word at the start.
fn word(text: &str) -> usize {
    text.find(|c| !is_of_word(c)).unwrap_or(text.len())
}

/// The length of the quoted text at the start. A doubled quotation mark ends it and starts the next.
fn quoted(text: &str, mark: char) -> usize {
    text[1..].find(mark).map_or(text.len(), |end| end + 2)
}

/// What follows `INDEXED BY name` at the start.
fn indexed_by(text: &str) -> Option<&str> {
    let mut rest = text;
    for expected in ["INDEXED", "BY"] {
        let (found, after) = rest.split_at(word(rest));
        if !found.eq_ignore_ascii_case(expected) {
            return None;
        }
        rest = after.trim_start();
    }
    let name = word(rest);
    (name > 0).then(|| &rest[name..])
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn placeholders_are_numbered_as_sqlite_does() {
        for (sql, expected) in [
            ("SELECT ?", "SELECT $1"),
            ("SELECT ?, ?, ?2, ?", "SELECT $1, $2, $2, $3"),
            ("a = ?2 AND b = ?1 AND c = ?", "a = $2 AND b = $1 AND c = $3"),
            ("?12,?3", "$12,$3"),
            ("VALUES (?,?)", "VALUES ($1,$2)"),
        ] {
            assert_eq!(translate(sql), expected);
        }
    }

    #[test]
    fn literals_names_and_comments_stay() {
        for sql in [
            "SELECT '?1', 'it''s ?', \"a?b\"",
            "SELECT 1 -- why?",
            "SELECT /* ? INDEXED BY x */ 1",
            "SELECT 'INDEXED BY x'",
            "SELECT indexed_by, not_indexed FROM x ORDER BY y",
            "SELECT 'open",
            "SELECT 'é🔑' || $1",
        ] {
            assert_eq!(translate(sql), sql);
        }
        assert_eq!(translate("-- a?\nSELECT ?, '?' || ?"), "-- a?\nSELECT $1, '?' || $2");
    }

    #[test]
    fn words_of_sqlite_are_replaced() {
        for (sql, expected) in [
            ("instr(a, char(10)) > 0", "strpos(a, chr(10)) > 0"),
            ("a CROSS JOIN b ON TRUE", "a  JOIN b ON TRUE"),
            ("instruments, chars, 'char', \"instr\"", "instruments, chars, 'char', \"instr\""),
        ] {
            assert_eq!(translate(sql), expected);
        }
    }

    #[test]
    fn the_choice_of_an_index_is_removed() {
        for (sql, expected) in [
            ("SELECT 1 FROM keys INDEXED BY keys_by_name WHERE x = ?", "SELECT 1 FROM keys  WHERE x = $1"),
            ("FROM keys k indexed\n  by keys_by_id, users", "FROM keys k , users"),
        ] {
            assert_eq!(translate(sql), expected);
        }
    }
}
