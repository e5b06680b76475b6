-- tamper_audit: a superuser changes what is stored of the log. Every change is reported, and the other tenants' logs stay good.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA tam_aud;
GRANT USAGE ON SCHEMA tam_aud TO app_broker;
SELECT warden.create_tenant(slug => 'tam-aud-a', name => 'A', id => 'aaaaaaaa-0000-0000-0000-00000000000a'), warden.add_member('aaaaaaaa-0000-0000-0000-00000000000a', 'ana', 'owner'),
    warden.create_tenant(slug => 'tam-aud-b', name => 'B', id => 'bbbbbbbb-0000-0000-0000-00000000000b'), warden.add_member('bbbbbbbb-0000-0000-0000-00000000000b', 'bob', 'owner') \gset
CREATE TABLE tam_aud.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text);
GRANT SELECT, INSERT, UPDATE, DELETE ON tam_aud.t TO app_broker;
SELECT warden.protect('tam_aud.t'), warden.audit('tam_aud.t');
-- A's log: two events of its making; then a block of one row, one of 300 rows (which has a stored node), one of an event, one of a change. B's: the same without the event.
-- Each block is one transaction, whenever the worker seals.
\set a 'SELECT warden.assume(''aaaaaaaa-0000-0000-0000-00000000000a'', ''ana'') IS NULL'
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SELECT warden.seal_audit() > 0;
INSERT INTO tam_aud.t VALUES (1, 'aaaaaaaa-0000-0000-0000-00000000000a', 'one'), (1001, 'bbbbbbbb-0000-0000-0000-00000000000b', 'one');
SELECT warden.seal_audit() > 0;
INSERT INTO tam_aud.t SELECT n, uuid 'aaaaaaaa-0000-0000-0000-00000000000a', 'many' FROM generate_series(2, 301) n UNION ALL SELECT n, uuid 'bbbbbbbb-0000-0000-0000-00000000000b', 'many' FROM generate_series(1002, 1301) n;
SELECT warden.seal_audit() > 0;
SET SESSION AUTHORIZATION app_broker;
BEGIN; :a; SELECT warden.record_event('tam.event', '{"x": 1}'); DELETE FROM tam_aud.t WHERE id = 2; COMMIT;
RESET SESSION AUTHORIZATION;
SELECT warden.seal_audit() > 0;
UPDATE tam_aud.t SET body = 'three' WHERE id IN (1, 1001);
SELECT warden.seal_audit() AS newest \gset
SELECT warden.seal_audit() = :newest;
SELECT check_name, ok, right(tenant::text, 1), detail FROM warden.verify_audit('aaaaaaaa-0000-0000-0000-00000000000a');
SELECT count(*) FROM warden.verify_audit() WHERE NOT ok;
-- What an edit leaves: rows changed, and by which checks it is reported: of all, of A's log asked for alone, of B's.
CREATE FUNCTION tam_aud.tried(edit text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE changed bigint; everywhere text; own text; other text; strange text; failed text;
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        EXECUTE edit;
        GET DIAGNOSTICS changed = ROW_COUNT;
        SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) FILTER (WHERE NOT ok), string_agg(DISTINCT right(tenant::text, 1), ' ') FILTER (WHERE NOT ok AND right(tenant::text, 1) <> 'a' AND edit LIKE '%aaaaaaaa%') INTO everywhere, strange FROM warden.verify_audit();
        SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) INTO own FROM warden.verify_audit('aaaaaaaa-0000-0000-0000-00000000000a') WHERE NOT ok;
        SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) INTO other FROM warden.verify_audit('bbbbbbbb-0000-0000-0000-00000000000b') WHERE NOT ok;
        RAISE EXCEPTION SQLSTATE 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN NULL; WHEN OTHERS THEN failed := SQLSTATE || ' ' || SQLERRM;
    END;
    RETURN coalesce(failed, concat_ws(' | ', CASE WHEN changed = 0 AND edit LIKE '%warden.audit%' AND edit NOT LIKE 'TRUNCATE%' THEN 'NOTHING CHANGED' END, 'all: ' || coalesce(everywhere, '(nothing)'), 'A: ' || coalesce(own, '(nothing)'), 'B: ' || coalesce(other, '(nothing)'), 'others: ' || strange));
