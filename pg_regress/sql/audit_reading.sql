-- Who reads what of the log: a tenant's owners and admins their own, the officer and the auditor all without content,
-- nobody else a row; before sealing and after it the same.
\set SHOW_CONTEXT never
CREATE SCHEMA read_log;
GRANT USAGE ON SCHEMA read_log TO app_broker, officer, auditor;
CREATE TABLE read_log.notes (tenant_id uuid, id int, body text, PRIMARY KEY (tenant_id, id));
CREATE TABLE read_log.parts (tenant_id uuid, id int, body text, PRIMARY KEY (tenant_id, id)) PARTITION BY LIST (id);
CREATE TABLE read_log."Part 1" PARTITION OF read_log.parts FOR VALUES IN (1);
GRANT ALL ON read_log.notes, read_log.parts TO app_broker;
SET client_min_messages = warning;
SELECT warden.protect('read_log.notes'), warden.protect('read_log.parts'), warden.audit('read_log.notes'), warden.audit('read_log.parts');
RESET client_min_messages;
\set acme '''00000000-0000-0000-0000-000000000001'''
\set globex '''00000000-0000-0000-0000-000000000002'''
-- What a tenant reads of these tables, and whether it is sealed.
CREATE FUNCTION read_log.log() RETURNS TABLE (number bigint, relation text, operation text, key jsonb, old jsonb, new jsonb, user_id text, is_sealed bool)
    LANGUAGE sql AS $$ SELECT l.number, l.relation, l.operation, l.key - 'tenant_id', l.old - 'tenant_id', l.new - 'tenant_id', l.user_id,
        l.block IS NOT NULL AND l.index IS NOT NULL FROM warden.audit_log l WHERE l.relation LIKE 'read_log.%' OR l.kind = 'read.it' ORDER BY l.xid, l.number $$;
