-- Ciphertext that a superuser moves by stealth opens nowhere but where it was sealed.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA tamper;
GRANT USAGE ON SCHEMA tamper TO app_broker, officer;
CREATE TABLE tamper.a (tenant_id uuid, id int, secret text, twin text, PRIMARY KEY (tenant_id, id));
CREATE TABLE tamper.b (tenant_id uuid, id int, secret text, twin text, PRIMARY KEY (tenant_id, id));
INSERT INTO tamper.a SELECT ('00000000-0000-0000-0000-00000000000' || t)::uuid, g, 'a' || t || g, 'twin ' || g FROM generate_series(1, 2) t, generate_series(1, 4) g;
INSERT INTO tamper.b SELECT ('00000000-0000-0000-0000-00000000000' || t)::uuid, g, 'b' || t || g, 'twin ' || g FROM generate_series(1, 2) t, generate_series(1, 4) g;
GRANT ALL ON tamper.a, tamper.b TO app_broker;
SELECT warden.protect(r), warden.encrypt_column(r, 'secret', true), warden.encrypt_column(r, 'twin', true) FROM unnest(ARRAY['tamper.a', 'tamper.b']::regclass[]) r;
CREATE TABLE tamper.kept_a AS TABLE tamper.a;
-- What acme reads after a move: the row, or the SQLSTATE.
CREATE FUNCTION tamper.look(row_id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    SELECT concat_ws(' ', secret, twin) INTO answer FROM tamper.a_clear WHERE id = row_id;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION tamper.after(move text) RETURNS TABLE (id int, acme_reads text) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE move;
    SET LOCAL session_replication_role = origin;
    SET LOCAL SESSION AUTHORIZATION app_broker;
    PERFORM warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
    RETURN QUERY SELECT g, tamper.look(g) FROM generate_series(0, 4) g;
END $$;
GRANT SELECT ON tamper.kept_a TO app_broker;
\set acme '\'00000000-0000-0000-0000-000000000001\''
BEGIN; SELECT * FROM tamper.after('SELECT'); ROLLBACK;
-- Two rows swapped.
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a p SET secret = o.secret FROM tamper.a o WHERE p.tenant_id = o.tenant_id AND o.id = 3 - p.id AND p.id IN (1, 2)'); ROLLBACK;
-- One column into the other of its row.
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a SET twin = secret WHERE id = 3'); ROLLBACK;
-- Another table's row of the same key.
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a p SET secret = o.secret FROM tamper.b o WHERE p.tenant_id = o.tenant_id AND p.id = o.id AND p.id = 4'); ROLLBACK;
-- Another tenant's row; and the tenant's row given to another.
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a p SET secret = o.secret FROM tamper.a o WHERE p.tenant_id <> o.tenant_id AND p.id = o.id AND p.id = 1'); ROLLBACK;
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a SET tenant_id = ''00000000-0000-0000-0000-000000000001'', id = 4 - id WHERE tenant_id <> ''00000000-0000-0000-0000-000000000001'' AND id = 4'); ROLLBACK;
-- The key of the row changed behind its back.
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a SET id = 0 WHERE id = 2; UPDATE tamper.a SET id = 2 WHERE id = 1'); ROLLBACK;
-- An old value of the same row and column opens: nothing says which is the newest.
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a p SET secret = o.secret FROM tamper.kept_a o WHERE p.tenant_id = o.tenant_id AND p.id = o.id'); ROLLBACK;
-- An unbound value in a bound column, a search term, and nothing at all.
BEGIN;
CREATE TABLE tamper.unbound (e warden.ciphertext_eq);
GRANT ALL ON tamper.unbound TO app_broker;
SET SESSION AUTHORIZATION app_broker;
SELECT warden.assume(:acme, 'acme-member') IS NOT NULL AS "in";
INSERT INTO tamper.unbound VALUES (warden.encrypt_eq('forged', 'tamper.a.secret'));
COMMIT;
RESET SESSION AUTHORIZATION;
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a SET secret = (SELECT e FROM tamper.unbound) WHERE id = 1'); ROLLBACK;
BEGIN; SELECT * FROM tamper.after('UPDATE tamper.a SET secret = NULL WHERE id = 1'); ROLLBACK;
-- Through the table's own trigger nobody moves anything, not within the tenant, not from another, and nothing made up gets in.
CREATE FUNCTION tamper.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT secret::text AS theirs FROM tamper.a WHERE tenant_id <> :acme AND id = 1 \gset
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:acme, 'acme-member') IS NOT NULL AS "in";
SELECT tamper.try(s) FROM unnest(ARRAY['UPDATE tamper.a p SET secret = o.secret FROM tamper.a o WHERE o.id = 3 - p.id AND p.id IN (1, 2)', 'UPDATE tamper.a SET twin = secret WHERE id = 3',
    'INSERT INTO tamper.a (id, secret) SELECT 9, secret FROM tamper.a WHERE id = 1', format('UPDATE tamper.a SET secret = %L WHERE id = 1', :'theirs'),
    format('UPDATE tamper.a SET secret = %L WHERE id = 1', '\x01010500' || repeat('ab', 80)), 'UPDATE tamper.a SET secret = secret, id = id', 'UPDATE tamper.a SET id = id + 10 WHERE id = 4']) s;
