-- What the schema consists of: kind, name, table and definition of each object, as the migrations create them. An object
-- that is added, missing or changed can undo a change or allow one that must not happen.
WITH own AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
)
SELECT kind, name, of, definition FROM (
    SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END AS kind,
        c.relname::text AS name, c.relname::text AS of,
        concat_ws(' ', c.relkind, r.relpersistence,
            CASE WHEN r.relrowsecurity THEN 'row security' END,
            CASE WHEN r.relhasrules OR c.relkind IN ('v', 'm') THEN
                (SELECT string_agg(pg_get_ruledef(w.oid), ' ' ORDER BY w.rulename) FROM pg_rewrite w WHERE w.ev_class = c.oid) END,
            CASE WHEN c.relowner <> (SELECT m.relowner FROM own m WHERE m.relname = 'meta') THEN 'another owner' END,
            -- Those that hold foreign keys.
            (SELECT 'triggers without effect' FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgisinternal
             AND t.tgenabled <> 'O' LIMIT 1),
            (SELECT 'inherits' FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent) LIMIT 1),
            (SELECT '(' || string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                 (SELECT o.collname FROM pg_collation o WHERE o.oid = a.attcollation),
                 CASE WHEN a.attnotnull THEN 'NOT NULL' END, nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
                 pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum) || ')'
             FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) AS definition
    FROM own c JOIN pg_class r ON r.oid = c.oid
    -- The sequences of identity columns are part of their tables.
    WHERE c.relkind <> 'i' AND NOT (c.relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'))
    UNION ALL
    SELECT 'index', c.relname, t.relname,
        concat_ws(' ', pg_get_indexdef(c.oid), CASE WHEN NOT (i.indisvalid AND i.indisready) THEN 'invalid' END)
    FROM own c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid
    UNION ALL
    -- Columns that are not null are constraints too in newer versions.
    SELECT 'constraint', n.conname, c.relname,
        concat_ws(' ', pg_get_constraintdef(n.oid), CASE WHEN NOT n.convalidated THEN 'not validated' END)
    FROM own c JOIN pg_constraint n ON n.conrelid = c.oid WHERE n.contype <> 'n'
    UNION ALL
    SELECT 'trigger', t.tgname, c.relname, concat_ws(' ', pg_get_triggerdef(t.oid), nullif(t.tgenabled::text, 'O'))
    FROM own c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', p.polname, c.relname,
        concat_ws(' ', p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM own c JOIN pg_policy p ON p.polrelid = c.oid
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, '', concat_ws(' ', p.prosrc, l.lanname, p.prosecdef, p.proconfig,
        CASE WHEN p.proowner <> (SELECT m.relowner FROM own m WHERE m.relname = 'meta') THEN 'another owner' END)
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    -- The tables of another schema could be taken for those of keydesk.
    SELECT 'schema', n.nspname, '', '' FROM pg_namespace n
    WHERE n.nspname NOT IN ('public', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
) o
ORDER BY kind COLLATE "C", name COLLATE "C", of COLLATE "C";
