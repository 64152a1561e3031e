-- Use, counted by day (days since 1970-01-01 UTC). Written in batches, off the path of requests.

CREATE TABLE key_uses (
    key_id TEXT NOT NULL,
    day    INTEGER NOT NULL,
    count  INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

-- A refusal that can be put down to a key names it; the others have an empty key_id.
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
