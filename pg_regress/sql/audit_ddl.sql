-- audit_ddl: what DDL changes of an audited table stands in the log, whoever does it and whatever it is done to; what fails stands nowhere.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA audd AUTHORIZATION dba;
GRANT USAGE ON SCHEMA audd TO app, app_broker;
CREATE VIEW pg_temp.log AS SELECT operation, database_user, detail, relation FROM warden.audit_log
    WHERE (detail->>'relation' LIKE 'audd%' AND kind = 'warden.audit.alter' OR relation LIKE 'audd%') ORDER BY xid, number;
CREATE TABLE pg_temp.seen AS SELECT 0::bigint AS n;
-- What has come since the last look.
CREATE FUNCTION pg_temp.news() RETURNS TABLE (operation text, by text, what jsonb) LANGUAGE plpgsql AS $$
DECLARE before bigint := n FROM pg_temp.seen;
BEGIN
    UPDATE pg_temp.seen SET n = (SELECT count(*) FROM pg_temp.log);
    RETURN QUERY SELECT l.operation, l.database_user, coalesce(l.detail, '{}') || CASE WHEN l.relation IS NULL THEN '{}' ELSE jsonb_build_object('of', l.relation) END
        FROM (SELECT * FROM pg_temp.log OFFSET before) l;
