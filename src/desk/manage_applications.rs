//! Create, rename and delete Applications.

use super::delete_keys::delete_all;
use super::{Changed, DeskError, Session, Subject, Taken};
use crate::domain::Instant;
use crate::domain::application::{Application, ApplicationId};
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::text::Name;
use crate::store::{Reader, Urgency, WriteTx, applications, keys};

fn existing(r: &Reader<'_>, id: ApplicationId) -> Result<Application, DeskError> {
    applications::get(r, id)?.ok_or(DeskError::NotFound(Subject::Application(id)))
}

/// Returns an Application in the version that the caller has seen.
fn as_seen(r: &Reader<'_>, id: ApplicationId, version: i64) -> Result<Application, DeskError> {
    let application = existing(r, id)?;
    if application.version == version {
        Ok(application)
    } else {
        Err(DeskError::Changed(Changed::Application(application.name)))
    }
}

/// Adds an Application within a transaction.
pub(super) fn add(
    tx: &WriteTx<'_>,
    name: &Name,
    now: Instant,
) -> Result<(Application, AuditRecord), DeskError> {
    let id =
        applications::insert(tx, name, now)?.ok_or_else(|| DeskError::taken(Taken::Application, name))?;
    let record = AuditRecord::new(AuditAction::ApplicationCreated)
        .application(id)
        .change(Change::to("name", name.as_str()));
    Ok((existing(tx, id)?, record))
}

/// Creates an Application. Names are unique without regard to case.
pub fn create_application(session: &mut Session<'_>, name: &Name) -> Result<Application, DeskError> {
    session.write(Urgency::Normal, |tx, now, _| {
        let (application, record) = add(tx, name, now)?;
        Ok((application, vec![record]))
    })
}

pub fn rename_application(
    session: &mut Session<'_>,
    id: ApplicationId,
    version: i64,
    name: &Name,
) -> Result<Application, DeskError> {
    session.write(Urgency::Normal, |tx, _, _| {
        let before = as_seen(tx, id, version)?;
        if !applications::rename(tx, id, name)? {
            return Err(DeskError::taken(Taken::Application, name));
        }
        let record = AuditRecord::new(AuditAction::ApplicationRenamed)
            .application(id)
            .change(Change::between("name", before.name.as_str(), name.as_str()));
        Ok((existing(tx, id)?, vec![record]))
    })
}

/// The number of keys of an Application that are in memory at once while it is deleted.
const PORTION: usize = 5_000;

/// Deletes an Application and its keys, in one transaction. `keys` is the number of keys that the caller has confirmed:
/// with another number nothing is deleted. Returns the number of deleted keys.
pub fn delete_application(
    session: &mut Session<'_>,
    id: ApplicationId,
    version: i64,
    keys: u64,
) -> Result<u64, DeskError> {
    session.write(Urgency::Revoking, |tx, now, _| {
        let application = as_seen(tx, id, version)?;
        if application.keys != keys {
            return Err(DeskError::Changed(Changed::KeysOf(application.name)));
        }
        let mut records = Vec::new();
        for some in keys::ids_of(tx, id)?.chunks(PORTION) {
            let mut found = keys::get_all(tx, some)?;
            let doomed = some.iter().filter_map(|key| found.remove(key)).collect();
            records.extend(delete_all(tx, doomed, now)?.into_iter().map(|(_, record)| record));
        }
        applications::delete(tx, id)?;
        records.push(
            AuditRecord::new(AuditAction::ApplicationDeleted)
                .application(id)
                .change(Change::from("name", application.name.as_str())),
        );
        Ok((keys, records))
    })
}
