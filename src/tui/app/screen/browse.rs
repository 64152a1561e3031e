//! A list with a filter: what three of the screens are made of.

use crate::store::{Anchor, Page, Window};

use super::{Filter, Filtered, movement};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::list::{List, Row};
use crate::tui::app::modal::Press;
use crate::tui::app::msg::{Answer, Load, Loaded, RequestId};

/// Rows that the worker can fetch.
pub trait Listed: Row {
    /// What to ask for.
    fn load(filter: String, window: Window<Self>) -> Load
    where
        Self: Sized;

    /// The rows, taken out of what was read, if it is these.
    fn take(loaded: &mut Loaded) -> Option<Page<Self>>
    where
        Self: Sized;
}

/// The rows, the words to filter by, and what has been asked for.
#[derive(Debug)]
pub struct Browse<T> {
    /// The rows.
    pub list: List<T>,
    /// Words to filter by.
    pub filter: Filter,
    /// Why the rows could not be read.
    pub error: Option<String>,
    awaited: Option<RequestId>,
}

impl<T> Default for Browse<T> {
    fn default() -> Self {
        Self { list: List::default(), filter: Filter::default(), error: None, awaited: None }
    }
}

impl<T: Listed> Browse<T> {
    /// Asks for the rows around the selected one anew.
    pub fn reload(&mut self, cx: &mut Context<'_>) {
        let window = self.list.window();
        self.fetch(window, cx);
    }

    fn fetch(&mut self, window: Window<T>, cx: &mut Context<'_>) {
        let request = cx.load(T::load(self.filter.text().to_owned(), window));
        self.list.await_rows(request);
        self.awaited = Some(request);
    }

    /// From the start: another filter.
    fn restart(&mut self, cx: &mut Context<'_>) {
        let window = Window { anchor: Anchor::First, ..self.list.window() };
        self.list.clear();
        self.fetch(window, cx);
    }

    /// Takes a key press; an action that is not the list's own is the answer.
    pub fn press(&mut self, press: &Press, cx: &mut Context<'_>) -> Option<Action> {
        match self.filter.press(press) {
            Filtered::No => self.act(press.action?, cx),
            Filtered::Same => None,
            Filtered::Changed => {
                self.restart(cx);
                None
            }
        }
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str, cx: &mut Context<'_>) {
        if self.filter.paste(text) == Filtered::Changed {
            self.restart(cx);
        }
    }

    /// Carries out an action; one that is not the list's own is the answer.
    fn act(&mut self, action: Action, cx: &mut Context<'_>) -> Option<Action> {
        if let Some(step) = movement(action) {
            if let Some(window) = self.list.go(step) {
                self.fetch(window, cx);
            }
            return None;
        }
        match action {
            Action::Filter => self.filter.typing = true,
            Action::Dismiss if !self.filter.text().is_empty() => {
                self.filter.clear();
                self.restart(cx);
            }
            other => return Some(other),
        }
        None
    }

    /// Selects the row that was clicked; says whether it was selected before, which opens it.
    pub fn click(&mut self, place: usize) -> bool {
        let again = self.list.visible().1 == Some(place);
        self.list.select_visible(place);
        again
    }

    /// Takes what the worker has read.
    pub fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) {
        let Answer::Loaded(request, result) = answer else { return };
        if self.awaited != Some(*request) {
            return;
        }
        match result {
            Ok(loaded) => {
                self.error = None;
                let window = T::take(loaded).and_then(|page| self.list.take(*request, page));
                if let Some(window) = window {
                    self.fetch(window, cx);
                }
            }
            Err(error) if error.is_interrupted() => {}
            Err(error) => {
                self.list.give_up(*request);
                self.error = Some(error.to_string());
            }
        }
    }
}
