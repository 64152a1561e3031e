//! Pages to read: help, how to use a key, the details of a key, of a user and of an audit entry.

use crate::domain::Instant;
use crate::domain::audit::AuditAction;
use crate::domain::key::{Key, KeyId};
use crate::domain::platform::{self, Catalog};
use crate::domain::user::{UserId, UserStatus};
use crate::store::audit::AuditRow;
use crate::tui::app::msg::{KeyDetails, Remains, UserDetails};

use super::{Action, Context, Dialog, Flow, Load, Pending, Press, Reply, Shared};

#[derive(Debug)]
pub struct Reading {
    pub page: Page,
    /// The number of lines scrolled off the top. The view limits it to the lines of the page.
    pub scroll: usize,
    /// The time of the last look at the data.
    now: Option<Instant>,
    key: Pending<Option<Box<KeyDetails>>>,
    deleted: Pending<Option<Box<Remains>>>,
    user: Pending<Option<Box<UserDetails>>>,
}

/// The content of a page.
#[derive(Debug)]
pub enum Page {
    /// The bindings of a screen or a dialog.
    Help { title: String, contexts: Vec<Context> },
    /// How to use a key, never with its secret.
    Usage { prefix: String, usage: platform::Instructions },
    /// A key's details: none until they are read, the inner none when the key is deleted.
    Key { id: KeyId, details: Option<Option<Box<KeyDetails>>> },
    /// A user: none until they are read.
    User { id: UserId, details: Option<Box<UserDetails>> },
    /// An audit entry, with what is known of the key whose deletion it records.
    Entry { row: Box<AuditRow>, remains: Option<Box<Remains>> },
}

impl Reading {
    fn of(page: Page) -> Self {
        let (key, deleted, user) = (Pending::default(), Pending::default(), Pending::default());
        Self { page, scroll: 0, now: None, key, deleted, user }
    }

    pub fn help(title: &str, contexts: &[Context]) -> Self {
        Self::of(Page::Help { title: title.to_owned(), contexts: contexts.to_vec() })
    }

    pub fn usage(key: &Key, catalog: &Catalog) -> Self {
        Self::of(Page::Usage {
            prefix: key.prefix.clone(),
            usage: platform::instructions(&key.kind, catalog),
        })
    }

    pub fn key(id: KeyId) -> Self {
        Self::of(Page::Key { id, details: None })
    }

    pub fn user(id: UserId) -> Self {
        Self::of(Page::User { id, details: None })
    }

    pub fn entry(row: AuditRow) -> Self {
        Self::of(Page::Entry { row: Box::new(row), remains: None })
    }

    fn scroll_by(&mut self, lines: isize) {
        self.scroll = self.scroll.saturating_add_signed(lines).min(200);
    }
}

impl Dialog for Reading {
    fn contexts(&self) -> &'static [Context] {
        match self.page {
            Page::Key { .. } => &[Context::Keys, Context::List, Context::Global, Context::Modal],
            Page::User { .. } => &[Context::Users, Context::List, Context::Global, Context::Modal],
            _ => &[Context::Modal, Context::List],
        }
    }

    fn hints(&self) -> Vec<Action> {
        match &self.page {
            Page::Help { .. } | Page::Usage { .. } | Page::Entry { .. } => vec![Action::Cancel],
            Page::Key { details, .. } => {
                let key = details.as_ref().and_then(Option::as_ref).map(|details| &details.key);
                let is_disabled = key.zip(self.now).is_some_and(|(key, now)| key.is_disabled(now));
                let mut actions = vec![Action::Cancel];
                actions.extend(match key {
                    Some(key) if key.has_alarm() => vec![Action::Acknowledge],
                    Some(key) if key.is_canary => vec![],
                    _ => vec![Action::Rotate, if is_disabled { Action::Enable } else { Action::Disable }],
                });
                actions.extend([Action::Delete, Action::Edit, Action::Usage]);
                actions
            }
            Page::User { details, .. } => {
                let status = details.as_ref().map(|details| details.user.status);
                let mut actions = vec![Action::Cancel];
                actions.extend(match status {
                    Some(UserStatus::Active) => vec![Action::Disable, Action::Delete],
                    Some(UserStatus::Disabled) => vec![Action::Enable, Action::Delete],
                    Some(UserStatus::Deleted) | None => vec![],
                });
                actions
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        self.now = Some(now);
    }

    fn refresh(&mut self, shared: &mut Shared) {
        self.now = Some(shared.now);
        match &self.page {
            Page::Key { id, .. } => self.key.load(Load::Details(*id), shared),
            Page::User { id, .. } => self.user.load(Load::User(*id), shared),
            Page::Entry { row, .. } => {
                if let Some(key) = deleted_key(row) {
                    self.deleted.load(Load::Remains(key), shared);
                }
            }
            Page::Help { .. } | Page::Usage { .. } => {}
        }
    }

    fn press(&mut self, press: &Press, _shared: &mut Shared) -> Flow {
        let has_actions = matches!(self.page, Page::Key { .. } | Page::User { .. });
        match press.action {
            Some(Action::Cancel | Action::Confirm | Action::Help) if !has_actions => return Flow::Close,
            Some(Action::Dismiss | Action::Cancel | Action::Open | Action::Quit) if has_actions => {
                return Flow::Close;
            }
            // Actions on the row work in its details too.
            Some(
                action @ (Action::Rotate
                | Action::Delete
                | Action::Disable
                | Action::Enable
                | Action::Acknowledge
                | Action::Edit
                | Action::Usage
                | Action::CopyPrefix),
            ) if has_actions => return Flow::CloseAnd(action),
            Some(Action::Down | Action::Next) => self.scroll_by(1),
            Some(Action::Up | Action::Previous) => self.scroll_by(-1),
            Some(Action::PageDown) => self.scroll_by(10),
            Some(Action::PageUp) => self.scroll_by(-10),
            Some(Action::First) => self.scroll = 0,
            _ => {}
        }
        Flow::Stay
    }

    fn scroll(&mut self, rows: isize) {
        self.scroll_by(rows);
    }

    fn receive(&mut self, reply: &mut Reply, _shared: &mut Shared) -> Flow {
        match &mut self.page {
            Page::Key { details, .. } => {
                if let Some(Ok(found)) = self.key.take(reply) {
                    *details = Some(found);
                }
            }
            Page::User { details, .. } => {
                if let Some(Ok(found)) = self.user.take(reply) {
                    *details = found;
                }
            }
            Page::Entry { remains, .. } => {
                if let Some(Ok(found)) = self.deleted.take(reply) {
                    *remains = found;
                }
            }
            Page::Help { .. } | Page::Usage { .. } => {}
        }
        Flow::Stay
    }
}

/// The key whose deletion an entry records.
pub fn deleted_key(row: &AuditRow) -> Option<KeyId> {
    row.entry.key.filter(|_| row.entry.action == AuditAction::KeyDeleted.as_str())
}
