//! Every action by its name, fuzzy, with its key.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::Target;
use crate::tui::app::text_field::TextField;

/// The palette.
#[derive(Debug)]
pub struct Palette {
    /// What is typed to look for.
    pub filter: TextField,
    /// All that can be done here: the action, its name, its keys.
    all: Vec<Entry>,
    /// Places of those that match, the best first.
    pub matching: Vec<usize>,
    /// The chosen one's place among those that match.
    pub chosen: usize,
}

/// Something that can be done here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is done.
    pub action: Action,
    /// Its name: a sentence of the help.
    pub name: String,
    /// The keys that do it.
    pub keys: String,
}

impl Palette {
    /// A palette of what the bindings of these names offer.
    #[must_use]
    pub fn new(contexts: &[&'static str], keymap: &crate::tui::app::keymap::Keymap) -> Self {
        let mut all: Vec<Entry> = Vec::new();
        for hint in contexts.iter().flat_map(|context| keymap.hints(context)) {
            let known = all.iter().any(|entry| entry.action == hint.action);
            if !known && hint.action != Action::Palette {
                all.push(Entry { action: hint.action, name: hint.help.to_owned(), keys: hint.keys() });
            }
        }
        let mut palette = Self { filter: TextField::new(60), all, matching: Vec::new(), chosen: 0 };
        palette.refilter();
        palette
    }

    /// Those that match, the best first.
    #[must_use]
    pub fn entries(&self) -> Vec<&Entry> {
        self.matching.iter().filter_map(|place| self.all.get(*place)).collect()
    }

    fn refilter(&mut self) {
        let pattern = Pattern::parse(self.filter.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let mut scored: Vec<(u32, usize)> = self
            .all
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| {
                let score = pattern.score(Utf32Str::new(&entry.name, &mut letters), &mut matcher)?;
                Some((score, place))
            })
            .collect();
        scored.sort_by_key(|(score, place)| (std::cmp::Reverse(*score), *place));
        self.matching = scored.into_iter().map(|(_, place)| place).collect();
        self.chosen = 0;
    }

    fn choose(&self, place: usize) -> Flow {
        self.entries().get(place).map_or(Flow::Stay, |entry| Flow::CloseAnd(entry.action))
    }

    fn step(&mut self, by: isize) {
        let last = self.matching.len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(by).min(last);
    }
}

impl Dialog for Palette {
    fn takes_text(&self) -> bool {
        true
    }

    fn press(&mut self, press: Press, _cx: &mut Context<'_>) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) => return self.choose(self.chosen),
            Some(Action::Next) => self.step(1),
            Some(Action::Previous) => self.step(-1),
            _ => {
                if self.filter.edit(&press.chord) {
                    self.refilter();
                }
            }
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _cx: &mut Context<'_>) {
        self.filter.paste(text);
        self.refilter();
    }

    fn click(&mut self, target: &Target, _cx: &mut Context<'_>) -> Flow {
        match target {
            Target::Choice(place) => self.choose(*place),
            _ => Flow::Stay,
        }
    }

    fn scroll(&mut self, rows: isize) {
        self.step(rows);
    }
}