SET SESSION AUTHORIZATION app_broker;
BEGIN; SELECT warden.assume(:acme, 'acme-member');
INSERT INTO read_log.notes(id, body) VALUES (1, 'acme one'), (2, NULL);
UPDATE read_log.notes SET id = 3, body = 'acme "three"' WHERE id = 1;
DELETE FROM read_log.notes WHERE id = 2;
INSERT INTO read_log.parts(id, body) VALUES (1, 'acme part');
SELECT warden.record_event('read.it', '{"secret": "acme event", "n": 1.50}');
COMMIT;
BEGIN; SELECT warden.assume(:globex, 'globex-owner'); INSERT INTO read_log.notes(id, body) VALUES (1, 'globex one'); COMMIT;
-- The member that wrote it sees nothing; owner and admin see it at once, and the same when it is sealed.
BEGIN; SELECT warden.assume(:acme, 'acme-member'); SELECT count(*) FROM warden.audit_log; SELECT count(*) FROM warden.audit_blocks; SELECT count(*) FROM warden.audit_keys; COMMIT;
RESET SESSION AUTHORIZATION;
CREATE TABLE read_log.before AS SELECT entry FROM warden.audit_log WHERE relation LIKE 'read_log.%' OR kind = 'read.it';
SELECT warden.seal_audit() > 0 AS sealed;
SELECT count(*), count(l.entry) FROM read_log.before LEFT JOIN warden.audit_log l USING (entry) WHERE l.block IS NOT NULL;
SET SESSION AUTHORIZATION app_broker;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM read_log.log(); SELECT kind, detail FROM warden.audit_log WHERE kind = 'read.it'; COMMIT;
BEGIN; SELECT warden.assume(:globex, 'globex-admin'); SELECT * FROM read_log.log(); SELECT count(DISTINCT tenant) FROM warden.audit_log; COMMIT;
-- What a transaction has recorded is not written before it commits.
BEGIN; SELECT warden.assume(:acme, 'acme-admin');
INSERT INTO read_log.notes(id, body) VALUES (9, 'late'); SELECT count(*) FROM read_log.log() WHERE new->>'body' = 'late'; ROLLBACK;
-- The history of a row, by its key before and after; of a partition's row by the table's name.
BEGIN; SELECT warden.assume(:acme, 'acme-owner');
SELECT number, operation, old->>'id' AS was, new->>'id' AS "is" FROM warden.row_history('read_log.notes', '{"tenant_id": "00000000-0000-0000-0000-000000000001", "id": 1}');
SELECT number, operation FROM warden.row_history('read_log.notes', '{"id": "3", "tenant_id": "00000000-0000-0000-0000-000000000001"}');
SELECT number, relation FROM warden.row_history('read_log.parts', '{"id": "1", "tenant_id": "00000000-0000-0000-0000-000000000001"}');
SELECT number, relation FROM warden.row_history('read_log."Part 1"', '{"id": "1", "tenant_id": "00000000-0000-0000-0000-000000000001"}');
SELECT count(*) FROM warden.row_history('read_log.notes', '{"id": "1"}');
SELECT count(*) FROM warden.row_history('read_log.notes', '{"tenant_id": "00000000-0000-0000-0000-000000000002", "id": 1}');
SELECT at AS third FROM warden.row_history('read_log.notes', '{"id": "3", "tenant_id": "00000000-0000-0000-0000-000000000001"}') \gset
SELECT count(*) FROM warden.row_history('read_log.notes', '{"id": "1", "tenant_id": "00000000-0000-0000-0000-000000000001"}', since => :'third');
SELECT count(*) FROM warden.row_history('read_log.notes', '{"id": "1", "tenant_id": "00000000-0000-0000-0000-000000000001"}', until => :'third');
COMMIT;
-- The auditor and the officer: whose, what, when, and no content.
SET SESSION AUTHORIZATION auditor;
SELECT tenant, relation, operation, key, old, new, detail, user_id FROM warden.audit_log WHERE relation LIKE 'read_log.%' OR kind = 'read.it' ORDER BY xid, number;
SELECT count(DISTINCT tenant) >= 2 AS all_tenants, bool_and(entries > 0) FROM warden.audit_log, LATERAL (SELECT max(entries) AS entries FROM warden.audit_blocks) b;
SELECT count(*), bool_and(vkey ~ '^[^+]+\+[0-9a-f]{8}\+') AS is_vkey, max(to_block) FROM warden.audit_keys;
SELECT database, worker_pid IS NOT NULL AS has_worker, last_block > 0 AS has_block, last_sealed_at < clock_timestamp() AS has_sealed, unsealed_entries >= 0 AS counts FROM warden.audit_status;
SET SESSION AUTHORIZATION officer;
SELECT count(*) FILTER (WHERE coalesce(key, old, new) IS NOT NULL OR kind = 'read.it' AND detail IS NOT NULL) AS content, count(*) > 5 AS entries FROM warden.audit_log;
-- Everybody else.
SET SESSION AUTHORIZATION nobody;
SELECT count(*) FROM warden.audit_log; SELECT count(*) FROM warden.audit_blocks; SELECT count(*) FROM warden.audit_keys;
\set VERBOSITY sqlstate
SELECT * FROM warden.audit_status;
SELECT * FROM warden.verify_audit();
SELECT * FROM warden.export_audit(:acme);
SELECT warden.audit_checkpoint();
SELECT warden.audit_inclusion_proof('1.1.1');
SELECT * FROM warden.row_history('read_log.notes', '{"id": 1}');
SET SESSION AUTHORIZATION auditor;
SELECT * FROM warden.row_history('read_log.notes', '{"id": 1}');
SET SESSION AUTHORIZATION app_broker;
BEGIN; SELECT warden.assume(:acme, 'acme-viewer'); SELECT * FROM warden.verify_audit(); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-member'); SELECT * FROM warden.export_audit(:acme); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM warden.verify_audit(:globex); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM warden.export_audit(:globex); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_checkpoint(:globex); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_checkpoint(); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_checkpoint('00000000-0000-0000-0000-000000000000'); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_consistency_proof(:globex, 0); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_consistency_proof(NULL, 0); ROLLBACK;
-- Arguments.
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM warden.row_history(NULL, '{"id": 1}'); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM warden.row_history('read_log.notes', NULL); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM warden.row_history('read_log.notes', '[1]'); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT * FROM warden.export_audit(NULL); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_inclusion_proof(NULL); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_inclusion_proof('1.2'); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_inclusion_proof('1.999999999.1'); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_consistency_proof(:acme, NULL); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_consistency_proof(:acme, -1); ROLLBACK;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_consistency_proof(:acme, 1000000); ROLLBACK;
SET SESSION AUTHORIZATION auditor;
SELECT warden.audit_checkpoint('ffffffff-ffff-ffff-ffff-ffffffffffff');
SELECT * FROM warden.verify_audit('ffffffff-ffff-ffff-ffff-ffffffffffff');
\set VERBOSITY default
-- Another's entry is no entry.
SELECT entry AS foreign_entry FROM warden.audit_log WHERE tenant = :globex AND block IS NOT NULL LIMIT 1 \gset
SET SESSION AUTHORIZATION app_broker;
BEGIN; SELECT warden.assume(:acme, 'acme-owner'); SELECT warden.audit_inclusion_proof(:'foreign_entry'); ROLLBACK;
-- Proofs: of each entry, by both readers the same; from each size to the newest.
BEGIN; SELECT warden.assume(:acme, 'acme-owner');
SELECT count(*) > 5 AS many, bool_and((warden.audit_inclusion_proof(entry)->>'leaf_index')::bigint = index) AS at_its_index,
    bool_and((warden.audit_inclusion_proof(entry)->>'tree_size') = split_part(warden.audit_checkpoint(:acme), E'\n', 2)) AS of_the_newest_size
    FROM warden.audit_log WHERE index IS NOT NULL;
