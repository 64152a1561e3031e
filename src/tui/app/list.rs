//! A list as a window: the rows on the screen and a few around them, never all.

use crate::store::{Anchor, Page, Window};

/// Something that a list shows a row of.
pub trait Row: Clone {
    /// Identifies the row.
    type Id: PartialEq;
    fn id(&self) -> Self::Id;
}

/// The rows around the selected one.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct List<T> {
    rows: Vec<T>,
    selected: usize,
    top: usize,
    height: usize,
    more_before: bool,
    more_after: bool,
    /// Steps that are made once the rows for them have been read.
    owed: isize,
    /// A row to select once the rows around it have been read.
    sought: Option<T>,
    /// The sought row, if it was not among the rows that were read.
    missing: Option<T>,
    waiting: bool,
    loaded: bool,
    /// Whether the rows that are being read take the place of the present ones, from the start.
    restarting: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            selected: 0,
            top: 0,
            height: 1,
            more_before: false,
            more_after: false,
            owed: 0,
            sought: None,
            missing: None,
            waiting: false,
            loaded: false,
            restarting: false,
        }
    }
}

/// A movement of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A number of rows down, or up when negative.
    By(isize),
    /// A number of pages down, or up when negative.
    Pages(isize),
    First,
    Last,
}

impl<T: Row> List<T> {
    /// The visible rows, and the index of the selected one among them.
    pub fn visible(&self) -> (&[T], Option<usize>) {
        let end = (self.top + self.height).min(self.rows.len());
        let rows = self.rows.get(self.top..end).unwrap_or_default();
        (rows, (!rows.is_empty()).then(|| self.selected.saturating_sub(self.top)))
    }

    pub fn selected(&self) -> Option<&T> {
        self.rows.get(self.selected)
    }

    /// The visible rows and those around them.
    pub fn loaded(&self) -> &[T] {
        &self.rows
    }

    /// Whether rows have been read.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows there are, if all of them have been read.
    pub fn total(&self) -> Option<u64> {
        let is_all = self.loaded && !self.more_before && !self.more_after;
        is_all.then(|| u64::try_from(self.rows.len()).ok()).flatten()
    }

    /// Whether newer rows are being read.
    pub fn is_stale(&self) -> bool {
        self.waiting && self.loaded
    }

    /// Whether there are rows above and below the visible ones.
    pub fn more(&self) -> (bool, bool) {
        (self.top > 0 || self.more_before, self.top + self.height < self.rows.len() || self.more_after)
    }

