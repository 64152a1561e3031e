-- What a deletion can be judged by: the last use before it, and the first refusal after it.

ALTER TABLE tombstones ADD COLUMN last_used INTEGER;
ALTER TABLE tombstones ADD COLUMN last_used_from TEXT;
ALTER TABLE tombstones ADD COLUMN first_refused INTEGER;
ALTER TABLE tombstones ADD COLUMN first_refused_from TEXT;

-- Old days are dropped by the day, not by looking at every key.
CREATE INDEX key_uses_by_day ON key_uses (day);
