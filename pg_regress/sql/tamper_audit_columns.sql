-- A superuser changes what is stored of the log: whatever it is, verify_audit says so, and shows it to the tenant it is of.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA tamper_log;
GRANT USAGE ON SCHEMA tamper_log TO app_broker;
CREATE TABLE tamper_log.t (tenant_id uuid, id int, body text, PRIMARY KEY (tenant_id, id));
GRANT ALL ON tamper_log.t TO app_broker;
SELECT warden.protect('tamper_log.t'), warden.audit('tamper_log.t');
INSERT INTO tamper_log.t SELECT ('00000000-0000-0000-0000-00000000000' || t)::uuid, g, 'row ' || g FROM generate_series(1, 2) t, generate_series(1, 300) g;
SELECT warden.seal_audit() > 0 AS sealed;
UPDATE tamper_log.t SET body = 'changed' WHERE id <= 3;
SELECT warden.seal_audit() > 0 AS sealed;
SELECT count(*) FILTER (WHERE NOT ok) AS faults FROM warden.verify_audit();
-- The checks that complain after a change: of all logs, of acme's alone, of globex's alone. The change is undone.
CREATE FUNCTION tamper_log.after(change text, OUT every_log text, OUT acme text, OUT globex text) LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        EXECUTE change;
        GET DIAGNOSTICS touched = ROW_COUNT;
        SET LOCAL session_replication_role = origin;
        IF touched = 0 THEN
            every_log := 'nothing was changed';
        ELSE
            SELECT string_agg(DISTINCT v.check_name, ' ' ORDER BY v.check_name) INTO every_log FROM warden.verify_audit() v WHERE NOT v.ok;
            SELECT string_agg(DISTINCT v.check_name, ' ' ORDER BY v.check_name) INTO acme FROM warden.verify_audit('00000000-0000-0000-0000-000000000001') v WHERE NOT v.ok;
            SELECT string_agg(DISTINCT v.check_name, ' ' ORDER BY v.check_name) INTO globex FROM warden.verify_audit('00000000-0000-0000-0000-000000000002') v WHERE NOT v.ok;
            -- And reading it raises nothing.
            PERFORM count(l.detail) FROM warden.audit_log l;
        END IF;
        RAISE EXCEPTION 'undone' USING ERRCODE = 'TTTTT';
    EXCEPTION WHEN SQLSTATE 'TTTTT' THEN NULL;
        WHEN OTHERS THEN every_log := SQLSTATE;
    END;
END $$;
-- Each column of a row of acme's.
CREATE TABLE tamper_log.place AS SELECT * FROM warden.audit_leaf WHERE tenant = '00000000-0000-0000-0000-000000000001' ORDER BY first_index DESC LIMIT 1 OFFSET 1;
SELECT c.part, c.change, a.* FROM (VALUES
    ('audit_entry', 'xid = (xid::text::bigint + 1000000)::text::xid8'), ('audit_entry', 'first = first + 1'),
    ('audit_entry', 'tenant = ''00000000-0000-0000-0000-000000000003'''), ('audit_entry', 'tenant = ''00000000-0000-0000-0000-000000000000'''),
    ('audit_entry', 'incarnation = incarnation + 1'), ('audit_entry', 'entries = entries + 1'), ('audit_entry', 'entries = -1'),
    ('audit_entry', 'body = set_byte(body, octet_length(body) / 2, 255 - get_byte(body, octet_length(body) / 2))'),
    ('audit_entry', 'body = body || ''\x00'''), ('audit_entry', 'body = ''\x'''), ('audit_entry', 'period = period + 1'),
    ('audit_payload', 'xid = (xid::text::bigint + 1000000)::text::xid8'), ('audit_payload', 'first = first + 1'),
    ('audit_payload', 'incarnation = incarnation + 1'), ('audit_payload', 'body = set_byte(body, octet_length(body) / 2, 255 - get_byte(body, octet_length(body) / 2))'),
    ('audit_payload', 'body = body || ''\x00'''), ('audit_payload', 'body = ''\x'''),
    ('audit_leaf', 'xid = (xid::text::bigint + 1000000)::text::xid8'), ('audit_leaf', 'first = first + 1'), ('audit_leaf', 'incarnation = incarnation + 1'),
    ('audit_leaf', 'period = period + 1'), ('audit_leaf', 'block = block + 1'), ('audit_leaf', 'block = -1'), ('audit_leaf', 'first_index = first_index + 1000'),
    ('audit_leaf', 'tenant = ''00000000-0000-0000-0000-000000000003'''), ('audit_leaf', 'hashes = set_byte(hashes, 5, 255 - get_byte(hashes, 5))'),
    ('audit_leaf', 'hashes = hashes || ''\x00'''), ('audit_leaf', 'hashes = substr(hashes, 33)')
  ) c(part, change), LATERAL tamper_log.after(format('UPDATE warden.%I SET %s WHERE (incarnation, xid, first, period) = (SELECT p.incarnation, p.xid, p.first, p.period FROM tamper_log.place p)', c.part, c.change)) a;
