//! Lists with a filter above: the Applications, and the command palette.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::config::bindings::Bindings;
use crate::desk::text::{ALL_APPLICATIONS, count};
use crate::domain::application::{Application, Scope};

use super::menu::Menu;
use super::{Action, Context, Dialog, Flow, Load, Pending, Press, Reply, Shared, Wizard};

#[derive(Debug)]
pub struct Chooser {
    pub menu: Menu,
    pub kind: Kind,
    /// None until they are loaded.
    entries: Option<Vec<Entry>>,
    /// Places of the entries that match, the best first.
    matching: Vec<usize>,
    pub error: Option<String>,
    applications: Pending<Vec<Application>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the list of keys.
    Applications,
    /// The Application of a new key.
    NewKey,
    Actions,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    /// The number of keys of the Application, or the keys that run the command.
    pub note: String,
    choice: Choice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Applications(Scope),
    Action(Action),
}

impl Chooser {
    pub fn applications() -> Self {
        Self::new(Kind::Applications, 100, None)
    }

    /// Continues with the wizard that creates a key.
    pub fn for_new_key() -> Self {
        Self::new(Kind::NewKey, 100, None)
    }

    /// The command palette: the actions that these contexts bind.
    pub fn actions(contexts: &[Context], bindings: &Bindings) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for binding in contexts.iter().flat_map(|context| bindings.of(*context)) {
            let choice = Choice::Action(binding.action);
            let is_known = entries.iter().any(|entry| entry.choice == choice);
            if !is_known && binding.action != Action::Palette {
                entries.push(Entry { name: binding.help.clone(), note: binding.keys(), choice });
            }
        }
        Self::new(Kind::Actions, 60, Some(entries))
    }

    fn new(kind: Kind, limit: usize, entries: Option<Vec<Entry>>) -> Self {
        let (menu, applications) = (Menu::new(limit), Pending::default());
        let mut chooser = Self { menu, kind, entries, matching: Vec::new(), error: None, applications };
        chooser.refilter();
        chooser
    }

    pub fn is_loaded(&self) -> bool {
        self.entries.is_some()
    }

    /// The entries that match, the best first.
    pub fn matching(&self) -> impl ExactSizeIterator<Item = &Entry> {
        let entries = self.entries.as_deref().unwrap_or_default();
        self.matching.iter().map(|place| &entries[*place])
    }

    fn refilter(&mut self) {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(self.menu.filter.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut score = |name: &str| match self.kind {
            Kind::Applications | Kind::NewKey => self.menu.matches(name).then_some(0),
            Kind::Actions => pattern.score(Utf32Str::new(name, &mut Vec::new()), &mut matcher),
        };
        let entries = self.entries.iter().flatten().enumerate();
        let mut scored: Vec<_> =
            entries.filter_map(|(place, entry)| Some((score(&entry.name)?, place))).collect();
        scored.sort_by_key(|(score, place)| (std::cmp::Reverse(*score), *place));
        self.matching = scored.into_iter().map(|(_, place)| place).collect();
    }

    fn chosen(&self, place: usize, shared: &Shared) -> Flow {
        match self.matching().nth(place).map(|entry| entry.choice) {
            Some(Choice::Applications(Scope::Application(application))) if self.kind == Kind::NewKey => {
                Flow::swap(Wizard::new(application, shared))
            }
            Some(Choice::Applications(scope)) => Flow::Choose(scope),
            Some(Choice::Action(action)) => Flow::CloseAnd(action),
            None => Flow::Stay,
        }
    }
}

impl Dialog for Chooser {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Confirm, Action::Cancel]
    }

    fn label(&self, action: Action) -> Option<&'static str> {
        match (action, self.kind) {
            (Action::Confirm, Kind::Applications | Kind::NewKey) => Some("choose"),
            (Action::Confirm, Kind::Actions) => Some("run"),
            (Action::Cancel, _) => Some("cancel"),
            _ => None,
        }
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn opened(&mut self, shared: &mut Shared) {
        if self.kind != Kind::Actions {
            self.applications.load(Load::ApplicationChoices, shared);
        }
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) => return self.chosen(self.menu.chosen, shared),
            _ if self.menu.press(press, self.matching.len()) => self.refilter(),
            _ => {}
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _shared: &mut Shared) {
        self.menu.paste(text);
        self.refilter();
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        self.chosen(place, shared)
    }

    fn scroll(&mut self, rows: isize) {
        self.menu.step(rows, self.matching.len());
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) -> Flow {
        match self.applications.take(reply) {
            Some(Ok(all)) => {
                let current = shared.scope().map(Choice::Applications);
                let entry = |name, keys, scope| Entry {
                    name,
                    note: count(keys, "key"),
                    choice: Choice::Applications(scope),
                };
                let total = all.iter().map(|application| application.keys).sum();
                let first = (self.kind == Kind::Applications)
                    .then(|| entry(ALL_APPLICATIONS.to_owned(), total, Scope::All));
                let each = all.into_iter().map(|application| {
                    entry(application.name.to_string(), application.keys, Scope::Application(application.id))
                });
                let entries: Vec<Entry> = first.into_iter().chain(each).collect();
                let place = entries.iter().position(|entry| Some(entry.choice) == current);
                self.menu.chosen = place.unwrap_or_default();
                self.entries = Some(entries);
                self.refilter();
            }
            Some(Err(error)) => self.error = Some(error.to_string()),
            None => {}
        }
        Flow::Stay
    }
}