END $$;
CREATE FUNCTION tam_aud.turned(bytea, place int DEFAULT 0) RETURNS bytea LANGUAGE sql AS $$ SELECT set_byte($1, CASE WHEN place < 0 THEN length($1) + place ELSE place END, get_byte($1, CASE WHEN place < 0 THEN length($1) + place ELSE place END) # 1) $$;
CREATE TABLE tam_aud.edits (n int GENERATED ALWAYS AS IDENTITY, edit text);
INSERT INTO tam_aud.edits (edit) SELECT replace(edit, '$A', '''aaaaaaaa-0000-0000-0000-00000000000a''') FROM unnest(ARRAY[
    -- entries
    $$UPDATE warden.audit_entry SET body = tam_aud.turned(body) WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET body = tam_aud.turned(body, -1) WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET body = tam_aud.turned(body, length(body) / 2) WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET body = body || '\x00' WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET body = '' WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET body = decode(replace(encode(body, 'hex'), encode('ana', 'hex'), encode('bob', 'hex')), 'hex') WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET entries = entries + 1 WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET tenant = 'bbbbbbbb-0000-0000-0000-00000000000b' WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET tenant = '00000000-0000-0000-0000-000000000000' WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET first = first + 1000000 WHERE tenant = $A$$,
    $$UPDATE warden.audit_entry SET xid = '1' WHERE tenant = $A AND xid = (SELECT min(xid) FROM warden.audit_entry WHERE tenant = $A AND entries = 1)$$,
    $$UPDATE warden.audit_entry SET incarnation = incarnation + 1 WHERE tenant = $A$$,
    $$DELETE FROM warden.audit_entry WHERE tenant = $A$$,
    $$DELETE FROM warden.audit_entry WHERE tenant = $A AND xid = (SELECT max(xid) FROM warden.audit_entry WHERE tenant = $A)$$,
    $$TRUNCATE warden.audit_entry$$,
    $$INSERT INTO warden.audit_entry SELECT xid, first + 1000000, tenant, period, incarnation, entries, body FROM warden.audit_entry WHERE tenant = $A LIMIT 1$$,
    -- what they commit to
    $$UPDATE warden.audit_payload p SET body = tam_aud.turned(p.body, -1) FROM warden.audit_entry e WHERE e.tenant = $A AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first)$$,
    $$UPDATE warden.audit_payload p SET body = decode(replace(encode(p.body, 'hex'), encode('one', 'hex'), encode('two', 'hex')), 'hex') FROM warden.audit_entry e WHERE e.tenant = $A AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first) AND position('one' IN encode(p.body, 'escape')) > 0$$,
    $$UPDATE warden.audit_payload p SET body = '' FROM warden.audit_entry e WHERE e.tenant = $A AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first)$$,
    $$UPDATE warden.audit_payload p SET body = '\x00' FROM warden.audit_entry e WHERE e.tenant = $A AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first)$$,
    $$DELETE FROM warden.audit_payload p USING warden.audit_entry e WHERE e.tenant = $A AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first)$$,
    $$TRUNCATE warden.audit_payload$$,
    $$INSERT INTO warden.audit_payload SELECT p.xid, p.first + 1000000, p.period, p.incarnation, p.body FROM warden.audit_payload p JOIN warden.audit_entry e USING (incarnation, xid, first) WHERE e.tenant = $A LIMIT 1$$,
    -- leaves
    $$UPDATE warden.audit_leaf SET hashes = tam_aud.turned(hashes) WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET hashes = hashes || hashes WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET hashes = substr(hashes, 2) WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET hashes = '' WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET block = block + 1 WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET first_index = first_index + 1000 WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET tenant = 'bbbbbbbb-0000-0000-0000-00000000000b', first_index = first_index + 1000 WHERE tenant = $A AND first_index = 0$$,
    $$UPDATE warden.audit_leaf SET xid = '1' WHERE tenant = $A AND first_index = 0$$,
    $$DELETE FROM warden.audit_leaf WHERE tenant = $A AND first_index = 0$$,
    $$DELETE FROM warden.audit_leaf WHERE tenant = $A$$,
    $$DELETE FROM warden.audit_leaf WHERE (tenant, first_index) = (SELECT tenant, max(first_index) FROM warden.audit_leaf WHERE tenant = $A GROUP BY 1)$$,
    -- an entry that is gone without a trace but the tree: batch, payload and leaf
    $$WITH gone AS (DELETE FROM warden.audit_leaf WHERE (tenant, first_index) = (SELECT tenant, max(first_index) FROM warden.audit_leaf WHERE tenant = $A GROUP BY 1) RETURNING *), e AS (DELETE FROM warden.audit_entry e USING gone g WHERE (e.incarnation, e.xid, e.first) = (g.incarnation, g.xid, g.first)) DELETE FROM warden.audit_payload p USING gone g WHERE (p.incarnation, p.xid, p.first) = (g.incarnation, g.xid, g.first)$$,
    -- nodes
    $$UPDATE warden.audit_node SET hash = tam_aud.turned(hash) WHERE tenant = $A$$,
    $$UPDATE warden.audit_node SET hash = '' WHERE tenant = $A$$,
    $$UPDATE warden.audit_node SET level = level + 1 WHERE tenant = $A$$,
    $$DELETE FROM warden.audit_node WHERE tenant = $A$$,
    $$INSERT INTO warden.audit_node VALUES ($A, 9, 0, sha256(''))$$,
    $$INSERT INTO warden.audit_node VALUES ('cccccccc-0000-0000-0000-00000000000a', 8, 0, sha256(''))$$,
    -- heads
    $$UPDATE warden.audit_head SET root = tam_aud.turned(root) WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET root = tam_aud.turned(root) WHERE (tenant, block) = (SELECT tenant, max(block) FROM warden.audit_head WHERE tenant = $A GROUP BY 1)$$,
    $$UPDATE warden.audit_head SET root = '' WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET frontier = tam_aud.turned(frontier) WHERE tenant = $A$$,
    $$UPDATE warden.audit_head SET size = size + 1 WHERE tenant = $A AND size > 303$$,
    $$UPDATE warden.audit_head SET entries = entries + 1 WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET checkpoint = checkpoint || ' ' WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET checkpoint = replace(checkpoint, E'\n3\n', E'\n4\n') WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET checkpoint = '' WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET checkpoint = checkpoint || E'— pg_warden AAAAAA==\n' WHERE tenant = $A AND size = 3$$,
    $$UPDATE warden.audit_head SET tenant = 'cccccccc-0000-0000-0000-00000000000a' WHERE tenant = $A AND size = 3$$,
    $$DELETE FROM warden.audit_head WHERE tenant = $A AND size = 3$$,
    $$DELETE FROM warden.audit_head WHERE tenant = $A$$,
    $$DELETE FROM warden.audit_head WHERE tenant = 'ffffffff-ffff-ffff-ffff-ffffffffffff' AND block = (SELECT min(block) FROM warden.audit_head WHERE tenant = $A)$$,
    $$INSERT INTO warden.audit_head SELECT tenant, block + 1000, size, entries, root, frontier, checkpoint FROM warden.audit_head WHERE tenant = $A AND size = 3$$,
    -- a whole log
    $$WITH l AS (DELETE FROM warden.audit_leaf WHERE tenant = $A), h AS (DELETE FROM warden.audit_head WHERE tenant = $A), n AS (DELETE FROM warden.audit_node WHERE tenant = $A),
        p AS (DELETE FROM warden.audit_payload p USING warden.audit_entry e WHERE e.tenant = $A AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first)) DELETE FROM warden.audit_entry WHERE tenant = $A$$]) WITH ORDINALITY e(edit, at) ORDER BY at;
