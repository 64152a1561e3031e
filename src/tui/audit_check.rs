//! Whether the audit log is whole, found out piece by piece: a long log must not keep anybody waiting for rows.

use super::app::msg::Chain;
use crate::domain::audit::{ChainHash, ChainHead};
use crate::domain::audit_replay::AuditReplay;
use crate::store::audit::{self, ChainReport};
use crate::store::{Store, StoreError, chain, replay};

/// Entries of one piece.
const PIECE: u32 = 20_000;
/// The longest log that is compared with the keys here too; `keydesk audit verify` compares any. A longer one would
/// take more memory than the screen may have.
const MOST_COMPARED: u64 = 200_000;

/// How far it is.
#[derive(Debug)]
pub(super) struct AuditCheck {
    /// The last link that was found to hold.
    checked: Option<(u64, ChainHash)>,
    /// What the entries until there tell.
    replayed: Option<AuditReplay>,
}

impl Default for AuditCheck {
    fn default() -> Self {
        Self { checked: None, replayed: Some(AuditReplay::default()) }
    }
}

impl AuditCheck {
    /// Checks the next piece. What is known stays known when it is interrupted.
    pub(super) fn step(&mut self, store: &Store) -> Result<Chain, StoreError> {
        let chain = store.read(|r| {
            let (last, _) = audit::head(r)?;
            if last > MOST_COMPARED {
                self.replayed = None;
            }
            let (checked, replayed) = (&mut self.checked, &mut self.replayed);
            let report = audit::walk(r, *checked, Some(PIECE), &mut |entry, hash| {
                *checked = Some((entry.number, *hash));
                if let Some(replayed) = replayed {
                    replayed.take(entry);
                }
            })?;
            let (number, hash) = match report {
                ChainReport::Broken { number, reason } => {
                    return Ok(Chain::Broken(format!("entry {number}: {reason}")));
                }
                ChainReport::Whole(number, _) if number < last => {
                    return Ok(Chain::Checking { done: number, of: last });
                }
                ChainReport::Whole(number, hash) => (number, hash),
            };
            let head = ChainHead { number, hash };
            let findings = match &self.replayed {
                Some(replayed) => Some(replay::compare(r, replayed)?),
                None => None,
            };
            Ok(match findings {
                Some(findings) if findings.all > 0 => Chain::Untrue { head, findings },
                compared => Chain::Whole { head, since: chain::begun(r)?, compared: compared.is_some() },
            })
        })?;
        if matches!(chain, Chain::Broken(_)) {
            *self = Self::default();
        }
        Ok(chain)
    }
}
