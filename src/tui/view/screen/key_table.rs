//! The table of keys: its columns at each width, and the content of their cells.

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};

use super::marked;
use crate::domain::application::Scope;
use crate::domain::expiry::relative_short;
use crate::domain::key::{Key, KeyId};
use crate::domain::key_filter::KeyField;
use crate::store::keys::KeySort::{self, Creator, Expires, LastUsed, Name, Platform, State};
use crate::tui::app::App;
use crate::tui::view::appearance::{Appearance, Glyphs};
use crate::tui::view::facts::{application_name, creator, shared_domain, state_short};
use crate::tui::view::page::cells;
use crate::tui::view::table::{self, Column};
use crate::tui::view::text::{cut, mark};

/// The content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Mark,
    Sorted(KeySort),
    /// The successor, else the predecessor.
    Partner,
    /// Only in the list of all Applications.
    Application,
}

use Cell::{Application, Mark, Partner, Sorted};

const COUNT: usize = 9;

/// The width of each column of [`ORDER`]; 0 for one that is not shown.
type Widths = [u16; COUNT];

/// All columns, from left to right.
const ORDER: [Cell; COUNT] = [
    Mark,
    Sorted(Name),
    Sorted(KeySort::KeyId),
    Partner,
    Sorted(Platform),
    Sorted(Expires),
    Sorted(State),
    Sorted(Creator),
    Sorted(LastUsed),
];

const NAME: usize = 1;
const KEY_ID: usize = 2;
const PARTNER: usize = 3;
const PLATFORM: usize = 4;
const CREATOR: usize = 7;
const LAST_USED: usize = 8;

/// The widths of the columns from the widest table to the narrowest. The first row that fits is used.
const TIERS: [Widths; 8] = [
    [1, 40, 10, 13, 20, 9, 14, 24, 10],
    [1, 32, 10, 13, 12, 9, 14, 20, 10],
    [1, 32, 10, 0, 12, 9, 14, 20, 10],
    [1, 28, 10, 0, 11, 9, 14, 18, 9],
    [1, 28, 0, 0, 11, 9, 14, 18, 9],
    [1, 28, 0, 0, 11, 9, 14, 0, 9],
    [1, 28, 0, 0, 11, 9, 14, 0, 0],
    [1, 28, 0, 0, 0, 9, 14, 0, 0],
];

/// The minimum widths of columns that must be shown, with the arrow of the sort order.
const REQUIRED: Widths = [1, 12, 10, 0, 11, 9, 14, 18, 11];

/// The maximum widths.
const MOST: Widths = [1, 40, 10, 13, 29, 9, 14, 36, 13];

/// The minimum width of NAME, except in the narrowest tables.
const NAME_LEAST: u16 = 18;

/// The maximum width of APPLICATION.
const MOST_APPLICATION: u16 = 20;

/// Cells that are reserved for LAST USED, which grows for its arrow and for "not delivered".
const RESERVE: u16 = 4;

fn total(widths: &Widths) -> u16 {
    let shown = cells(widths.iter().filter(|width| **width > 0).count());
    widths.iter().sum::<u16>() + table::GAP * shown.saturating_sub(1)
}

/// Returns the widest tier that fits, with the required columns.
fn fitting(available: u16, is_required: impl Fn(Cell) -> bool) -> Widths {
    let with_required = |tier: &Widths| {
        std::array::from_fn(|place| {
            if is_required(ORDER[place]) { tier[place].max(REQUIRED[place]) } else { tier[place] }
        })
    };
    if let Some(widths) = TIERS.iter().map(with_required).find(|widths| total(widths) <= available) {
        return widths;
    }
    // NAME takes the rest. A required column that leaves too little for it is not shown.
    let squeezed = |widths: Widths| {
        let mut squeezed = widths;
        squeezed[NAME] = available.saturating_sub(total(&widths) - widths[NAME]);
        squeezed
    };
    let narrowest = &TIERS[TIERS.len() - 1];
    let widths = squeezed(with_required(narrowest));
    if widths[NAME] >= REQUIRED[NAME] { widths } else { squeezed(*narrowest) }
}

