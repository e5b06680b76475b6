-- The extension does not go while it protects a table.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = warning;
CREATE SCHEMA leaving;
CREATE TABLE leaving.exam (id int PRIMARY KEY, tenant_id uuid);
INSERT INTO leaving.exam VALUES (1, '00000000-0000-0000-0000-000000000001');
GRANT USAGE ON SCHEMA leaving TO app;
GRANT SELECT ON leaving.exam TO app;
SELECT warden.protect('leaving.exam');
DROP EXTENSION pg_warden;
DROP EXTENSION pg_warden CASCADE;
DROP EXTENSION IF EXISTS pg_warden CASCADE;
DO $$ BEGIN EXECUTE 'DROP EXTENSION pg_warden CASCADE'; END $$;
-- the last way out is a superuser's, leaves the tables, and leaves them shut
BEGIN;
SET LOCAL warden.allow_drop = on;
DROP EXTENSION pg_warden CASCADE;
SELECT count(*) FROM leaving.exam;
SET LOCAL ROLE app;
SELECT count(*) FROM leaving.exam;
ROLLBACK;
SELECT relrowsecurity FROM pg_class WHERE oid = 'leaving.exam'::regclass;
DROP SCHEMA leaving CASCADE;
