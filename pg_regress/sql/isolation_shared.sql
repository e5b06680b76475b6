-- shared: rows without a tenant are everybody's to read; warden_admin alone writes them, without a context.
\set SHOW_CONTEXT never
CREATE SCHEMA iso_shared AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_shared TO app, app_broker, officer;
GRANT warden_broker TO officer;
-- How often a plan reads an index, whichever version prints it.
CREATE FUNCTION iso_shared.index_scans(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    line text;
    found int := 0;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        found := found + (line LIKE '%Index Scan%')::int;
    END LOOP;
    RETURN found;
END
$$;
SET ROLE dba;
CREATE TABLE iso_shared.page (id int PRIMARY KEY, tenant_id uuid, body text);
INSERT INTO iso_shared.page VALUES (1, '00000000-0000-0000-0000-000000000001', 'acme'),
    (2, '00000000-0000-0000-0000-000000000002', 'globex'), (3, NULL, 'everybody');
GRANT ALL ON iso_shared.page TO app_broker, officer;
SELECT warden.protect('iso_shared.page', 'shared');
SELECT * FROM iso_shared.page;
RESET ROLE;
SELECT attnotnull FROM pg_attribute WHERE attrelid = 'iso_shared.page'::regclass AND attname = 'tenant_id';

SET SESSION AUTHORIZATION app_broker;
SELECT * FROM iso_shared.page;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT id, body FROM iso_shared.page ORDER BY id;
UPDATE iso_shared.page SET body = 'mine' RETURNING id;
DELETE FROM iso_shared.page WHERE id IN (2, 3);
INSERT INTO iso_shared.page (id) VALUES (4) RETURNING tenant_id;
SAVEPOINT s;
INSERT INTO iso_shared.page VALUES (5, NULL);
ROLLBACK TO s;
INSERT INTO iso_shared.page VALUES (5, '00000000-0000-0000-0000-000000000002');
ROLLBACK TO s;
UPDATE iso_shared.page SET tenant_id = NULL;
ROLLBACK TO s;
SET LOCAL enable_seqscan = off;
SELECT iso_shared.index_scans('SELECT * FROM iso_shared.page');
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SELECT count(*) FROM iso_shared.page;
UPDATE iso_shared.page SET body = 'x';
ROLLBACK;

-- warden_admin: without a context the rows of nobody alone, inside of one a member of that tenant.
SET SESSION AUTHORIZATION officer;
SELECT id, body FROM iso_shared.page;
INSERT INTO iso_shared.page VALUES (5, NULL, 'news');
INSERT INTO iso_shared.page VALUES (6, '00000000-0000-0000-0000-000000000001', 'x');
UPDATE iso_shared.page SET body = body || '!' RETURNING id;
UPDATE iso_shared.page SET tenant_id = '00000000-0000-0000-0000-000000000001';
DELETE FROM iso_shared.page WHERE id < 4 RETURNING id;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT id, body FROM iso_shared.page ORDER BY id;
UPDATE iso_shared.page SET body = 'x' WHERE id = 5;
SAVEPOINT s;
INSERT INTO iso_shared.page VALUES (7, NULL, 'x');
ROLLBACK;
RESET SESSION AUTHORIZATION;
REVOKE warden_broker FROM officer;
SELECT * FROM iso_shared.page ORDER BY id;
-- A reference to a row of nobody cannot carry a tenant.
CREATE TABLE iso_shared.link (id int, tenant_id uuid NOT NULL, page int REFERENCES iso_shared.page);
INSERT INTO iso_shared.link VALUES (1, '00000000-0000-0000-0000-000000000001', 5);
SELECT warden.protect('iso_shared.link');
SELECT warden.unprotect('iso_shared.page');
SET client_min_messages = warning;
DROP SCHEMA iso_shared CASCADE;
