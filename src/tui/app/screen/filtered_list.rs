//! A list with a filter, which every screen consists of.

use std::fmt::Debug;

use crate::config::bindings::Action;
use crate::domain::filter::FilterError;
use crate::domain::text::capitalized;
use crate::store::{Page, StoreError, Window};
use crate::tui::app::filter::{Filter, Typed};
use crate::tui::app::list::{List, Move, Row};
use crate::tui::app::message::{Message, Tone};
use crate::tui::app::modal::Press;
use crate::tui::app::msg::{Counted, Load};
use crate::tui::app::pending::{Expected, Pending, Reply};
use crate::tui::app::shared::Shared;

/// Rows that the worker can fetch.
pub trait Listed: Row {
    /// What narrows and orders the rows besides the text of the filter.
    type Query: Debug + Default;

    /// The parsed text of the filter.
    type Filter: Debug + Default;

    /// Parses the text of a filter. An invalid term matches every row and is reported.
    fn parse(text: &str, shared: &Shared) -> (Self::Filter, Option<FilterError>);

    /// What to read; none where there is nothing to show.
    fn load(
        filter: &Self::Filter,
        query: &Self::Query,
        window: Window<Self>,
        shared: &Shared,
    ) -> Option<Load>;

    /// What counts the rows; none where they are not counted.
    fn count(filter: &Self::Filter, query: &Self::Query, shared: &Shared) -> Option<Counted>;

    /// Whether the query leaves rows out.
    fn is_narrowed(_query: &Self::Query) -> bool {
        false
    }

    /// Makes the query show all rows.
    fn widen(_query: &mut Self::Query) {}
}

/// What a key press did to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    Nothing,
    /// Another row is selected.
    Moved,
    /// An action that is not the list's own.
    Other(Action),
}

/// A list of any rows, as its screen uses it.
pub trait Rows {
    fn filter(&self) -> &Filter;
    fn set_height(&mut self, height: usize);
    /// Fetches the rows around the selected one.
    fn reload(&mut self, shared: &mut Shared);
    fn press(&mut self, press: &Press, shared: &mut Shared) -> Pressed;
    fn paste(&mut self, text: &str, shared: &mut Shared);
    /// Selects a visible row; returns whether it was selected before.
    fn click(&mut self, row: usize) -> bool;
    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared);
    /// Whether the filter hides the row that was to be selected.
    fn hides_result(&self) -> bool;
}

/// The rows, the text to filter by, and what has been asked for.
#[derive(Debug)]
pub struct FilteredList<T: Listed> {
    pub rows: List<T>,
    pub filter: Filter,
    pub parsed: T::Filter,
    /// What is invalid in the text of the filter.
    pub invalid: Option<FilterError>,
    pub query: T::Query,
    /// Why the rows could not be read.
    pub error: Option<String>,
    /// How many rows match, once counted.
    pub total: Option<u64>,
    page: Pending<Page<T>>,
    count: Pending<u64>,
    /// Counting waits until the rows have been read.
    count_due: bool,
}

impl<T: Listed> Default for FilteredList<T> {
    fn default() -> Self {
        Self::new(T::Query::default())
    }
}

impl<T: Listed> FilteredList<T> {
    pub fn new(query: T::Query) -> Self {
        Self {
            rows: List::default(),
            filter: Filter::default(),
            parsed: T::Filter::default(),
            invalid: None,
            query,
            error: None,
            total: None,
            page: Pending::default(),
            count: Pending::default(),
            count_due: false,
        }
    }
}