-- Each column of acme's newest head, of a node, of the newest block, of the blocks' head, of the key.
SELECT c.part, c.change, a.* FROM (VALUES
    ('audit_head', 'size = size + 1'), ('audit_head', 'entries = entries + 1'), ('audit_head', 'root = sha256(root)'), ('audit_head', 'frontier = sha256(frontier)'),
    ('audit_head', 'frontier = frontier || ''\x00'''), ('audit_head', 'checkpoint = checkpoint || E''\n'''), ('audit_head', 'checkpoint = replace(checkpoint, ''block'', ''bloc'')'),
    ('audit_head', 'checkpoint = split_part(checkpoint, E''\n\n'', 1) || E''\n\n'''), ('audit_head', 'block = block + 1000'), ('audit_head', 'tenant = ''00000000-0000-0000-0000-000000000003'''),
    ('audit_node', 'hash = sha256(hash)'), ('audit_node', 'index = index + 1000'), ('audit_node', 'level = level + 20'),
    ('audit_node', 'tenant = ''00000000-0000-0000-0000-000000000003'''),
    ('audit_block', 'incarnation = incarnation + 1'), ('audit_block', 'entries = entries + 1'), ('audit_block', 'sealed_at = sealed_at + interval ''1 us'''),
    ('audit_block', 'snapshot = ''1:1:'''), ('audit_block', 'blind = sha256(blind)'), ('audit_block', 'heads = sha256(heads)'), ('audit_block', 'prev_hash = sha256(prev_hash)'),
    ('audit_block', 'hash = sha256(hash)'), ('audit_block', 'installation = installation || ''x'''), ('audit_block', 'block = block + 1000')
  ) c(part, change), LATERAL tamper_log.after(format('UPDATE warden.%I SET %s WHERE %s', c.part, c.change, CASE c.part
    WHEN 'audit_head' THEN '(tenant, block) = (SELECT p.tenant, p.block FROM tamper_log.place p)'
    WHEN 'audit_node' THEN '(tenant, level) = (SELECT p.tenant, 8 FROM tamper_log.place p) AND index = 0'
    ELSE 'block = (SELECT p.block FROM tamper_log.place p)' END)) a;
SELECT c.change, a.* FROM (VALUES ('UPDATE warden.audit_key SET vkey = NULL'), ('UPDATE warden.audit_key SET vkey = vkey || ''x'''), ('DELETE FROM warden.audit_key'),
    ('UPDATE warden.audit_key SET from_block = from_block + 1'), ('UPDATE warden.audit_head SET root = sha256(root) WHERE tenant = ''ffffffff-ffff-ffff-ffff-ffffffffffff'''),
    ('DELETE FROM warden.audit_head WHERE tenant = ''ffffffff-ffff-ffff-ffff-ffffffffffff'' AND block = 1')) c(change), LATERAL tamper_log.after(c.change) a;
