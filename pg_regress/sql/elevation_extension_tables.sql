-- The extension's tables are nobody's to read or write: not the officer's, not pg_read_all_data's. Views and functions are the way.
\set VERBOSITY sqlstate
CREATE SCHEMA elevation;
GRANT USAGE ON SCHEMA elevation TO PUBLIC;
CREATE ROLE regress_reader LOGIN;
GRANT pg_read_all_data, pg_write_all_data TO regress_reader;
-- What an attempt on each table of the schema gives: rows that were seen or touched, or the SQLSTATE.
CREATE FUNCTION elevation.attempts(statement text) RETURNS TABLE (outcome text, tables bigint) LANGUAGE plpgsql AS $$
DECLARE
    registry text;
    seen text;
    touched bigint;
    all_seen text[] = '{}';
BEGIN
    FOR registry IN SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'warden'::regnamespace AND relkind IN ('r', 'p') LOOP
        BEGIN
            EXECUTE format(statement, 'warden.' || registry);
            GET DIAGNOSTICS touched = ROW_COUNT;
            RAISE SQLSTATE 'UNDO0';
        EXCEPTION
            WHEN SQLSTATE 'UNDO0' THEN seen := CASE touched WHEN 0 THEN 'no row' ELSE 'rows' END;
            WHEN OTHERS THEN seen := SQLSTATE;
        END;
        all_seen := all_seen || seen;
    END LOOP;
    RETURN QUERY SELECT s, count(*) FROM unnest(all_seen) s GROUP BY s ORDER BY s;
END$$;
CREATE FUNCTION elevation.every_attempt() RETURNS TABLE (statement text, outcome text) LANGUAGE sql AS $$
    SELECT s, string_agg(DISTINCT a.outcome, ', ') FROM unnest(ARRAY[
        'SELECT * FROM %s', 'SELECT 1 FROM %s', 'DELETE FROM %s', 'TRUNCATE %s', 'TRUNCATE %s CASCADE',
        'INSERT INTO %s DEFAULT VALUES', 'LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', 'ALTER TABLE %s DISABLE ROW LEVEL SECURITY',
        'ALTER TABLE %s OWNER TO CURRENT_USER', 'DROP TABLE %s', 'ALTER TABLE %s DISABLE TRIGGER ALL',
        'CREATE POLICY mine ON %s USING (true)', 'CREATE INDEX ON %s ((1))', 'GRANT SELECT ON %s TO PUBLIC']) WITH ORDINALITY u (s, n),
        LATERAL elevation.attempts(s) a GROUP BY n, s ORDER BY n $$;
SELECT count(*) > 5 AS there_are_tables FROM pg_class WHERE relnamespace = 'warden'::regnamespace AND relkind = 'r';
SET client_min_messages = error;
SET SESSION AUTHORIZATION app;
SELECT * FROM elevation.every_attempt();
UPDATE warden.member_registry SET tier = 1;
SET SESSION AUTHORIZATION officer;
UPDATE warden.member_registry SET tier = 1;
SELECT * FROM elevation.every_attempt();
SET SESSION AUTHORIZATION dba;
SELECT * FROM elevation.every_attempt();
SET SESSION AUTHORIZATION auditor;
SELECT * FROM elevation.every_attempt();
SET SESSION AUTHORIZATION app_broker;
SELECT * FROM elevation.every_attempt();
-- pg_read_all_data and pg_write_all_data may name the tables, and find no row in them; no new row passes.
SET SESSION AUTHORIZATION regress_reader;
SELECT * FROM elevation.every_attempt();
UPDATE warden.member_registry SET tier = 1;
INSERT INTO warden.member_registry (tenant, user_id, tier) VALUES ('00000000-0000-0000-0000-000000000001', 'regress_reader', 1);
COPY warden.tenant_registry TO STDOUT;
SET row_security = off;
SELECT * FROM warden.tenant_registry;
RESET row_security;
RESET SESSION AUTHORIZATION;
-- Every table of the extension has row-level security and no policy, and tells the caches of a change (what is cached of an opened
-- session does not change).
SELECT count(*) FILTER (WHERE NOT relrowsecurity) AS open, count(*) FILTER (WHERE EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)) AS with_policy
    FROM pg_class c WHERE relnamespace = 'warden'::regnamespace AND relkind = 'r';
SELECT relname FROM pg_class c WHERE relnamespace = 'warden'::regnamespace AND relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'registry_changed' AND tgenabled = 'A') ORDER BY relname;
-- What PUBLIC may call is what a tenant's session needs.
SELECT p.oid::regprocedure AS function FROM pg_proc p WHERE pronamespace = 'warden'::regnamespace
    AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) ORDER BY p.oid::regprocedure::text COLLATE "C";
-- Definer functions pin their search_path.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'warden'::regnamespace AND prosecdef
    AND NOT coalesce(proconfig::text LIKE '%search_path%', false);
-- Every object that a DBA may meet says what it is.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'warden'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL;
DROP SCHEMA elevation CASCADE;
DROP ROLE regress_reader;
