//! Developer settings: the keys of the Application.

use std::collections::BTreeSet;

use crate::config::bindings::Action;
use crate::desk::KeyAction;
use crate::domain::application::{ApplicationId, Scope};
use crate::domain::filter::FilterError;
use crate::domain::key::{Key, KeyId, KeyState};
use crate::domain::key_filter::KeyFilter;
use crate::domain::secret::Secret;
use crate::host::clipboard::Copied;
use crate::store::Window;
use crate::store::keys::{KeyQuery, KeySort};
use crate::tui::layout;

use super::Screen;
use super::filtered_list::{FilteredList, Listed, Rows};
use super::timeline::Timeline;
use crate::tui::app::direction::Direction;
use crate::tui::app::list::Row;
use crate::tui::app::message::Message;
use crate::tui::app::modal::{
    Chooser, Confirm, Delete, Disable, EditKey, Flow, Modal, Overlap, Press, Reading, Rotate, Targets,
    Triage, Wizard, confirm,
};
use crate::tui::app::msg::{Counted, Effect, KeyDetails, Load, MOST_SELECTED};
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

impl Row for Key {
    type Id = KeyId;
    fn id(&self) -> KeyId {
        self.id
    }
}

/// Which keys are shown, apart from the text of the filter, and in which order.
#[derive(Debug)]
pub struct KeysQuery {
    /// None while there is no Application.
    pub scope: Option<Scope>,
    /// Only keys of this state.
    pub state: Option<KeyState>,
    pub sort: KeySort,
    pub descending: bool,
}

impl Default for KeysQuery {
    fn default() -> Self {
        Self { scope: None, state: None, sort: KeySort::State, descending: false }
    }
}

impl KeysQuery {
    fn with(&self, filter: &KeyFilter, shared: &Shared) -> Option<Box<KeyQuery>> {
        Some(Box::new(KeyQuery {
            scope: self.scope?,
            filter: filter.clone(),
            state: self.state,
            platform: None,
            sort: self.sort,
            descending: self.descending,
            now: shared.now,
            soon: shared.settings().expires_soon,
        }))
    }
}

impl Listed for Key {
    type Query = KeysQuery;
    type Filter = KeyFilter;

    fn parse(text: &str, _shared: &Shared) -> (KeyFilter, Option<FilterError>) {
        KeyFilter::parse(text)
    }

    fn load(filter: &KeyFilter, query: &KeysQuery, window: Window<Self>, shared: &Shared) -> Option<Load> {
        Some(Load::Keys(query.with(filter, shared)?, window))
    }

    fn count(filter: &KeyFilter, query: &KeysQuery, shared: &Shared) -> Option<Counted> {
        query.with(filter, shared).map(Counted::Keys)
    }

    fn is_narrowed(query: &KeysQuery) -> bool {
        query.state.is_some()
    }

    fn widen(query: &mut KeysQuery) {
        query.state = None;
    }
}

/// Screen 1.
#[derive(Debug, Default)]
pub struct KeysScreen {
    pub list: FilteredList<Key>,
    /// Keys selected for an operation.
    pub picked: BTreeSet<KeyId>,
    /// Details of the selected key, for the pane beside the list.
    pub details: Option<Box<KeyDetails>>,
    has_pane: bool,
    /// The expirations of the next 12 months, while they are shown.
    pub timeline: Option<Timeline>,
    pending_details: Pending<Option<Box<KeyDetails>>>,
    pending_copy: Pending<Copied>,
    pending_ids: Pending<Vec<KeyId>>,
}

impl KeysScreen {
    pub fn scope(&self) -> Option<Scope> {
        self.list.query.scope
    }

    /// The Application of a new key: the one that is shown, else that of the selected key, else the only one.
    fn application(&self, shared: &Shared) -> Option<ApplicationId> {
        if let Some(Scope::Application(id)) = self.scope() {
            return Some(id);
        }
        let all = shared.session.as_ref().map(|session| session.applications.as_slice()).unwrap_or_default();
        let only = if let [one] = all { Some(one.id) } else { None };
        self.list.rows.selected().map(|key| key.application).or(only)
    }

    /// Shows another Application, or all.
    pub fn show(&mut self, scope: Option<Scope>, shared: &mut Shared) {
        if self.scope() != scope {
            let KeysQuery { sort, descending, .. } = self.list.query;
            let query = KeysQuery { scope, sort, descending, state: None };
            let (has_pane, timeline) = (self.has_pane, self.timeline.take());
            *self = Self { list: FilteredList::new(query), has_pane, timeline, ..Self::default() };
            self.list.set_height(layout::list_height(shared.size));
        }
        self.reload(shared);
    }