/// Grows NAME to what it needs, and then the other columns.
fn grown(fitting: &Widths, available: u16, name_need: u16, last_used_need: u16) -> Widths {
    let mut widths = *fitting;
    let spare = available.saturating_sub(total(&widths));
    let reserve = if widths[LAST_USED] > 0 { RESERVE.min(spare) } else { 0 };
    let budget = widths[NAME] + spare - reserve;
    let most = budget.min(MOST[NAME]);
    widths[NAME] = name_need.clamp(NAME_LEAST.min(most), most);
    let last_used_need = if widths[LAST_USED] > 0 { last_used_need.min(MOST[LAST_USED]) } else { 0 };
    let missing = last_used_need.saturating_sub(widths[LAST_USED] + reserve);
    let mut left = (budget - widths[NAME]).saturating_sub(missing);
    while left > 0 {
        let open = |place: &usize| widths[*place] > 0 && widths[*place] < MOST[*place];
        let Some(next) = [PLATFORM, CREATOR].into_iter().filter(open).min_by_key(|place| widths[*place])
        else {
            break;
        };
        widths[next] += 1;
        left -= 1;
    }
    if widths[LAST_USED] > 0 {
        let rest = available.saturating_sub(total(&widths));
        widths[LAST_USED] += last_used_need.saturating_sub(widths[LAST_USED]).min(rest);
    }
    widths
}

/// The columns for the visible rows.
#[derive(Debug)]
pub(super) struct KeyTable {
    pub(super) columns: Vec<Column>,
    contents: Vec<Cell>,
    name_width: usize,
    /// Keys whose names look the same: they show their IDs too.
    with_id: Vec<KeyId>,
    /// The domain that is left out of the creators' emails.
    domain: Option<String>,
}

impl KeyTable {
    pub(super) fn new(app: &App, rows: &[Key], width: u16) -> Self {
        let query = &app.screens.keys.list.query;
        let application = (query.scope == Some(Scope::All)).then(|| application_width(app, rows));
        let taken = application.map_or(0, |width| width + table::GAP);
        let available = width.saturating_sub(table::EDGE + taken);
        let fitting = fitting(available, |cell| cell == Sorted(query.sort));
        let is_undelivered = |key: &Key| key.last_used.is_none() && key.delivered.is_none();
        let last_used = if rows.iter().any(is_undelivered) { NOT_DELIVERED.len() } else { 0 };
        let (mut with_id, mut widths) = (Vec::new(), fitting);
        // First for equal names, then also for names that are equal once they are cut.
        for name_width in [None, Some(NAME)] {
            if fitting[KEY_ID] == 0 && widths[NAME] >= NAME_LEAST {
                with_id = alike(rows, name_width.map(|name| usize::from(widths[name])));
            }
            let need = rows.iter().map(|key| name_need(key, &with_id)).max().unwrap_or(0);
            widths = grown(&fitting, available, cells(need), cells(last_used));
        }
        // The domain leaves before any column.
        let creators =
            rows.iter().map(|key| cells(Span::raw(creator(&key.creator)).width())).max().unwrap_or(0);
        let is_whole = widths[PARTNER] > 0;
        let mut shown: Vec<_> = ORDER.into_iter().zip(widths).filter(|(_, width)| *width > 0).collect();
        if let Some(width) = application {
            shown.insert(NAME + 1, (Application, width));
        }
        let column = |(cell, width): (Cell, u16)| {
            let (name, is_number) = heading(cell);
            let column = Column::fixed(name, width);
            let column = if is_number { column.on_the_right() } else { column };
            column.sorted((cell == Sorted(query.sort)).then_some(query.descending))
        };
        Self {
            columns: shown.iter().copied().map(column).collect(),
            contents: shown.iter().map(|(cell, _)| *cell).collect(),
            name_width: usize::from(widths[NAME]),
            with_id,
            domain: shared_domain(rows.iter().filter_map(|key| key.creator.email.as_ref()))
                .filter(|_| !(is_whole && creators <= widths[CREATOR])),
        }
    }

