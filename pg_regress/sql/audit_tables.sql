-- audit and unaudit: what they take and refuse, what they add to tables and partitions, and that taking it away leaves nothing.
\set SHOW_CONTEXT never
CREATE SCHEMA audt AUTHORIZATION dba;
CREATE SCHEMA audt_other;
GRANT USAGE ON SCHEMA audt_other TO dba, officer;
GRANT USAGE ON SCHEMA audt TO officer, app;
CREATE TABLE audt_other.t (id int PRIMARY KEY, body text);
CREATE VIEW pg_temp.triggers AS SELECT tgrelid::regclass::text AS "table", tgname, tgenabled, tgparentid <> 0 AS inherited
    FROM pg_trigger WHERE tgfoid IN ('warden.audit_row()'::regprocedure, 'warden.audit_truncate()'::regprocedure) ORDER BY 1, 2;
CREATE VIEW pg_temp.audited AS SELECT relation::text, excluded, redacted, reads, octet_length(redaction_key) AS key, audited_by FROM warden.audited_registry ORDER BY 1;
CREATE VIEW pg_temp.versions AS SELECT relation, version, columns FROM warden.audit_schema WHERE relation LIKE '%audt%' ORDER BY 1, 2;
SET ROLE dba;
CREATE TABLE audt.t (id int PRIMARY KEY, tenant_id uuid, body text, note text, mark int);
CREATE VIEW audt.v AS SELECT id FROM audt.t;
SELECT warden.audit('audt.t', '{"exclude": ["body"], "redact": ["note"], "reads": true}');
RESET ROLE;
SELECT * FROM pg_temp.triggers;
SELECT * FROM pg_temp.audited;
SELECT * FROM pg_temp.versions;
SELECT redaction_key AS key FROM warden.audited_registry \gset
-- What is refused before anything is looked at, and whom.
\set VERBOSITY sqlstate
SELECT warden.audit(NULL);
SELECT warden.audit('audt.t', NULL);
SELECT warden.audit(0::regclass);
SELECT warden.unaudit(NULL, 'r');
SELECT warden.unaudit('audt.t', NULL);
SELECT warden.unaudit('audt.t', ' ');
SELECT warden.unaudit(0::regclass, 'r');
\set VERBOSITY default
SET ROLE dba;
SELECT warden.audit('audt.t', '[]');
SELECT warden.audit('audt.t', '{"excluded": ["body"]}');
SELECT warden.audit('audt.t', '{"exclude": "body"}');
SELECT warden.audit('audt.t', '{"redact": [7]}');
SELECT warden.audit('audt.t', '{"reads": "on"}');
SELECT warden.audit('audt.t', '{"exclude": ["nothing"]}');
SELECT warden.audit('audt.t', '{"exclude": ["id"]}');
SELECT warden.audit('audt.t', '{"redact": ["id"]}');
SELECT warden.audit('audt.t', '{"exclude": ["body"], "redact": ["body"]}');
SELECT warden.audit('audt.v');
SELECT warden.audit('audt.t_pkey');
CREATE TEMPORARY TABLE temporary (id int);
SELECT warden.audit('temporary');
SELECT warden.audit('pg_catalog.pg_class');
SELECT warden.audit('warden.audit_entry');
SELECT warden.audit('audt_other.t');
SELECT warden.unaudit('audt.t', 'an owner''s own');
SET ROLE app;
SELECT warden.audit('audt.t');
SET ROLE officer;
SELECT warden.audit('audt_other.t');
SELECT warden.unaudit('audt_other.t', 'end of test');
SELECT warden.unaudit('audt_other.t', 'again');
RESET ROLE;
-- Again: the same, less that is kept back, more that is.
SET ROLE dba;
SELECT warden.audit('audt.t', '{"redact": ["note"], "exclude": ["body", "body"], "reads": true}');
SELECT warden.audit('audt.t', '{"redact": ["note"], "exclude": ["body"]}');
SELECT warden.audit('audt.t', '{"exclude": ["body", "note"], "reads": true}');
SELECT warden.audit('audt.t', '{"exclude": ["body"], "redact": ["note", "mark"], "reads": true}');
SELECT warden.audit('audt.t', '{"redact": ["note", "body"], "reads": true}');
SELECT warden.audit('audt.t', '{"redact": ["body"], "reads": true}');
RESET ROLE;
SELECT * FROM pg_temp.audited;
SET ROLE officer;
SELECT warden.audit('audt.t', '{"exclude": ["body", "mark"], "redact": ["note"]}');
RESET ROLE;
SELECT * FROM pg_temp.audited;
SELECT redaction_key = :'key' AS same_key FROM warden.audited_registry;
-- A protected table's tenant column is shown, whichever comes first.
SET ROLE dba;
CREATE TABLE audt.p (id int PRIMARY KEY, tenant_id uuid);
SELECT warden.protect('audt.p');
SELECT warden.audit('audt.p', '{"exclude": ["tenant_id"]}');
CREATE TABLE audt.q (id int PRIMARY KEY, tenant_id uuid);
SELECT warden.audit('audt.q', '{"redact": ["tenant_id"]}');
SELECT warden.protect('audt.q');
SELECT warden.audit('audt.q');
SELECT warden.protect('audt.q');
-- Names and columns change, and the registry and the versions follow.
ALTER TABLE audt.t RENAME COLUMN note TO remark;
ALTER TABLE audt.t ALTER COLUMN remark TYPE varchar;
ALTER TABLE audt.t DROP COLUMN body, ADD COLUMN body int;
ALTER TABLE audt.t RENAME TO "T";
RESET ROLE;
ALTER SCHEMA audt RENAME TO "audt 2";
SELECT * FROM pg_temp.audited;
SELECT * FROM pg_temp.versions;
ALTER SCHEMA "audt 2" RENAME TO audt;
SET ROLE dba;
ALTER TABLE audt."T" RENAME TO t;
RESET ROLE;
SELECT * FROM pg_temp.versions WHERE relation = 'audt.t';
-- A key that comes later is shown too.
SET ROLE dba;
ALTER TABLE audt.t DROP CONSTRAINT t_pkey;
ALTER TABLE audt.t ADD PRIMARY KEY (remark);
ALTER TABLE audt.t ADD PRIMARY KEY (tenant_id);
RESET ROLE;
-- Without a primary key the row names itself.
SET ROLE dba;
CREATE TABLE audt.keyless (a int, b text);
SELECT warden.audit('audt.keyless', '{"redact": ["b"]}');
-- Partitions, of now and of later; a partition of its own is not taken twice.
CREATE TABLE audt.log (id int, at int, body text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE audt.log_1 PARTITION OF audt.log FOR VALUES FROM (0) TO (10);
CREATE TABLE audt.log_2 PARTITION OF audt.log FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE audt.log_2_1 PARTITION OF audt.log_2 FOR VALUES IN (1);
SELECT warden.audit('audt.log_1');
SELECT warden.audit('audt.log');
RESET ROLE;
SET ROLE officer;
SELECT warden.unaudit('audt.log_1', 'with the whole');
RESET ROLE;
SET ROLE dba;
SELECT warden.audit('audt.log', '{"exclude": ["at"]}');
SELECT warden.audit('audt.log', '{"exclude": ["body"]}');
SELECT warden.audit('audt.log_2_1');
CREATE TABLE audt.log_3 PARTITION OF audt.log FOR VALUES FROM (20) TO (30);
CREATE TABLE audt.log_4 (junk int, body text, at int NOT NULL, id int NOT NULL);
ALTER TABLE audt.log_4 DROP COLUMN junk;
ALTER TABLE audt.log ATTACH PARTITION audt.log_4 FOR VALUES FROM (30) TO (40);
CREATE TABLE audt.log_2_2 PARTITION OF audt.log_2 FOR VALUES IN (2);
RESET ROLE;
SELECT * FROM pg_temp.triggers WHERE "table" LIKE 'audt.log%';
SELECT * FROM pg_temp.versions WHERE relation LIKE 'audt.log%';
SET ROLE officer;
SELECT warden.unaudit('audt.log_2', 'a part');
RESET ROLE;
-- One that leaves loses its triggers.
ALTER TABLE audt.log DETACH PARTITION audt.log_2;
ALTER TABLE audt.log DETACH PARTITION audt.log_3 CONCURRENTLY;
SELECT * FROM pg_temp.triggers WHERE "table" LIKE 'audt.log%';
-- What its triggers would miss is refused.
CREATE FOREIGN DATA WRAPPER audt_wrapper;
CREATE SERVER audt_server FOREIGN DATA WRAPPER audt_wrapper;
CREATE FOREIGN TABLE audt.far (id int NOT NULL, at int NOT NULL, body text) SERVER audt_server;
SELECT warden.audit('audt.far');
CREATE TABLE audt.near (id int, at int, body text) PARTITION BY RANGE (at);
ALTER TABLE audt.near ATTACH PARTITION audt.far FOR VALUES FROM (0) TO (10);
SELECT warden.audit('audt.near');
CREATE TABLE audt.parent (id int);
CREATE TABLE audt.child () INHERITS (audt.parent);
SELECT warden.audit('audt.parent');
SELECT warden.audit('audt.child');
ALTER TABLE audt.child NO INHERIT audt.parent;
SELECT warden.audit('audt.parent'), warden.audit('audt.child');
ALTER TABLE audt.child INHERIT audt.parent;
CREATE TABLE audt.child_2 () INHERITS (audt.parent);
CREATE TABLE audt.parent_2 (id int);
ALTER TABLE audt.child INHERIT audt.parent_2;
-- A trigger of somebody's under the audit's name.
CREATE FUNCTION audt.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER "~warden_audit" AFTER INSERT ON audt.parent_2 FOR EACH ROW EXECUTE FUNCTION audt.nothing();
SELECT warden.audit('audt.parent_2');
ALTER TRIGGER "~warden_audit" ON audt.parent_2 RENAME TO other;
SELECT warden.audit('audt.parent_2');
-- A dropped table leaves the registry, and a superuser's loss of a trigger is mended by auditing anew.
DROP TABLE audt.child;
DROP TRIGGER "~warden_audit_truncate" ON audt.parent_2;
ALTER TABLE audt.parent_2 DISABLE TRIGGER "~warden_audit";
SELECT warden.audit('audt.parent_2');
SELECT * FROM pg_temp.triggers WHERE "table" LIKE 'audt.parent%';
-- Taking it away leaves what is not its own.
SELECT "table" AS audited FROM (SELECT relation::text FROM warden.audited_registry) a ("table") ORDER BY 1;
SELECT warden.unaudit(relation, 'end of test') FROM (SELECT relation FROM warden.audited_registry ORDER BY relation::text) a;
SELECT * FROM pg_temp.triggers;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'audt.parent_2'::regclass;
SELECT * FROM pg_temp.audited;
-- A transaction that is rolled back, and a savepoint, leave nothing.
BEGIN;
SELECT warden.audit('audt.t');
SAVEPOINT a;
ALTER TABLE audt.t ADD COLUMN later int;
ROLLBACK TO a;
ALTER TABLE audt.t ADD COLUMN later text;
SELECT columns -> -1 FROM pg_temp.versions WHERE relation = 'audt.t' ORDER BY version DESC LIMIT 1;
ROLLBACK;
SELECT * FROM pg_temp.triggers;
SELECT count(*) FROM pg_temp.audited;
SET client_min_messages = warning;
DROP SERVER audt_server CASCADE;
DROP FOREIGN DATA WRAPPER audt_wrapper;
DROP SCHEMA audt, audt_other CASCADE;
