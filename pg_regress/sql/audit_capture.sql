-- Every change of an audited table's rows stands in its tenant's log, with the values that were stored; what did not happen does not.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA aud_cap;
GRANT USAGE, CREATE ON SCHEMA aud_cap TO dba;
GRANT USAGE ON SCHEMA aud_cap TO app, app_broker, officer;
-- What the caller reads of one table's entries, or of a transaction's.
CREATE FUNCTION aud_cap.log(of text, OUT n bigint, OUT operation text, OUT key jsonb, OUT old jsonb, OUT new jsonb, OUT detail jsonb) RETURNS SETOF record
    LANGUAGE sql STABLE AS $$ SELECT number, l.operation, l.key, l.old, l.new, l.detail FROM warden.audit_log l WHERE relation = 'aud_cap.' || of ORDER BY incarnation, xid, number $$;
CREATE FUNCTION aud_cap.acts(xid8, OUT n bigint, OUT what text, OUT key jsonb) RETURNS SETOF record
    LANGUAGE sql STABLE AS $$ SELECT number, concat_ws(' ', operation, coalesce(relation, kind)), l.key FROM warden.audit_log l WHERE l.xid = $1 ORDER BY number $$;
SET ROLE dba;
CREATE TABLE aud_cap.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text, made int NOT NULL DEFAULT 7);
GRANT SELECT, INSERT, UPDATE, DELETE ON aud_cap.t TO app_broker;
SELECT warden.protect('aud_cap.t'), warden.audit('aud_cap.t');
RESET ROLE;
\set acme '''00000000-0000-0000-0000-000000000001'''
\set globex '''00000000-0000-0000-0000-000000000002'''
\set mia 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-member'') IS NULL AS mia'
\set olga 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-owner'') IS NULL AS olga'
\set otto 'SELECT warden.assume(''00000000-0000-0000-0000-000000000002'', ''globex-owner'') IS NULL AS otto'
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET SESSION AUTHORIZATION app_broker;
-- insert, update, delete; an update that changes nothing is one, one that finds nothing is none
BEGIN; :mia;
INSERT INTO aud_cap.t (id, body) VALUES (1, 'one'), (2, NULL), (3, '');
UPDATE aud_cap.t SET body = 'uno' WHERE id = 1;
UPDATE aud_cap.t SET body = body WHERE id = 2;
UPDATE aud_cap.t SET body = 'none' WHERE id = 99;
DELETE FROM aud_cap.t WHERE id = 3;
DELETE FROM aud_cap.t WHERE id = 3;
COMMIT;
BEGIN; :olga; SELECT * FROM aud_cap.log('t'); COMMIT;
-- who: the context's user and role, the database's user, the session's; the time is that of the change
BEGIN; :olga;
SELECT DISTINCT tenant, user_id, role, session_id, access_request, database_user, session_user_name, client_addr, application_name, at BETWEEN now() - interval '1 hour' AND clock_timestamp()
    FROM warden.audit_log WHERE relation = 'aud_cap.t';
SELECT count(DISTINCT at) > 1, count(DISTINCT entry) = count(*), bool_and(entry = format('%s.%s.%s', incarnation, xid, number)) FROM warden.audit_log WHERE relation = 'aud_cap.t';
COMMIT;
-- another tenant's log has nothing of it; no context, nothing
BEGIN; :otto; SELECT count(*) FROM aud_cap.log('t'); COMMIT;
SELECT count(*) FROM aud_cap.log('t');
-- a transaction that is rolled back, one that fails, one that its deferred constraints refuse
BEGIN; :mia;
INSERT INTO aud_cap.t (id) VALUES (50);
ROLLBACK;
BEGIN; :mia;
INSERT INTO aud_cap.t (id) VALUES (51);
INSERT INTO aud_cap.t (id) VALUES (51);
COMMIT;
-- savepoints: what is rolled back is not there, and the numbers have no gap
BEGIN; :mia;
INSERT INTO aud_cap.t (id) VALUES (60);
SAVEPOINT a;
INSERT INTO aud_cap.t (id) VALUES (61);
SAVEPOINT b;
INSERT INTO aud_cap.t (id) VALUES (62);
ROLLBACK TO b;
INSERT INTO aud_cap.t (id) VALUES (63);
RELEASE a;
SAVEPOINT a;
INSERT INTO aud_cap.t (id) VALUES (64);
INSERT INTO aud_cap.t (id) VALUES (64);
ROLLBACK TO a;
INSERT INTO aud_cap.t (id) VALUES (65);
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga; SELECT * FROM aud_cap.acts(:'xid'); SELECT string_agg(id::text, ' ' ORDER BY id) FROM aud_cap.t WHERE id BETWEEN 50 AND 69; COMMIT;
-- a block that catches its errors
BEGIN; :mia;
DO $$
BEGIN
    INSERT INTO aud_cap.t (id, body) VALUES (70, 'caught');
    FOR i IN 71 .. 74 LOOP
        BEGIN
            INSERT INTO aud_cap.t (id) VALUES (i);
            IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF;
        EXCEPTION WHEN raise_exception THEN UPDATE aud_cap.t SET body = body || ' ' || i WHERE id = 70;
        END;
    END LOOP;