SELECT bool_and((p->>'new_size') = split_part(warden.audit_checkpoint(:acme), E'\n', 2)) AS to_the_newest FROM generate_series(0, split_part(warden.audit_checkpoint(:acme), E'\n', 2)::int) g, warden.audit_consistency_proof(:acme, g) p;
-- The export: a line for each entry between header and checkpoint; of a time, the entries of that time.
SELECT (l::jsonb)->>'type' AS type, count(*) > 5 AS many FROM warden.export_audit(:acme) l GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE l LIKE '%acme event%') AS content, count(*) FILTER (WHERE l LIKE '%globex%') AS foreign FROM warden.export_audit(:acme) l;
SELECT (l::jsonb)->>'type' AS type, (l::jsonb)->'view'->>'number' AS number FROM warden.export_audit(:acme, :'third', (:'third'::timestamptz + interval '1 us')) l WHERE (l::jsonb)->>'type' <> 'proof' ORDER BY 1;
SELECT (l::jsonb)->>'type' AS type, (l::jsonb)->>'to' = split_part(warden.audit_checkpoint(:acme), E'\n', 2) AS all_of_it FROM warden.export_audit(:acme, until => '1999-01-01') l;
COMMIT;
SET SESSION AUTHORIZATION auditor;
SELECT count(*) FILTER (WHERE l LIKE '%acme event%' OR l LIKE '%acme part%') AS content, count(*) FILTER (WHERE l LIKE '%"withheld":true%') > 5 AS withheld FROM warden.export_audit(:acme) l;
SELECT (l::jsonb)->>'tenant' AS tenant, (l::jsonb)->>'origin' LIKE '%/platform' AS platform FROM warden.export_audit('00000000-0000-0000-0000-000000000000') WITH ORDINALITY x(l, n) WHERE n = 1;
SELECT split_part(warden.audit_checkpoint(), E'\n', 1) LIKE '%/blocks' AS blocks, split_part(warden.audit_checkpoint(), E'\n', 2)::bigint = max(block) AS all_blocks FROM warden.audit_blocks;
SELECT bool_and((p->>'old_size')::int = g) AS blocks_grow FROM warden.audit_blocks b, generate_series(b.block::int, b.block::int) g, warden.audit_consistency_proof(NULL, g) p;
-- A log that is empty.
SELECT l - 'origin' - 'root' FROM (SELECT x::jsonb FROM warden.export_audit('0b6d9a3c-5b7e-4a52-8d0f-3f1d2c4b5a69') WITH ORDINALITY e(x, n) WHERE n = 1) s(l);
SELECT split_part(warden.audit_checkpoint('0b6d9a3c-5b7e-4a52-8d0f-3f1d2c4b5a69'), E'\n', 2) AS size;
SELECT check_name, ok, detail FROM warden.verify_audit('0b6d9a3c-5b7e-4a52-8d0f-3f1d2c4b5a69') WHERE check_name IN ('entries', 'unsealed', 'tree') ORDER BY 1;
SET SESSION AUTHORIZATION app_broker;
-- The functions behind the views show no more than the views do.
BEGIN; SELECT warden.assume(:acme, 'acme-owner');
SELECT count(*) FILTER (WHERE tenant IS DISTINCT FROM :acme) AS foreign, count(*) > 5 AS own FROM warden.audit_sealed();
SELECT count(*) FROM warden.audit_unsealed() u WHERE u.tenant IS DISTINCT FROM :acme;
SET LOCAL search_path = pg_temp, pg_catalog;
SELECT bool_and(ok) AS sound, count(*) FROM warden.verify_audit();
COMMIT;
RESET SESSION AUTHORIZATION;
-- The decoder is given bytes by anybody: what is no batch shows nothing, and raises nothing.
SELECT count(*) FROM warden.audit_rows(NULL, 1, '1', 1, NULL, NULL, 0, 1);
SELECT count(*) FROM generate_series(1, 200) g, warden.audit_rows(:acme, 1, '1', 1, sha256(g::text::bytea), sha256(g::text::bytea), g, g);
SELECT count(*) FROM (SELECT body, tenant, incarnation, xid, first FROM warden.audit_entry LIMIT 1) e, generate_series(0, 8 * octet_length(e.body) - 1) bit,
    warden.audit_rows(e.tenant, e.incarnation, e.xid, e.first, set_bit(e.body, bit, 1 - get_bit(e.body, bit)), sha256('x'), 0, 1) r WHERE r::text IS NULL;
SELECT check_name, ok FROM warden.verify_audit() WHERE tenant IS NULL AND check_name <> 'triggers' ORDER BY 1;
SELECT last_verified_block >= 1 AS remembered FROM warden.audit_status;
SET client_min_messages = warning;
SELECT warden.unaudit(r, 'end of test'), warden.unprotect(r) FROM unnest(ARRAY['read_log.notes', 'read_log.parts']::regclass[]) r;
DROP SCHEMA read_log CASCADE;
