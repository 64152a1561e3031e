//! The versions of PostgreSQL that keydesk works with.

use std::ops::RangeInclusive;

use super::fault::{Fault, FaultKind};

/// The major versions that keydesk is tested with. An older one is rejected: since 15, only its owner creates objects in
/// the schema `public`. A newer one is used.
pub(crate) const TESTED: RangeInclusive<i64> = 15..=18;

/// The major version in a number such as 150020, for 15.20.
pub(crate) fn major(number: i64) -> i64 {
    number / 10_000
}

/// Rejects a server that is too old.
pub(super) fn confirm(number: i64) -> Result<(), Fault> {
    let (found, oldest) = (major(number), TESTED.start());
    if found < *oldest {
        let reason = format!("it runs PostgreSQL {found}, and keydesk needs {oldest} or newer");
        return Err(Fault::new(FaultKind::TooOld, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_older_version_is_rejected() {
        for number in [150_000, 180_006, 190_000] {
            confirm(number).unwrap();
        }
        let fault = confirm(140_023).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::TooOld);
        assert_eq!(fault.to_string(), "it runs PostgreSQL 14, and keydesk needs 15 or newer");
    }
}
