-- injection_audit: what an application, or a member of a tenant, tries against the log, each beside what it may do.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA inj_aud;
GRANT USAGE ON SCHEMA inj_aud TO dba, app, app_broker;
GRANT CREATE ON SCHEMA inj_aud TO dba;
CREATE FUNCTION inj_aud.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    IF statement SIMILAR TO '(SELECT|EXPLAIN)%' THEN EXECUTE statement INTO answer; ELSE EXECUTE statement; END IF;
    RETURN coalesce('done: ' || answer, 'done');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
CREATE FUNCTION inj_aud.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE WARNING 'seen: %', $1; RETURN true; END $$;
SET ROLE dba;
CREATE TABLE inj_aud.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text);
GRANT SELECT, INSERT, UPDATE, DELETE ON inj_aud.t TO app_broker;
SELECT warden.protect('inj_aud.t'), warden.audit('inj_aud.t');
RESET ROLE;
\set acme '''00000000-0000-0000-0000-000000000001'''
\set globex '''00000000-0000-0000-0000-000000000002'''
\set mia 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-member'') IS NULL'
\set olga 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-owner'') IS NULL'
\set otto 'SELECT warden.assume(''00000000-0000-0000-0000-000000000002'', ''globex-owner'') IS NULL'
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SELECT worker_pid AS worker FROM warden.audit_status \gset
SET SESSION AUTHORIZATION app_broker;
BEGIN; :mia; INSERT INTO inj_aud.t (id, body) VALUES (1, 'CANARY-acme'); SELECT pg_current_xact_id() AS ours \gset
COMMIT;
BEGIN; :otto; INSERT INTO inj_aud.t (id, body) VALUES (2, 'CANARY-globex'); SELECT warden.record_event('inj.secret', '"CANARY-event"'); SELECT pg_current_xact_id() AS theirs \gset
COMMIT;
BEGIN; :otto; SELECT warden.seal_audit() > 0; SELECT min(entry) AS entry FROM warden.audit_log WHERE xid = :'theirs' \gset
COMMIT;
-- Every stored table and view, as an owner of a tenant and without a context: what the views let through is the caller's own.
RESET SESSION AUTHORIZATION;
CREATE TABLE inj_aud.attacks (n int GENERATED ALWAYS AS IDENTITY, attack text);
INSERT INTO inj_aud.attacks (attack) SELECT format(s, r) FROM unnest(ARRAY['audited_registry', 'audit_schema', 'audit_incarnation', 'audit_period', 'audit_entry', 'audit_entry_0', 'audit_payload', 'audit_payload_0', 'audit_leaf', 'audit_node',
        'audit_head', 'audit_block', 'audit_key', 'audit_log', 'audit_blocks', 'audit_keys', 'audit_status']) WITH ORDINALITY r(r, at),
    unnest(ARRAY['INSERT INTO warden.%s DEFAULT VALUES', 'DELETE FROM warden.%s', 'TRUNCATE warden.%s', 'LOCK TABLE warden.%s', 'DROP TABLE warden.%s', 'COPY warden.%s TO ''/dev/null''', 'ALTER TABLE warden.%s DISABLE TRIGGER ALL',
        'CREATE TRIGGER x AFTER INSERT ON warden.%s EXECUTE FUNCTION inj_aud.none()', 'CREATE POLICY p ON warden.%s', 'GRANT SELECT ON warden.%s TO PUBLIC', 'ALTER TABLE warden.%s OWNER TO app_broker', 'CREATE TABLE pg_temp.copy AS TABLE warden.%s', 'CREATE INDEX ON warden.%s ((1))']) WITH ORDINALITY s(s, place) ORDER BY at, place;
