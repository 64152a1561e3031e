//! The keys that a dialog is about.

use crate::desk::Picked;
use crate::tui::app::msg::{KeyDetails, Load};
use crate::tui::app::pending::{Pending, Reply};
use crate::tui::app::shared::Shared;

/// How many keys are read for a dialog.
const MOST_READ: usize = 100;

/// Keys as they were when the dialog opened.
#[derive(Debug)]
pub struct Targets {
    /// The identities and versions of all of them.
    pub picked: Vec<Picked>,
    /// The details of the first hundred, once they have come.
    pub keys: Vec<KeyDetails>,
    details: Pending<Vec<KeyDetails>>,
}

impl Targets {
    pub fn new(picked: Vec<Picked>) -> Self {
        Self { picked, keys: Vec::new(), details: Pending::default() }
    }

    /// The details of the only key, once they have come.
    pub fn single(&self) -> Option<&KeyDetails> {
        self.keys.first().filter(|_| self.picked.len() == 1)
    }

    pub fn is_reading(&self) -> bool {
        self.details.is_waiting()
    }

    pub fn load(&mut self, shared: &mut Shared) {
        let ids = self.picked.iter().take(MOST_READ).map(|picked| picked.id).collect();
        self.details.load(Load::Details(ids), shared);
    }

    /// Takes the details, if the reply holds them; says what is wrong, if something is.
    pub fn receive(&mut self, reply: &mut Reply) -> Option<String> {
        match self.details.take(reply)? {
            Ok(keys) if keys.is_empty() && !self.picked.is_empty() => {
                Some("Another session has deleted it already.".into())
            }
            Ok(keys) => {
                self.keys = keys;
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }
}
