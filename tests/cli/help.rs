//! The help of every command, as a terminal of 80 and of 100 columns shows it.

use crate::support::home::{Home, run};

/// The words of every command.
fn commands(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
    found.push(words.to_vec());
    for below in command.get_subcommands() {
        commands(below, &[words, &[below.get_name().to_owned()]].concat(), found);
    }
}

fn indentation(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

/// Where the text of a line begins: behind the name of an option, argument or command.
fn text_column(line: &str) -> usize {
    let name = indentation(line);
    line[name..].rfind("  ").map_or(name, |gap| name + gap + 2)
}

/// The lines of a help text that end although the next word fits.
fn broken(help: &str, width: usize) -> Vec<&str> {
    let lines: Vec<&str> = help.lines().take_while(|line| *line != "Examples:").collect();
    let pairs = lines.iter().zip(lines.iter().skip(1));
    pairs
        .filter(|(line, next)| {
            let continues = !line.is_empty() && !next.is_empty() && text_column(line) == indentation(next);
            let listed = indentation(next) == 2 || next.trim_start().starts_with('-');
            let word = next.split_whitespace().next().unwrap_or_default();
            continues && !listed && line.len() + 1 + word.len() <= width
        })
        .map(|(line, _)| *line)
        .collect()
}

#[test]
fn help_is_wrapped_once_to_the_terminal() {
    let home = Home::empty();
    let mut all = Vec::new();
    commands(&keydesk::cli::command_tree(), &[], &mut all);
    assert!(all.len() > 30, "{all:?}");
    for words in &all {
        let mut pages = Vec::new();
        for (width, columns) in [(80, "80"), (100, "100")] {
            for option in ["-h", "--help"] {
                let mut command = home.command(&[]);
                let said = run(command.args(words).arg(option).env("COLUMNS", columns));
                assert_eq!((said.code, said.err.as_str()), (0, ""), "{words:?}");
                let long = said.out.lines().find(|line| line.chars().count() > width);
                assert_eq!(long, None, "{words:?} at {width}");
                assert_eq!(
                    broken(&said.out, width),
                    Vec::<&str>::new(),
                    "{words:?} at {width}:\n{}",
                    said.out
                );
                assert!(!said.out.lines().any(|line| line.ends_with(' ')), "{words:?}: {:?}", said.out);
                pages.push(said.out);
            }
        }
        let examples = |help: &str| help.split_once("\nExamples:\n").map(|(_, lines)| lines.to_owned());
        let (first, narrow) = (examples(&pages[0]), examples(&pages[3]));
        assert!(
            first.is_some() && first == narrow,
            "the lines of examples stay: {words:?} {first:?} {narrow:?}"
        );
    }
}

#[test]
fn the_test_itself_finds_a_line_that_breaks_too_early() {
    assert_eq!(broken("A line that\nbreaks early", 80), ["A line that"]);
    assert_eq!(broken("      --out <FILE>  Write it\n                    to a file", 80).len(), 1);
    assert_eq!(broken("Usage: keydesk\n\nOptions:\n  -h, --help  Print help", 80), Vec::<&str>::new());
}