SELECT g, tamper.look(g) FROM unnest(ARRAY[1, 2, 3, 14]) g;
ROLLBACK;
RESET SESSION AUTHORIZATION;
-- A row that cannot be read stops its reader, can be written anew or deleted on the table, and is named to the officer who decrypts the column.
SET session_replication_role = replica;
UPDATE tamper.a p SET secret = o.secret FROM tamper.a o WHERE p.tenant_id = o.tenant_id AND o.id = 3 - p.id AND p.id IN (1, 2) AND p.tenant_id = :acme;
RESET session_replication_role;
SET ROLE officer;
SELECT warden.decrypt_column('tamper.a', 'secret');
RESET ROLE;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:acme, 'acme-member') IS NOT NULL AS "in";
SAVEPOINT s;
UPDATE tamper.a_clear SET secret = 'new' WHERE id = 1;
ROLLBACK TO s;
UPDATE tamper.a SET secret = warden.encrypt_eq('new', 'tamper.a.secret') WHERE id = 1;
DELETE FROM tamper.a WHERE id = 2;
SELECT g, tamper.look(g) FROM generate_series(1, 3) g;
COMMIT;
RESET SESSION AUTHORIZATION;
-- The registry of keys: a wrap under another number, state, tenant or id does not open, and nothing is encrypted meanwhile.
CREATE FUNCTION tamper.try_keys() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN warden.decrypt(warden.encrypt('x'::text, 'c'), 'c');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION tamper.keys_after(change text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE change;
    SET LOCAL SESSION AUTHORIZATION app_broker;
    PERFORM warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
    RETURN tamper.try_keys();
END $$;
BEGIN; SELECT tamper.keys_after('SELECT'); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.data_key_registry SET generation = generation + 7 WHERE tenant = '00000000-0000-0000-0000-000000000001'$$); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.data_key_registry SET id = id + 1 WHERE tenant = '00000000-0000-0000-0000-000000000001'$$); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.data_key_registry SET wrapped = set_byte(wrapped, 40, get_byte(wrapped, 40) # 1) WHERE tenant = '00000000-0000-0000-0000-000000000001'$$); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.data_key_registry k SET wrapped = o.wrapped FROM warden.data_key_registry o WHERE k.tenant = '00000000-0000-0000-0000-000000000001' AND o.tenant = '00000000-0000-0000-0000-000000000002'$$); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.tenant_key_registry k SET wrapped = o.wrapped, wrapped_index = o.wrapped_index FROM warden.tenant_key_registry o WHERE k.tenant = '00000000-0000-0000-0000-000000000001' AND o.tenant = '00000000-0000-0000-0000-000000000002'$$); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.tenant_key_registry SET wrapped_index = set_byte(wrapped_index, 0, 2) WHERE tenant = '00000000-0000-0000-0000-000000000001'$$); ROLLBACK;
BEGIN; SELECT tamper.keys_after($$UPDATE warden.data_key_registry SET tenant = '00000000-0000-0000-0000-000000000001', generation = 99, state = 'retired' WHERE tenant = '00000000-0000-0000-0000-000000000002'; DELETE FROM warden.data_key_registry WHERE tenant = '00000000-0000-0000-0000-000000000001' AND state = 'active'$$); ROLLBACK;
SELECT warden.decrypt_column(r, c) FROM unnest(ARRAY['tamper.a', 'tamper.b']::regclass[]) r, unnest(ARRAY['secret', 'twin']::name[]) c;
DROP SCHEMA tamper CASCADE;
