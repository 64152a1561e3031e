-- Times are seconds since 1970-01-01 UTC. Rules that the database can hold, it holds.

CREATE TABLE database (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    identity BLOB NOT NULL CHECK (length(identity) = 16),
    prefix   TEXT NOT NULL CHECK (length(prefix) BETWEEN 2 AND 8),
    -- A copy is `arriving` until the database that it was copied from is `moved`.
    status   TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'arriving', 'moved')),
    moved    INTEGER,
    -- Where it was moved to, without a password.
    moved_to TEXT,
    CHECK ((status = 'moved') = (moved IS NOT NULL)),
    CHECK ((status = 'moved') = (moved_to IS NOT NULL))
) STRICT;

-- Advances with every change that a verification depends on. What a verifier has cached is valid as long as it stays: the
-- recording of use does not advance it.
CREATE TABLE generation (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO generation (id, number) VALUES (1, 1);

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
    -- Name, key ID, platform, owner and note without regard to case: what a filter looks through.
    folded         TEXT NOT NULL,
    prefix         TEXT NOT NULL,
    type           TEXT NOT NULL CHECK (type IN ('production', 'test')),
    -- The platform's slug; empty for a generic key.
    platform       TEXT NOT NULL,
    creator_id     INTEGER NOT NULL REFERENCES users (id),
    created        INTEGER NOT NULL,
    expires        INTEGER NOT NULL CHECK (expires >= created),
    disabled       INTEGER,
    -- The instant from which it is accepted again, if it is disabled for a time.
    disabled_until INTEGER CHECK (disabled_until IS NULL OR disabled IS NOT NULL),
    delivered      INTEGER,
    replaces       TEXT,
    replaced_by    TEXT,
    -- The expiration date that it had before it was replaced: the overlap can be extended up to it.
    latest_expires INTEGER CHECK (latest_expires > expires),
    -- A predecessor that ends once it is unused for this number of seconds, counted from `unused_since`.
    unused_for     INTEGER CHECK (unused_for > 0),
    unused_since   INTEGER CHECK ((unused_since IS NULL) = (unused_for IS NULL)),
    -- Who to ask before it is deleted.
    owner          TEXT CHECK (length(owner) BETWEEN 1 AND 100),
    note           TEXT CHECK (length(note) BETWEEN 1 AND 500),
    -- Addresses and networks, separated by commas. Empty: any.
    allowed_sources TEXT NOT NULL DEFAULT '',
    -- Its use is an alarm, and always rejected.
    canary         INTEGER NOT NULL DEFAULT 0 CHECK (canary IN (0, 1)),
    -- Uses of a canary key up to this instant were acknowledged.
    acknowledged   INTEGER,
    -- Created by a diagnosis and deleted again within minutes.
    throwaway      INTEGER NOT NULL DEFAULT 0 CHECK (throwaway IN (0, 1)),
    version        INTEGER NOT NULL DEFAULT 1,
    -- Disabled until it is enabled again. A real column, since an index on a generated one covers nothing.
    is_disabled    INTEGER NOT NULL DEFAULT 0
                   CHECK (is_disabled = (disabled IS NOT NULL AND disabled_until IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_id ON keys (application_id, key_id);
-- Has all that a filter and an order look at: one walk over it, and no look into the table, finds one in a million.
CREATE INDEX keys_by_name ON keys
    (application_id, name_order, key_id, folded, platform, creator_id, expires, is_disabled, replaced_by, type, canary);
CREATE INDEX keys_by_platform ON keys (application_id, platform, key_id);
CREATE INDEX keys_by_expires ON keys (application_id, expires, key_id);
CREATE INDEX keys_by_state ON keys (application_id, is_disabled, expires, key_id, replaced_by, canary);
CREATE INDEX keys_by_creator ON keys (application_id, creator_id, key_id);
-- Finds the successors of a key: few keys have a predecessor.
CREATE INDEX keys_by_replaces ON keys (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX keys_undelivered ON keys (application_id, key_id) WHERE delivered IS NULL;
-- Few keys end by themselves or are canaries.
CREATE INDEX keys_until_unused ON keys (key_id) WHERE unused_for IS NOT NULL;
CREATE INDEX keys_disabled_until ON keys (key_id) WHERE disabled_until IS NOT NULL;
CREATE INDEX keys_canaries ON keys (key_id) WHERE canary = 1;

CREATE TRIGGER keys_are_counted AFTER INSERT ON keys
BEGIN
    UPDATE applications SET key_count = key_count + 1 WHERE id = NEW.application_id;
    UPDATE users SET key_count = key_count + 1 WHERE id = NEW.creator_id;
    UPDATE generation SET number = number + 1;
    INSERT INTO never_used (application_id, key_id) VALUES (NEW.application_id, NEW.key_id);
END;
CREATE TRIGGER keys_are_counted_off AFTER DELETE ON keys
BEGIN
    UPDATE applications SET key_count = key_count - 1 WHERE id = OLD.application_id;
    UPDATE users SET key_count = key_count - 1 WHERE id = OLD.creator_id;
    UPDATE generation SET number = number + 1;
    DELETE FROM key_use WHERE key_id = OLD.key_id;
    DELETE FROM never_used WHERE application_id = OLD.application_id AND key_id = OLD.key_id;
END;
CREATE TRIGGER keys_advance AFTER UPDATE ON keys
BEGIN UPDATE generation SET number = number + 1; END;
CREATE TRIGGER applications_advance AFTER UPDATE OF name ON applications
BEGIN UPDATE generation SET number = number + 1; END;
CREATE TRIGGER database_advances AFTER UPDATE OF status ON database
BEGIN UPDATE generation SET number = number + 1; END;

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
-- Every change has an entry, so that there is none after the database was moved.
CREATE TRIGGER audit_ends_with_a_move BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM database WHERE status = 'moved')
BEGIN SELECT raise(ABORT, 'the database was moved'); END;

-- Use is written in batches, separately from requests, and neither logged nor part of a verification. Its tables are
-- narrow and have no foreign keys: what is written late may be about a key that was deleted.

-- The first and the last use of each key that was ever used.
CREATE TABLE key_use (
    key_id         TEXT PRIMARY KEY,
    application_id INTEGER NOT NULL,
    first          INTEGER NOT NULL,
    last           INTEGER NOT NULL,
    last_from      TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX key_use_by_last ON key_use (application_id, last, key_id);

-- The others: a list by last use begins with them, and they are not to be searched for among a million keys.
CREATE TABLE never_used (
    application_id INTEGER NOT NULL,
    key_id         TEXT NOT NULL,
    PRIMARY KEY (application_id, key_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER key_use_begins AFTER INSERT ON key_use
BEGIN DELETE FROM never_used WHERE application_id = NEW.application_id AND key_id = NEW.key_id; END;

-- Use, counted by day (days since 1970-01-01 UTC).
CREATE TABLE key_uses (
    key_id TEXT NOT NULL,
    day    INTEGER NOT NULL,
    count  INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;
-- Old days are deleted by day, without reading every key.
CREATE INDEX key_uses_by_day ON key_uses (day);

-- Requests with a key by their source address, accepted ones (an empty reason) and rejected ones. An empty source: the
-- address is not known; '*': the sources that are too old to be listed alone.
CREATE TABLE key_sources (
    key_id   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    source   TEXT NOT NULL,
    requests INTEGER NOT NULL CHECK (requests > 0),
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    PRIMARY KEY (key_id, reason, source)
) STRICT, WITHOUT ROWID;
-- Finds the keys that an address uses. An update of a count does not touch it.
CREATE INDEX key_sources_by_source ON key_sources (source, key_id) WHERE reason = '';

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

-- Use that came faster than it can be counted, to be added to the tables above.
CREATE TABLE use_backlog (
    number INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    count  INTEGER NOT NULL CHECK (count > 0),
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT;

-- The processes that record use. A row goes when its process has written all that it counted; one that stays was left by
-- a process that was killed.
CREATE TABLE recorders (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    started        INTEGER NOT NULL,
    -- All use before this instant is written.
    complete_until INTEGER NOT NULL
) STRICT;

-- Times in which use may have taken place without being recorded.
CREATE TABLE recording_gaps (
    number INTEGER PRIMARY KEY,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL CHECK (until >= since)
) STRICT;
CREATE INDEX recording_gaps_by_end ON recording_gaps (until);