SELECT edit, tam_aud.tried(edit) FROM tam_aud.edits ORDER BY n;
-- Blocks and keys are everybody's: each log that they touch is told.
TRUNCATE tam_aud.edits;
INSERT INTO tam_aud.edits (edit) SELECT replace(edit, '$B', '(SELECT max(block) FROM warden.audit_block)') FROM unnest(ARRAY[
    $$UPDATE warden.audit_block SET hash = tam_aud.turned(hash) WHERE block = $B$$, $$UPDATE warden.audit_block SET prev_hash = tam_aud.turned(prev_hash) WHERE block = $B$$,
    $$UPDATE warden.audit_block SET heads = tam_aud.turned(heads) WHERE block = $B$$, $$UPDATE warden.audit_block SET blind = tam_aud.turned(blind) WHERE block = $B$$,
    $$UPDATE warden.audit_block SET sealed_at = sealed_at + interval '1 microsecond' WHERE block = $B$$, $$UPDATE warden.audit_block SET entries = entries + 1 WHERE block = $B$$,
    $$UPDATE warden.audit_block SET incarnation = incarnation + 1 WHERE block = $B$$, $$UPDATE warden.audit_block SET snapshot = '1:1:' WHERE block = $B$$,
    $$UPDATE warden.audit_block SET installation = 'other' WHERE block = $B$$, $$UPDATE warden.audit_block SET block = block + 1 WHERE block = $B$$,
    $$DELETE FROM warden.audit_block WHERE block = $B$$, $$DELETE FROM warden.audit_block WHERE block = $B - 1$$, $$TRUNCATE warden.audit_block$$,
    $$INSERT INTO warden.audit_block SELECT block + 1, incarnation, entries, sealed_at, snapshot, blind, heads, prev_hash, hash, installation FROM warden.audit_block WHERE block = $B$$,
    $$INSERT INTO warden.audit_key VALUES ($B, 'pg_warden+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=')$$, $$INSERT INTO warden.audit_key VALUES ($B, 'no key')$$,
    $$INSERT INTO warden.audit_key VALUES ($B + 1000, NULL)$$, $$UPDATE warden.audit_key SET vkey = 'no key'$$]) WITH ORDINALITY e(edit, at) ORDER BY at;