    /// Sets the number of visible rows, at least one.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.keep_visible();
    }

    /// Selects a visible row by its index.
    pub fn select_visible(&mut self, place: usize) {
        if self.top + place < self.rows.len() {
            self.selected = self.top + place;
        }
    }

    /// Selects a row once the rows around it have been fetched.
    pub fn seek(&mut self, row: T) {
        (self.sought, self.missing, self.owed) = (Some(row), None, 0);
    }

    /// The row that was sought in vain.
    pub fn missing(&self) -> Option<&T> {
        self.missing.as_ref()
    }

    /// Moves the selection; says whether rows must be fetched (see [`List::window`]).
    pub fn go(&mut self, step: Move) -> Option<Window<T>> {
        (self.sought, self.missing) = (None, None);
        let page = isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1);
        match step {
            Move::First if !self.more_before => self.selected = 0,
            Move::Last if !self.more_after => self.selected = self.rows.len().saturating_sub(1),
            Move::First => return Some(self.window_at(Anchor::First)),
            Move::Last => return Some(self.window_at(Anchor::Last)),
            Move::By(rows) => self.step(rows),
            Move::Pages(pages) => self.step(pages.saturating_mul(page)),
        }
        self.keep_visible();
        self.near_an_edge().then(|| self.window())
    }

    fn step(&mut self, rows: isize) {
        let from = isize::try_from(self.selected).unwrap_or(isize::MAX);
        let to = from.saturating_add(self.owed).saturating_add(rows);
        let last = isize::try_from(self.rows.len().saturating_sub(1)).unwrap_or(isize::MAX);
        let reached = to.clamp(0, last);
        self.owed = match to - reached {
            over if over < 0 && self.more_before => over,
            over if over > 0 && self.more_after => over,
            _ => 0,
        };
        self.selected = usize::try_from(reached).unwrap_or_default();
    }

    fn near_an_edge(&self) -> bool {
        let above = self.more_before && self.selected < self.height;
        let below = self.more_after && self.selected + self.height >= self.rows.len();
        !self.waiting && (above || below)
    }

    /// The rows to fetch: those around the sought row, else so that the selected one keeps its place.
    pub fn window(&self) -> Window<T> {
        self.window_at(
            self.sought
                .as_ref()
                .or(self.selected())
                .map_or(Anchor::First, |row| Anchor::At(Box::new(row.clone()))),
        )
    }

    fn window_at(&self, anchor: Anchor<T>) -> Window<T> {
        Window { anchor, before: self.height * 3, after: self.height * 3 }
    }

    /// Notes that rows were asked for.
    pub fn await_rows(&mut self) {
        self.waiting = true;
    }

    /// The rows to fetch from the start. The present ones stay until those are read.
    pub fn restart(&mut self) -> Window<T> {
        self.restarting = true;
        (self.owed, self.sought, self.missing) = (0, None, None);
        self.window_at(Anchor::First)
    }

    pub fn clear(&mut self) {
        *self = Self { height: self.height, ..Self::default() };
    }

    /// Takes the rows that were asked for. Says whether more must be fetched.
    pub fn take(&mut self, page: Page<T>) -> Option<Window<T>> {
        self.waiting = false;
        if std::mem::take(&mut self.restarting) {
            (self.selected, self.top) = (0, 0);
            self.rows.clear();
        }
        let place = self.selected.saturating_sub(self.top);
        let id = self.selected().map(Row::id);
        // The selection may have moved while the rows were read, unless they were read for a jump (First, Last).
        let moved_on = self.loaded && self.jumped(&page).is_none();
        let place_of = |id| page.rows.iter().position(|row| row.id() == id);
        self.selected = match self.sought.take() {
            Some(row) => {
                let found = place_of(row.id());
                self.missing = found.is_none().then_some(row);
                found
            }
            None => id.filter(|_| moved_on).and_then(place_of),
        }
        .unwrap_or(page.anchor);
        self.rows = page.rows;
        self.more_before = page.more_before;
        self.more_after = page.more_after;
        self.loaded = true;
        self.top = self.selected.saturating_sub(place);
        let owed = std::mem::take(&mut self.owed);
        self.step(owed);
        self.keep_visible();
        self.near_an_edge().then(|| self.window())
    }

    /// Whether a page was read for a jump: its anchor is the first or last row of the list.
    fn jumped(&self, page: &Page<T>) -> Option<()> {
        let first = page.anchor == 0 && !page.more_before && self.more_before;
        let last = page.anchor + 1 == page.rows.len() && !page.more_after && self.more_after;
        (first || last).then_some(())
    }

    /// Keeps the present rows, since no others will come.
    pub fn give_up(&mut self) {
        self.waiting = false;
        self.owed = 0;
    }

    fn keep_visible(&mut self) {
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
        let lowest = self.rows.len().saturating_sub(self.height);
        self.top =
            self.top.min(lowest).min(self.selected).max((self.selected + 1).saturating_sub(self.height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Row for u32 {
        type Id = u32;
        fn id(&self) -> u32 {
            *self
        }
    }

    /// Answers as the store would, over the numbers 0 to n.
    fn fetch(total: u32, window: &Window<u32>) -> Page<u32> {
        let at = match &window.anchor {
            Anchor::First => 0,
            Anchor::Last => total.saturating_sub(1),
            Anchor::At(row) => **row,
        };
        let from = at.saturating_sub(u32::try_from(window.before).unwrap());
        let until = (at + u32::try_from(window.after).unwrap()).min(total);
        Page {
            rows: (from..until).collect(),
            anchor: usize::try_from(at - from).unwrap(),
            more_before: from > 0,
            more_after: until < total,
        }
    }

    fn answer(list: &mut List<u32>, total: u32, mut window: Option<Window<u32>>) {
        while let Some(wanted) = window {
            list.await_rows();
            window = list.take(fetch(total, &wanted));
        }
    }

    fn list(total: u32) -> List<u32> {
        let mut list = List::default();
        list.set_height(10);
        let window = list.window();
        answer(&mut list, total, Some(window));
        list
    }

    #[test]
    fn walks_a_million_rows_holding_few() {
        let mut list = list(1_000_000);
        for _ in 0..500 {
            let window = list.go(Move::By(1));
            answer(&mut list, 1_000_000, window);
            assert!(list.rows.len() <= 60);
        }
        assert_eq!(list.selected(), Some(&500));
        let window = list.go(Move::Last);
        answer(&mut list, 1_000_000, window);
        assert_eq!(list.selected(), Some(&999_999));
        let window = list.go(Move::Pages(-2));
        answer(&mut list, 1_000_000, window);
        assert_eq!(list.selected(), Some(&999_981));
        let window = list.go(Move::First);
        answer(&mut list, 1_000_000, window);
        assert_eq!(list.selected(), Some(&0));
    }

    #[test]
    fn steps_ahead_of_the_rows_are_made_when_the_rows_come() {
        let mut list = list(1_000);
        list.await_rows();
        for _ in 0..4 {
            assert!(list.go(Move::Pages(1)).is_none(), "one request at a time");
        }
        assert_eq!(list.selected(), Some(&29), "held at the last row there is");
        let window = list.take(fetch(1_000, &list.window()));
        answer(&mut list, 1_000, window);
        assert_eq!(list.selected(), Some(&36));
    }

    #[test]
    fn the_selected_row_stays_selected_and_in_its_place() {
        let mut list = list(1_000);
        answer(&mut list, 1_000, None);
        let _ = list.go(Move::By(15));
        let (rows, place) = list.visible();
        let (first, place) = (rows[0], place.unwrap());
        list.await_rows();
        let page = fetch(1_000, &list.window());
        let _ = list.take(page);
        assert_eq!(list.selected(), Some(&15));
        assert_eq!(list.visible().0[0], first);
        assert_eq!(list.visible().1, Some(place));
    }
}
