//! Create, rename and delete Applications.

use super::delete_keys::delete;
use super::{DeskError, Session, Subject};
use crate::domain::application::{Application, ApplicationId};
use crate::domain::audit::{AuditAction, AuditRecord, Change};
use crate::domain::text::Name;
use crate::store::{Reader, Urgency, applications, keys};

fn taken(name: &Name) -> DeskError {
    DeskError::Taken { what: "an Application called", name: name.as_str().to_owned() }
}

fn missing(id: ApplicationId) -> DeskError {
    DeskError::NotFound(Subject::Application(id))
}

/// The Application in the version that was seen.
fn as_seen(r: &Reader<'_>, id: ApplicationId, version: i64) -> Result<Application, DeskError> {
    let application = applications::get(r, id)?.ok_or_else(|| missing(id))?;
    if application.version == version {
        Ok(application)
    } else {
        Err(DeskError::Changed { what: format!("Application {}", application.name) })
    }
}

/// Creates an Application. Names are unique without regard to case.
pub fn create_application(session: &mut Session<'_>, name: &Name) -> Result<Application, DeskError> {
    let now = session.now;
    session.store.write(session.caller, now, Urgency::Normal, |tx| {
        let id = applications::insert(tx, name, now)?.ok_or_else(|| taken(name))?;
        let application = applications::get(tx, id)?.ok_or_else(|| missing(id))?;
        let record = AuditRecord::new(AuditAction::ApplicationCreated)
            .application(id)
            .change(Change::to("name", name.as_str()));
        Ok((application, vec![record]))
    })
}

/// Gives an Application another name; its keys are those of before.
pub fn rename_application(
    session: &mut Session<'_>,
    id: ApplicationId,
    version: i64,
    name: &Name,
) -> Result<Application, DeskError> {
    let now = session.now;
    session.store.write(session.caller, now, Urgency::Normal, |tx| {
        let before = as_seen(tx, id, version)?;
        if !applications::rename(tx, id, name)? {
            return Err(taken(name));
        }
        let application = applications::get(tx, id)?.ok_or_else(|| missing(id))?;
        let record = AuditRecord::new(AuditAction::ApplicationRenamed)
            .application(id)
            .change(Change::between("name", before.name.as_str(), name.as_str()));
        Ok((application, vec![record]))
    })
}

/// Deletes an Application and its keys, in one transaction. `keys` is how many whoever confirmed it was shown:
/// with another number of them nothing is deleted. Returns the number of deleted keys.
pub fn delete_application(
    session: &mut Session<'_>,
    id: ApplicationId,
    version: i64,
    keys: u64,
) -> Result<u64, DeskError> {
    let now = session.now;
    session.store.write(session.caller, now, Urgency::Revoking, |tx| {
        let application = as_seen(tx, id, version)?;
        if application.keys != keys {
            return Err(DeskError::Changed { what: format!("the keys of Application {}", application.name) });
        }
        let mut records = Vec::new();
        for key in keys::ids_of(tx, id)? {
            if let Some(key) = keys::get(tx, key)? {
                records.push(delete(tx, key, now)?.1);
            }
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
