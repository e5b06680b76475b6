-- The extension does not go while it protects a table.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = warning;
CREATE SCHEMA leaving;
CREATE TABLE leaving.exam (id int PRIMARY KEY, tenant_id uuid);
SELECT warden.protect('leaving.exam');
DROP EXTENSION pg_warden;
DROP EXTENSION pg_warden CASCADE;
DROP EXTENSION IF EXISTS pg_warden CASCADE;
DO $$ BEGIN EXECUTE 'DROP EXTENSION pg_warden CASCADE'; END $$;
-- the last way out is a superuser's, and leaves the tables
BEGIN;
SET LOCAL warden.allow_drop = on;
DROP EXTENSION pg_warden CASCADE;
SELECT count(*) FROM leaving.exam;
ROLLBACK;
SELECT relrowsecurity FROM pg_class WHERE oid = 'leaving.exam'::regclass;
DROP SCHEMA leaving CASCADE;
