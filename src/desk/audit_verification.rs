//! The verification of the audit log: the hash chain, and the comparison of the database with a replay of the log.

use crate::domain::Instant;
use crate::domain::audit::{ChainHash, ChainHead};
use crate::domain::audit_replay::AuditReplay;
use crate::store::audit::replay::{self, Findings};
use crate::store::audit::{self, ChainReport, chain};
use crate::store::{Reader, StoreError};

/// Number of entries in one step.
const STEP: u32 = 20_000;

/// How far the audit log is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationStep {
    InProgress {
        verified: u64,
        of: u64,
    },
    /// All entries are verified, or one of them is not valid.
    Complete(AuditVerification),
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerification {
    /// The hash chain is valid.
    Valid {
        head: ChainHead,
        /// When the first entry was written.
        since: Option<Instant>,
        /// What differs between the database and the log, which may be nothing; none when they were not compared.
        findings: Option<Findings>,
    },
    /// The hash chain is broken.
    Broken {
        /// The first entry that is not valid.
        number: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Verifies the audit log in steps. What is verified stays verified when a step is interrupted.
#[derive(Debug)]
pub struct AuditVerifier {
    verified: Option<(u64, ChainHash)>,
    replay: Option<AuditReplay>,
    most_compared: u64,
}

impl AuditVerifier {
    /// Compares the database with the log where the log has at most `most_compared` entries: the replay of a longer one
    /// would take too much memory.
    #[must_use]
    pub fn new(most_compared: u64) -> Self {
        Self { verified: None, replay: Some(AuditReplay::default()), most_compared }
    }

    /// Verifies the next entries. After a broken entry it starts again.
    ///
    /// # Errors
    /// When the database cannot be read, or reading was interrupted.
    pub fn step(&mut self, r: &Reader<'_>) -> Result<VerificationStep, StoreError> {
        let (of, _) = audit::head(r)?;
        if of > self.most_compared {
            self.replay = None;
        }
        let (verified, replay) = (&mut self.verified, &mut self.replay);
        let report = audit::walk(r, *verified, Some(STEP), &mut |entry, hash| {
            *verified = Some((entry.number, *hash));
            if let Some(replay) = replay {
                replay.take(entry);
            }
        })?;
        Ok(match report {
            ChainReport::Broken { number, reason } => {
                *self = Self::new(self.most_compared);
                VerificationStep::Complete(AuditVerification::Broken { number, reason })
            }
            ChainReport::Intact(verified, _) if verified < of => {
                VerificationStep::InProgress { verified, of }
            }
            ChainReport::Intact(number, hash) => VerificationStep::Complete(AuditVerification::Valid {
                head: ChainHead { number, hash },
                since: chain::begun(r)?,
                findings: self.replay.as_ref().map(|replay| replay::compare(r, replay)).transpose()?,
            }),
        })
    }

    /// Verifies all entries. `progress` gets the number of verified entries and the number of entries, after each step
    /// but the last.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn run(
        mut self,
        r: &Reader<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<AuditVerification, StoreError> {
        loop {
            match self.step(r)? {
                VerificationStep::InProgress { verified, of } => progress(verified, of),
                VerificationStep::Complete(verification) => return Ok(verification),
            }
        }
    }
}