impl<T: Listed> FilteredList<T>
where
    Page<T>: Expected<Error = StoreError>,
{
    /// Whether rows are left out.
    pub fn is_narrowed(&self) -> bool {
        !self.filter.text().is_empty() || T::is_narrowed(&self.query)
    }

    /// The hints about the filter.
    pub fn hints(&self) -> impl Iterator<Item = Action> {
        self.is_narrowed().then_some(Action::Dismiss).into_iter().chain([Action::Filter])
    }

    fn fetch(&mut self, window: Window<T>, shared: &mut Shared) {
        (self.parsed, self.invalid) = T::parse(self.filter.text(), shared);
        if let Some(load) = T::load(&self.parsed, &self.query, window, shared) {
            self.page.load(load, shared);
            self.rows.await_rows();
        }
    }

    /// Fetches the rows from the start.
    pub fn restart(&mut self, shared: &mut Shared) {
        let window = self.rows.restart();
        self.count_due = true;
        self.fetch(window, shared);
    }

    /// Shows all rows, from the start or around the row that the filter hid.
    fn show_all(&mut self, shared: &mut Shared) {
        if let Some(hidden) = self.rows.missing().cloned() {
            return self.show(hidden, shared);
        }
        T::widen(&mut self.query);
        self.filter.clear();
        self.restart(shared);
    }

    /// Selects a row, which a filter no longer hides.
    pub fn show(&mut self, row: T, shared: &mut Shared) {
        T::widen(&mut self.query);
        self.filter.clear();
        self.rows.clear();
        self.rows.seek(row);
        self.reload(shared);
    }

    /// Takes its rows, if the reply holds them; returns whether it did.
    pub fn take(&mut self, reply: &mut Reply, shared: &mut Shared) -> bool {
        match self.page.take(reply) {
            Some(Ok(page)) => {
                self.error = None;
                if let Some(window) = self.rows.take(page) {
                    self.fetch(window, shared);
                } else if std::mem::take(&mut self.count_due) {
                    self.count_rows(shared);
                }
                return true;
            }
            Some(Err(error)) if !error.is_interrupted() => {
                self.rows.give_up();
                self.error = Some(error.to_string());
            }
            _ => {}
        }
        match self.count.take(reply) {
            Some(Ok(total)) => self.total = Some(total),
            // Interrupted by a newer request for rows.
            Some(Err(error)) if error.is_interrupted() => self.count_due = true,
            _ => {}
        }
        false
    }

    fn count_rows(&mut self, shared: &mut Shared) {
        self.count.cancel();
        if let Some(total) = self.rows.total() {
            self.total = Some(total);
        } else if let Some(counted) = T::count(&self.parsed, &self.query, shared) {
            self.count.load(Load::Count(counted), shared);
        } else {
            self.total = None;
        }
    }

    /// Whether newer rows or their number are being read.
    pub fn is_stale(&self) -> bool {
        self.rows.is_stale() || (self.total.is_some() && self.count.is_waiting())
    }

    fn typed(&mut self, typed: Typed, shared: &mut Shared) {
        if typed == Typed::Changed {
            self.restart(shared);
        }
    }

    /// Takes a key while the filter is typed. An invalid filter is not kept.
    fn press_in_filter(&mut self, press: &Press, shared: &mut Shared) {
        match &self.invalid {
            Some(invalid) if press.action == Some(Action::Confirm) => {
                shared.say(Message::note(format!(
                    "{}: use {}.",
                    capitalized(&invalid.to_string()),
                    invalid.usage()
                )));
            }
            _ => {
                shared.message.take_if(|message| message.tone == Tone::Note);
                let typed = self.filter.press(press);
                self.typed(typed, shared);
            }
        }
    }
}

impl<T: Listed> Rows for FilteredList<T>
where
    Page<T>: Expected<Error = StoreError>,
{
    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn set_height(&mut self, height: usize) {
        self.rows.set_height(height);
    }

    fn reload(&mut self, shared: &mut Shared) {
        self.count_due = true;
        self.fetch(self.rows.window(), shared);
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Pressed {
        if let Some(step) = press.action.and_then(movement) {
            if let Some(window) = self.rows.go(step) {
                self.fetch(window, shared);
            }
            return Pressed::Moved;
        }
        if self.filter.typing {
            self.press_in_filter(press, shared);
            return Pressed::Nothing;
        }
        match press.action {
            Some(Action::Filter) => self.filter.start(),
            Some(Action::Dismiss) if self.is_narrowed() => self.show_all(shared),
            Some(other) => return Pressed::Other(other),
            None => {}
        }
        Pressed::Nothing
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) {
        let typed = self.filter.paste(text);
        self.typed(typed, shared);
    }

    fn click(&mut self, row: usize) -> bool {
        let was_selected = self.rows.visible().1 == Some(row);
        self.rows.select_visible(row);
        was_selected
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) {
        self.take(reply, shared);
    }

    fn hides_result(&self) -> bool {
        self.is_narrowed() && self.rows.missing().is_some()
    }
}

fn movement(action: Action) -> Option<Move> {
    Some(match action {
        Action::Up => Move::By(-1),
        Action::Down => Move::By(1),
        Action::PageUp => Move::Pages(-1),
        Action::PageDown => Move::Pages(1),
        Action::First => Move::First,
        Action::Last => Move::Last,
        _ => return None,
    })
}
