-- DDL over tables with encrypted columns: names may change, and what would make values unreadable is refused.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA "enc ddl" AUTHORIZATION dba;
CREATE SCHEMA enc_ddl_aside AUTHORIZATION dba;
CREATE ROLE enc_ddl_owner;
GRANT USAGE ON SCHEMA "enc ddl" TO app_broker, officer;
SET ROLE dba;
CREATE TABLE "enc ddl"."People" (tenant_id uuid, "Id" int, "Phone" text DEFAULT 'unlisted', age int, note text DEFAULT 'n', PRIMARY KEY (tenant_id, "Id"));
GRANT SELECT, INSERT, UPDATE, DELETE ON "enc ddl"."People" TO app_broker;
SELECT warden.protect('"enc ddl"."People"'), warden.encrypt_column('"enc ddl"."People"', 'Phone', true);
GRANT SELECT ON "enc ddl"."People_clear" TO auditor;
RESET ROLE;
CREATE VIEW pg_temp.names AS SELECT c.oid::regclass::text AS view, array_agg(a.attname || coalesce('=' || pg_get_expr(d.adbin, d.adrelid), '') ORDER BY a.attnum) AS columns, c.relacl IS NOT NULL AS acl
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text LIKE '%enc%ddl%' GROUP BY c.oid ORDER BY 1;
SELECT * FROM pg_temp.names;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
INSERT INTO "enc ddl"."People_clear" ("Id", "Phone", age) VALUES (1, '555-1', 30), (2, '555-2', 40);
SELECT "Id" FROM "enc ddl"."People" WHERE "Phone" = warden.search_term('555-1', '"enc ddl"."People"."Phone"');
SELECT "Id" FROM "enc ddl"."People" WHERE "Phone" = warden.search_term('555-1', 'enc ddl.People.Phone');
COMMIT;
-- Names: of the column, of the key, of a plain column, of the table, of the schema; two at once.
SET SESSION AUTHORIZATION dba;
ALTER TABLE "enc ddl"."People" RENAME COLUMN "Phone" TO phone;
ALTER TABLE "enc ddl"."People" RENAME COLUMN "Id" TO id;
ALTER TABLE "enc ddl"."People" RENAME COLUMN age TO years;
ALTER TABLE "enc ddl"."People" ADD COLUMN city text DEFAULT 'Rome', ADD COLUMN zip text;
ALTER TABLE "enc ddl"."People" ALTER COLUMN note SET DEFAULT 'changed', ALTER COLUMN zip SET DEFAULT '0';
ALTER TABLE "enc ddl"."People" ALTER COLUMN note DROP DEFAULT;
-- The default of an encrypted column can go, and no other comes.
ALTER TABLE "enc ddl"."People" ALTER COLUMN phone SET DEFAULT 'x';
ALTER TABLE "enc ddl"."People" ALTER COLUMN phone DROP DEFAULT;
ALTER TABLE "enc ddl"."People" RENAME TO people;
ALTER TABLE "enc ddl".people SET SCHEMA enc_ddl_aside;
ALTER TABLE enc_ddl_aside.people SET SCHEMA "enc ddl";
RESET SESSION AUTHORIZATION;
ALTER SCHEMA "enc ddl" RENAME TO enc_ddl;
SELECT * FROM pg_temp.names;
SELECT column_name, key_columns, tenant_column, names[1:2] AS now, (SELECT count(*) FROM unnest(names[3:]) o) AS before FROM warden.encrypted_column_registry WHERE relation = 'enc_ddl.people'::regclass;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
SELECT * FROM enc_ddl.people_clear ORDER BY id;
SELECT id FROM enc_ddl.people WHERE phone = warden.search_term('555-2', 'enc_ddl.people.phone');
SELECT id FROM enc_ddl.people WHERE phone = warden.search_term('555-2', '"enc ddl"."People"."Phone"');
INSERT INTO enc_ddl.people (id, phone) VALUES (3, warden.encrypt_eq('555-3', 'enc ddl.People.Phone')), (4, warden.encrypt_eq('555-4', 'enc_ddl.people.phone'));
UPDATE enc_ddl.people_clear SET id = id + 10, phone = phone || '!' WHERE id > 2 RETURNING id, phone, city, zip;
COMMIT;
-- What is refused: the key, the trigger, the type, the view's end by itself.
SET SESSION AUTHORIZATION dba;
ALTER TABLE enc_ddl.people DROP COLUMN id;
ALTER TABLE enc_ddl.people DROP COLUMN id CASCADE;
ALTER TABLE enc_ddl.people DROP CONSTRAINT "People_pkey";
DROP TRIGGER "~warden_bind" ON enc_ddl.people;
ALTER TABLE enc_ddl.people DISABLE TRIGGER "~warden_bind";
ALTER TABLE enc_ddl.people DISABLE TRIGGER USER;
ALTER TABLE enc_ddl.people DISABLE TRIGGER ALL;
ALTER TRIGGER "~warden_bind" ON enc_ddl.people RENAME TO mine;
ALTER TABLE enc_ddl.people ALTER COLUMN phone TYPE text USING phone::text;
ALTER TABLE enc_ddl.people ALTER COLUMN id TYPE bigint;
ALTER TABLE enc_ddl.people DROP COLUMN phone;
CREATE OR REPLACE VIEW enc_ddl.people_clear WITH (security_invoker) AS SELECT tenant_id, id, 'mine'::text AS phone, years, note, city, zip FROM enc_ddl.people;
ALTER VIEW enc_ddl.people_clear OWNER TO dba;
ALTER VIEW enc_ddl.people_clear ALTER COLUMN phone SET DEFAULT 'mine';
CREATE TRIGGER mine INSTEAD OF INSERT ON enc_ddl.people_clear FOR EACH ROW EXECUTE FUNCTION warden.bind_row();
CREATE RULE mine AS ON INSERT TO enc_ddl.people_clear DO INSTEAD NOTHING;
-- The tenant column and the key's keep their types; a primary key of the same columns takes another's place in one statement.
ALTER TABLE enc_ddl.people ALTER COLUMN id TYPE int USING 1;
ALTER TABLE enc_ddl.people ALTER COLUMN tenant_id TYPE uuid USING tenant_id;
ALTER TABLE enc_ddl.people ALTER COLUMN id DROP NOT NULL;
ALTER TABLE enc_ddl.people DROP CONSTRAINT "People_pkey", ADD PRIMARY KEY (id);
ALTER TABLE enc_ddl.people DROP CONSTRAINT "People_pkey", ADD CONSTRAINT people_key PRIMARY KEY (tenant_id, id);
-- No child that has no part in the key.
CREATE TABLE enc_ddl.child () INHERITS (enc_ddl.people);
CREATE TABLE enc_ddl.child (LIKE enc_ddl.people);
ALTER TABLE enc_ddl.child INHERIT enc_ddl.people;
DROP TABLE enc_ddl.child;
-- Another owner: the view's grants follow.
RESET SESSION AUTHORIZATION;
ALTER TABLE enc_ddl.people OWNER TO enc_ddl_owner;
SELECT grantee::regrole, string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE oid = 'enc_ddl.people_clear'::regclass AND grantee <> relowner GROUP BY 1 ORDER BY 1;
GRANT USAGE ON SCHEMA enc_ddl TO enc_ddl_owner;
ALTER TABLE enc_ddl.people OWNER TO dba;
REASSIGN OWNED BY dba TO enc_ddl_owner;
SET ROLE enc_ddl_owner;
REVOKE UPDATE ON enc_ddl.people_clear FROM app_broker;
RESET ROLE;
SELECT grantee::regrole, string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE oid = 'enc_ddl.people_clear'::regclass AND grantee <> relowner GROUP BY 1 ORDER BY 1;
REASSIGN OWNED BY enc_ddl_owner TO dba;
GRANT UPDATE ON enc_ddl.people_clear TO app_broker;
-- A dropped view's grants are the new owner's too; a role that has gone with them is none.
BEGIN;
CREATE ROLE enc_ddl_gone;
GRANT SELECT ON enc_ddl.people_clear TO enc_ddl_gone;
DROP VIEW enc_ddl.people_clear;
DROP ROLE enc_ddl_gone;
ALTER TABLE enc_ddl.people OWNER TO enc_ddl_owner;
COMMIT;
SELECT grantee::regrole, string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE oid = 'enc_ddl.people_clear'::regclass AND grantee <> relowner GROUP BY 1 ORDER BY 1;
ALTER TABLE enc_ddl.people OWNER TO dba;
-- Somebody else who may grant is no owner, and keeps what he has.
GRANT SELECT ON enc_ddl.people_clear TO officer WITH GRANT OPTION;
ALTER TABLE enc_ddl.people ALTER COLUMN years SET DEFAULT 1;
DROP VIEW enc_ddl.people_clear;
ALTER TABLE enc_ddl.people ALTER COLUMN years DROP DEFAULT;
SELECT grantee::regrole, string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE oid = 'enc_ddl.people_clear'::regclass AND grantee <> relowner GROUP BY 1 ORDER BY 1;
SET ROLE dba;
REVOKE ALL ON enc_ddl.people_clear FROM officer;
RESET ROLE;
-- What a savepoint took back counts for nothing.
BEGIN;
SAVEPOINT s;
DROP VIEW enc_ddl.people_clear;
ROLLBACK TO s;
SET LOCAL ROLE dba;
REVOKE ALL ON enc_ddl.people_clear FROM auditor;
DROP VIEW enc_ddl.people_clear;
COMMIT;
SELECT has_table_privilege('auditor', 'enc_ddl.people_clear', 'SELECT');
GRANT SELECT ON enc_ddl.people_clear TO auditor;
-- Attributes of the table's type are its columns: their names change, and nothing is lost.
ALTER TYPE enc_ddl.people RENAME ATTRIBUTE phone TO telephone;
ALTER TYPE enc_ddl.people RENAME ATTRIBUTE id TO number;
ALTER TYPE enc_ddl.people RENAME ATTRIBUTE tenant_id TO tenant;
SELECT r.column_name, r.key_columns, r.tenant_column, p.tenant_column FROM warden.encrypted_column_registry r JOIN warden.relation_registry p USING (relation) WHERE r.relation = 'enc_ddl.people'::regclass;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
SELECT number, telephone FROM enc_ddl.people_clear ORDER BY 1;
COMMIT;
RESET SESSION AUTHORIZATION;
ALTER TABLE enc_ddl.people RENAME telephone TO phone;
ALTER TABLE enc_ddl.people RENAME number TO id;
ALTER TABLE enc_ddl.people RENAME tenant TO tenant_id;
-- A column in the place of one that goes is another one; of the key there is none.
CREATE TABLE enc_ddl.place (tenant_id uuid, id int, a text DEFAULT 'a', b text NOT NULL DEFAULT 'b', PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT ON enc_ddl.place TO app_broker;
SELECT warden.protect('enc_ddl.place'), warden.encrypt_column('enc_ddl.place', 'a'), warden.encrypt_column('enc_ddl.place', 'b');
ALTER TABLE enc_ddl.place DROP COLUMN id CASCADE, ADD COLUMN id int NOT NULL, ADD PRIMARY KEY (tenant_id, id);
ALTER TABLE enc_ddl.place DROP COLUMN a CASCADE, ADD COLUMN a text DEFAULT 'plain';
SELECT column_name, column_default FROM warden.encrypted_column_registry WHERE relation = 'enc_ddl.place'::regclass;
-- Defaults of encrypted columns outlive their view.
BEGIN;
DROP VIEW enc_ddl.place_clear;
ALTER TABLE enc_ddl.place ADD COLUMN c int;
COMMIT;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
INSERT INTO enc_ddl.place_clear (id) VALUES (1) RETURNING *;
COMMIT;
RESET SESSION AUTHORIZATION;
DROP VIEW enc_ddl.place_clear;
ALTER TABLE enc_ddl.place DROP COLUMN b CASCADE, ADD COLUMN b warden.ciphertext;
SELECT count(*) FROM warden.encrypted_column_registry WHERE relation = 'enc_ddl.place'::regclass;
DROP TABLE enc_ddl.place CASCADE;
-- A typed table follows its type.
CREATE TYPE enc_ddl.kind AS (tenant_id uuid, id int, secret warden.ciphertext);
CREATE TABLE enc_ddl.typed (tenant_id uuid, id int, secret text, PRIMARY KEY (tenant_id, id));
SELECT warden.protect('enc_ddl.typed'), warden.encrypt_column('enc_ddl.typed', 'secret');
ALTER TABLE enc_ddl.typed OF enc_ddl.kind;
ALTER TYPE enc_ddl.kind RENAME ATTRIBUTE secret TO hidden CASCADE;
ALTER TYPE enc_ddl.kind RENAME ATTRIBUTE tenant_id TO tenant CASCADE;
SELECT r.column_name, r.key_columns, r.tenant_column, p.tenant_column FROM warden.encrypted_column_registry r JOIN warden.relation_registry p USING (relation) WHERE r.relation = 'enc_ddl.typed'::regclass;
DROP TABLE enc_ddl.typed CASCADE;
DROP TYPE enc_ddl.kind;
-- A table whose view's name is a type's.
CREATE DOMAIN enc_ddl.taken_clear AS text;
ALTER TABLE enc_ddl.people RENAME TO taken;
SELECT clear_view FROM warden.encrypted_column_registry WHERE relation = 'enc_ddl.taken'::regclass;
ALTER TABLE enc_ddl.taken RENAME TO people;
SET SESSION AUTHORIZATION dba;
-- The owner takes back what the table's grants gave, and it stays so.
REVOKE DELETE ON enc_ddl.people_clear FROM app_broker;
-- The view comes back at commit, with its grants; in between, the table's other columns can change their type.
BEGIN;
DROP VIEW enc_ddl.people_clear;
ALTER TABLE enc_ddl.people ALTER COLUMN years TYPE bigint;
ALTER TABLE enc_ddl.people ALTER COLUMN phone TYPE text USING phone::text;
ROLLBACK;
BEGIN;
DROP VIEW enc_ddl.people_clear;
ALTER TABLE enc_ddl.people ALTER COLUMN years TYPE bigint;
COMMIT;
BEGIN;
DROP VIEW enc_ddl.people_clear;
CREATE VIEW enc_ddl.people_clear AS SELECT tenant_id, id, 'mine'::text AS phone, years, note, city, zip FROM enc_ddl.people;
COMMIT;
DROP VIEW enc_ddl.people_clear;
ALTER TABLE enc_ddl.people DROP COLUMN city CASCADE;
RESET SESSION AUTHORIZATION;
SELECT * FROM pg_temp.names;
SELECT grantee::regrole, string_agg(privilege_type, ',' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE oid = 'enc_ddl.people_clear'::regclass AND grantee <> relowner GROUP BY 1 ORDER BY 1;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
SELECT * FROM enc_ddl.people_clear ORDER BY id;
COMMIT;
-- The last encrypted column goes: so do the view and the trigger.
SET SESSION AUTHORIZATION dba;
ALTER TABLE enc_ddl.people DROP COLUMN phone CASCADE;
RESET SESSION AUTHORIZATION;
SELECT * FROM pg_temp.names;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'enc_ddl.people'::regclass AND NOT tgisinternal;
SELECT count(*) FROM warden.encrypted_column_registry WHERE relation::text LIKE '%people%';
-- Partitions follow; a table with encrypted columns becomes nobody's partition.
SET ROLE dba;
CREATE TABLE enc_ddl.log (tenant_id uuid, id int, body text, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id);
CREATE TABLE enc_ddl.log_1 PARTITION OF enc_ddl.log FOR VALUES FROM (0) TO (10);
GRANT ALL ON enc_ddl.log TO app_broker;
SELECT warden.protect('enc_ddl.log'), warden.encrypt_column('enc_ddl.log', 'body');
CREATE TABLE enc_ddl.log_2 PARTITION OF enc_ddl.log FOR VALUES FROM (10) TO (20);
CREATE TABLE enc_ddl.log_3 (id int NOT NULL, tenant_id uuid NOT NULL, body warden.ciphertext);
ALTER TABLE enc_ddl.log ATTACH PARTITION enc_ddl.log_3 FOR VALUES FROM (20) TO (30);
CREATE TABLE enc_ddl.log_4 (tenant_id uuid NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant_id, id));
SELECT warden.protect('enc_ddl.log_4'), warden.encrypt_column('enc_ddl.log_4', 'body');
ALTER TABLE enc_ddl.log ATTACH PARTITION enc_ddl.log_4 FOR VALUES FROM (30) TO (40);
SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = '~warden_bind' AND c.relname LIKE 'log%' ORDER BY 1;
RESET ROLE;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
INSERT INTO enc_ddl.log_clear (id, body) SELECT g, 'entry ' || g FROM generate_series(5, 25, 10) g RETURNING id, body;
INSERT INTO enc_ddl.log (id, body) VALUES (21, warden.encrypt('direct'::text, 'enc_ddl.log.body'));
UPDATE enc_ddl.log_clear SET id = 16 WHERE id = 5 RETURNING id, body;
SELECT tableoid::regclass, id FROM enc_ddl.log ORDER BY id;
SELECT * FROM enc_ddl.log_clear ORDER BY id;
COMMIT;
-- A partition leaves with its rows, or not at all: no trigger would bind what is written to it.
SET SESSION AUTHORIZATION dba;
ALTER TABLE enc_ddl.log DETACH PARTITION enc_ddl.log_3;
ALTER TABLE enc_ddl.log DETACH PARTITION enc_ddl.log_3 CONCURRENTLY;
DROP TABLE enc_ddl.log_3;
RESET SESSION AUTHORIZATION;
-- Nothing is left behind a dropped table, and DROP EXTENSION counts what it would destroy.
SET ROLE dba;
DROP TABLE enc_ddl.log_4 CASCADE;
RESET ROLE;
SELECT relation FROM warden.encrypted_column_registry WHERE relation::text LIKE 'enc_ddl.%';
DROP EXTENSION pg_warden CASCADE;
DROP TABLE enc_ddl.log CASCADE;
SELECT count(*) FROM warden.encrypted_column_registry WHERE names::text LIKE '%enc_ddl%';
DROP SCHEMA enc_ddl, enc_ddl_aside CASCADE;
DROP ROLE enc_ddl_owner;