END $$;
SET ROLE dba;
CREATE TYPE audd.mood AS ENUM ('sad', 'fine');
CREATE TYPE audd.pair AS (a int, b audd.mood);
CREATE DOMAIN audd.word AS text;
CREATE TYPE audd.stretch AS RANGE (subtype = int4);
CREATE TABLE audd.t (id int PRIMARY KEY, body text, n numeric, mood audd.mood, pairs audd.pair[], w audd.word);
CREATE TABLE audd.p (id int, at int, body text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE audd.p1 PARTITION OF audd.p FOR VALUES FROM (0) TO (10);
CREATE TABLE audd.plain (id int PRIMARY KEY, body text);
SELECT warden.audit('audd.t'), warden.audit('audd.p');
INSERT INTO audd.t VALUES (1, 'one', 1.55, 'sad', '{"(1,fine)"}', 'w');
RESET ROLE;
SELECT * FROM pg_temp.news();
-- Columns and what they hold.
SET ROLE dba;
ALTER TABLE audd.t ADD COLUMN made text DEFAULT 'forged';
ALTER TABLE audd.t ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED;
ALTER TABLE audd.t ALTER COLUMN twice DROP EXPRESSION;
ALTER TABLE audd.t ALTER COLUMN n TYPE numeric(5, 0), ALTER COLUMN body TYPE varchar;
ALTER TABLE audd.t RENAME COLUMN body TO text;
ALTER TABLE audd.t DROP COLUMN made, ADD COLUMN made int;
ALTER TABLE audd.t ALTER COLUMN made SET DEFAULT 1;
ALTER TABLE audd.p ADD COLUMN note text DEFAULT 'n';
RESET ROLE;
SELECT * FROM pg_temp.news();
-- Names; a new table in place of the old is not audited, and the log says why.
SET ROLE dba;
ALTER TABLE audd.t RENAME TO old;
CREATE TABLE audd.t (id int);
INSERT INTO audd.t VALUES (1);
DROP TABLE audd.t;
ALTER INDEX audd.old RENAME TO t;
ALTER TABLE audd.p1 RENAME TO p_one;
ALTER TABLE audd.t RENAME CONSTRAINT t_pkey TO t_key;
RESET ROLE;
ALTER SCHEMA audd RENAME TO audd_2;
ALTER SCHEMA audd_2 RENAME TO audd;
CREATE SCHEMA audd_3 AUTHORIZATION dba;
ALTER TABLE audd.t SET SCHEMA audd_3;
ALTER TABLE audd_3.t SET SCHEMA audd;
SELECT * FROM pg_temp.news();
-- Types: of a column, of what a column's type is made of, of the rows of a table.
SET ROLE dba;
ALTER TYPE audd.mood RENAME VALUE 'sad' TO 'glad';
ALTER TYPE audd.mood ADD VALUE 'other';
ALTER TYPE audd.mood RENAME TO mood2;
ALTER TYPE audd.pair ADD ATTRIBUTE c int;
ALTER TYPE audd.pair RENAME ATTRIBUTE c TO d;
ALTER TYPE audd.pair DROP ATTRIBUTE d;
ALTER DOMAIN audd.word RENAME TO words;
ALTER DOMAIN audd.words ADD CHECK (VALUE <> 'x');
CREATE TABLE audd.used (id int, r audd.plain, s audd.stretch);
SELECT warden.audit('audd.used');
ALTER TABLE audd.plain RENAME COLUMN body TO rest;
ALTER TYPE audd.stretch RENAME TO stretch2;
ALTER TYPE audd.mood2 SET SCHEMA audd_3;
CREATE TYPE audd.lonely AS ENUM ('a');
ALTER TYPE audd.lonely RENAME TO lone;
ALTER TABLE audd.plain RENAME TO plane;
RESET ROLE;
ALTER SCHEMA audd_3 RENAME TO audd_4;
SELECT * FROM pg_temp.news();
SELECT relation, version, columns FROM warden.audit_schema WHERE relation IN ('audd.t', 'audd.used') AND columns::text ~ 'mood|stretch' ORDER BY 1, 2;
-- No writer makes a version, which the next would wait for; and the same columns have the same version whatever is set.
SET ROLE dba;
SET quote_all_identifiers = on;
BEGIN;
INSERT INTO audd.t (id, text) VALUES (2, 'two');
INSERT INTO audd.p VALUES (1, 1);
INSERT INTO audd.used VALUES (1);
SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND pid = pg_backend_pid() AND classid = 'warden.audited_registry'::regclass;
COMMIT;
ALTER TABLE audd.t ALTER COLUMN made DROP DEFAULT;
RESET quote_all_identifiers;
RESET ROLE;
SELECT * FROM pg_temp.news();
SELECT relation, count(*) = max(version) AS gapless, count(DISTINCT columns) = count(*) AS each_once FROM warden.audit_schema WHERE relation LIKE 'audd.%' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM warden.audit_schema WHERE relation LIKE '"audd%';
-- Rules, triggers, policies, a partition that comes.
SET ROLE dba;
CREATE RULE also AS ON DELETE TO audd.t DO ALSO SELECT 1;
ALTER RULE also ON audd.t RENAME TO besides;
DROP RULE besides ON audd.t;
CREATE FUNCTION audd.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER mine BEFORE INSERT ON audd.t FOR EACH ROW EXECUTE FUNCTION audd.nothing();
ALTER TABLE audd.t DISABLE TRIGGER mine;
DROP TRIGGER mine ON audd.t;
ALTER TABLE audd.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_it ON audd.t USING (true);
DROP POLICY all_of_it ON audd.t;
CREATE TABLE audd.p2 PARTITION OF audd.p FOR VALUES FROM (10) TO (20);
CREATE TABLE audd.p3 (id int NOT NULL, at int NOT NULL, body text, note text, CONSTRAINT p3_at CHECK (at = 25), PRIMARY KEY (id, at));
INSERT INTO audd.p3 VALUES (1, 25, 'from before');
-- Rows that stand in no entry are the officer's to bring; without any, the owner attaches.
ALTER TABLE audd.p ATTACH PARTITION audd.p3 FOR VALUES FROM (20) TO (30);
DELETE FROM audd.p3;
ALTER TABLE audd.p ATTACH PARTITION audd.p3 FOR VALUES FROM (20) TO (30);
CREATE TABLE audd.child (id int, at int, FOREIGN KEY (id, at) REFERENCES audd.p (id, at));
ALTER TABLE audd.child ADD FOREIGN KEY (id) REFERENCES audd.t (id);
RESET ROLE;
SELECT * FROM pg_temp.news();
-- What changes no table.
SET ROLE dba;
ANALYZE audd.t;
VACUUM FULL audd.t;
CLUSTER audd.t USING t_key;
REINDEX TABLE audd.t;
CREATE INDEX t_text ON audd.t (text);
DROP INDEX audd.t_text;
COMMENT ON COLUMN audd.t.text IS 'c';
GRANT SELECT (text) ON audd.t TO app;
REVOKE SELECT (text) ON audd.t FROM app;
-- What fails, and what is rolled back.
ALTER TABLE audd.t ADD COLUMN id int;
BEGIN;
ALTER TABLE audd.t ADD COLUMN later int;
SAVEPOINT a;
ALTER TABLE audd.t RENAME TO gone;
ROLLBACK TO a;
ROLLBACK;
DO $$ BEGIN ALTER TABLE audd.t ADD COLUMN later int; RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
RESET ROLE;
SELECT * FROM pg_temp.news();
-- A failed ATTACH leaves no partition behind: what is written to the table is nobody's business.
SET ROLE dba;
CREATE TABLE audd.p4 (id int NOT NULL, at int NOT NULL, body text, note text, PRIMARY KEY (id, at));
INSERT INTO audd.p4 VALUES (1, 99);
ALTER TABLE audd.p ATTACH PARTITION audd.p4 FOR VALUES FROM (30) TO (40);
INSERT INTO audd.p4 VALUES (2, 99);
TRUNCATE audd.p4;
DO $$ BEGIN ALTER TABLE audd.p ATTACH PARTITION audd.p4 FOR VALUES FROM (30) TO (40); INSERT INTO audd.p4 VALUES (1, 31); RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
INSERT INTO audd.p4 VALUES (2, 99);
CREATE TRIGGER "~warden_audit" AFTER INSERT ON audd.p4 FOR EACH ROW EXECUTE FUNCTION warden.audit_row();
INSERT INTO audd.p4 VALUES (3, 99);
DROP TABLE audd.p4;
RESET ROLE;
SELECT * FROM pg_temp.news();
-- A statement's own default, by which it rolls back and forgets, and does other things meanwhile.
SET ROLE dba;
CREATE FUNCTION audd.deep() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    BEGIN
        PERFORM set_config('work_mem', '1MB', true);
        SET LOCAL work_mem = '2MB';
        ALTER TABLE audd.plane ADD COLUMN never int;
        CREATE TEMPORARY TABLE passing ();
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        EXECUTE 'CREATE TABLE audd.plane ()';
    EXCEPTION WHEN duplicate_table THEN NULL;
    END;
    RETURN 1;
END $$;
ALTER TABLE audd.t DROP COLUMN made, ADD COLUMN deep int DEFAULT audd.deep();
RESET ROLE;
SELECT * FROM pg_temp.news();
-- pg_warden's own statements are its own events.
SET ROLE dba;
CREATE TABLE audd.own (id int PRIMARY KEY, tenant_id uuid, secret text);
SELECT warden.audit('audd.own'), warden.protect('audd.own'), warden.encrypt_column('audd.own', 'secret');
RESET ROLE;
SELECT * FROM pg_temp.news();
SELECT kind FROM warden.audit_log WHERE detail->>'relation' = 'audd.own' ORDER BY xid, number;
SET client_min_messages = error;
SELECT warden.unaudit(relation, 'end of test') FROM (SELECT relation FROM warden.audited_registry ORDER BY relation::text) a;
SELECT * FROM pg_temp.news();
DROP SCHEMA audd, audd_4 CASCADE;
SELECT * FROM pg_temp.news();
