//! Compares the schema of a database with the one that the migrations create.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::domain::audit::ChainHash;
use crate::domain::postgres_url::PostgresUrl;
use crate::store::StoreError;
use crate::store::reader::Reader;
use crate::store::schema_difference::{Difference, SchemaDifference};
use crate::store::server::{Connection, version};

/// Lists the objects with their definitions.
const OBJECTS: &str = include_str!("../../../assets/migrations/postgres/objects.sql");

/// The objects that the migrations create, one a line: kind, name, table, and the SHA-256 of the definition, separated by
/// tabs. A test checks it on each version that it is run with. All versions of [`version::TESTED`] write the same.
const EXPECTED: &str = include_str!("../../../assets/migrations/postgres/objects.tsv");

/// Kind, name and table.
type Object = (String, String, String);

const WHAT: &str = "reading the schema";

fn found(connection: &Connection, url: &PostgresUrl) -> Result<BTreeMap<Object, String>, StoreError> {
    // Names are written without their schema where it is in the search path.
    connection.batch("SET LOCAL search_path = public").map_err(|fault| fault.during(WHAT, url))?;
    Reader::postgres(connection, url).all(WHAT, OBJECTS.trim_end().trim_end_matches(';'), &[], |row| {
        let definition: String = row.get(3)?;
        let hash = ChainHash(Sha256::digest(definition).into()).to_string();
        Ok(((row.get(0)?, row.get(1)?, row.get(2)?), hash))
    })
}

fn expected() -> BTreeMap<Object, String> {
    let object = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(((fields.next()?, fields.next()?, fields.next()?), fields.next()?))
    };
    EXPECTED.lines().filter_map(object).collect()
}

/// All differences, by kind and name. Within a transaction.
pub(in crate::store) fn differences(
    connection: &Connection,
    url: &PostgresUrl,
) -> Result<Vec<SchemaDifference>, StoreError> {
    let mut found = found(connection, url)?;
    // A newer server may write the same in other words.
    let compares_definitions = version::TESTED.contains(&version::major(connection.facts().version));
    let mut differences = Vec::new();
    for (object, hash) in expected() {
        let what = match found.remove(&object) {
            Some(there) if there == hash || !compares_definitions => continue,
            Some(_) => Difference::Changed,
            None => Difference::Missing,
        };
        differences.push(SchemaDifference { kind: object.0, name: object.1, what });
    }
    let added = found.into_keys().map(|object| SchemaDifference {
        kind: object.0,
        name: object.1,
        what: Difference::Added,
    });
    differences.extend(added);
    Ok(differences)
}

/// Rejects a schema that differs.
pub(super) fn confirm(connection: &Connection, url: &PostgresUrl) -> Result<(), StoreError> {
    connection
        .begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .map_err(|fault| fault.during(WHAT, url))?;
    let differences = differences(connection, url);
    connection.roll_back().map_err(|fault| fault.during(WHAT, url))?;
    match differences? {
        none if none.is_empty() => Ok(()),
        differences => Err(StoreError::AlteredSchema { database: url.clone().into(), differences }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::entropy::SystemEntropy;
    use crate::store::Store;
    use crate::store::server::ConnectOptions;
    use crate::support::postgres::{Postgres, server};

    #[test]
    fn the_list_of_objects_is_the_one_of_the_migrations() {
        if !Postgres::available() {
            return;
        }
        let database = server().database();
        let url = PostgresUrl::parse(&database.socket_url()).unwrap();
        drop(Store::open(url.clone(), &mut SystemEntropy).unwrap());
        let connection =
            Connection::open(&url, ConnectOptions::default(), &std::sync::Arc::default()).unwrap();
        connection.begin("BEGIN").unwrap();
        let found = found(&connection, &url).unwrap();
        let lines: Vec<String> =
            found.iter().map(|((kind, name, of), hash)| format!("{kind}\t{name}\t{of}\t{hash}\n")).collect();
        assert!(lines.concat() == EXPECTED, "put this into objects.tsv:\n{}", lines.concat());
    }
}
