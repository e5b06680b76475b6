-- The schema, the roles, and what every pillar stands on.

-- Fails where a schema of this name exists: nobody prepares ours before us.
CREATE SCHEMA warden;
REVOKE ALL ON SCHEMA warden FROM PUBLIC;
-- Everybody reads their own context through functions of this schema.
GRANT USAGE ON SCHEMA warden TO PUBLIC;
-- Whatever else this script names is PostgreSQL's own: nobody's operator or function of the same name is picked.
SET LOCAL search_path = pg_catalog, pg_temp;
COMMENT ON SCHEMA warden IS 'pg_warden: zero trust for multi-tenant databases';

DO $$
BEGIN
    IF pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION 'pg_warden needs a database with the encoding UTF8'
            USING ERRCODE = 'feature_not_supported', HINT = 'Create the database with ENCODING ''UTF8''.';
    END IF;
END
$$;

-- Roles are the cluster's: another database may have made them already.
DO $$
DECLARE
    role_name text;
    can_log_in bool;
    members text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['warden_admin', 'warden_operator', 'warden_auditor', 'warden_broker', 'warden_migrator'] LOOP
        SELECT r.rolcanlogin OR r.rolsuper OR r.rolbypassrls INTO can_log_in
            FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) role_name;
        IF can_log_in IS NULL THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
        ELSIF can_log_in THEN
            RAISE EXCEPTION 'role % exists and is not a plain role without login', role_name
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Rename it, or make it NOLOGIN NOSUPERUSER NOBYPASSRLS.';
        ELSE
            -- Without the library, whoever may make roles could prepare one with members of their choice.
            SELECT pg_catalog.string_agg(m.rolname, ', ' ORDER BY m.rolname) INTO members
                FROM pg_catalog.pg_auth_members a
                    JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.roleid
                    JOIN pg_catalog.pg_roles m ON m.oid OPERATOR(pg_catalog.=) a.member
                WHERE r.rolname OPERATOR(pg_catalog.=) role_name;
            IF members IS NOT NULL THEN
                RAISE WARNING 'role % exists and has members already: %', role_name, members
                    USING DETAIL = 'They have its rights in this database from now on.',
                          HINT = pg_catalog.format('Look at who they are. To take a membership away: REVOKE %I FROM ...', role_name);
            END IF;
        END IF;
    END LOOP;
END
$$;
COMMENT ON ROLE warden_admin IS 'pg_warden: security officer (tenants, issuers, policies, keys)';
COMMENT ON ROLE warden_operator IS 'pg_warden: reserved for platform staff; may nothing of its own yet';
COMMENT ON ROLE warden_auditor IS 'pg_warden: reads tenants, members, issuers, sessions and coverage of the whole platform, never content';
COMMENT ON ROLE warden_broker IS 'pg_warden: an application server trusted to name the user itself';
COMMENT ON ROLE warden_migrator IS 'pg_warden: deploy role, whose code on its own protected tables is trusted with content';

CREATE FUNCTION warden.registry_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'registry_changed_wrapper';
REVOKE ALL ON FUNCTION warden.registry_changed() FROM PUBLIC;
COMMENT ON FUNCTION warden.registry_changed() IS 'On every registry: tells all backends that their caches of it are stale';

-- What every registry has: nobody's rights, row-level security without a policy, word of each change, its rows in dumps. The
-- script's own: dropped when it ends.
CREATE FUNCTION warden.make_registry(registry regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM PUBLIC', registry);
    EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', registry);
    EXECUTE pg_catalog.format('CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION warden.registry_changed()', registry);
    EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER registry_changed', registry);
    PERFORM pg_catalog.pg_extension_config_dump(registry, '');
END
$$;
REVOKE ALL ON FUNCTION warden.make_registry(regclass) FROM PUBLIC;

CREATE FUNCTION warden.sees_all_tenants() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'sees_all_tenants_wrapper';
REVOKE ALL ON FUNCTION warden.sees_all_tenants() FROM PUBLIC;
-- The extension's views call it as whoever reads them.
GRANT EXECUTE ON FUNCTION warden.sees_all_tenants() TO PUBLIC;
COMMENT ON FUNCTION warden.sees_all_tenants() IS 'Whether the caller sees every tenant''s metadata: warden_admin, warden_auditor, superusers';