END $$;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga; SELECT * FROM aud_cap.acts(:'xid'); COMMIT;
-- INSERT of a query, RETURNING, ON CONFLICT, a writable CTE, MERGE, UPDATE FROM, DELETE USING, a prepared statement
BEGIN; :mia;
INSERT INTO aud_cap.t (id, body) SELECT 100, 'one' UNION ALL SELECT 101, NULL;
INSERT INTO aud_cap.t (id, body) SELECT n, 'n' FROM generate_series(102, 103) n RETURNING id;
INSERT INTO aud_cap.t (id, body) VALUES (102, 'new'), (104, 'new') ON CONFLICT (id) DO UPDATE SET body = 'conflict';
INSERT INTO aud_cap.t (id, body) VALUES (102, 'new'), (105, 'new') ON CONFLICT DO NOTHING;
WITH gone AS (DELETE FROM aud_cap.t WHERE id = 103 RETURNING body) INSERT INTO aud_cap.t (id, body) SELECT 106, 'was ' || body FROM gone;
MERGE INTO aud_cap.t USING (VALUES (100, 'merged'), (101, 'x'), (107, 'merged')) s(id, body) ON t.id = s.id
    WHEN MATCHED AND s.id = 101 THEN DELETE WHEN MATCHED THEN UPDATE SET body = s.body WHEN NOT MATCHED THEN INSERT (id, body) VALUES (s.id, s.body);