GRANT SELECT ON inj_aud.attacks TO app_broker;
SET SESSION AUTHORIZATION app_broker;
-- Three grants are done, of nothing: the views are everybody's to read.
BEGIN; :olga;
SET LOCAL client_min_messages = error;
SELECT inj_aud.try(attack), count(*) FROM inj_aud.attacks WHERE attack NOT LIKE 'CREATE TABLE%' GROUP BY 1 ORDER BY 1;
SELECT attack, inj_aud.try('SELECT count(*) FROM ' || split_part(attack, ' TABLE ', 3)) FROM inj_aud.attacks WHERE attack LIKE 'CREATE TABLE%' AND attack NOT SIMILAR TO '%(log|blocks|keys)' ORDER BY n;
SELECT inj_aud.try('UPDATE warden.audit_log SET kind = NULL'), inj_aud.try('UPDATE warden.audit_entry SET body = body'), inj_aud.try('SELECT FROM warden.audit_entry FOR SHARE'), inj_aud.try('SELECT FROM ONLY warden.audit_payload_0');
ROLLBACK;
SELECT inj_aud.try('EXPLAIN SELECT FROM warden.audit_entry'), inj_aud.try('EXPLAIN ANALYZE DELETE FROM warden.audit_leaf'), inj_aud.try('SELECT warden.audit_head::text FROM warden.audit_head');
-- Without a context nothing is read, and a member and a viewer read nothing of their own log.
SELECT (SELECT count(*) FROM warden.audit_log), (SELECT count(*) FROM warden.audit_blocks), (SELECT count(*) FROM warden.audit_keys), inj_aud.try('SELECT count(*) FROM warden.audit_status');
\set reads 'SELECT replace(c, :''entry'', ''(theirs)'') || '': '' || inj_aud.try(''SELECT count(*) > 0 FROM '' || c) FROM unnest(ARRAY[''warden.audit_log'', ''warden.audit_blocks'', ''warden.verify_audit()'', ''warden.seal_audit()'', ''warden.export_audit(warden.tenant_id())'', ''warden.audit_checkpoint(warden.tenant_id())'', ''warden.audit_inclusion_proof('''''' || :''entry'' || '''''')'', ''warden.audit_consistency_proof(warden.tenant_id(), 1)'', ''warden.row_history(''''inj_aud.t'''', ''''{"id": "2"}'''')'', ''warden.audit_unsealed()'', ''warden.audit_state()'', ''warden.audit_status'']) c'
:reads;
BEGIN; :mia; :reads; COMMIT;
BEGIN; :olga; :reads; COMMIT;
BEGIN; :otto; :reads; COMMIT;
-- Another tenant's, by name.
BEGIN; :olga;
SELECT c || ': ' || inj_aud.try('SELECT count(*) FROM warden.' || c) FROM unnest(ARRAY['verify_audit(''00000000-0000-0000-0000-000000000002'')', 'export_audit(''00000000-0000-0000-0000-000000000002'')', 'audit_checkpoint(''00000000-0000-0000-0000-000000000002'')', 'audit_checkpoint()',
    'audit_consistency_proof(''00000000-0000-0000-0000-000000000002'', 1)', 'audit_consistency_proof(NULL, 1)', 'export_audit(''00000000-0000-0000-0000-000000000000'')', 'audit_checkpoint(''00000000-0000-0000-0000-000000000000'')', 'audit_checkpoint(''ffffffff-ffff-ffff-ffff-ffffffffffff'')',
    'verify_audit(''ffffffff-ffff-ffff-ffff-ffffffffffff'')', 'export_audit(NULL)']) c;
SELECT count(*) FROM warden.row_history('inj_aud.t', (SELECT jsonb_build_object('id', '2')));
SELECT count(*) FROM warden.row_history('inj_aud.t', '{"id": "1"}');
-- No word of theirs in anything that we read.
SELECT count(*) > 0, bool_or(l::text ~ 'globex|CANARY-event'), bool_or(tenant <> :acme) FROM warden.audit_log l;
SELECT bool_or(x ~ 'globex|CANARY-event|0000000002"'), bool_or(x ~ 'CANARY-acme') FROM warden.export_audit(:acme) x;
-- Nor by functions of their views: rows of a leaky condition, a batch that one makes up.
SELECT count(*) FROM warden.audit_log WHERE xid = :'theirs' AND inj_aud.tell(new::text);
SELECT count(*) FROM warden.audit_rows(:globex, 1, '1', 1, '\x', NULL, NULL, NULL);
SELECT count(*) FROM warden.audit_rows(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
ROLLBACK;
-- Kinds of the extension's own, and entries under another's name.
BEGIN; :mia;
SELECT inj_aud.try($$SELECT warden.record_event('warden.audit.erase_subject', '{"entries": 9}')$$), inj_aud.try($$SELECT warden.record_event('WARDEN.audit.x', '{}')$$);
SELECT inj_aud.try('SELECT warden.audit_row()'), inj_aud.try('SELECT warden.audit_truncate()');
SELECT inj_aud.try('SELECT warden.audit(''inj_aud.t'', ''{"exclude": ["body"]}'')'), inj_aud.try('SELECT warden.unaudit(''inj_aud.t'', ''quiet'')');
SELECT inj_aud.try('SELECT pg_terminate_backend(' || :worker || ')'), inj_aud.try('SELECT pg_cancel_backend(' || :worker || ')');
SELECT s || ': ' || inj_aud.try(s) FROM unnest(ARRAY['ALTER TABLE inj_aud.t DISABLE TRIGGER "~warden_audit"', 'DROP TRIGGER "~warden_audit" ON inj_aud.t', 'SET session_replication_role = replica', 'SET LOCAL warden.seal_interval = 60000',
    'SET warden.audit_key_file = ''/tmp/mine''', 'SET warden.installation = ''other''', 'ALTER ROLE app_broker SET session_replication_role = replica', 'SELECT set_config(''session_replication_role'', ''local'', false)',
    'SET warden.audit = off', 'SET warden.anything = off']) s;
