//! The setting `synchronous_standby_names`: for which standbys a commit waits.

/// A setting that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynchronousRule {
    pub choice: Choice,
    /// How many standbys must confirm a commit.
    pub number: usize,
    /// The names of standbys, by priority. `*` is any.
    pub names: Vec<String>,
}

/// Which of the connected standbys must confirm a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Those of the highest priority.
    First,
    /// The fastest ones.
    Any,
}

impl SynchronousRule {
    /// Reads `a, b`, `2 (a, b)`, `FIRST 2 (a, b)` and `ANY 2 (a, b)`; none where commits wait for no standby.
    pub(super) fn parse(setting: &str) -> Option<Self> {
        let (head, list) = match setting.split_once('(') {
            // A parenthesis within quotes belongs to a name.
            Some((head, list)) if !head.contains('"') => (head.trim(), list.trim_end().trim_end_matches(')')),
            _ => ("", setting),
        };
        let (choice, number) = match head.split_once(char::is_whitespace) {
            Some((word, number)) if word.eq_ignore_ascii_case("any") => (Choice::Any, number),
            Some((_, number)) => (Choice::First, number),
            None => (Choice::First, head),
        };
        let names: Vec<String> = names(list);
        let number = number.trim().parse().unwrap_or(1);
        (!names.is_empty()).then_some(Self { choice, number, names })
    }

    /// The standbys among those connected for which a commit waits, as far as their names say.
    #[must_use]
    pub fn chosen<'a>(&self, connected: &'a [String]) -> Vec<&'a str> {
        // Several standbys may have one name.
        let mut rest: Vec<&str> = connected.iter().map(String::as_str).collect();
        let mut chosen = Vec::new();
        for name in &self.names {
            chosen.extend(rest.extract_if(.., |standby| name == "*" || standby.eq_ignore_ascii_case(name)));
        }
        if self.choice == Choice::First {
            chosen.truncate(self.number);
        }
        chosen
    }
}

/// Names that are separated by commas, each of them quoted or not.
fn names(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = list.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let Some(name) = names.last_mut() else { break };
        match character {
            // A quotation mark within quotes is doubled.
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => name.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(String::new()),
            character if character.is_whitespace() && !is_quoted => {}
            character => name.push(character),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_the_setting_are_read() {
        use Choice::{Any, First};
        for (setting, choice, number, names) in [
            ("a", First, 1, &["a"][..]),
            (" a , b ", First, 1, &["a", "b"]),
            ("*", First, 1, &["*"]),
            ("2 (a, b)", First, 2, &["a", "b"]),
            ("first 2(a,b)", First, 2, &["a", "b"]),
            ("FIRST 1 (a, *)", First, 1, &["a", "*"]),
            ("ANY 2 (a, \"b, (c)\", \"d\"\"e\")", Any, 2, &["a", "b, (c)", "d\"e"]),
            ("\"a (b)\"", First, 1, &["a (b)"]),
        ] {
            let names = names.iter().map(ToString::to_string).collect();
            assert_eq!(SynchronousRule::parse(setting), Some(SynchronousRule { choice, number, names }));
        }
        assert_eq!(SynchronousRule::parse("  "), None);
    }

    #[test]
    fn a_commit_waits_for_those_of_the_highest_priority() {
        let connected = ["c", "B", "a"].map(str::to_owned);
        for (setting, chosen) in [
            ("a, b", &["a"][..]),
            ("FIRST 2 (x, b, a, c)", &["B", "a"]),
            ("ANY 1 (a, b)", &["a", "B"]),
            ("FIRST 2 (b, *)", &["B", "c"]),
            ("x", &[]),
        ] {
            assert_eq!(SynchronousRule::parse(setting).unwrap().chosen(&connected), chosen, "{setting}");
        }
    }
}