UPDATE aud_cap.t SET body = v.b FROM (VALUES (104, 'from')) v(i, b) WHERE id = v.i;
DELETE FROM aud_cap.t USING (VALUES (105)) v(i) WHERE id = v.i;
PREPARE put(int) AS INSERT INTO aud_cap.t (id) VALUES ($1);
EXECUTE put(108);
EXECUTE put(109);
DEALLOCATE put;
UPDATE aud_cap.t SET id = 110 WHERE id = 109;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga;
SELECT number, operation, key ->> 'id', old ->> 'id', new ->> 'id', old ->> 'body', new ->> 'body' FROM warden.audit_log WHERE xid = :'xid' ORDER BY number;
COMMIT;
-- many at once: all of them, numbered through
BEGIN; :mia;
INSERT INTO aud_cap.t (id) SELECT generate_series(1001, 6000);
DELETE FROM aud_cap.t WHERE id > 1000;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga;
SELECT operation, count(*), count(DISTINCT key), min(number), max(number) FROM warden.audit_log WHERE xid = :'xid' GROUP BY 1 ORDER BY 1 DESC;
COMMIT;
RESET SESSION AUTHORIZATION;
-- COPY, which PostgreSQL refuses where row-level security applies: of rows of two tenants.
BEGIN;
COPY aud_cap.t (id, tenant_id, body) FROM STDIN;
300	00000000-0000-0000-0000-000000000001	copied
301	00000000-0000-0000-0000-000000000002	\N
302	00000000-0000-0000-0000-000000000001	copied too
\.
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT tenant, number, operation, user_id FROM warden.audit_log WHERE xid = :'xid' ORDER BY number;
-- Without a context: the row's tenant, no user; SET ROLE and SECURITY DEFINER change the database's user alone.
CREATE FUNCTION aud_cap.as_owner(int) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ UPDATE aud_cap.t SET body = 'definer' WHERE id = $1 $$;
INSERT INTO aud_cap.t VALUES (200, :acme), (201, :globex);
SET ROLE app_broker;
BEGIN; :mia;
UPDATE aud_cap.t SET body = 'set role' WHERE id = 200;
SELECT aud_cap.as_owner(200);
COMMIT;
RESET ROLE;
SELECT tenant, operation, database_user, session_user_name, user_id, key FROM warden.audit_log WHERE relation = 'aud_cap.t' AND xid > :'xid' ORDER BY xid, number;
-- Nor does a replica's role silence the triggers, and a row that changes hands is in both logs, each without the other's values.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE aud_cap.t SET tenant_id = :globex, body = 'moved' WHERE id = 200;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :olga; SELECT operation, key, old, new FROM warden.audit_log WHERE xid = :'xid'; COMMIT;
BEGIN; :otto; SELECT operation, key, old, new FROM warden.audit_log WHERE xid = :'xid'; COMMIT;
RESET SESSION AUTHORIZATION;
-- Generated, identity and default columns, and what a BEFORE trigger leaves: as stored. Foreign keys' actions; deferred triggers.
CREATE TABLE aud_cap.g (id int GENERATED ALWAYS AS IDENTITY (START WITH 5) PRIMARY KEY, tenant_id uuid NOT NULL, a numeric, b numeric GENERATED ALWAYS AS (a * 2) STORED, c text DEFAULT 'dflt');
CREATE TABLE aud_cap.h (id int PRIMARY KEY, tenant_id uuid NOT NULL, g int REFERENCES aud_cap.g ON DELETE CASCADE, s int REFERENCES aud_cap.g ON DELETE SET NULL);
CREATE TABLE aud_cap.late (id int PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE FUNCTION aud_cap.upper_c() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF new.c = 'skip' THEN RETURN NULL; END IF; new.c := upper(new.c); RETURN new; END $$;
CREATE FUNCTION aud_cap.at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO aud_cap.late VALUES (new.id, new.tenant_id); RETURN NULL; END $$;
CREATE TRIGGER "~~last" BEFORE INSERT OR UPDATE ON aud_cap.g FOR EACH ROW EXECUTE FUNCTION aud_cap.upper_c();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON aud_cap.g DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION aud_cap.at_commit();
GRANT SELECT, INSERT, UPDATE, DELETE ON aud_cap.g, aud_cap.h, aud_cap.late TO app_broker;
SELECT warden.protect(r), warden.audit(r) FROM unnest(ARRAY['aud_cap.g', 'aud_cap.h', 'aud_cap.late']::regclass[]) r;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia;
INSERT INTO aud_cap.g (a) VALUES (1.50);
INSERT INTO aud_cap.g (a, c) VALUES (2, 'lower'), (3, 'skip'), (4, 'last');
UPDATE aud_cap.g SET a = 2.5 WHERE c = 'LOWER';
COMMIT;
BEGIN; :mia;
INSERT INTO aud_cap.h SELECT 1, warden.tenant_id(), min(id), max(id) FROM aud_cap.g;
INSERT INTO aud_cap.h SELECT 2, warden.tenant_id(), max(id), min(id) FROM aud_cap.g;
DELETE FROM aud_cap.g WHERE id = (SELECT max(id) FROM aud_cap.g);
COMMIT;
BEGIN; :olga;
SELECT * FROM aud_cap.log('g');
SELECT * FROM aud_cap.log('h');
SELECT * FROM aud_cap.log('late');
COMMIT;
RESET SESSION AUTHORIZATION;
-- Partitions: the leaf's name, its root in the detail; a row that moves is deleted and inserted. A partition that comes later.
SET ROLE dba;
CREATE TABLE aud_cap.p (id int, tenant_id uuid NOT NULL, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE aud_cap.p_1 PARTITION OF aud_cap.p FOR VALUES FROM (0) TO (10);
CREATE TABLE aud_cap.p_2 (body text, junk int, tenant_id uuid NOT NULL, id int NOT NULL) ;
ALTER TABLE aud_cap.p_2 DROP COLUMN junk;
ALTER TABLE aud_cap.p ATTACH PARTITION aud_cap.p_2 FOR VALUES FROM (10) TO (20);
SELECT warden.protect('aud_cap.p'), warden.audit('aud_cap.p', '{"exclude": ["body"]}');
CREATE TABLE aud_cap.p_3 PARTITION OF aud_cap.p FOR VALUES FROM (20) TO (30);
GRANT SELECT, INSERT, UPDATE, DELETE ON aud_cap.p TO app_broker;
RESET ROLE;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia;
INSERT INTO aud_cap.p (id, body) VALUES (1, 'b'), (11, 'b'), (21, 'b');
UPDATE aud_cap.p SET id = id + 10 WHERE id = 1 AND false;
UPDATE aud_cap.p SET id = 12 WHERE id = 1;
UPDATE aud_cap.p SET body = 'c' WHERE id = 21;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga; SELECT number, relation, operation, key, old, new, detail FROM warden.audit_log WHERE xid = :'xid' ORDER BY number; COMMIT;
RESET SESSION AUTHORIZATION;
-- TRUNCATE is nobody's: in the platform's log, one entry a table; with what it takes along, and none when it is rolled back.
CREATE TABLE aud_cap.u (id int PRIMARY KEY);
CREATE TABLE aud_cap.v (id int REFERENCES aud_cap.u);
SELECT warden.audit('aud_cap.u'), warden.audit('aud_cap.v');
INSERT INTO aud_cap.u VALUES (1);
BEGIN; TRUNCATE aud_cap.u CASCADE; ROLLBACK;
TRUNCATE aud_cap.u CASCADE;
SELECT tenant, relation, operation, key, old, new, detail FROM warden.audit_log WHERE relation IN ('aud_cap.u', 'aud_cap.v') ORDER BY xid, number;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :olga; SELECT count(*) FROM aud_cap.log('u'); COMMIT;
RESET SESSION AUTHORIZATION;
-- Excluded columns are not there, redacted ones are a hash: the same for the same value of a tenant, another for another tenant, column and table, and never the value's own.
SET ROLE dba;
CREATE TABLE aud_cap.r (id int PRIMARY KEY, tenant_id uuid NOT NULL, secret text, code text, other text);
CREATE TABLE aud_cap.r2 (LIKE aud_cap.r INCLUDING ALL);
GRANT SELECT, INSERT, UPDATE, DELETE ON aud_cap.r, aud_cap.r2 TO app_broker;
SELECT warden.protect(r), warden.audit(r, '{"exclude": ["secret"], "redact": ["code", "other"]}') FROM unnest(ARRAY['aud_cap.r', 'aud_cap.r2']::regclass[]) r;
RESET ROLE;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia;
INSERT INTO aud_cap.r (id, secret, code, other) VALUES (1, 'SECRET', 'pin', 'pin'), (2, 'SECRET', 'pin', NULL);
INSERT INTO aud_cap.r2 (id, secret, code) VALUES (1, 'SECRET', 'pin');
COMMIT;
BEGIN; SELECT warden.assume(:globex, 'globex-member') IS NULL; INSERT INTO aud_cap.r (id, secret, code) VALUES (3, 'SECRET', 'pin'); COMMIT;
BEGIN; :olga;
SELECT key, jsonb_object_agg(k, CASE WHEN v ? 'redacted' THEN to_jsonb(length(v ->> 'redacted')) ELSE v END ORDER BY k)
    FROM warden.audit_log, jsonb_each(new) n(k, v) WHERE relation = 'aud_cap.r' GROUP BY 1 ORDER BY 1;
SELECT count(DISTINCT new -> 'code'), count(DISTINCT new -> 'other'), bool_or(new -> 'code' = new -> 'other') FROM warden.audit_log WHERE relation = 'aud_cap.r';
SELECT count(DISTINCT new -> 'code'), bool_or(new::text LIKE '%' || encode(sha256('pin'), 'hex') || '%'), bool_or(new::text LIKE '%' || encode(sha256('pin'), 'base64') || '%')
    FROM warden.audit_log WHERE relation IN ('aud_cap.r', 'aud_cap.r2');
SELECT min(new ->> 'code') AS ours FROM warden.audit_log WHERE relation = 'aud_cap.r' \gset
COMMIT;
BEGIN; :otto; SELECT count(*), bool_or(new ->> 'code' = :'ours') FROM warden.audit_log WHERE relation = 'aud_cap.r'; COMMIT;
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM warden.audit_entry e LEFT JOIN warden.audit_payload p USING (incarnation, xid, first, period)
    WHERE position('SECRET' IN encode(e.body || coalesce(p.body, ''), 'escape')) > 0;
-- No key: the row names itself, less what is excluded. Two of the same are two. Names that need quotes.
SET ROLE dba;
CREATE TABLE aud_cap."No ""key"" é" ("a b" int, tenant_id uuid NOT NULL, "C" text, "x'y" text);
GRANT SELECT, INSERT, UPDATE, DELETE ON aud_cap."No ""key"" é" TO app_broker;
SELECT warden.protect('aud_cap."No ""key"" é"'), warden.audit('aud_cap."No ""key"" é"', '{"exclude": ["x''y"]}');
RESET ROLE;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia;
INSERT INTO aud_cap."No ""key"" é" ("a b", "C", "x'y") VALUES (1, 'same', 'out'), (1, 'same', 'out');
UPDATE aud_cap."No ""key"" é" SET "C" = 'E''\"\\ é' WHERE ctid = (SELECT min(ctid) FROM aud_cap."No ""key"" é");
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga; SELECT relation, operation, key, old, new FROM warden.audit_log WHERE xid = :'xid' ORDER BY number; COMMIT;
RESET SESSION AUTHORIZATION;
-- A table under another name, with other columns, from then on; what is recorded stays as it was.
SET ROLE dba;
ALTER TABLE aud_cap.r2 RENAME COLUMN code TO pin;
ALTER TABLE aud_cap.r2 DROP COLUMN other, ADD COLUMN more text DEFAULT 'more';
ALTER TABLE aud_cap.r2 RENAME TO "R3";
RESET ROLE;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia; UPDATE aud_cap."R3" SET more = NULL; COMMIT;
BEGIN; :olga;
SELECT relation, (SELECT string_agg(k, ' ') FROM jsonb_object_keys(new) k) FROM warden.audit_log WHERE relation IN ('aud_cap.r2', 'aud_cap.R3', 'aud_cap."R3"') ORDER BY xid, number;
COMMIT;
RESET SESSION AUTHORIZATION;
-- The trigger records audited tables alone: put on another it does nothing, called it is refused.
CREATE TABLE aud_cap.plain (id int PRIMARY KEY);
CREATE TRIGGER "~warden_audit" AFTER INSERT ON aud_cap.plain FOR EACH ROW EXECUTE FUNCTION warden.audit_row();
INSERT INTO aud_cap.plain VALUES (1);
SELECT count(*) FROM aud_cap.log('plain');
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia; SELECT warden.audit_row(); ROLLBACK;
BEGIN; :mia; SELECT warden.audit_truncate(); ROLLBACK;
-- Not audited any more: no word of what follows. The application cannot do that, nor its owner.
BEGIN; :mia; SELECT warden.unaudit('aud_cap.late', 'quiet'); ROLLBACK;
RESET SESSION AUTHORIZATION;
SET ROLE dba;
SELECT warden.unaudit('aud_cap.t', 'quiet');
SET ROLE officer;
SELECT warden.unaudit('aud_cap.late', 'end of its test');
RESET ROLE;
INSERT INTO aud_cap.late VALUES (99, :acme);
SELECT count(*) FROM aud_cap.log('late');
-- All of it holds.
SELECT warden.seal_audit() > 0;
SELECT count(*) FROM warden.verify_audit() WHERE NOT ok;
\pset format aligned
\pset tuples_only off
\pset null ''
DROP SCHEMA aud_cap CASCADE;
