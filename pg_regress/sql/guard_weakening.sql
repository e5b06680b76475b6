-- Nobody takes a part of a table's protection away: not its owner, not a superuser, by no route.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET SESSION AUTHORIZATION dba;
CREATE SCHEMA kept;
GRANT USAGE ON SCHEMA kept TO officer, app;
CREATE TABLE kept.exam (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE kept.answer (id int PRIMARY KEY, exam_id int REFERENCES kept.exam, tenant_id uuid);
CREATE TABLE kept.open (id int PRIMARY KEY, tenant_id uuid, body text);
SELECT warden.protect('kept.exam');
SELECT warden.protect('kept.answer');
-- row-level security
ALTER TABLE kept.exam DISABLE ROW LEVEL SECURITY;
ALTER TABLE kept.exam NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kept.exam ADD COLUMN z int, DISABLE ROW LEVEL SECURITY;
ALTER TABLE IF EXISTS kept.exam NO FORCE ROW LEVEL SECURITY;
DO $$ BEGIN EXECUTE 'ALTER TABLE kept.exam DISABLE ROW LEVEL SECURITY'; END $$;
\set VERBOSITY terse
-- policies
DROP POLICY warden_open ON kept.exam;
DROP POLICY IF EXISTS warden_select ON kept.exam CASCADE;
ALTER POLICY warden_select ON kept.exam USING (true);
ALTER POLICY warden_select ON kept.exam TO nobody;
ALTER POLICY warden_select ON kept.exam RENAME TO harmless;
CREATE POLICY warden_later ON kept.exam USING (true);
-- the trigger
ALTER TABLE kept.exam DISABLE TRIGGER warden_truncate;
ALTER TABLE kept.exam DISABLE TRIGGER USER;
ALTER TABLE kept.exam ENABLE REPLICA TRIGGER warden_truncate;
ALTER TRIGGER warden_truncate ON kept.exam RENAME TO harmless;
DROP TRIGGER warden_truncate ON kept.exam;
-- the tenant column
ALTER TABLE kept.exam DROP COLUMN tenant_id CASCADE;
ALTER TABLE kept.exam ALTER COLUMN tenant_id TYPE text;
ALTER TABLE kept.exam ALTER COLUMN tenant_id DROP NOT NULL;
-- the key that keeps references inside the tenant
ALTER TABLE kept.answer DROP CONSTRAINT answer_exam_id_fkey;
ALTER TABLE kept.answer DROP COLUMN exam_id;
-- a parent that is open
ALTER TABLE kept.exam INHERIT kept.open;
CREATE TABLE kept.parts (LIKE kept.exam) PARTITION BY LIST (id);
ALTER TABLE kept.parts ATTACH PARTITION kept.exam DEFAULT;
CREATE TABLE kept.both () INHERITS (kept.exam, kept.open);
CREATE TABLE kept.child () INHERITS (kept.exam);
ALTER TABLE kept.child INHERIT kept.open;
ALTER TABLE kept.child NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kept.child NO INHERIT kept.exam;
ALTER TABLE kept.child NO FORCE ROW LEVEL SECURITY;
-- what a rolled back savepoint dropped is there again
BEGIN;
SAVEPOINT before;
DROP TABLE kept.child;
ROLLBACK TO before;
ALTER TABLE kept.child ADD COLUMN more int;
COMMIT;
RESET SESSION AUTHORIZATION;
-- a superuser neither
ALTER TABLE kept.exam DISABLE ROW LEVEL SECURITY;
DROP POLICY warden_select ON kept.exam;
ALTER TABLE kept.exam DISABLE TRIGGER ALL;
-- under another name and in another place
SET SESSION AUTHORIZATION dba;
ALTER TABLE kept.exam RENAME COLUMN tenant_id TO org;
ALTER TABLE kept.exam RENAME TO paper;
ALTER TABLE kept.paper DROP COLUMN org CASCADE;
ALTER TABLE kept.paper NO FORCE ROW LEVEL SECURITY;
-- a table may go, with all that is its own
DROP TABLE kept.paper CASCADE;
RESET SESSION AUTHORIZATION;
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relnamespace = 'kept'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1;
DROP SCHEMA kept CASCADE;