-- Rows left out and put in.
SELECT c.change, a.* FROM (VALUES
    ('DELETE FROM warden.audit_entry t USING tamper_log.place p WHERE (t.incarnation, t.xid, t.first) = (p.incarnation, p.xid, p.first)'),
    ('DELETE FROM warden.audit_payload t USING tamper_log.place p WHERE (t.incarnation, t.xid, t.first) = (p.incarnation, p.xid, p.first)'),
    ('DELETE FROM warden.audit_leaf t USING tamper_log.place p WHERE (t.incarnation, t.xid, t.first) = (p.incarnation, p.xid, p.first)'),
    ('DELETE FROM warden.audit_head t USING tamper_log.place p WHERE (t.tenant, t.block) = (p.tenant, p.block)'),
    ('DELETE FROM warden.audit_block t USING tamper_log.place p WHERE t.block = p.block'),
    ('DELETE FROM warden.audit_node t USING tamper_log.place p WHERE t.tenant = p.tenant'),
    ('INSERT INTO warden.audit_entry SELECT (t.xid::text::bigint - 1)::text::xid8, 1000, t.tenant, t.period, t.incarnation, t.entries, t.body FROM warden.audit_entry t JOIN tamper_log.place p USING (incarnation, xid, first, period)'),
    ('INSERT INTO warden.audit_payload SELECT t.xid, 1000, t.period, t.incarnation, t.body FROM warden.audit_payload t JOIN tamper_log.place p USING (incarnation, xid, first, period)'),
    ('INSERT INTO warden.audit_node SELECT tenant, 9, 77, sha256('''') FROM tamper_log.place'),
    ('INSERT INTO warden.audit_node SELECT ''00000000-0000-0000-0000-000000000003'', 9, 77, sha256('''')'),
    ('INSERT INTO warden.audit_head SELECT tenant, 1000, 1, 1, sha256(''''), '''', '''' FROM tamper_log.place')
  ) c(change), LATERAL tamper_log.after(c.change) a;
-- Two batches that change places; an update made to look like another's.
SELECT a.* FROM tamper_log.after('UPDATE warden.audit_leaf t SET hashes = o.hashes FROM tamper_log.place p, warden.audit_leaf o WHERE (t.tenant, t.first_index) = (p.tenant, p.first_index) AND o.tenant = p.tenant AND o.first_index = 0') a;
-- Each fault once for its place, no more than twenty of a kind, and how many there are.
BEGIN;
UPDATE warden.audit_payload SET body = body || '\x00';
UPDATE warden.audit_leaf SET hashes = decode(repeat('00', octet_length(hashes)), 'hex');
SELECT count(*), count(*) FILTER (WHERE detail ~ '^\d+ more$') AS more FROM warden.verify_audit('00000000-0000-0000-0000-000000000001') WHERE check_name = 'entries' AND NOT ok;
-- Its rows are read all the same, without what cannot be read; its export is refused.
SET LOCAL SESSION AUTHORIZATION app_broker;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner');
SELECT count(*) > 300 AS rows FROM warden.audit_log WHERE relation = 'tamper_log.t';
\set VERBOSITY sqlstate
SELECT count(*) FROM warden.export_audit('00000000-0000-0000-0000-000000000001');
\set VERBOSITY default
ROLLBACK;
-- Nobody but the owner of the extension can.
SET ROLE officer;
UPDATE warden.audit_entry SET entries = 1;
DELETE FROM warden.audit_leaf;
RESET ROLE;
SELECT count(*) FILTER (WHERE NOT ok) AS faults FROM warden.verify_audit();
SELECT warden.unaudit('tamper_log.t', 'end of test'), warden.unprotect('tamper_log.t');
DROP SCHEMA tamper_log CASCADE;
