//! Developer settings: the keys of the Application.

use std::collections::BTreeMap;

use crate::desk::Picked;
use crate::domain::application::ApplicationId;
use crate::domain::key::{Key, KeyId, KeyState};
use crate::store::keys::{KeyQuery, KeySort};

use super::timeline::Timeline;
use super::{Filter, Filtered, chosen, movement};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::{List, Row};
use crate::tui::app::message::Message;
use crate::tui::app::modal::{Confirm, Delete, Details, Modal, Press, Rotate, Usage, Wizard};
use crate::tui::app::msg::{Answer, Effect, KeyDetails, Load, Loaded, MOST_SELECTED, RequestId};

impl Row for Key {
    type Id = KeyId;
    fn id(&self) -> KeyId {
        self.id
    }
}

/// The screen.
#[derive(Debug)]
pub struct KeysScreen {
    /// The Application that it shows.
    pub application: Option<ApplicationId>,
    /// The rows.
    pub list: List<Key>,
    /// Words to filter by.
    pub filter: Filter,
    /// Only keys of this state.
    pub state: Option<KeyState>,
    /// The column to sort by.
    pub sort: KeySort,
    /// From the other end.
    pub descending: bool,
    /// How many match, once counted.
    pub total: Option<u64>,
    /// Keys selected for an operation, with the versions that were seen.
    pub picked: BTreeMap<KeyId, i64>,
    /// Details of the selected key, for the pane beside the list.
    pub details: Option<KeyDetails>,
    /// Whether there is room for that pane.
    pub has_pane: bool,
    /// The expirations of the next 12 months, while they are shown.
    pub timeline: Option<Timeline>,
    /// Why the rows could not be read.
    pub error: Option<String>,
    awaited_details: Option<RequestId>,
    awaited_count: Option<RequestId>,
    awaited_ids: Option<RequestId>,
    awaited_rows: Option<RequestId>,
    /// Interrupted by a newer request for rows: counted once those have come.
    count_due: bool,
}

impl Default for KeysScreen {
    fn default() -> Self {
        Self {
            application: None,
            list: List::default(),
            filter: Filter::default(),
            state: None,
            sort: KeySort::Expires,
            descending: false,
            total: None,
            picked: BTreeMap::new(),
            details: None,
            has_pane: false,
            timeline: None,
            error: None,
            awaited_details: None,
            awaited_count: None,
            awaited_ids: None,
            awaited_rows: None,
            count_due: false,
        }
    }
}

impl KeysScreen {
    /// Shows another Application.
    pub fn show(&mut self, application: Option<ApplicationId>, cx: &mut Context<'_>) {
        if self.application != application {
            let height = std::mem::take(&mut self.list);
            *self = Self {
                application,
                list: height,
                has_pane: self.has_pane,
                sort: self.sort,
                descending: self.descending,
                timeline: self.timeline.take(),
                ..Self::default()
            };
            self.list.clear();
        }
        self.reload(cx);
    }

