-- A foreign key between two protected tables carries the tenant: no reference crosses, nothing tells what is elsewhere.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA iso_fk AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_fk TO app_broker, officer;
SET ROLE dba;
CREATE TABLE iso_fk.exam (id int PRIMARY KEY, tenant_id uuid, after int REFERENCES iso_fk.exam (id));
CREATE TABLE iso_fk.question (id int PRIMARY KEY, tenant_id uuid, exam_id int NOT NULL,
    CONSTRAINT belongs FOREIGN KEY (exam_id) REFERENCES iso_fk.exam (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE iso_fk.hint (id int PRIMARY KEY, tenant_id uuid, exam_id int REFERENCES iso_fk.exam (id) ON DELETE SET NULL, question_id int);
ALTER TABLE iso_fk.hint ADD CONSTRAINT late FOREIGN KEY (question_id) REFERENCES iso_fk.question (id) NOT VALID;
CREATE TABLE iso_fk.country (code text PRIMARY KEY);
CREATE TABLE iso_fk.site (id int PRIMARY KEY, tenant_id uuid, country text REFERENCES iso_fk.country (code));
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA iso_fk TO app_broker;
INSERT INTO iso_fk.exam VALUES (1, '00000000-0000-0000-0000-000000000001', NULL), (2, '00000000-0000-0000-0000-000000000001', 1), (101, '00000000-0000-0000-0000-000000000002', NULL);
INSERT INTO iso_fk.question SELECT id * 10, tenant_id, id FROM iso_fk.exam;
INSERT INTO iso_fk.hint SELECT id * 100, tenant_id, id, id * 10 FROM iso_fk.exam;

CREATE VIEW iso_fk.keys AS SELECT conrelid::regclass AS relation, conname, convalidated AS valid, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE contype IN ('f', 'u') AND connamespace = 'iso_fk'::regnamespace;
SELECT * FROM iso_fk.keys ORDER BY 1, 2;
SELECT warden.protect('iso_fk.exam');
SELECT warden.protect('iso_fk.question');
SELECT warden.protect('iso_fk.hint');
SELECT warden.protect('iso_fk.country', 'reference');
SELECT warden.protect('iso_fk.site');
SELECT * FROM iso_fk.keys ORDER BY 1, 2;
RESET ROLE;

SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
INSERT INTO iso_fk.question (id, exam_id) VALUES (11, 1);
SET CONSTRAINTS ALL IMMEDIATE;
SAVEPOINT s;
-- Another tenant's row and no row: the same words.
INSERT INTO iso_fk.hint (id, exam_id) VALUES (1, 101);
ROLLBACK TO s;
INSERT INTO iso_fk.hint (id, exam_id) VALUES (1, 777);
ROLLBACK TO s;
UPDATE iso_fk.question SET exam_id = 101 WHERE id = 11;
ROLLBACK TO s;
DELETE FROM iso_fk.hint WHERE question_id = 10;
UPDATE iso_fk.exam SET after = NULL;
DELETE FROM iso_fk.exam WHERE id = 1;
SELECT id, exam_id FROM iso_fk.question ORDER BY 1;
SELECT id, exam_id, question_id FROM iso_fk.hint ORDER BY 1;
ROLLBACK;
RESET SESSION AUTHORIZATION;

-- Away with it, in any order: every key is again what it was.
SET ROLE officer;
SELECT warden.unprotect('iso_fk.question');
SELECT warden.unprotect('iso_fk.exam');
SELECT warden.unprotect('iso_fk.hint');
SELECT warden.unprotect('iso_fk.site');
RESET ROLE;
SELECT * FROM iso_fk.keys ORDER BY 1, 2;

-- Refused: rows that cross already, another type, an action that would set the tenant.
SET ROLE dba;
CREATE TABLE iso_fk.crossing (id int PRIMARY KEY, tenant_id uuid, exam_id int REFERENCES iso_fk.exam (id));
INSERT INTO iso_fk.crossing VALUES (1, '00000000-0000-0000-0000-000000000001', 101), (2, '00000000-0000-0000-0000-000000000002', 1), (3, '00000000-0000-0000-0000-000000000001', 1);
CREATE TABLE iso_fk.typed (id int PRIMARY KEY, tenant_id bigint, exam_id int REFERENCES iso_fk.exam (id));
CREATE TABLE iso_fk.setting (id int PRIMARY KEY, tenant_id uuid, exam_id int REFERENCES iso_fk.exam (id) ON UPDATE SET NULL);
SELECT warden.protect('iso_fk.exam');
SELECT warden.protect('iso_fk.crossing');
SELECT warden.protect('iso_fk.typed');
SELECT warden.protect('iso_fk.setting');
SELECT warden.protect('iso_fk.crossing', 'tenant', 'tenant_id', '{"foreign_keys": "keep"}');
SELECT * FROM iso_fk.keys WHERE relation::text ~ 'crossing|typed|setting' ORDER BY 1, 2;
RESET ROLE;
SELECT relation, state, problems FROM warden.coverage WHERE schema = 'iso_fk' AND relation IN ('crossing', 'exam', 'typed') ORDER BY 1;

-- A cast of the owner's own is not run with the rights of the extension's owner.
SET ROLE dba;
CREATE TYPE iso_fk.code AS ENUM ('1', '2');
CREATE FUNCTION iso_fk.as_int(iso_fk.code) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RAISE WARNING 'run as %', current_user; RETURN $1::text::int; END $$;
CREATE CAST (iso_fk.code AS int) WITH FUNCTION iso_fk.as_int(iso_fk.code) AS IMPLICIT;
CREATE TABLE iso_fk.sly (id int PRIMARY KEY, tenant_id uuid, exam_id iso_fk.code REFERENCES iso_fk.exam (id));
-- a superuser's own doing
CREATE TABLE iso_fk.sly (id int PRIMARY KEY, tenant_id uuid, exam_id iso_fk.code);
RESET SESSION AUTHORIZATION;
ALTER TABLE iso_fk.sly ADD FOREIGN KEY (exam_id) REFERENCES iso_fk.exam (id);
SET SESSION AUTHORIZATION dba;
SELECT warden.protect('iso_fk.sly');
CREATE FUNCTION iso_fk.constant(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RAISE WARNING 'run as %', current_user; RETURN true; END $$;
CREATE TABLE iso_fk.folded (id int PRIMARY KEY, tenant_id uuid, CHECK (iso_fk.constant(1)));
SELECT warden.protect('iso_fk.folded');
RESET ROLE;
DROP SCHEMA iso_fk CASCADE;
