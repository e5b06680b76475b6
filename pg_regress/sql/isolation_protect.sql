-- protect adds what is missing and says what it did; twice is as once; unprotect takes away exactly that.
\set SHOW_CONTEXT never
CREATE SCHEMA iso_protect AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_protect TO app, app_broker, officer;
-- A plan in the words of PostgreSQL 15, whichever version prints it.
CREATE FUNCTION iso_protect.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT replace(replace(line, '(InitPlan 1).col1', '$0'), ' (returns $0)', '');
    END LOOP;
END
$$;
SET ROLE dba;
CREATE TABLE iso_protect.exam (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE iso_protect.ready (tenant_id uuid NOT NULL DEFAULT gen_random_uuid(), id int, PRIMARY KEY (tenant_id, id));
ALTER TABLE iso_protect.ready ENABLE ROW LEVEL SECURITY;
GRANT ALL ON iso_protect.exam TO app, app_broker;
INSERT INTO iso_protect.exam VALUES
    (1, '00000000-0000-0000-0000-000000000001', 'acme'), (2, '00000000-0000-0000-0000-000000000001', 'acme too'),
    (101, '00000000-0000-0000-0000-000000000002', 'globex');
SELECT statement, lock FROM warden.preview('iso_protect.exam');
SELECT warden.protect('iso_protect.exam');
SELECT warden.protect('iso_protect.exam');
SELECT warden.protect('iso_protect.ready');
\d iso_protect.exam
-- The owner sees nothing, and changes nothing of the protection.
SELECT * FROM iso_protect.exam;
SELECT warden.protect('iso_protect.exam', 'tenant_admin');
SELECT warden.unprotect('iso_protect.exam');
RESET ROLE;

SET SESSION AUTHORIZATION app_broker;
SELECT * FROM iso_protect.exam;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT id, body FROM iso_protect.exam ORDER BY id;
INSERT INTO iso_protect.exam (id, body) VALUES (3, 'new') RETURNING *;
UPDATE iso_protect.exam SET body = 'x' WHERE id = 101;
DELETE FROM iso_protect.exam WHERE id > 100;
SAVEPOINT s;
INSERT INTO iso_protect.exam VALUES (4, '00000000-0000-0000-0000-000000000002', 'theirs');
ROLLBACK TO s;
UPDATE iso_protect.exam SET tenant_id = '00000000-0000-0000-0000-000000000002';
ROLLBACK TO s;
TRUNCATE iso_protect.exam;
ROLLBACK TO s;
SET LOCAL enable_seqscan = off;
SELECT iso_protect.plan('SELECT * FROM iso_protect.exam WHERE id = 1');
SELECT iso_protect.plan('SELECT count(body) FROM iso_protect.exam');
ROLLBACK;
-- A command above the context's role is an error; of rows, only absence is silent.
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
UPDATE iso_protect.exam SET body = 'x';
ROLLBACK;
RESET SESSION AUTHORIZATION;

SET ROLE auditor;
SELECT relation, state, template, problems FROM warden.coverage WHERE schema = 'iso_protect' ORDER BY 1;
RESET ROLE;
SET ROLE app;
SELECT * FROM warden.coverage;
RESET ROLE;

-- In a transaction that rolls back it leaves nothing.
SET ROLE officer;
BEGIN;
SELECT warden.protect('iso_protect.exam', 'tenant_admin');
SELECT template FROM warden.coverage WHERE relation = 'exam' AND schema = 'iso_protect';
ROLLBACK;
SELECT template FROM warden.coverage WHERE relation = 'exam' AND schema = 'iso_protect';
SELECT warden.unprotect('iso_protect.exam');
SELECT warden.unprotect('iso_protect.ready');
SELECT warden.unprotect('iso_protect.ready');
RESET ROLE;
\d iso_protect.exam
\d iso_protect.ready
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
    WHERE relnamespace = 'iso_protect'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'iso_protect.exam'::regclass;
SELECT relation, state, problems FROM warden.coverage WHERE schema = 'iso_protect' ORDER BY 1;

-- A large table is not scanned under a lock: what to run before is said.
ALTER SYSTEM SET warden.protect_scan_limit = 0;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3);
SET ROLE dba;
SELECT warden.protect('iso_protect.exam');
SELECT statement FROM warden.preview('iso_protect.exam') LIMIT 3;
ALTER TABLE iso_protect.exam ADD CONSTRAINT exam_warden_not_null CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE iso_protect.exam VALIDATE CONSTRAINT exam_warden_not_null;
CREATE INDEX CONCURRENTLY exam_warden_idx ON iso_protect.exam (tenant_id, id);
SELECT warden.protect('iso_protect.exam', 'tenant', 'tenant_id', '{"index": "require"}');
RESET ROLE;
ALTER SYSTEM RESET warden.protect_scan_limit;
SELECT pg_reload_conf();
SET client_min_messages = warning;
DROP SCHEMA iso_protect CASCADE;
SELECT count(*) FROM warden.relation_registry WHERE relation::text LIKE '%iso_protect%';