COMMIT;
-- Settings that one may change silence nothing; nor do tables of the log's names in front of them, nor a path that finds others' functions first.
BEGIN; :mia;
SET LOCAL check_function_bodies = off; SET LOCAL enable_indexscan = off; SET LOCAL constraint_exclusion = off; SET LOCAL default_transaction_isolation = 'serializable'; SET LOCAL statement_timeout = 0;
UPDATE inj_aud.t SET body = 'settings' WHERE id = 1;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
CREATE TEMPORARY TABLE audit_entry (body bytea);
CREATE TEMPORARY TABLE audit_entry_0 (body bytea);
CREATE TEMPORARY TABLE audit_payload_0 (body bytea);
CREATE TEMPORARY TABLE audited_registry (relation regclass);
CREATE TEMPORARY TABLE audit_incarnation (incarnation int);
CREATE TEMPORARY TABLE pg_inherits (inhrelid oid, inhparent oid, inhdetachpending bool);
CREATE TEMPORARY TABLE pg_class (oid oid, relname name);
CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch'::timestamptz $$;
CREATE FUNCTION pg_temp.pg_snapshot_xmin(pg_snapshot) RETURNS xid8 LANGUAGE sql AS $$ SELECT '0'::xid8 $$;
BEGIN; :mia;
SET LOCAL search_path = pg_temp, inj_aud, pg_catalog;
UPDATE t SET body = 'path' WHERE id = 1;
COMMIT;
BEGIN; :olga;
SET LOCAL search_path = pg_temp, pg_catalog;
SELECT count(*), max(at) > '2020-01-01' FROM warden.audit_log WHERE xid >= :'xid' AND relation = 'inj_aud.t';
SELECT warden.seal_audit() > 0, (SELECT count(*) FROM warden.verify_audit() WHERE NOT ok);
COMMIT;
DISCARD TEMP;
-- A role to speak for: the session's user is told beside the other one.
RESET SESSION AUTHORIZATION;
BEGIN; SET LOCAL ROLE app_broker; :mia; UPDATE inj_aud.t SET body = 'as another' WHERE id = 1; SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT database_user, session_user_name, user_id FROM warden.audit_log WHERE xid = :'xid';
SET SESSION AUTHORIZATION app_broker;
-- A name of the application that would break the log's lines.
BEGIN; :mia; SET LOCAL application_name = E'x","user_id":"root'; UPDATE inj_aud.t SET body = E'a\u2028\n"}' WHERE id = 1; SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :olga; SELECT application_name, user_id, new FROM warden.audit_log WHERE xid = :'xid';
SELECT warden.seal_audit() > 0, (SELECT bool_and(x::jsonb IS NOT NULL AND x !~ '\n') FROM warden.export_audit(:acme) x); COMMIT;
-- The platform's own: the auditor reads all without content and writes nothing, the operator and nobody read nothing.
SET SESSION AUTHORIZATION auditor;
SELECT count(*) = 2, bool_or(l::text ~ 'CANARY') FROM warden.audit_log l WHERE xid IN (:'ours', :'theirs') AND relation = 'inj_aud.t';
SELECT count(*) > 0, bool_or(x ~ 'CANARY') FROM warden.export_audit(:acme) x;
\set VERBOSITY sqlstate
ALTER SYSTEM SET warden.audit_key_file = '';
SELECT * FROM warden.row_history('inj_aud.t', '{"id": "1"}');
SELECT body FROM warden.audit_payload;
DELETE FROM warden.audit_entry;
SELECT warden.unaudit('inj_aud.t', 'auditor');
SET SESSION AUTHORIZATION dba;
SELECT count(*) FROM warden.audit_log;
SELECT warden.seal_audit();
SELECT * FROM warden.verify_audit();
SET SESSION AUTHORIZATION nobody;
SELECT count(*) FROM warden.audit_log;
SELECT warden.export_audit(:acme);
SELECT * FROM warden.audit_status;
RESET SESSION AUTHORIZATION;
-- As it was.
SELECT count(*) FROM warden.verify_audit() WHERE NOT ok;
\pset format aligned
\pset tuples_only off
\pset null ''
DROP SCHEMA inj_aud CASCADE;
