-- The rights of the two roles, administrator and gateway, as the owner of the tables and of the database. Run it as often
-- as needed: each role has these rights afterwards and no others on the tables of keydesk. The names of the roles are two
-- settings of the session:
--
--   SELECT set_config('keydesk.administrator', 'keydesk_admin', false), set_config('keydesk.gateway', 'keydesk_gateway', false);
--
-- A role is one that logs in, or a group of such roles. Neither owns a table, so that neither can drop or disable a
-- trigger. What triggers write needs no right.

DO $roles$
DECLARE
    administrator text := quote_ident(current_setting('keydesk.administrator'));
    gateway       text := quote_ident(current_setting('keydesk.gateway'));
    may           text;
BEGIN
    -- No role has a right that is not named below. Rights to columns go with those to their table.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %s, %s', current_database(), administrator, gateway);
    EXECUTE format('REVOKE ALL ON SCHEMA public FROM PUBLIC, %s, %s', administrator, gateway);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, %s, %s', administrator, gateway);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, %s, %s', administrator, gateway);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA public FROM PUBLIC, %s, %s', administrator, gateway);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %s, %s', current_database(), administrator, gateway);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %s, %s', administrator, gateway);

    -- The administrator reads everything. What a change may write: no ID, hash or owner of a row, and no tombstone or
    -- audit entry that exists. A lock on the head needs the right to update one of its columns: `id` is always 1.
    FOREACH may IN ARRAY ARRAY[
        'SELECT ON meta, database, generation, head, users, applications, keys, tombstones, audit, rotation_claims',
        'SELECT ON key_use, never_used, key_uses, key_sources, refusals, use_backlog, recorders, recording_gaps',
        'UPDATE (id) ON head',
        'UPDATE (status, moved, moved_to) ON database',
        'INSERT (email, login, uid, salt, status, created) ON users',
        'UPDATE (email, login, uid, salt, status, version) ON users',
        'INSERT (name, folded, name_order, created) ON applications',
        'UPDATE (name, folded, name_order, version) ON applications',
        'DELETE ON applications',
        'INSERT ON keys',
        'UPDATE (name, name_order, folded, expires, disabled, disabled_until, delivered, replaces, replaced_by) ON keys',
        'UPDATE (latest_expires, unused_for, unused_since, owner, note, allowed_sources, acknowledged) ON keys',
        'UPDATE (version, is_disabled) ON keys',
        'DELETE ON keys',
        'INSERT ON tombstones, audit',
        'INSERT, UPDATE (holder, until, delivering), DELETE ON rotation_claims'
    ] LOOP
        EXECUTE format('GRANT %s TO %s', may, administrator);
    END LOOP;

    -- The gateway reads what a verification needs, and of the audit log what shows that it continues.
    FOREACH may IN ARRAY ARRAY[
        'SELECT ON meta, database, generation, head',
        'SELECT (number, hash) ON audit',
        'SELECT (id, name) ON applications',
        'SELECT (key_id, hash, application_id, name, type, platform, expires, disabled, disabled_until) ON keys',
        'SELECT (replaced_by, unused_for, unused_since, allowed_sources, canary, acknowledged, is_disabled) ON keys',
        'SELECT (key_id, hash, deleted, last_used, last_used_from, first_refused, first_refused_from) ON tombstones'
    ] LOOP
        EXECUTE format('GRANT %s TO %s', may, gateway);
    END LOOP;

    -- Both write use: an administrator verifies keys too, and use that is not recorded would end a key too early.
    FOREACH may IN ARRAY ARRAY[
        'UPDATE (last_used, last_used_from, first_refused, first_refused_from) ON tombstones',
        'SELECT, INSERT, UPDATE (first, last, last_from) ON key_use',
        'SELECT, INSERT, UPDATE (count), DELETE ON key_uses',
        'SELECT, INSERT, UPDATE (requests, first, last), DELETE ON key_sources',
        'SELECT, INSERT, UPDATE (count, last, last_from), DELETE ON refusals',
        -- Rows that another gateway is adding are left to it, which needs the right to lock them.
        'SELECT, INSERT, UPDATE (number), DELETE ON use_backlog',
        'SELECT, INSERT (started, complete_until), UPDATE (complete_until), DELETE ON recorders',
        'SELECT, INSERT, DELETE ON recording_gaps'
    ] LOOP
        EXECUTE format('GRANT %s TO %s, %s', may, administrator, gateway);
    END LOOP;

    -- Where the owner of the tables does not own the database, PostgreSQL only warns about what it did not revoke.
    IF has_database_privilege('public', current_database(), 'TEMP')
        OR has_schema_privilege('public', 'public', 'CREATE, USAGE')
    THEN
        RAISE EXCEPTION 'every role can create objects in database %', quote_ident(current_database())
            USING ERRCODE = 'insufficient_privilege', HINT = 'Run this as the owner of the database.';
    END IF;
END
$roles$;
