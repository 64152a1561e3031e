//! Words that keydesk does not use, each with what to write instead, are neither in its help and messages nor in its
//! documentation.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use crate::support::home::Home;

/// Forbidden words and phrases, and what to write instead. Case is ignored.
const WORDS: &[(&[&str], &str)] = &[
    (&["whoever"], "anyone who"),
    (&["tell how", "tell which", "tells which"], "check, show, report"),
    (&["pause keys", "paused keys", "let paused"], "disable keys, disabled keys"),
    (&["believe what", "is believed"], "trust"),
    (&["do something", "nothing is called that"], "commands, no matching command"),
    (&["go to the background", "goes to the background"], "suspend"),
    (&["as it would have anyway", "than it would have anyway"], "past its own expiration date"),
    (&["repeat themselves", "pasting tells", "runs nothing of it", "has been noted down"], "the plain fact"),
    (&["keeping it well", "honest limits"], "maintenance, known limitations"),
    (&["let in", "lets in", "let them in", "letting in"], "accept"),
    (&["refuse", "refuses", "refused", "refusal", "refusals"], "reject, rejected, rejection"),
    (&["hand over", "hands over", "handed over", "hand out", "handed out"], "deliver, pass"),
    (&["mend", "mends", "mended"], "fix"),
    (&["anew", "once more"], "again; redraw, reload, retry"),
    (&["go on", "goes on", "went on", "go on with"], "continue"),
    (&["alive again", "comes to life", "come to life", "back to life", "comes alive"], "valid again"),
    (&["so many", "at most so"], "number of, maximum number of"),
    (&["stands in", "stand in", "stands on", "stands at", "stood in"], "is in"),
    (&["turn the order round", "turns the order round"], "reverse the sort order"),
    (&["rests on", "leads nowhere"], "depends on, is /dev/null"),
    (&["there already", "exists already"], "already exists"),
    (
        &[
            "is no date",
            "is no duration",
            "is no folder",
            "is no directory",
            "is no file",
            "is no number",
            "is no link",
            "is no key",
            "is no socket",
            "is no time",
            "is no head",
            "is no fault",
            "is no address",
            "is no part",
        ],
        "is not a",
    ),
    (&["any more"], "no longer"),
    (&["until when"], "expiration date"),
    (&["since long", "for long"], "for a long time"),
    (
        &["tells all", "tells of", "tell of", "as it tells", "says so itself", "by its own word"],
        "matches, reports",
    ),
    (&["the house", "room", "rooms", "floor"], "module, layer, space, width"),
    (&["witness", "witnesses", "doubt", "doubts"], "known head, log mismatch"),
    (&["may look", "may look and", "look but change", "looks on only"], "read-only"),
    (&["nobody", "somebody", "everybody"], "no one, someone, everyone"),
    (&["aside"], "move away"),
    (&["opens the screen", "open the screen", "the screen needs"], "terminal UI"),
    (&["displayed prefix"], "key prefix"),
    (&["lineage"], "predecessor, successor"),
    (&["still presented", "presented by"], "still in use"),
    (&["whatever the", "whatever happens", "whatever it", "whatever came", "be it a"], "regardless of"),
    (&["by hand"], "manually, outside keydesk"),
    (&["take away", "takes away", "taken away", "took away"], "remove, clear"),
    (&["brings along", "a fault of its own", "all is well", "as good as"], "plain words"),
    (
        &[
            "colour",
            "colours",
            "coloured",
            "behaviour",
            "grey",
            "favour",
            "honour",
            "neighbour",
            "licence",
            "centre",
        ],
        "American spelling",
    ),
];

/// Where the word boundaries of a phrase are. Code (in quotation marks or backticks) and identifiers do not count.
fn contains(text: &str, phrase: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '`' | '"' | '/' | ':' | '\\');
    text.match_indices(phrase).any(|(at, _)| {
        !text[..at].ends_with(part_of_word)
            && !text[at + phrase.len()..].starts_with(|c| part_of_word(c) && !matches!(c, ':' | '\\'))
    })
}