    fn query(&self, shared: &Shared) -> Option<Box<KeyQuery>> {
        self.list.query.with(&self.list.parsed, shared)
    }

    fn reload_timeline(&mut self, shared: &mut Shared) {
        if let (Some(scope), Some(timeline)) = (self.scope(), &mut self.timeline) {
            timeline.reload(scope, shared);
        }
    }

    /// Asks for the details of the selected key, if there is a pane to show them.
    fn refresh_details(&mut self, shared: &mut Shared) {
        let selected = self.list.rows.selected().map(|key| key.id);
        if self.details.as_ref().map(|details| details.key.id) != selected {
            self.details = None;
        }
        match selected.filter(|_| self.has_pane) {
            Some(id) => self.pending_details.load(Load::Details(id), shared),
            None => self.pending_details.cancel(),
        }
    }

    /// Asks for the details when their pane appears.
    fn fit_pane(&mut self, shared: &mut Shared) {
        let has_pane = layout::pane_width(shared.size.0, shared.remembered.details_pane).is_some();
        if self.has_pane != has_pane {
            self.has_pane = has_pane;
            self.refresh_details(shared);
            shared.push(Effect::Redraw);
        }
    }

    fn copy_prefix(&mut self, shared: &mut Shared) {
        if let Some(key) = self.list.rows.selected() {
            // What the clipboard takes. A prefix is no secret.
            let prefix = Secret::new(key.prefix.clone());
            self.pending_copy.ask(shared, |request| Effect::Copy(request, prefix));
        }
    }

    fn toggle_pane(&mut self, shared: &mut Shared) {
        if shared.size.0 < layout::PANE_FROM {
            let text =
                format!("The details pane needs {} columns. Press Enter for the details.", layout::PANE_FROM);
            return shared.say(Message::note(text));
        }
        let shown = self.has_pane;
        shared.remember(|remembered| remembered.details_pane = Some(!shown));
        self.fit_pane(shared);
    }

    fn open(&self, action: Action, shared: &mut Shared) -> Flow {
        let Some(key) = self.list.rows.selected() else { return Flow::Stay };
        // What an action works on: the selection, else the row.
        let targets = |action| {
            if self.picked.is_empty() {
                Targets::key(action, key.clone(), self.list.rows.is_stale(), shared.now)
            } else {
                Targets::keys(action, self.picked.iter().copied().collect())
            }
        };
        let modal: Modal = match action {
            Action::Open => Reading::key(key.id).into(),
            Action::Edit if !self.picked.is_empty() => {
                shared.say(Message::note("One key is edited at a time. Clear the selection first."));
                return Flow::Stay;
            }
            Action::Edit => EditKey::new(key.clone()).into(),
            Action::Usage => Reading::usage(key, shared.catalog()).into(),
            Action::Delete => Delete::keys(targets(KeyAction::Delete)).into(),
            Action::Rotate
                if self.picked.is_empty() && key.replaced_by.is_some() && key.ended(shared.now).is_none() =>
            {
                Overlap::new(targets(KeyAction::Overlap)).into()
            }
            Action::Rotate => Rotate::new(targets(KeyAction::Rotate)).into(),
            Action::Disable => Disable::new(targets(KeyAction::Disable)).into(),
            Action::Acknowledge => {
                Confirm::about(confirm::Subject::Acknowledge(targets(KeyAction::Acknowledge))).into()
            }
            Action::Enable => Confirm::about(confirm::Subject::EnableKeys(targets(KeyAction::Enable))).into(),
            _ => return Flow::Stay,
        };
        Flow::open(modal)
    }

    fn pick(&mut self, shared: &mut Shared) -> Flow {
        let Some(key) = self.list.rows.selected() else { return Flow::Stay };
        if !self.picked.remove(&key.id) {
            self.picked.insert(key.id);
        }
        self.press(&Press::of(Action::Down), shared)
    }
}

impl Screen for KeysScreen {
    fn rows(&self) -> &dyn Rows {
        &self.list
    }

    fn rows_mut(&mut self) -> &mut dyn Rows {
        &mut self.list
    }

