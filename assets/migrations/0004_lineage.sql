-- Finds the successors of a key: few keys have a predecessor.
CREATE INDEX keys_by_replaces ON keys (replaces) WHERE replaces IS NOT NULL;
