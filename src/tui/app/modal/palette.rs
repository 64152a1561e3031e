//! Every action by its name, fuzzy, with its key.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::menu::Menu;
use super::{Dialog, Flow, Press};
use crate::config::bindings::{Action, Bindings, Context};
use crate::tui::app::msg::Target;
use crate::tui::app::shared::Shared;

/// The palette.
#[derive(Debug)]
pub struct Palette {
    pub menu: Menu,
    all: Vec<Entry>,
    /// Places of those that match, the best first.
    matching: Vec<usize>,
}

/// Something that can be done here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub action: Action,
    /// A sentence of the help.
    pub name: String,
    /// The keys that do it.
    pub keys: String,
}

impl Palette {
    /// A palette of what these contexts bind.
    #[must_use]
    pub fn new(contexts: &[Context], bindings: &Bindings) -> Self {
        let mut all: Vec<Entry> = Vec::new();
        for binding in contexts.iter().flat_map(|context| bindings.of(*context)) {
            let is_known = all.iter().any(|entry| entry.action == binding.action);
            if !is_known && binding.action != Action::Palette {
                let (action, name, keys) = (binding.action, binding.help.clone(), binding.keys());
                all.push(Entry { action, name, keys });
            }
        }
        let mut palette = Self { menu: Menu::new(60), all, matching: Vec::new() };
        palette.refilter();
        palette
    }

    /// Those that match, the best first.
    #[must_use]
    pub fn entries(&self) -> Vec<&Entry> {
        self.matching.iter().filter_map(|place| self.all.get(*place)).collect()
    }

    fn refilter(&mut self) {
        let pattern = Pattern::parse(self.menu.filter.text(), CaseMatching::Ignore, Normalization::Smart);
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
    }

    fn choose(&self, place: usize) -> Flow {
        self.entries().get(place).map_or(Flow::Stay, |entry| Flow::CloseAnd(entry.action))
    }
}

impl Dialog for Palette {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Confirm, Action::Next, Action::Cancel]
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn press(&mut self, press: &Press, _shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) => return self.choose(self.menu.chosen),
            _ if self.menu.press(press, self.matching.len()) => self.refilter(),
            _ => {}
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        self.menu.paste(text);
        self.refilter();
    }

    fn click(&mut self, target: &Target, _shared: &mut Shared) -> Flow {
        if let Target::Choice(place) = target { self.choose(*place) } else { Flow::Stay }
    }

    fn scroll(&mut self, rows: isize) {
        self.menu.step(rows, self.matching.len());
    }
}