#[derive(Default)]
struct Report {
    found: String,
    /// Between the fences of Rust code.
    in_rust: bool,
}

impl Report {
    fn check(&mut self, place: &str, line: usize, text: &str) {
        let fence = text.trim_start().strip_prefix("```");
        self.in_rust =
            fence.map_or(self.in_rust, |language| language.starts_with("rust") || language == "no_run");
        if self.in_rust {
            return;
        }
        let folded = text.to_lowercase();
        for (phrases, instead) in WORDS {
            for phrase in phrases.iter().filter(|phrase| contains(&folded, phrase)) {
                let _ =
                    writeln!(self.found, "{place}:{line}: {phrase:?}: write: {instead}\n    {}", text.trim());
            }
        }
    }

    fn check_text(&mut self, place: &str, text: &str) {
        for (line, text) in text.lines().enumerate() {
            self.check(place, line + 1, text);
        }
    }

    /// String literals and doc comments, which are literals of `doc` attributes.
    fn check_tokens(&mut self, place: &str, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.check_tokens(place, group.stream()),
                TokenTree::Literal(literal) => {
                    let text = match syn::parse_str::<syn::Lit>(&literal.to_string()) {
                        Ok(syn::Lit::Str(text)) => text.value(),
                        _ => continue,
                    };
                    if text.trim_start().starts_with("```") || !is_code(&text) {
                        self.check(place, literal.span().start().line, &text);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A single word, such as the name of a column, or SQL.
fn is_code(text: &str) -> bool {
    !text.trim().contains(' ')
        || [" FROM ", "SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|sql| text.contains(sql))
}

fn files(below: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn help_messages_and_documents_use_the_glossary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut report = Report::default();
    let mut paths = Vec::new();
    files(&root.join("src"), &mut paths);
    files(&root.join("assets"), &mut paths);
    paths.extend(
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Cargo.toml"]
            .map(|name| root.join(name)),
    );
    for path in paths {
        let place = path.strip_prefix(root).unwrap().display().to_string();
        // Pictures and other binary files.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        match path.extension().and_then(|ending| ending.to_str()) {
            // Pictures, and the names of tables.
            Some("svg" | "tsv") => {}
            // Only the comments: the rest names tables.
            Some("sql") => {
                for (line, text) in text.lines().enumerate() {
                    report.check(&place, line + 1, text.split_once("--").map_or("", |(_, comment)| comment));
                }
            }
            Some("rs") => report.check_tokens(&place, text.parse().unwrap()),
            _ => report.check_text(&place, &text),
        }
    }
    let home = Home::empty();
    let pages = home.path("pages");
    assert_eq!(home.run(&["man", &pages.display().to_string()]).code, 0);
    let mut paths = Vec::new();
    files(&pages, &mut paths);
    for path in paths {
        report.check_text(
            &path.file_name().unwrap().display().to_string(),
            &std::fs::read_to_string(&path).unwrap(),
        );
    }
    commands(&mut report, keydesk::cli::command_tree());
    assert!(report.found.is_empty(), "\n{}", report.found);
}

fn commands(report: &mut Report, mut command: clap::Command) {
    command.build();
    let name = command.get_bin_name().unwrap_or("keydesk").to_owned();
    report.check_text(&format!("{name} --help"), &command.render_long_help().to_string());
    for below in command.get_subcommands().cloned() {
        commands(report, below);
    }
}

#[test]
fn words_are_found_as_words() {
    let found = |text: &str| {
        let mut report = Report::default();
        report.check("text", 1, text);
        !report.found.is_empty()
    };
    for text in ["Whoever asks", "it is refused: why", "(mend)", "so many keys", "is no key."] {
        assert!(found(text), "{text}");
    }
    for text in ["recommend", "`Refusal`", "outcome=\"refused\"", "there is no longer a key", "a classroom"] {
        assert!(!found(text), "{text}");
    }
}