    fn hints(&self, shared: &Shared) -> Vec<Action> {
        use Action::{
            Acknowledge, CopyPrefix, Create, Delete, Details, Disable, Dismiss, Edit, Enable, Filter,
            FilterState, Identify, Open, Reverse, Rotate, Select, SelectAll, Sort, Timeline, Usage,
        };
        let (is_narrowed, is_picked) = (self.list.is_narrowed(), !self.picked.is_empty());
        if self.list.rows.is_empty() && !is_narrowed {
            return vec![Create];
        }
        let mut actions = match self.list.rows.selected().filter(|_| !is_picked) {
            Some(key) if key.has_alarm() => vec![Create, Acknowledge, Delete],
            Some(key) if key.is_canary => vec![Create, Delete],
            Some(key) if key.is_disabled(shared.now) => vec![Create, Rotate, Delete, Enable],
            _ => vec![Create, Rotate, Delete, Disable],
        };
        if is_picked || is_narrowed {
            actions.push(Dismiss);
        }
        actions.extend([Filter, FilterState, Sort, Timeline, Usage]);
        if shared.size.0 >= layout::PANE_FROM {
            actions.push(Details);
        }
        actions.extend([Open, Select, SelectAll, CopyPrefix, Edit, Reverse, Identify]);
        actions
    }

    fn moved(&mut self, shared: &mut Shared) {
        self.refresh_details(shared);
    }

    fn reload(&mut self, shared: &mut Shared) {
        self.list.reload(shared);
        self.reload_timeline(shared);
    }

    fn resize(&mut self, shared: &mut Shared) {
        self.list.set_height(layout::list_height(shared.size));
        self.fit_pane(shared);
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        if press.action == Some(Action::Dismiss) && !self.picked.is_empty() && !self.list.hides_result() {
            self.picked.clear();
            return Flow::Stay;
        }
        let pressed = self.list.press(press, shared);
        self.follow(pressed, shared)
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Flow {
        match action {
            Action::FilterState => {
                self.list.query.state = next_state(self.list.query.state);
                self.list.restart(shared);
            }
            // The selected key stays selected.
            Action::Sort => {
                let sort = &mut self.list.query.sort;
                *sort = Direction::Forward.among(KeySort::ALL, *sort);
                self.list.reload(shared);
            }
            Action::Reverse => {
                self.list.query.descending = !self.list.query.descending;
                self.list.reload(shared);
            }
            Action::Timeline => {
                self.timeline = if self.timeline.is_some() { None } else { Some(Timeline::default()) };
                self.reload_timeline(shared);
            }
            Action::Details => self.toggle_pane(shared),
            Action::CopyPrefix => self.copy_prefix(shared),
            Action::Select => return self.pick(shared),
            Action::SelectAll => {
                if let Some(query) = self.query(shared) {
                    self.pending_ids.load(Load::KeyIds(query), shared);
                }
            }
            Action::Identify => return Flow::open(Triage::asking()),
            Action::Create => match self.application(shared) {
                Some(application) => {
                    return Flow::open(Wizard::new(application, shared));
                }
                None if shared.session.as_ref().is_some_and(|session| !session.applications.is_empty()) => {
                    return Flow::open(Chooser::for_new_key());
                }
                None => {
                    shared.say(Message::note("Create an Application first (screen 2)."));
                }
            },
            _ => return self.open(action, shared),
        }
        Flow::Stay
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) {
        if self.list.take(reply, shared) {
            self.refresh_details(shared);
        }
        if let Some(Ok(details)) = self.pending_details.take(reply) {
            self.details = details;
        }
        match self.pending_copy.take(reply) {
            Some(Ok(copied)) => {
                let described = copied.describe("select it with the mouse while Shift is held.");
                shared.say(Message::done(format!("Key prefix: {}.", described.trim_end_matches('.'))));
            }
            Some(Err(error)) => shared.say(Message::error(error.to_string())),
            None => {}
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.receive(reply);
        }
        if let Some(Ok(ids)) = self.pending_ids.take(reply) {
            self.picked = ids.into_iter().collect();
            if self.picked.len() >= MOST_SELECTED {
                let text = format!("First {MOST_SELECTED} keys selected, which is the maximum.");
                shared.say(Message::note(text));
            }
        }
    }
}

/// All keys, then those of each state.
fn next_state(state: Option<KeyState>) -> Option<KeyState> {
    let place = state.and_then(|state| KeyState::ALL.iter().position(|one| *one == state));
    KeyState::ALL.get(place.map_or(0, |place| place + 1)).copied()
}
