-- elevation_audit_triggers: a table's owner changes rows without a word in the log, by every way that DDL has.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA elev_aud AUTHORIZATION dba;
CREATE ROLE elev_aud_officer ROLE postgres;
GRANT warden_admin, dba TO elev_aud_officer;
GRANT CREATE, USAGE ON SCHEMA elev_aud TO elev_aud_officer, officer;
SET ROLE dba;
CREATE TABLE elev_aud.t (id int PRIMARY KEY, body text, amount numeric, note text);
CREATE TABLE elev_aud.log (id int, at int, body text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE elev_aud.log_1 PARTITION OF elev_aud.log FOR VALUES FROM (0) TO (10);
CREATE TABLE elev_aud.plain (id int PRIMARY KEY, body text);
CREATE FUNCTION elev_aud.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
SELECT warden.audit('elev_aud.t', '{"exclude": ["note"]}'), warden.audit('elev_aud.log');
INSERT INTO elev_aud.t VALUES (1, 'one', 1.5, 'n');
-- disable: one, the user's, all; for replicas; on a partition alone; in a block
ALTER TABLE elev_aud.t DISABLE TRIGGER "~warden_audit";
\set VERBOSITY terse
ALTER TABLE elev_aud.t DISABLE TRIGGER "~warden_audit_truncate";
ALTER TABLE elev_aud.t DISABLE TRIGGER USER;
ALTER TABLE elev_aud.t DISABLE TRIGGER ALL;
ALTER TABLE elev_aud.t ENABLE TRIGGER USER;
ALTER TABLE elev_aud.t ENABLE TRIGGER "~warden_audit";
ALTER TABLE elev_aud.t ENABLE REPLICA TRIGGER "~warden_audit";
ALTER TABLE elev_aud.log DISABLE TRIGGER "~warden_audit";
ALTER TABLE elev_aud.log_1 DISABLE TRIGGER "~warden_audit";
ALTER TABLE elev_aud.log_1 DISABLE TRIGGER "~warden_audit_truncate";
ALTER TABLE ONLY elev_aud.log DISABLE TRIGGER ALL;
DO $$ BEGIN EXECUTE 'ALTER TABLE elev_aud.t DISABLE TRIGGER ALL'; END $$;
-- its allowed twin: as they are, and one's own
ALTER TABLE elev_aud.t ENABLE ALWAYS TRIGGER "~warden_audit";
CREATE TRIGGER mine AFTER INSERT ON elev_aud.t FOR EACH ROW EXECUTE FUNCTION elev_aud.nothing();
ALTER TABLE elev_aud.t DISABLE TRIGGER mine;
-- drop: by name, in a block that catches the refusal, with what it depends on, with all that its owner has
\set VERBOSITY default
DROP TRIGGER "~warden_audit" ON elev_aud.t;
\set VERBOSITY terse
DROP TRIGGER "~warden_audit_truncate" ON elev_aud.log_1;
DROP TRIGGER "~warden_audit" ON elev_aud.log CASCADE;
DO $$ BEGIN EXECUTE 'DROP TRIGGER "~warden_audit" ON elev_aud.t'; EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING 'refused: %', SQLERRM; END $$;
ALTER TRIGGER "~warden_audit" ON elev_aud.t DEPENDS ON EXTENSION plpgsql;
DROP EXTENSION plpgsql CASCADE;
DROP FUNCTION warden.audit_row() CASCADE;
SET client_min_messages = error;
DROP OWNED BY dba;
SET client_min_messages = warning;
DROP TRIGGER mine ON elev_aud.t;
-- rename, replace, imitate
ALTER TRIGGER "~warden_audit" ON elev_aud.t RENAME TO quiet;
ALTER TRIGGER "~warden_audit_truncate" ON elev_aud.log_1 RENAME TO quiet;
CREATE OR REPLACE TRIGGER "~warden_audit" AFTER INSERT OR UPDATE OR DELETE ON elev_aud.t FOR EACH ROW EXECUTE FUNCTION elev_aud.nothing();
CREATE OR REPLACE TRIGGER "~warden_audit" AFTER INSERT OR UPDATE OR DELETE ON elev_aud.t FOR EACH ROW WHEN (false) EXECUTE FUNCTION warden.audit_row();
CREATE OR REPLACE TRIGGER "~warden_audit" AFTER INSERT ON elev_aud.t FOR EACH ROW EXECUTE FUNCTION warden.audit_row();
CREATE OR REPLACE TRIGGER "~warden_audit_truncate" BEFORE TRUNCATE ON elev_aud.t FOR EACH STATEMENT EXECUTE FUNCTION elev_aud.nothing();
\set VERBOSITY default
CREATE TRIGGER twice AFTER INSERT ON elev_aud.t FOR EACH ROW EXECUTE FUNCTION warden.audit_row();
\set VERBOSITY terse
CREATE TRIGGER twice AFTER TRUNCATE ON elev_aud.log_1 FOR EACH STATEMENT EXECUTE FUNCTION warden.audit_truncate();
CREATE TRIGGER harmless AFTER INSERT ON elev_aud.plain FOR EACH ROW EXECUTE FUNCTION warden.audit_row();
-- the table goes, or a part of it
\set VERBOSITY default
DROP TABLE elev_aud.t;
\set VERBOSITY terse
DROP TABLE elev_aud.t CASCADE;
DROP TABLE elev_aud.plain, elev_aud.t;
DROP TABLE elev_aud.log_1;
DROP TABLE elev_aud.log;
DROP SCHEMA elev_aud CASCADE;
\set VERBOSITY default
ALTER TABLE elev_aud.log DETACH PARTITION elev_aud.log_1;
\set VERBOSITY terse
ALTER TABLE elev_aud.log DETACH PARTITION elev_aud.log_1 CONCURRENTLY;
-- values computed anew: USING, a cast of one's own, by way of a parent, by way of the table's type
\set VERBOSITY default
ALTER TABLE elev_aud.t ALTER COLUMN body TYPE text USING 'forged';
\set VERBOSITY terse
ALTER TABLE elev_aud.log ALTER COLUMN body TYPE text USING 'forged';
CREATE TYPE elev_aud.word AS (w text);
CREATE FUNCTION elev_aud.forge(text) RETURNS elev_aud.word LANGUAGE sql IMMUTABLE AS $$ SELECT ROW('forged')::elev_aud.word $$;
CREATE CAST (text AS elev_aud.word) WITH FUNCTION elev_aud.forge(text) AS ASSIGNMENT;
ALTER TABLE elev_aud.t ALTER COLUMN body TYPE elev_aud.word;
CREATE TABLE elev_aud.part (id int NOT NULL, body text);
CREATE TABLE elev_aud.above (id int, body text) PARTITION BY RANGE (id);
SELECT warden.audit('elev_aud.part');
ALTER TABLE elev_aud.above ATTACH PARTITION elev_aud.part FOR VALUES FROM (0) TO (10);
ALTER TABLE elev_aud.above ALTER COLUMN body TYPE text USING 'forged';
CREATE TYPE elev_aud.shape AS (id int, body text);
CREATE TABLE elev_aud.typed OF elev_aud.shape;
SELECT warden.audit('elev_aud.typed');
ALTER TYPE elev_aud.shape ALTER ATTRIBUTE body TYPE elev_aud.word CASCADE;
-- their allowed twins
ALTER TABLE elev_aud.t ALTER COLUMN body TYPE varchar;
ALTER TABLE elev_aud.t ALTER COLUMN amount TYPE double precision;
ALTER TABLE elev_aud.above DETACH PARTITION elev_aud.part;
ALTER TABLE elev_aud.t DROP COLUMN note, ADD COLUMN note text;
-- less in the log
\set VERBOSITY default
SELECT warden.audit('elev_aud.t', '{"exclude": ["body"]}');
SELECT warden.unaudit('elev_aud.t', 'quiet');
\set VERBOSITY terse
-- children, whose rows no trigger sees
CREATE TABLE elev_aud.heir () INHERITS (elev_aud.t);
ALTER TABLE elev_aud.plain ADD COLUMN amount double precision, ADD COLUMN note text, ALTER COLUMN body TYPE varchar;
ALTER TABLE elev_aud.plain INHERIT elev_aud.t;
-- what a crash empties: the table, a partition that is made or brought, the whole
\set VERBOSITY default
ALTER TABLE elev_aud.t SET UNLOGGED;
CREATE UNLOGGED TABLE elev_aud.log_u PARTITION OF elev_aud.log FOR VALUES FROM (50) TO (60);
CREATE UNLOGGED TABLE elev_aud.log_u (id int NOT NULL, at int NOT NULL, body text, PRIMARY KEY (id, at));
\set VERBOSITY terse
ALTER TABLE elev_aud.log_1 SET UNLOGGED;
ALTER TABLE elev_aud.log ATTACH PARTITION elev_aud.log_u FOR VALUES FROM (50) TO (60);
SELECT warden.audit('elev_aud.log_u');
CREATE TABLE elev_aud.mixed (id int) PARTITION BY LIST (id);
CREATE UNLOGGED TABLE elev_aud.mixed_1 PARTITION OF elev_aud.mixed DEFAULT;
SELECT warden.audit('elev_aud.mixed');
-- their allowed twin
ALTER TABLE elev_aud.log_u SET LOGGED;
SELECT warden.audit('elev_aud.log_u');
ALTER TABLE elev_aud.t SET LOGGED;
-- rules: what is said to the table happens elsewhere, or not at all
\set VERBOSITY default
CREATE RULE quiet AS ON UPDATE TO elev_aud.t DO INSTEAD NOTHING;
\set VERBOSITY terse
CREATE RULE aside AS ON INSERT TO elev_aud.log_1 DO INSTEAD INSERT INTO elev_aud.plain VALUES (NEW.id, NEW.body);
CREATE RULE partly AS ON DELETE TO elev_aud.t WHERE OLD.id = 1 DO INSTEAD NOTHING;
CREATE RULE besides AS ON UPDATE TO elev_aud.t DO ALSO NOTHING;
CREATE OR REPLACE RULE besides AS ON UPDATE TO elev_aud.t DO INSTEAD NOTHING;
CREATE TABLE elev_aud.ruled (id int PRIMARY KEY);
CREATE RULE quiet AS ON UPDATE TO elev_aud.ruled DO INSTEAD NOTHING;
ALTER TABLE elev_aud.ruled DISABLE RULE quiet;
SELECT warden.audit('elev_aud.ruled');
ALTER TABLE elev_aud.ruled ENABLE RULE quiet;
ALTER TABLE elev_aud.ruled ENABLE REPLICA RULE quiet;
-- their allowed twins
ALTER RULE besides ON elev_aud.t RENAME TO beside;
ALTER TABLE elev_aud.t DISABLE RULE beside;
DROP RULE beside ON elev_aud.t;
ALTER TABLE elev_aud.ruled DISABLE RULE quiet;
ALTER RULE quiet ON elev_aud.ruled RENAME TO still;
DROP RULE still ON elev_aud.ruled;
-- a table that is audited by itself, below an audited one
ALTER TABLE elev_aud.log DETACH PARTITION elev_aud.log_1;
CREATE TABLE elev_aud.log_2 (id int NOT NULL, at int NOT NULL, body text, PRIMARY KEY (id, at));
SELECT warden.audit('elev_aud.log_2');
ALTER TABLE elev_aud.log ATTACH PARTITION elev_aud.log_2 FOR VALUES FROM (10) TO (20);
-- the stored tables are nobody's
SELECT redaction_key FROM warden.audited_registry;
DELETE FROM warden.audited_registry;
SELECT columns FROM warden.audit_schema;
SELECT body FROM warden.audit_entry;
SELECT body FROM warden.audit_payload_0;
RESET ROLE;
-- All stands as it did.
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgfoid IN ('warden.audit_row()'::regprocedure, 'warden.audit_truncate()'::regprocedure) ORDER BY tgrelid::regclass::text, 2;
SELECT relation, excluded, redacted FROM warden.audited_registry ORDER BY relation::text;
SELECT * FROM elev_aud.t;
-- The officer who does not own the table is refused by PostgreSQL; one who has the owner's rights may, and so may a superuser.
SET ROLE officer;
ALTER TABLE elev_aud.t DISABLE TRIGGER "~warden_audit";
SET ROLE elev_aud_officer;
ALTER TABLE elev_aud.t DISABLE TRIGGER "~warden_audit";
ALTER TABLE elev_aud.t ALTER COLUMN body TYPE text USING upper(body);
ALTER TABLE elev_aud.log DETACH PARTITION elev_aud.log_1;
DROP TABLE elev_aud.typed;
ALTER TABLE elev_aud.part SET UNLOGGED;
CREATE RULE quiet AS ON UPDATE TO elev_aud.ruled DO INSTEAD NOTHING;
RESET ROLE;
DROP TRIGGER "~warden_audit_truncate" ON elev_aud.t;
CREATE TRIGGER twice AFTER INSERT ON elev_aud.t FOR EACH ROW EXECUTE FUNCTION warden.audit_row();
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgfoid IN ('warden.audit_row()'::regprocedure, 'warden.audit_truncate()'::regprocedure) ORDER BY tgrelid::regclass::text, 2;
-- The owner makes none of them anew, and may have them made.
SET ROLE dba;
CREATE TRIGGER "~warden_audit_truncate" AFTER TRUNCATE ON elev_aud.t FOR EACH STATEMENT EXECUTE FUNCTION warden.audit_truncate();
SELECT warden.audit('elev_aud.t');
RESET ROLE;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'elev_aud.t'::regclass ORDER BY 1;
-- What stands in the log of all that was allowed.
SELECT database_user, detail FROM warden.audit_log WHERE kind = 'warden.audit.alter' AND detail->>'relation' LIKE 'elev_aud.%' ORDER BY xid, number;
-- The extension does not go while a table is audited.
\set VERBOSITY default
DROP EXTENSION pg_warden CASCADE;
DROP SCHEMA elev_aud CASCADE;
SELECT count(*) FROM warden.audited_registry;
REVOKE warden_admin, dba FROM elev_aud_officer;
DROP ROLE elev_aud_officer;