SELECT edit, tam_aud.tried(edit) FROM tam_aud.edits ORDER BY n;
-- What records is looked after too.
TRUNCATE tam_aud.edits;
INSERT INTO tam_aud.edits (edit) VALUES ($$ALTER TABLE tam_aud.t DISABLE TRIGGER "~warden_audit"$$), ($$ALTER TABLE tam_aud.t ENABLE REPLICA TRIGGER "~warden_audit_truncate"$$), ($$DROP TRIGGER "~warden_audit" ON tam_aud.t$$),
    ($$UPDATE warden.audited_registry SET relation = 1::regclass WHERE relation = 'tam_aud.t'::regclass$$);
SELECT edit, tam_aud.tried(edit) FROM tam_aud.edits ORDER BY n;
-- Where tampering is found, the words: numbers stand for N.
CREATE FUNCTION tam_aud.words(edit text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE words text[];
BEGIN
    BEGIN
        EXECUTE edit;
        SELECT array_agg(w ORDER BY w) INTO words FROM (SELECT DISTINCT concat_ws(' | ', check_name, right(tenant::text, 1), CASE WHEN block IS NOT NULL THEN 'block' END, CASE WHEN entry IS NOT NULL THEN 'entry' END, regexp_replace(detail, '\d+', 'N', 'g')) w FROM warden.verify_audit() WHERE NOT ok) d;
        RAISE EXCEPTION SQLSTATE 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN RETURN QUERY SELECT unnest(words);
    END;
END $$;
SELECT tam_aud.words($$DELETE FROM warden.audit_payload p USING warden.audit_entry e WHERE e.tenant = 'aaaaaaaa-0000-0000-0000-00000000000a' AND e.entries = 2 AND (e.incarnation, e.xid, e.first) = (p.incarnation, p.xid, p.first)$$);
SELECT tam_aud.words($$UPDATE warden.audit_block SET prev_hash = sha256('') WHERE block = (SELECT max(block) FROM warden.audit_block)$$);
SELECT tam_aud.words($$UPDATE warden.audit_leaf SET hashes = tam_aud.turned(hashes) WHERE tenant = 'aaaaaaaa-0000-0000-0000-00000000000a' AND first_index = 0$$);
SELECT tam_aud.words($$UPDATE warden.audit_entry SET body = decode(replace(encode(body, 'hex'), encode('ana', 'hex'), encode('bob', 'hex')), 'hex') WHERE tenant = 'aaaaaaaa-0000-0000-0000-00000000000a'$$);
SELECT tam_aud.words($$ALTER TABLE tam_aud.t DISABLE TRIGGER "~warden_audit"$$);
-- Who reads what is torn gets rows or one refusal, never another's; and it heals with the edit's rolling back.
BEGIN;
UPDATE warden.audit_entry SET body = substr(body, 1, length(body) - 3) WHERE tenant = 'aaaaaaaa-0000-0000-0000-00000000000a' AND entries = 2;
SELECT count(*) FROM warden.audit_log WHERE tenant = 'aaaaaaaa-0000-0000-0000-00000000000a' AND kind = 'tam.event';
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT count(*) FROM warden.export_audit('aaaaaaaa-0000-0000-0000-00000000000a');
ROLLBACK TO s;
SELECT count(*) > 0 FROM warden.export_audit('bbbbbbbb-0000-0000-0000-00000000000b');
ROLLBACK;
SELECT count(*) FROM warden.verify_audit() WHERE NOT ok;
-- Nobody but a superuser comes so far.
SET SESSION AUTHORIZATION officer;
UPDATE warden.audit_entry SET entries = 1;
DELETE FROM warden.audit_payload;
SET SESSION AUTHORIZATION auditor;
DELETE FROM warden.audit_block;
RESET SESSION AUTHORIZATION;
SELECT warden.close_tenant('aaaaaaaa-0000-0000-0000-00000000000a', 'end'), warden.close_tenant('bbbbbbbb-0000-0000-0000-00000000000b', 'end') \gset
\pset format aligned
\pset tuples_only off
\pset null ''
DROP SCHEMA tam_aud CASCADE;
