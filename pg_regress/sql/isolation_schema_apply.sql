-- apply protects at commit; warn only warns.
\set SHOW_CONTEXT never
CREATE SCHEMA iso_apply AUTHORIZATION dba;
CREATE SCHEMA iso_warn AUTHORIZATION dba;
GRANT USAGE, CREATE ON SCHEMA iso_warn TO officer;
SET ROLE dba;
CREATE TABLE iso_apply.early (id int, org bigint);
SELECT warden.protect_schema('iso_apply', 'apply', 'append_only', 'org');
BEGIN;
-- The child comes first by name and is protected with its parent.
CREATE TABLE iso_apply.b_parent (id int, org bigint);
CREATE TABLE iso_apply.a_child (extra text) INHERITS (iso_apply.b_parent);
CREATE TABLE iso_apply.part (id int, org bigint) PARTITION BY LIST (id);
CREATE TABLE iso_apply.part_1 PARTITION OF iso_apply.part FOR VALUES IN (1);
COMMIT;
CREATE TABLE iso_apply.late AS SELECT 1 AS id, 41::bigint AS org;
-- Without the tenant column, an error at commit.
CREATE TABLE iso_apply.x (id int);
CREATE TABLE iso_apply.x (id int, org date);
-- Otherwise than the rule says is well too.
BEGIN;
CREATE TABLE iso_apply.country (code text);
SELECT warden.protect('iso_apply.country', 'reference');
COMMIT;
SELECT warden.exempt('iso_apply'::regnamespace, 'import\_%', 'loaded every night');
CREATE TABLE iso_apply.import_x (id int);
ALTER TABLE iso_apply.import_x RENAME TO importx;
SELECT warden.protect_schema('iso_apply', 'warn', 'append_only', 'org');
RESET ROLE;
SELECT relation, state, template, problems FROM warden.coverage WHERE schema = 'iso_apply' ORDER BY 1;

SET ROLE dba;
CREATE TABLE iso_warn.early (id int);
SELECT warden.protect_schema('iso_warn', 'warn', 'tenant', 'org');
CREATE TABLE iso_warn.late (id int, org uuid);
SELECT warden.exempt('iso_warn.late', 'for now');
ALTER TABLE iso_warn.late RENAME TO later;
-- Up it goes; a table of somebody else's is not the schema's owner's to protect.
RESET ROLE;
CREATE TABLE iso_warn.foreign_one (id int, org uuid);
SET ROLE dba;
SELECT warden.protect_schema('iso_warn', 'apply', 'tenant', 'org');
SELECT warden.protect_schema('iso_warn', 'enforce', 'tenant', 'org');
RESET ROLE;
SELECT relation, state, problems FROM warden.coverage WHERE schema = 'iso_warn' ORDER BY 1;
-- What the auditor sees: protected schemas, and of the others only what is protected.
SET ROLE auditor;
SELECT schema, relation, state FROM warden.coverage WHERE schema = 'iso_warn' ORDER BY 2;
RESET ROLE;
DROP SCHEMA iso_apply, iso_warn CASCADE;

-- Nobody else, and nothing silly.
CREATE SCHEMA iso_silly AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_silly TO app;
CREATE TABLE iso_silly.t (id int);
SET ROLE app;
SELECT warden.protect_schema('iso_silly');
SELECT warden.exempt('iso_silly'::regnamespace, '%', 'x');
SET ROLE dba;
SELECT warden.exempt('iso_silly.t', 'x');
SELECT warden.protect_schema('public');
SET ROLE officer;
SELECT warden.protect_schema(NULL);
SELECT warden.protect_schema('iso_silly', NULL);
SELECT warden.protect_schema('iso_silly', 'off');
SELECT warden.protect_schema('iso_silly', 'warn', 'nothing');
SELECT warden.protect_schema('iso_silly', 'warn', 'owned');
SELECT warden.protect_schema('iso_silly', 'warn', 'tenant', NULL);
SELECT warden.protect_schema('warden', 'warn');
SELECT warden.protect_schema('pg_catalog', 'warn');
SELECT warden.protect_schema('information_schema', 'warn');
SELECT warden.exempt('iso_silly'::regnamespace, NULL, 'x');
SELECT warden.exempt('iso_silly'::regnamespace, '', 'x');
SELECT warden.exempt('iso_silly'::regnamespace, 'a\', 'x');
SELECT warden.exempt('iso_silly'::regnamespace, 'a%', NULL);
SELECT warden.exempt('iso_silly'::regnamespace, 'a%', '  ');
SELECT warden.exempt(NULL::regclass, 'x');
SELECT warden.exempt('pg_class', 'x');
RESET ROLE;
DROP SCHEMA iso_silly CASCADE;
