-- Times are seconds since 1970-01-01 UTC. Rules that the database can hold, it holds.

CREATE TABLE database (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    identity BLOB NOT NULL CHECK (length(identity) = 16),
    prefix   TEXT NOT NULL CHECK (length(prefix) BETWEEN 2 AND 8)
) STRICT;

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    email      TEXT,
    login      TEXT,
    uid        INTEGER,
    status     TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'deleted')),
    created    INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    -- Random. The audit log commits to email and login with it; erased with them, so that the log reveals neither.
    salt       BLOB CHECK (length(salt) = 32),
    -- How many keys they created that exist: counting a million takes too long for a list.
    key_count  INTEGER NOT NULL DEFAULT 0 CHECK (key_count >= 0),
    -- By email, the deleted ones last: '~' comes after every letter of an address.
    sort_email TEXT NOT NULL GENERATED ALWAYS AS (coalesce(email, '~' || printf('%020d', id))) VIRTUAL,
    -- A deleted user leaves a number and nothing else.
    CHECK ((status = 'deleted') = (email IS NULL)),
    CHECK (status <> 'deleted' OR (login IS NULL AND uid IS NULL AND salt IS NULL))
) STRICT;
CREATE UNIQUE INDEX users_by_email ON users (sort_email);
CREATE UNIQUE INDEX users_by_login ON users (login) WHERE login IS NOT NULL;
CREATE UNIQUE INDEX users_by_uid ON users (uid) WHERE uid IS NOT NULL;

CREATE TABLE applications (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- The name without regard to case.
    folded  TEXT NOT NULL UNIQUE,
    -- What lists are ordered by: 2 before 10.
    name_order TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    key_count INTEGER NOT NULL DEFAULT 0 CHECK (key_count >= 0)
) STRICT;