    /// Returns the cells of a key.
    pub(super) fn cells(&self, app: &App, appearance: &Appearance, key: &Key) -> Vec<Line<'static>> {
        let Appearance { theme, glyphs } = appearance;
        let now = app.shared.now;
        let found = |field| app.screens.keys.list.parsed.texts(field);
        let marked = |text: String, field| marked(text, &found(field), theme);
        let cell = |cell: &Cell| match cell {
            Mark => {
                let picked = app.screens.keys.picked.contains(&key.id);
                Line::styled(if picked { glyphs.picked } else { " " }, theme.accent)
            }
            Sorted(Name) => self.name(appearance, key, &found(KeyField::Any)),
            Application => Line::raw(application_name(app, key.application)),
            Sorted(KeySort::KeyId) => marked(key.id.to_string(), KeyField::Any),
            Partner => match partner(key, glyphs) {
                Some((arrow, other)) => Line::styled(format!("{arrow} {other}"), theme.dim),
                None => Line::default(),
            },
            Sorted(Platform) => marked(app.shared.catalog().label(&key.kind), KeyField::Platform),
            Sorted(Expires) if key.is_canary => Line::styled("never", theme.dim),
            Sorted(Expires) => Line::raw(relative_short(key.expires, now)),
            Sorted(State) => {
                let (text, style) = state_short(app, key, appearance);
                Line::styled(text, style)
            }
            Sorted(Creator) => {
                let text = creator(&key.creator);
                match (&key.creator.email, &self.domain) {
                    (None, _) => Line::styled(text, theme.dim),
                    (Some(_), Some(domain)) => {
                        marked(text.replacen(domain.as_str(), "", 1), KeyField::Creator)
                    }
                    (Some(_), None) => marked(text, KeyField::Creator),
                }
            }
            Sorted(LastUsed) => match (key.last_used.or(key.canary_used), key.delivered) {
                (Some(at), _) => Line::raw(relative_short(at, now)),
                (None, Some(_)) => Line::styled("never", theme.dim),
                (None, None) => Line::styled(NOT_DELIVERED, theme.warning),
            },
        };
        self.contents.iter().map(cell).collect()
    }

    /// Returns the name, with an arrow for a successor or predecessor, and the ID where another name looks the same.
    fn name(&self, appearance: &Appearance, key: &Key, found: &[String]) -> Line<'static> {
        let Appearance { theme, glyphs } = appearance;
        let id = if self.with_id.contains(&key.id) { format!(" {}", key.id) } else { String::new() };
        let width_left = self.name_width.saturating_sub(id.len());
        // An arrow in the last cells has no space before it.
        let space = if name_need(key, &[]) > width_left { "" } else { " " };
        let arrow = partner(key, glyphs).map_or_else(String::new, |(arrow, _)| format!("{space}{arrow}"));
        let name = cut(key.name.as_str(), width_left.saturating_sub(Span::raw(&arrow).width()), glyphs.cut);
        let mut spans = mark(name, found, theme.text, theme.matched);
        spans.push(Span::styled(arrow, theme.dim));
        let gap = " ".repeat(width_left.saturating_sub(spans.iter().map(Span::width).sum()));
        if !id.is_empty() {
            spans.push(Span::raw(gap));
            spans.extend(mark(id, found, theme.dim, theme.matched));
        }
        Line::from(spans)
    }
}

/// Replaces the last use of a key whose secret was not delivered.
const NOT_DELIVERED: &str = "not delivered";

/// Returns the header of a column, and whether it is right-aligned.
fn heading(cell: Cell) -> (&'static str, bool) {
    match cell {
        Mark => ("", false),
        Sorted(Name) => ("NAME", false),
        Sorted(KeySort::KeyId) => ("KEY ID", false),
        Partner => ("ROTATION", false),
        Application => ("APPLICATION", false),
        Sorted(Platform) => ("PLATFORM", false),
        Sorted(Expires) => ("EXPIRES", true),
        Sorted(State) => ("STATE", false),
        Sorted(Creator) => ("CREATOR", false),
        Sorted(LastUsed) => ("LAST USED", true),
    }
}

/// Returns the successor of a key, else its predecessor, with the arrow for it.
fn partner(key: &Key, glyphs: &Glyphs) -> Option<(&'static str, KeyId)> {
    let successor = key.replaced_by.map(|next| (glyphs.replaced_by, next));
    successor.or_else(|| key.replaces.map(|before| (glyphs.replaces, before)))
}

/// Returns the width of APPLICATION: what the longest visible name needs, within bounds.
fn application_width(app: &App, rows: &[Key]) -> u16 {
    let need = rows
        .iter()
        .map(|key| cells(Span::raw(application_name(app, key.application)).width()))
        .max()
        .unwrap_or(0);
    need.clamp(cells("APPLICATION".len()), MOST_APPLICATION)
}

/// Returns the width of arrow and ID behind a name.
fn suffix_width(key: &Key, with_id: &[KeyId]) -> usize {
    let has_arrow = key.replaced_by.is_some() || key.replaces.is_some();
    let id = if with_id.contains(&key.id) { 1 + KeyId::LENGTH } else { 0 };
    id + if has_arrow { 2 } else { 0 }
}

fn name_need(key: &Key, with_id: &[KeyId]) -> usize {
    Span::raw(key.name.as_str()).width() + suffix_width(key, with_id)
}

/// Returns the keys whose names, cut to a width, equal that of another key.
fn alike(rows: &[Key], width: Option<usize>) -> Vec<KeyId> {
    let mut looks: BTreeMap<String, Vec<KeyId>> = BTreeMap::new();
    for key in rows {
        let width_left = width.map_or(usize::MAX, |width| width.saturating_sub(suffix_width(key, &[])));
        looks.entry(cut(key.name.as_str(), width_left, " ")).or_default().push(key.id);
    }
    looks.into_values().filter(|keys| keys.len() > 1).flatten().collect()
}