    /// Whether something narrows what is shown.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        self.state.is_some() || !self.filter.text().is_empty()
    }

    fn query(&self, cx: &Context<'_>) -> Option<Box<KeyQuery>> {
        Some(Box::new(KeyQuery {
            application: self.application?,
            filter: self.filter.text().to_owned(),
            state: self.state,
            platform: None,
            sort: self.sort,
            descending: self.descending,
            now: cx.now,
            soon: cx.settings().expires_soon,
        }))
    }

    /// Asks for the rows around the selected one anew.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        let window = self.list.window();
        self.fetch(window, cx);
        self.count_due = true;
        if let (Some(timeline), Some(application)) = (&mut self.timeline, self.application) {
            timeline.reload(application, cx);
        }
    }

    fn toggle_timeline(&mut self, cx: &mut Context<'_>) {
        self.timeline = if self.timeline.is_some() { None } else { Some(Timeline::default()) };
        if let (Some(timeline), Some(application)) = (&mut self.timeline, self.application) {
            timeline.reload(application, cx);
        }
    }

    fn fetch(&mut self, window: crate::store::Window<Key>, cx: &mut Context<'_>) {
        if let Some(query) = self.query(cx) {
            let request = cx.load(Load::Keys(query, window));
            self.list.await_rows(request);
            self.awaited_rows = Some(request);
        }
    }

    /// From the start: another order, another filter.
    fn restart(&mut self, cx: &mut Context<'_>) {
        let window = crate::store::Window { anchor: crate::store::Anchor::First, ..self.list.window() };
        self.list.clear();
        self.total = None;
        self.fetch(window, cx);
        self.count_due = true;
    }

    /// Asks for the details of the selected key, if there is a pane to show them.
    pub fn refresh_details(&mut self, cx: &mut Context<'_>) {
        let selected = self.list.selected().map(|key| key.id);
        if self.details.as_ref().map(|d| d.key.id) != selected {
            self.details = None;
        }
        self.awaited_details = selected.filter(|_| self.has_pane).map(|id| cx.load(Load::Details(id)));
    }

    /// What an operation works on: the selection, else the row.
    #[must_use]
    pub fn targets(&self) -> Vec<Picked> {
        if self.picked.is_empty() {
            self.list.selected().map(|key| Picked { id: key.id, version: key.version }).into_iter().collect()
        } else {
            self.picked.iter().map(|(id, version)| Picked { id: *id, version: *version }).collect()
        }
    }

    /// Takes a key press; a modal that it opens is the answer.
    pub fn press(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Modal> {
        match self.filter.press(press) {
            Filtered::No => {}
            Filtered::Same => return None,
            Filtered::Changed => {
                self.restart(cx);
                return None;
            }
        }
        press.action.and_then(|action| self.act(action, cx))
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str, cx: &mut Context<'_>) {
        if self.filter.paste(text) == Filtered::Changed {
            self.restart(cx);
        }
    }

    /// Carries out an action; a modal that it opens is the answer.
    pub fn act(&mut self, action: Action, cx: &mut Context<'_>) -> Option<Modal> {
        if let Some(step) = movement(action) {
            if let Some(window) = self.list.go(step) {
                self.fetch(window, cx);
            }
            self.refresh_details(cx);
            return None;
        }
        match action {
            Action::Filter => self.filter.typing = true,
            Action::FilterState => {
                self.state = next_state(self.state);
                self.restart(cx);
            }
            Action::Sort => {
                let place = KeySort::ALL.iter().position(|s| *s == self.sort).unwrap_or_default();
                self.sort = KeySort::ALL[(place + 1) % KeySort::ALL.len()];
                self.reorder(cx);
            }
            Action::Reverse => {
                self.descending = !self.descending;
                self.reorder(cx);
            }
            Action::Timeline => self.toggle_timeline(cx),
            Action::Select => self.pick(cx),
            Action::SelectAll => self.awaited_ids = self.query(cx).map(|q| cx.load(Load::KeyIds(q))),
            Action::Dismiss if !self.picked.is_empty() => self.picked.clear(),
            Action::Dismiss if self.is_narrowed() => {
                self.state = None;
                self.filter.clear();
                self.restart(cx);
            }
            _ => return self.open(action, cx),
        }
        None
    }

    fn open(&mut self, action: Action, cx: &mut Context<'_>) -> Option<Modal> {
        if action == Action::Create {
            if let Some(application) = self.application {
                return Some(Modal::Wizard(Box::new(Wizard::new(application, cx))));
            }
            cx.say(Message::note("A key belongs to an Application: create one first (screen 2)."));
            return None;
        }
        let key = chosen(&self.list)?;
        Some(match action {
            Action::Open => Modal::Details(Box::new(Details::new(key.id, cx))),
            Action::Usage => Modal::Usage(Box::new(Usage::of(&key, cx))),
            Action::Delete => Modal::Delete(Box::new(Delete::keys(self.targets(), cx))),
            Action::Rotate => Modal::Rotate(Box::new(Rotate::new(self.targets(), cx))),
            Action::Disable if self.picked.is_empty() && key.disabled.is_some() => {
                cx.say(Message::note("The key is disabled already."));
                return None;
            }
            Action::Enable if self.picked.is_empty() && key.disabled.is_none() => {
                cx.say(Message::note("The key is enabled already."));
                return None;
            }
            Action::Disable => Modal::Confirm(Box::new(Confirm::keys(self.targets(), true, cx))),
            Action::Enable => Modal::Confirm(Box::new(Confirm::keys(self.targets(), false, cx))),
            _ => return None,
        })
    }

    /// Another order: the selected key stays selected, wherever it stands now.
    fn reorder(&mut self, cx: &mut Context<'_>) {
        let window = self.list.window();
        self.fetch(window, cx);
    }

    fn pick(&mut self, cx: &mut Context<'_>) {
        if let Some(key) = chosen(&self.list) {
            if self.picked.remove(&key.id).is_none() {
                self.picked.insert(key.id, key.version);
            }
            let _ = self.act(Action::Down, cx);
        }
    }

    /// Selects the row that was clicked; a second click on it opens it.
    pub fn click(&mut self, place: usize, cx: &mut Context<'_>) -> Option<Modal> {
        if self.list.visible().1 == Some(place) {
            return self.act(Action::Open, cx);
        }
        self.list.select_visible(place);
        self.refresh_details(cx);
        None
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        let Answer::Loaded(request, result) = answer else { return };
        match result {
            Ok(Loaded::Keys(page)) if self.awaited_rows == Some(*request) => {
                self.error = None;
                if let Some(window) = self.list.take(*request, std::mem::take(page)) {
                    self.fetch(window, cx);
                } else if std::mem::take(&mut self.count_due) {
                    self.awaited_count = self.query(cx).map(|query| cx.load(Load::KeyCount(query)));
                }
                // Versions of selected keys that were seen anew.
                let (rows, _) = self.list.visible();
                for key in rows {
                    if let Some(version) = self.picked.get_mut(&key.id) {
                        *version = key.version;
                    }
                }
                self.refresh_details(cx);
            }
            Ok(Loaded::Timeline(counts)) => {
                if let Some(timeline) = &mut self.timeline {
                    timeline.take(*request, counts);
                }
            }
            Ok(Loaded::KeyCount(count)) if self.awaited_count == Some(*request) => self.total = Some(*count),
            Ok(Loaded::Details(details)) if self.awaited_details == Some(*request) => {
                self.details = details.take().map(|details| *details);
            }
            Ok(Loaded::KeyIds(ids)) if self.awaited_ids == Some(*request) => {
                self.awaited_ids = None;
                self.picked = ids.drain(..).collect();
                let text = if self.picked.len() >= MOST_SELECTED {
                    format!("The first {MOST_SELECTED} keys are selected; that is the most at once.")
                } else {
                    format!("{} keys are selected.", self.picked.len())
                };
                cx.say(Message::note(text));
            }
            // Overtaken by rows; counted once those have come.
            Err(error) if self.awaited_count == Some(*request) && error.is_interrupted() => {
                self.count_due = true;
            }
            Err(error) if self.awaited_rows == Some(*request) && !error.is_interrupted() => {
                self.list.give_up(*request);
                self.error = Some(error.to_string());
            }
            _ => {}
        }
    }

    /// Forgets keys that are gone.
    pub fn forget(&mut self, gone: impl Iterator<Item = KeyId>) {
        for id in gone {
            self.picked.remove(&id);
        }
    }

    /// Asks for an effect that redraws everything; used when the pane comes or goes.
    pub fn set_pane(&mut self, has_pane: bool, cx: &mut Context<'_>) {
        if self.has_pane != has_pane {
            self.has_pane = has_pane;
            self.refresh_details(cx);
            cx.want(Effect::Redraw);
        }
    }
}

fn next_state(state: Option<KeyState>) -> Option<KeyState> {
    match state {
        None => KeyState::ALL.first().copied(),
        Some(state) => {
            let place = KeyState::ALL.iter().position(|s| *s == state)?;
            KeyState::ALL.get(place + 1).copied()
        }
    }
}
