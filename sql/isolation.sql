-- Isolation: tables whose rows are their tenants' alone.

-- Everything below is written out with its schema; what is not, is PostgreSQL's own.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- One row a protected table, partitions and children included: how it is protected, and exactly what that added.
CREATE TABLE warden.relation_registry (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    relation regclass NOT NULL UNIQUE,
    template text COLLATE "C" NOT NULL,
    tenant_column name,
    tenant_type text COLLATE "C",
    -- The template as it was, options merged: one that is changed later changes no table.
    definition jsonb NOT NULL,
    -- Protected as part of the table above it.
    root uuid,
    added jsonb NOT NULL,
    protected_at timestamptz NOT NULL DEFAULT now(),
    protected_by text NOT NULL,
    CHECK ((tenant_column IS NULL) = (tenant_type IS NULL))
);
CREATE INDEX relation_registry_root ON warden.relation_registry (root);

-- Templates of the platform's own; tiers stand in them as numbers.
CREATE TABLE warden.template_registry (
    name text COLLATE "C" PRIMARY KEY,
    definition jsonb NOT NULL,
    description text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Schemas in which a table left unprotected is an error, or protected, or a warning; by name, as pg_upgrade wants it.
CREATE TABLE warden.schema_registry (
    schema name PRIMARY KEY,
    mode text COLLATE "C" NOT NULL CHECK (mode IN ('enforce', 'apply', 'warn')),
    template text COLLATE "C" NOT NULL,
    tenant_column name NOT NULL,
    protected_at timestamptz NOT NULL DEFAULT now(),
    protected_by text NOT NULL
);

-- Tables that may stand open, one by one or by a LIKE pattern over their names; in this schema and no other.
CREATE TABLE warden.exemption_registry (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    relation regclass,
    schema name NOT NULL,
    pattern text COLLATE "C",
    reason text NOT NULL,
    -- Under enforce, no other counts.
    by_officer boolean NOT NULL,
    exempted_at timestamptz NOT NULL DEFAULT now(),
    exempted_by text NOT NULL,
    CHECK ((relation IS NULL) <> (pattern IS NULL)),
    UNIQUE NULLS NOT DISTINCT (relation, schema, pattern, by_officer)
);

SELECT warden.make_registry('warden.relation_registry');
SELECT warden.make_registry('warden.template_registry');
SELECT warden.make_registry('warden.schema_registry');
SELECT warden.make_registry('warden.exemption_registry');

-- What policies ask, once a command. SECURITY INVOKER: they read the context, and who calls.

CREATE FUNCTION warden.row_tenant_uuid(tier smallint) RETURNS uuid
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_tenant_uuid_wrapper';
COMMENT ON FUNCTION warden.row_tenant_uuid(smallint) IS 'For policies: the context''s tenant, if its role has this tier; 42501 if not, 28000 without a context';

CREATE FUNCTION warden.row_tenant_bigint(tier smallint) RETURNS bigint
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_tenant_bigint_wrapper';
COMMENT ON FUNCTION warden.row_tenant_bigint(smallint) IS 'For policies: as row_tenant_uuid, the tenant''s external id as bigint';

CREATE FUNCTION warden.row_tenant_integer(tier smallint) RETURNS integer
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_tenant_integer_wrapper';
COMMENT ON FUNCTION warden.row_tenant_integer(smallint) IS 'For policies: as row_tenant_uuid, the tenant''s external id as integer';

CREATE FUNCTION warden.row_tenant_text(tier smallint) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_tenant_text_wrapper';
COMMENT ON FUNCTION warden.row_tenant_text(smallint) IS 'For policies: as row_tenant_uuid, the tenant''s external id as text';

CREATE FUNCTION warden.row_reference(tier smallint, writes boolean) RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_reference_wrapper';
COMMENT ON FUNCTION warden.row_reference(smallint, boolean) IS 'For policies: whether rows that are nobody''s may be read or written';

CREATE FUNCTION warden.row_shared(writes boolean) RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_shared_wrapper';
COMMENT ON FUNCTION warden.row_shared(boolean) IS 'For policies: whether rows without a tenant, among the tenants'' own, may be read or written';

CREATE FUNCTION warden.row_user_text(tier smallint) RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_user_text_wrapper';
COMMENT ON FUNCTION warden.row_user_text(smallint) IS 'For policies: the context''s user id';

CREATE FUNCTION warden.row_user_uuid(tier smallint) RETURNS uuid
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_user_uuid_wrapper';
COMMENT ON FUNCTION warden.row_user_uuid(smallint) IS 'For policies: the context''s user id, if it is a uuid as PostgreSQL prints it';

CREATE FUNCTION warden.row_user_bigint(tier smallint) RETURNS bigint
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_user_bigint_wrapper';
COMMENT ON FUNCTION warden.row_user_bigint(smallint) IS 'For policies: the context''s user id, if it is a bigint as PostgreSQL prints it';

CREATE FUNCTION warden.row_user_integer(tier smallint) RETURNS integer
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_user_integer_wrapper';
COMMENT ON FUNCTION warden.row_user_integer(smallint) IS 'For policies: the context''s user id, if it is an integer as PostgreSQL prints it';

CREATE FUNCTION warden.row_sees_all(tier smallint, all_tier smallint) RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'row_sees_all_wrapper';
COMMENT ON FUNCTION warden.row_sees_all(smallint, smallint) IS 'For policies: whether the context''s role has this tier';

CREATE FUNCTION warden.refuse_truncate() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'refuse_truncate_wrapper';
COMMENT ON FUNCTION warden.refuse_truncate() IS 'Before TRUNCATE of a protected table: its owner and warden_admin alone, without a context';

-- Functions. SECURITY INVOKER: each asks who calls before it switches to the owner of the extension.

CREATE FUNCTION warden.protect(relation regclass, template text DEFAULT 'tenant', tenant_column name DEFAULT 'tenant_id', options jsonb DEFAULT '{}') RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'protect_wrapper';
COMMENT ON FUNCTION warden.protect(regclass, text, name, jsonb) IS 'Makes a table''s rows their tenants'' alone; its owner, warden_admin';

CREATE FUNCTION warden.unprotect(relation regclass) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'unprotect_wrapper';
COMMENT ON FUNCTION warden.unprotect(regclass) IS 'Takes away exactly what protect added; warden_admin';

CREATE FUNCTION warden.protect_schema(schema regnamespace, mode text DEFAULT 'enforce', template text DEFAULT 'tenant', tenant_column name DEFAULT 'tenant_id') RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'protect_schema_wrapper';
COMMENT ON FUNCTION warden.protect_schema(regnamespace, text, text, name) IS 'What becomes of tables that are left unprotected in a schema: enforce, apply or warn; its owner, warden_admin';

CREATE FUNCTION warden.exempt(relation regclass, reason text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'exempt_wrapper';
COMMENT ON FUNCTION warden.exempt(regclass, text) IS 'Lets a table stand unprotected in its schema; its owner, under enforce warden_admin alone';

CREATE FUNCTION warden.exempt(schema regnamespace, name_pattern text, reason text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'exempt_pattern_wrapper';
COMMENT ON FUNCTION warden.exempt(regnamespace, text, text) IS 'Lets tables stand unprotected whose names match a LIKE pattern; the schema''s owner, under enforce warden_admin alone';

CREATE FUNCTION warden.preview(relation regclass, template text DEFAULT 'tenant', tenant_column name DEFAULT 'tenant_id', options jsonb DEFAULT '{}',
    OUT statement text, OUT lock text, OUT note text) RETURNS SETOF record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'preview_wrapper';
COMMENT ON FUNCTION warden.preview(regclass, text, name, jsonb) IS 'The statements that protect would run, in order, with the lock that each takes; the table''s owner, warden_admin';

-- As its caller, under the caller's policies: a row that they hide is no row here either.
CREATE FUNCTION warden.explain_access(relation regclass, key jsonb DEFAULT NULL,
    OUT policy name, OUT command text, OUT permissive boolean, OUT expression text, OUT result boolean, OUT reason text) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    -- All names are the catalogs', quoted; values of the key are literals.
    source text;
    lookup text;
    found boolean := false;
    obstacle text;
    part record;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION 'argument "relation" must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT format('%I.%I', n.nspname, c.relname) INTO source FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = relation AND c.relkind IN ('r', 'p');
    IF source IS NULL THEN
        RAISE EXCEPTION 'the relation is not a table' USING ERRCODE = 'wrong_object_type', HINT = 'Name the table that a view reads.';
    END IF;
    IF key IS NOT NULL AND (jsonb_typeof(key) <> 'object' OR key = '{}' OR EXISTS (SELECT FROM jsonb_object_keys(key) k(name)
            WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped))) THEN
        RAISE EXCEPTION 'invalid key' USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It is not an object of the table''s columns.',
            HINT = 'Name the row by its columns'' values: {"id": 1}.';
    END IF;
    IF NOT row_security_active(relation) THEN
        reason := 'row-level security does not bind you here: the GRANT decides alone';
        RETURN NEXT;
        RETURN;
    END IF;
    IF key IS NULL THEN
        -- Over a row of NULLs: what does not depend on the row is told.
        source := format('(SELECT (NULL::%s).* OFFSET 0) x', source);
        found := true;
    ELSE
        -- An operator of a user's own type is out of the search path: its text is compared.
        SELECT string_agg(CASE WHEN e.value = 'null' THEN format('%I IS NULL', a.attname)
                WHEN a.atttypid < 16384 THEN format('%I = %L', a.attname, e.value #>> '{}')
                ELSE format('%I::text = %L', a.attname, e.value #>> '{}') END, ' AND ') INTO lookup
            FROM jsonb_each(key) e JOIN pg_attribute a ON a.attrelid = relation AND a.attname = e.key;
        source := format('%s WHERE %s LIMIT 1', source, lookup);
        BEGIN
            EXECUTE format('SELECT true FROM %s', source) INTO found;
        EXCEPTION WHEN insufficient_privilege OR invalid_authorization_specification THEN
            obstacle := SQLERRM;
        END;
    END IF;
    FOR part IN
        SELECT p.polname, CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END AS command,
            p.polpermissive, pg_get_expr(p.polqual, p.polrelid) AS uses, pg_get_expr(p.polwithcheck, p.polrelid) AS checks,
            p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) r(oid) WHERE pg_has_role(r.oid, 'USAGE')) AS is_mine
        FROM pg_policy p WHERE p.polrelid = relation ORDER BY p.polpermissive, strpos('rawd*', p.polcmd::text), p.polname
    LOOP
        policy := part.polname;
        command := part.command;
        permissive := part.polpermissive;
        expression := CASE WHEN part.uses <> part.checks THEN format('(%s) AND (%s)', part.uses, part.checks) ELSE coalesce(part.uses, part.checks) END;
        result := CASE WHEN key IS NOT NULL THEN false END;
        IF NOT part.is_mine THEN
            result := NULL;
            reason := 'the policy is for other roles';
        ELSIF obstacle IS NOT NULL THEN
            reason := obstacle;
        ELSIF found IS NOT TRUE THEN
            reason := 'there is no such row, or none that you may see';
        ELSE
            BEGIN
                EXECUTE format('SELECT (%s) FROM %s', expression, source) INTO result;
                IF key IS NULL THEN
                    result := NULL;
                    reason := 'nothing but the row decides';
                ELSE
                    result := coalesce(result, false);
                    reason := CASE WHEN result THEN 'the row is within it' ELSE 'the row is outside of it' END;
                END IF;
            EXCEPTION WHEN insufficient_privilege OR invalid_authorization_specification OR object_not_in_prerequisite_state THEN
                result := false;
                reason := SQLERRM;
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION warden.explain_access(regclass, jsonb) IS 'Why the caller can or cannot see or change a row, policy by policy; everybody';

CREATE FUNCTION warden.create_template(name text, definition jsonb, description text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'create_template_wrapper';
COMMENT ON FUNCTION warden.create_template(text, jsonb, text) IS 'Makes a template of one''s own: options of protect, and predicates by command; warden_admin';

CREATE FUNCTION warden.drop_template(name text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'drop_template_wrapper';
COMMENT ON FUNCTION warden.drop_template(text) IS 'Drops a template that no table is protected with; warden_admin';

CREATE FUNCTION warden.builtin_templates(OUT name text, OUT definition jsonb, OUT description text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'builtin_templates_wrapper';
COMMENT ON FUNCTION warden.builtin_templates() IS 'The templates that come with the extension; read warden.templates';

REVOKE ALL ON FUNCTION warden.row_tenant_uuid(smallint), warden.row_tenant_bigint(smallint), warden.row_tenant_integer(smallint),
    warden.row_tenant_text(smallint), warden.row_reference(smallint, boolean), warden.row_shared(boolean), warden.row_user_text(smallint), warden.row_user_uuid(smallint),
    warden.row_user_bigint(smallint), warden.row_user_integer(smallint), warden.row_sees_all(smallint, smallint), warden.refuse_truncate(),
    warden.protect(regclass, text, name, jsonb), warden.unprotect(regclass), warden.preview(regclass, text, name, jsonb),
    warden.protect_schema(regnamespace, text, text, name), warden.exempt(regclass, text), warden.exempt(regnamespace, text, text),
    warden.explain_access(regclass, jsonb), warden.create_template(text, jsonb, text), warden.drop_template(text), warden.builtin_templates() FROM PUBLIC;
-- A policy runs as whoever reads the table.
GRANT EXECUTE ON FUNCTION warden.row_tenant_uuid(smallint), warden.row_tenant_bigint(smallint), warden.row_tenant_integer(smallint),
    warden.row_tenant_text(smallint), warden.row_reference(smallint, boolean), warden.row_shared(boolean), warden.row_user_text(smallint), warden.row_user_uuid(smallint),
    warden.row_user_bigint(smallint), warden.row_user_integer(smallint), warden.row_sees_all(smallint, smallint) TO PUBLIC;
-- The view warden.templates calls it as its reader.
GRANT EXECUTE ON FUNCTION warden.builtin_templates() TO PUBLIC;
-- A table's owner protects it: each call asks whose it is.
GRANT EXECUTE ON FUNCTION warden.protect(regclass, text, name, jsonb), warden.preview(regclass, text, name, jsonb) TO PUBLIC;
-- It shows nothing that its caller could not read.
GRANT EXECUTE ON FUNCTION warden.explain_access(regclass, jsonb) TO PUBLIC;
-- So does a schema's owner, and both exempt: each call asks whose it is.
GRANT EXECUTE ON FUNCTION warden.protect_schema(regnamespace, text, text, name), warden.exempt(regclass, text),
    warden.exempt(regnamespace, text, text) TO PUBLIC;
-- The security officer's own.
GRANT EXECUTE ON FUNCTION warden.unprotect(regclass), warden.create_template(text, jsonb, text), warden.drop_template(text) TO warden_admin;
