//! Audit log: who did what, newest first, and whether the hash chain is intact.

use crate::config::bindings::Action;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::filter::FilterError;
use crate::store::Window;
use crate::store::audit::AuditRow;
use crate::store::usage::Presented;

use super::Screen;
use super::filtered_list::{FilteredList, Listed, Rows};
use crate::tui::app::list::Row;
use crate::tui::app::modal::reading::deleted_key;
use crate::tui::app::modal::{Flow, Reading};
use crate::tui::app::msg::{Counted, Load, VerificationStep};
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

impl Row for AuditRow {
    type Id = u64;
    fn id(&self) -> u64 {
        self.entry.number
    }
}

impl Listed for AuditRow {
    type Query = ();
    type Filter = AuditFilter;

    fn parse(text: &str, shared: &Shared) -> (AuditFilter, Option<FilterError>) {
        AuditFilter::parse(text, shared.now, &shared.zone())
    }

    fn load(filter: &AuditFilter, (): &(), window: Window<Self>, _shared: &Shared) -> Option<Load> {
        Some(Load::Audit(Box::new(filter.clone()), window))
    }

    fn count(filter: &AuditFilter, (): &(), _shared: &Shared) -> Option<Counted> {
        (*filter != AuditFilter::default()).then(|| Counted::Audit(Box::new(filter.clone())))
    }
}

/// Screen 4.
#[derive(Debug, Default)]
pub struct AuditScreen {
    pub list: FilteredList<AuditRow>,
    /// The state of the hash chain, once it has been verified.
    pub chain: Option<VerificationStep>,
    /// Deleted keys that are still in use today, the latest first.
    pub presented: Vec<Presented>,
    pending_chain: Pending<VerificationStep>,
    pending_presented: Pending<Vec<Presented>>,
}

impl AuditScreen {
    /// Whether this is the entry of a deletion, and the key is still in use.
    pub fn is_still_presented(&self, row: &AuditRow) -> bool {
        deleted_key(row).is_some_and(|key| self.presented.iter().any(|presented| presented.key == key))
    }
}

impl Screen for AuditScreen {
    fn rows(&self) -> &dyn Rows {
        &self.list
    }

    fn rows_mut(&mut self) -> &mut dyn Rows {
        &mut self.list
    }

    fn hints(&self, shared: &Shared) -> Vec<Action> {
        let review = shared.log_mismatch.as_ref().map(|_| Action::Review);
        review.into_iter().chain([Action::Open]).chain(self.list.hints()).collect()
    }

    fn reload(&mut self, shared: &mut Shared) {
        self.list.reload(shared);
        self.pending_presented.load(Load::Presented, shared);
        self.pending_chain.load(Load::AuditChain, shared);
    }

    fn act(&mut self, action: Action, _shared: &mut Shared) -> Flow {
        match self.list.rows.selected() {
            Some(row) if action == Action::Open => Flow::open(Reading::entry(row.clone())),
            _ => Flow::Stay,
        }
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) {
        match self.pending_chain.take(reply) {
            Some(Ok(chain)) => {
                if matches!(chain, VerificationStep::InProgress { .. }) {
                    self.pending_chain.load(Load::AuditChain, shared);
                }
                self.chain = Some(chain);
            }
            Some(Err(error)) if error.is_interrupted() => self.pending_chain.load(Load::AuditChain, shared),
            _ => {}
        }
        if let Some(Ok(presented)) = self.pending_presented.take(reply) {
            self.presented = presented;
        }
        self.list.receive(reply, shared);
    }
}
