-- What is protected, how, and what is not.

CREATE VIEW warden.templates WITH (security_barrier) AS
    SELECT b.name, b.definition, b.description, true AS built_in FROM warden.builtin_templates() b
    UNION ALL
    SELECT t.name, t.definition, t.description, false FROM warden.template_registry t;
COMMENT ON VIEW warden.templates IS 'Templates by which tables can be protected; tiers are numbers, 0 is nobody';

CREATE VIEW warden.coverage WITH (security_barrier) AS
    WITH tables AS (
        SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
            r.id, r.template, r.tenant_column, r.definition, r.added, s.template AS schema_template, coalesce(s.tenant_column, 'tenant_id') AS wanted,
            s.schema IS NOT NULL AS is_ruled,
            -- The officer's reason before an owner's, the table's own before a pattern's.
            (SELECT e.reason FROM warden.exemption_registry e
                WHERE e.schema = n.nspname AND (e.by_officer OR s.mode IS DISTINCT FROM 'enforce')
                    AND (e.relation = c.oid OR c.relname::text LIKE e.pattern)
                ORDER BY e.by_officer DESC, e.relation IS NULL, e.exempted_at DESC LIMIT 1) AS exemption
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN warden.relation_registry r ON r.relation = c.oid
            LEFT JOIN warden.schema_registry s ON s.schema = n.nspname
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname <> 'warden'
            -- A member of an extension is the extension's concern; but whoever owns both can make a table one.
            AND NOT EXISTS (SELECT FROM pg_depend e JOIN pg_roles o ON o.oid = c.relowner AND o.rolsuper
                WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    ), gaps AS (
        -- What opens a table.
        SELECT t.oid, array_remove(ARRAY[
            CASE WHEN NOT t.relrowsecurity THEN 'row-level security is disabled' END,
            CASE WHEN NOT t.relforcerowsecurity THEN 'row-level security is not forced: the owner reads everything' END,
            CASE WHEN EXISTS (SELECT FROM jsonb_array_elements_text(t.added -> 'policies') w(name)
                    WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polname = w.name))
                THEN 'a policy is missing' END,
            CASE WHEN NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgname = 'warden_truncate' AND g.tgenabled = 'A')
                THEN 'the trigger against TRUNCATE is missing or disabled' END,
            CASE WHEN EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = t.oid
                    AND NOT EXISTS (SELECT FROM warden.relation_registry c WHERE c.relation = i.inhrelid))
                THEN 'a partition or child is not protected' END,
            CASE WHEN EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid
                    AND NOT EXISTS (SELECT FROM warden.relation_registry p WHERE p.relation = i.inhparent))
                THEN 'it is read through a table that is not protected' END], NULL) AS found
        FROM tables t WHERE t.id IS NOT NULL
    ), flaws AS (
        -- What does not open it, and should be known.
        SELECT t.oid, array_remove(ARRAY[
            CASE WHEN t.tenant_column IS NOT NULL AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                    WHERE i.indrelid = t.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = t.tenant_column)
                THEN format('no index leads with %I', t.tenant_column) END], NULL)
            || ARRAY(SELECT format('foreign key %I does not carry the tenant: it tells whether another tenant''s row exists', f.conname)
                FROM pg_constraint f JOIN warden.relation_registry p ON p.relation = f.confrelid AND p.tenant_column IS NOT NULL
                    JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attname = t.tenant_column
                WHERE f.contype = 'f' AND f.conparentid = 0 AND f.conrelid = t.oid AND NOT (a.attnum = ANY (f.conkey))
                ORDER BY f.conname)
            || ARRAY(SELECT format(CASE f.conrelid WHEN t.oid THEN 'foreign key %I refers to %s, which is not protected'
                    ELSE 'foreign key %I of %s, which is not protected, tells whether a row exists' END, f.conname, o.oid::regclass)
                FROM pg_constraint f JOIN pg_class o ON o.oid = CASE f.conrelid WHEN t.oid THEN f.confrelid ELSE f.conrelid END
                WHERE f.contype = 'f' AND f.conparentid = 0 AND t.oid IN (f.conrelid, f.confrelid)
                    AND NOT EXISTS (SELECT FROM warden.relation_registry p WHERE p.relation = o.oid)
                ORDER BY f.conname) AS found
        FROM tables t WHERE t.id IS NOT NULL
    )
    SELECT t.nspname AS schema, t.relname AS relation,
        CASE WHEN t.id IS NULL AND t.exemption IS NOT NULL THEN 'exempt' WHEN t.id IS NULL THEN 'unprotected' WHEN g.found <> '{}' THEN 'partial' ELSE 'protected' END AS state,
        t.template,
        CASE WHEN t.id IS NOT NULL THEN g.found || f.found
            WHEN t.exemption IS NOT NULL THEN ARRAY[format('exempt: %s', t.exemption)]
            WHEN s.attname IS NOT NULL THEN ARRAY[format('it has a column %I: SELECT warden.protect(%L, %L%s)', s.attname, format('%I.%I', t.nspname, t.relname),
                coalesce(t.schema_template, 'tenant'), CASE WHEN s.attname <> 'tenant_id' THEN format(', %L', s.attname) ELSE '' END)]
            ELSE ARRAY[format('it has no column %I: SELECT warden.protect(...) with ''reference'', or with the tenant column''s name', t.wanted)] END AS problems
    FROM tables t LEFT JOIN gaps g USING (oid) LEFT JOIN flaws f USING (oid)
        LEFT JOIN pg_attribute s ON s.attrelid = t.oid AND s.attname = t.wanted AND s.attnum > 0 AND NOT s.attisdropped
    WHERE (SELECT warden.sees_all_tenants())
        AND (t.is_ruled OR t.id IS NOT NULL OR t.exemption IS NOT NULL OR (SELECT pg_has_role('warden_admin', 'USAGE')));
COMMENT ON VIEW warden.coverage IS 'Tables: protected, partial, unprotected or exempt, and what is wrong; warden_auditor those of protected schemas, warden_admin all';

REVOKE ALL ON warden.templates, warden.coverage FROM PUBLIC;
-- A table's owner chooses among them.
GRANT SELECT ON warden.templates TO PUBLIC;
-- Names of all tables, and where they are weak.
GRANT SELECT ON warden.coverage TO warden_admin, warden_auditor;