-- Without a rowid, so that a verification walks down one tree and not two.
CREATE TABLE keys (
    key_id         TEXT PRIMARY KEY CHECK (length(key_id) = 10),
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    application_id INTEGER NOT NULL REFERENCES applications (id),
    name           TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- What lists are ordered by: the name without regard to case, 2 before 10.
    name_order     TEXT NOT NULL,
    -- Name, key ID and platform without regard to case: what a filter looks through.
    folded         TEXT NOT NULL,
    prefix         TEXT NOT NULL,
    type           TEXT NOT NULL CHECK (type IN ('production', 'test')),
    -- The platform's slug; empty for a generic key.
    platform       TEXT NOT NULL,
    creator_id     INTEGER NOT NULL REFERENCES users (id),
    created        INTEGER NOT NULL,
    expires        INTEGER NOT NULL CHECK (expires >= created),
    disabled       INTEGER,
    delivered      INTEGER,
    last_used      INTEGER,
    last_used_from TEXT,
    replaces       TEXT,
    replaced_by    TEXT,
    -- Created by a diagnosis and deleted again within minutes.
    throwaway      INTEGER NOT NULL DEFAULT 0 CHECK (throwaway IN (0, 1)),
    version        INTEGER NOT NULL DEFAULT 1,
    -- What lists are ordered by, where the column itself may be empty. Real columns, since an index on a generated one
    -- covers nothing; the checks keep them true.
    is_disabled    INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled = (disabled IS NOT NULL)),
    used_order     INTEGER NOT NULL DEFAULT 0 CHECK (used_order = coalesce(last_used, 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_id ON keys (application_id, key_id);
-- Has all that a filter and an order look at: one walk over it, and no look into the table, finds one in a million.
CREATE INDEX keys_by_name ON keys
    (application_id, name_order, key_id, folded, platform, creator_id, expires, is_disabled, used_order, replaced_by, type,
     last_used_from);
CREATE INDEX keys_by_platform ON keys (application_id, platform, key_id);
CREATE INDEX keys_by_expires ON keys (application_id, expires, key_id);
CREATE INDEX keys_by_state ON keys (application_id, is_disabled, expires, key_id, replaced_by);
CREATE INDEX keys_by_creator ON keys (application_id, creator_id, key_id);
CREATE INDEX keys_by_used ON keys (application_id, used_order, key_id);
-- Finds the successors of a key: few keys have a predecessor.
CREATE INDEX keys_by_replaces ON keys (replaces) WHERE replaces IS NOT NULL;

CREATE TRIGGER keys_are_counted AFTER INSERT ON keys
BEGIN
    UPDATE applications SET key_count = key_count + 1 WHERE id = NEW.application_id;
    UPDATE users SET key_count = key_count + 1 WHERE id = NEW.creator_id;
END;
CREATE TRIGGER keys_are_counted_off AFTER DELETE ON keys
BEGIN
    UPDATE applications SET key_count = key_count - 1 WHERE id = OLD.application_id;
    UPDATE users SET key_count = key_count - 1 WHERE id = OLD.creator_id;
END;

-- What remains of a deleted key. No foreign key to the Application: that may go too.
CREATE TABLE tombstones (
    key_id         TEXT PRIMARY KEY CHECK (length(key_id) = 10),
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    application_id INTEGER NOT NULL,
    name           TEXT NOT NULL,
    prefix         TEXT NOT NULL,
    type           TEXT NOT NULL,
    platform       TEXT NOT NULL,
    throwaway      INTEGER NOT NULL DEFAULT 0 CHECK (throwaway IN (0, 1)),
    deleted        INTEGER NOT NULL,
    deleted_by     INTEGER NOT NULL REFERENCES users (id),
    -- The last use before the deletion, and the first rejection after it.
    last_used          INTEGER,
    last_used_from     TEXT,
    first_refused      INTEGER,
    first_refused_from TEXT
) STRICT, WITHOUT ROWID;

-- An ID names one key for ever, and a deleted one stays deleted.
CREATE TRIGGER keys_never_return BEFORE INSERT ON keys
WHEN EXISTS (SELECT 1 FROM tombstones WHERE key_id = NEW.key_id)
BEGIN SELECT raise(ABORT, 'a deleted key does not come back'); END;
CREATE TRIGGER keys_leave_a_tombstone BEFORE DELETE ON keys
WHEN NOT EXISTS (SELECT 1 FROM tombstones WHERE key_id = OLD.key_id)
BEGIN SELECT raise(ABORT, 'a deleted key leaves a tombstone'); END;
CREATE TRIGGER tombstones_stay BEFORE DELETE ON tombstones
BEGIN SELECT raise(ABORT, 'a tombstone stays'); END;
-- Keys with another prefix would look like those of another database.
CREATE TRIGGER prefix_stays BEFORE UPDATE OF prefix ON database
WHEN EXISTS (SELECT 1 FROM users)
BEGIN SELECT raise(ABORT, 'the key prefix is fixed once the database is set up'); END;
CREATE TRIGGER users_stay BEFORE DELETE ON users
BEGIN SELECT raise(ABORT, 'the number of a user stays'); END;

CREATE TABLE audit (
    number         INTEGER PRIMARY KEY CHECK (number > 0),
    at             INTEGER NOT NULL,
    actor          INTEGER NOT NULL REFERENCES users (id),
    actor_uid      INTEGER NOT NULL,
    action         TEXT NOT NULL,
    application_id INTEGER,
    key_id         TEXT,
    user_id        INTEGER,
    changes        TEXT NOT NULL,
    -- SHA-256 over what decides about access: see `domain::commitment`.
    commitment     BLOB CHECK (length(commitment) = 32),
    hash           BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

-- Use, counted by day (days since 1970-01-01 UTC). Written in batches, separately from requests.
CREATE TABLE key_uses (
    key_id TEXT NOT NULL,
    day    INTEGER NOT NULL,
    count  INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;
-- Old days are deleted by day, without reading every key.
CREATE INDEX key_uses_by_day ON key_uses (day);

-- A rejection that belongs to a key names it; the others have an empty key_id.
CREATE TABLE refusals (
    day       INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    key_id    TEXT NOT NULL,
    count     INTEGER NOT NULL CHECK (count > 0),
    last      INTEGER NOT NULL,
    last_from TEXT,
    PRIMARY KEY (day, reason, key_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_by_key ON refusals (key_id, day);
