-- Why can I (not) see or change this row: a foreign row reads exactly like no row.
\set SHOW_CONTEXT never
CREATE SCHEMA iso_why AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_why TO app_broker, nobody;
SET ROLE dba;
CREATE TABLE iso_why.note (id int PRIMARY KEY, tenant_id uuid, author text, body text);
INSERT INTO iso_why.note VALUES (1, '00000000-0000-0000-0000-000000000001', 'acme-viewer', NULL),
    (2, '00000000-0000-0000-0000-000000000002', 'globex-viewer', 'theirs');
GRANT ALL ON iso_why.note TO app_broker;
SELECT warden.protect('iso_why.note', 'tenant', options => '{"delete": "admin"}');
CREATE POLICY mine ON iso_why.note AS PERMISSIVE FOR SELECT TO dba USING (true);
SELECT policy, command, permissive, result, reason FROM warden.explain_access('iso_why.note');
RESET ROLE;
SELECT * FROM warden.explain_access('iso_why.note', '{"id": 1}');
SET SESSION AUTHORIZATION app_broker;
SELECT policy, result, reason FROM warden.explain_access('iso_why.note', '{"id": 1}');
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SELECT policy, command, permissive, expression FROM warden.explain_access('iso_why.note');
SELECT policy, result, reason FROM warden.explain_access('iso_why.note');
SELECT policy, result, reason FROM warden.explain_access('iso_why.note', '{"id": 1}');
SELECT policy, result, reason FROM warden.explain_access('iso_why.note', '{"id": 1, "body": null}') WHERE command = 'select';
-- Neither another tenant's row, nor none, nor by its content.
SELECT count(*) AS different FROM (
    SELECT * FROM warden.explain_access('iso_why.note', '{"id": 2}') EXCEPT SELECT * FROM warden.explain_access('iso_why.note', '{"id": 3}')) d;
SELECT count(*) AS different FROM (
    SELECT * FROM warden.explain_access('iso_why.note', '{"body": "theirs"}') EXCEPT SELECT * FROM warden.explain_access('iso_why.note', '{"body": "x"}')) d;
SELECT DISTINCT reason FROM warden.explain_access('iso_why.note', '{"id": 2}');
COMMIT;
SELECT * FROM warden.explain_access(NULL);
SELECT * FROM warden.explain_access('pg_views');
SELECT * FROM warden.explain_access('iso_why.note', '[]');
SELECT * FROM warden.explain_access('iso_why.note', '{}');
SELECT * FROM warden.explain_access('iso_why.note', '{"id) OR (true": 1}');
SELECT * FROM warden.explain_access('iso_why.note', '{"id": "1 OR true"}');
SET SESSION AUTHORIZATION nobody;
SELECT policy, result, reason FROM warden.explain_access('iso_why.note', '{"id": 1}') WHERE policy = 'warden_select';
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
DROP SCHEMA iso_why CASCADE;
