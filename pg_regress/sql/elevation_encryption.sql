-- Nobody decrypts by way of what the extension leaves lying about: conversions, triggers, the companion view, other types.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA elev_enc AUTHORIZATION dba;
GRANT USAGE ON SCHEMA elev_enc TO app_broker, app, officer, auditor;
SET ROLE dba;
CREATE TABLE elev_enc.t (tenant_id uuid, id int, secret text, plain text, PRIMARY KEY (tenant_id, id));
CREATE TABLE elev_enc.mine (tenant_id uuid, id int, secret warden.ciphertext, PRIMARY KEY (tenant_id, id));
CREATE TABLE elev_enc.heard (what text);
GRANT SELECT, INSERT, UPDATE, DELETE ON elev_enc.t TO app_broker;
GRANT SELECT ON elev_enc.t TO app, officer, auditor;
GRANT ALL ON elev_enc.heard, elev_enc.mine TO PUBLIC;
SELECT warden.protect('elev_enc.t');
RESET ROLE;
INSERT INTO elev_enc.t SELECT ('00000000-0000-0000-0000-00000000000' || t)::uuid, g, 'the secret ' || g, 'p' FROM generate_series(1, 2) t, generate_series(1, 2) g;
SET ROLE dba;
SELECT warden.encrypt_column('elev_enc.t', 'secret');
CREATE DOMAIN elev_enc.ear AS text CHECK (length(VALUE) > 0);
CREATE FUNCTION elev_enc.hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO elev_enc.heard VALUES (to_jsonb(NEW)::text); RETURN NEW; END $$;
RESET ROLE;
SELECT id::text AS column_id FROM warden.encrypted_column_registry WHERE relation = 'elev_enc.t'::regclass \gset
CREATE FUNCTION elev_enc.try(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE expression INTO answer;
    RETURN coalesce(answer, '(null)');
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE VIEW elev_enc.attempts AS SELECT n, replace(a, 'COLUMN', current_setting('elev.col')) AS attempt FROM unnest(ARRAY[
    $$SELECT warden.column_unseal(secret, 'COLUMN', tenant_id, NULL::text, tenant_id, id) FROM elev_enc.t LIMIT 1$$,
    $$SELECT warden.column_seal('x'::text, 'COLUMN', '00000000-0000-0000-0000-000000000001'::uuid, NULL::text, '00000000-0000-0000-0000-000000000001'::uuid, 1)$$,
    $$SELECT warden.column_seal_eq('x'::text, 'COLUMN', '00000000-0000-0000-0000-000000000001'::uuid, NULL::text, '00000000-0000-0000-0000-000000000001'::uuid, 1)$$,
    $$SELECT warden.column_open(secret, 'COLUMN', tenant_id, NULL::text, tenant_id, id) FROM elev_enc.t LIMIT 1$$,
    $$SELECT warden.column_unchanged(secret, 'COLUMN', tenant_id, NULL::text, tenant_id, id) FROM elev_enc.t LIMIT 1$$,
    $$SELECT warden.decrypt(secret, 'elev_enc.t.secret', jsonb_build_object('tenant_id', tenant_id, 'id', id)) FROM elev_enc.t LIMIT 1$$,
    $$SELECT warden.bind_row()$$, $$SELECT warden.clear_row()$$,
    $$SELECT warden.rotate_key('00000000-0000-0000-0000-000000000001')$$,
    $$SELECT warden.decrypt_column('elev_enc.t', 'secret')$$,
    $$SELECT warden.encrypt_column('elev_enc.t', 'plain')$$,
    $$SELECT wrapped FROM warden.data_key_registry LIMIT 1$$, $$SELECT wrapped FROM warden.tenant_key_registry LIMIT 1$$, $$SELECT names FROM warden.encrypted_column_registry LIMIT 1$$]) WITH ORDINALITY u (a, n);
GRANT SELECT ON elev_enc.attempts TO PUBLIC;
SET elev.col = :'column_id';
\pset format unaligned
\pset tuples_only on
-- A superuser without a context: no conversion, no clear value.
SELECT n || ' ' || elev_enc.try(attempt) FROM elev_enc.attempts WHERE n NOT IN (9, 10, 11, 12, 13, 14) ORDER BY n;
SET SESSION AUTHORIZATION app;
SELECT n || ' ' || elev_enc.try(attempt) FROM elev_enc.attempts ORDER BY n;
SET SESSION AUTHORIZATION auditor;
SELECT n || ' ' || elev_enc.try(attempt) FROM elev_enc.attempts ORDER BY n;
SET SESSION AUTHORIZATION officer;
SELECT n || ' ' || elev_enc.try(attempt) FROM elev_enc.attempts WHERE n NOT IN (9, 10, 11) ORDER BY n;
-- The owner, who may encrypt what is his: of rows he sees none.
SET SESSION AUTHORIZATION dba;
SELECT n || ' ' || elev_enc.try(attempt) FROM elev_enc.attempts WHERE n <> 11 ORDER BY n;
-- A member of the other tenant, with the ciphertext in hand; its own twin is the last line.
RESET SESSION AUTHORIZATION;
SELECT secret::text AS stolen FROM elev_enc.t WHERE tenant_id = '00000000-0000-0000-0000-000000000001' AND id = 1 \gset
SELECT secret::text AS own FROM elev_enc.t WHERE tenant_id = '00000000-0000-0000-0000-000000000002' AND id = 1 \gset
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000002', 'globex-owner') IS NOT NULL;
SELECT elev_enc.try(format('SELECT warden.column_open(%L::warden.ciphertext, %L, %s, NULL::%s, %L::uuid, 1)', e, current_setting('elev.col'), t, k, v))
    FROM (VALUES (:'stolen', '''00000000-0000-0000-0000-000000000001''::uuid', 'text', '00000000-0000-0000-0000-000000000001'),
        (:'stolen', '''00000000-0000-0000-0000-000000000002''::uuid', 'text', '00000000-0000-0000-0000-000000000001'),
        (:'stolen', '42::bigint', 'text', '00000000-0000-0000-0000-000000000001'),
        (:'own', '''00000000-0000-0000-0000-000000000002''::uuid', 'elev_enc.ear', '00000000-0000-0000-0000-000000000002'),
        (:'own', '''00000000-0000-0000-0000-000000000002''::uuid', 'regclass', '00000000-0000-0000-0000-000000000002'),
        (:'own', '''00000000-0000-0000-0000-000000000002''::uuid', 'varchar', '00000000-0000-0000-0000-000000000002'),
        (:'own', '''00000000-0000-0000-0000-000000000002''::uuid', 'text', '00000000-0000-0000-0000-000000000002')) x (e, t, k, v);
SELECT elev_enc.try(format('SELECT warden.column_open(%L::warden.ciphertext, %L, %L::uuid, NULL::text, %s)', :'own', current_setting('elev.col'), '00000000-0000-0000-0000-000000000002', k))
    FROM unnest(ARRAY['1', 'NULL::uuid, 1', '1, ''00000000-0000-0000-0000-000000000002''::uuid', '''00000000-0000-0000-0000-000000000002''::uuid, 1, 1']) k;
ROLLBACK;
-- A trigger of ours on a table of one's own refuses every row.
SET SESSION AUTHORIZATION dba;
CREATE TRIGGER b BEFORE INSERT ON elev_enc.mine FOR EACH ROW EXECUTE FUNCTION warden.bind_row();
CREATE TRIGGER c INSTEAD OF INSERT ON elev_enc.t_clear FOR EACH ROW EXECUTE FUNCTION elev_enc.hear();
CREATE TRIGGER d AFTER INSERT ON elev_enc.t FOR EACH ROW EXECUTE FUNCTION elev_enc.hear();
CREATE VIEW elev_enc.own_clear AS SELECT * FROM elev_enc.mine;
CREATE TRIGGER c INSTEAD OF INSERT ON elev_enc.own_clear FOR EACH ROW EXECUTE FUNCTION warden.clear_row();
SELECT elev_enc.try($$INSERT INTO elev_enc.mine VALUES ('00000000-0000-0000-0000-000000000001', 1, NULL)$$);
-- The view is nobody's but the extension's: not to change, not to give away, not to hang code on.
SELECT s || ': ' || elev_enc.try(s) FROM unnest(ARRAY['ALTER VIEW elev_enc.t_clear ALTER COLUMN plain SET DEFAULT elev_enc.hear()::text', 'ALTER VIEW elev_enc.t_clear RENAME TO x',
    'ALTER VIEW elev_enc.t_clear SET (security_invoker = false)', 'DROP TRIGGER warden_clear ON elev_enc.t_clear',
    'COMMENT ON VIEW elev_enc.t_clear IS ''mine''']) s;
GRANT TRIGGER ON elev_enc.t_clear TO dba;
SELECT has_table_privilege('dba', 'elev_enc.t_clear', 'TRIGGER');
\pset tuples_only off
\pset format aligned
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM elev_enc.heard;
-- A generated column, an index and a check cannot decrypt: the functions are not immutable, the owner has no context.
SET ROLE dba;
ALTER TABLE elev_enc.t ADD COLUMN clear text GENERATED ALWAYS AS (warden.decrypt(secret, 'c')) STORED;
CREATE INDEX ON elev_enc.t ((warden.decrypt(secret, 'c')));
ALTER TABLE elev_enc.t ADD CHECK (warden.decrypt(secret, 'c') <> '');
CREATE MATERIALIZED VIEW elev_enc.m AS SELECT warden.decrypt(secret, 'elev_enc.t.secret') FROM elev_enc.t;
RESET ROLE;
-- elevation_placeholder: names that look like what the extension puts names into, and SQL in a schema's name.
CREATE ROLE "a{view}b {table} {0}";
CREATE ROLE elev_enc_victim;
GRANT CREATE ON DATABASE :"DBNAME" TO "a{view}b {table} {0}";
SET SESSION AUTHORIZATION "a{view}b {table} {0}";
CREATE SCHEMA "; ALTER ROLE elev_enc_victim SUPERUSER; --""";
CREATE TABLE "; ALTER ROLE elev_enc_victim SUPERUSER; --""".t (tenant_id uuid, id int, secret text, "{view}" text DEFAULT '{table}', PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT ("{view}") ON "; ALTER ROLE elev_enc_victim SUPERUSER; --""".t TO "a{view}b {table} {0}", PUBLIC;
SELECT warden.protect('"; ALTER ROLE elev_enc_victim SUPERUSER; --""".t'), warden.encrypt_column('"; ALTER ROLE elev_enc_victim SUPERUSER; --""".t', 'secret'),
    warden.encrypt_column('"; ALTER ROLE elev_enc_victim SUPERUSER; --""".t', '{view}');
ALTER TABLE "; ALTER ROLE elev_enc_victim SUPERUSER; --""".t RENAME COLUMN "{view}" TO "{id} {grantee}";
SELECT attname FROM pg_attribute WHERE attrelid = '"; ALTER ROLE elev_enc_victim SUPERUSER; --""".t_clear'::regclass ORDER BY attnum;
RESET SESSION AUTHORIZATION;
SELECT rolsuper FROM pg_roles WHERE rolname = 'elev_enc_victim';
SELECT grantee = 0 AS public, string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl)
    WHERE oid = '"; ALTER ROLE elev_enc_victim SUPERUSER; --""".t_clear'::regclass AND grantee <> relowner GROUP BY 1 ORDER BY 1;
DROP SCHEMA "; ALTER ROLE elev_enc_victim SUPERUSER; --""" CASCADE;
REVOKE CREATE ON DATABASE :"DBNAME" FROM "a{view}b {table} {0}";
DROP ROLE "a{view}b {table} {0}", elev_enc_victim;
-- elevation_default: a function that a default calls is dropped, and one of the owner's takes its name; a domain gets a check.
CREATE FUNCTION elev_enc.starts() RETURNS text LANGUAGE sql AS $$ SELECT 'start'::text $$;
GRANT EXECUTE ON FUNCTION elev_enc.starts() TO PUBLIC;
SET ROLE dba;
CREATE DOMAIN elev_enc.word AS text;
CREATE TABLE elev_enc.d (tenant_id uuid, id int, secret text, word text DEFAULT 'w'::elev_enc.word, PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT ON elev_enc.d TO app_broker;
SELECT warden.protect('elev_enc.d');
RESET ROLE;
ALTER TABLE elev_enc.d ALTER COLUMN secret SET DEFAULT elev_enc.starts();
SET ROLE dba;
SELECT warden.encrypt_column('elev_enc.d', 'secret');
RESET ROLE;
DROP FUNCTION elev_enc.starts() CASCADE;
SET ROLE dba;
CREATE FUNCTION elev_enc.starts() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO elev_enc.heard VALUES ('start'); RETURN 'mine'; END $$;
CREATE FUNCTION elev_enc.listens(text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO elev_enc.heard VALUES ($1); RETURN true; END $$;
ALTER TABLE elev_enc.d ADD COLUMN more int;
ALTER DOMAIN elev_enc.word ADD CHECK (elev_enc.listens(VALUE));
BEGIN;
DROP VIEW elev_enc.d_clear;
COMMIT;
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'elev_enc.d_clear'::regclass ORDER BY adnum;
RESET ROLE;
SELECT warden.decrypt_column('elev_enc.d', 'secret');
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'elev_enc.d'::regclass ORDER BY adnum;
SELECT count(*) FROM elev_enc.heard;
-- elevation_type_by_number: functions that make a value of a type that a number names, casts found when a function runs, attributes added later.
SELECT 'elev_enc.ear'::regtype::oid AS ear \gset
SET ROLE dba;
CREATE TYPE elev_enc.colour AS ENUM ('red');
CREATE TYPE elev_enc.pair AS (a text);
CREATE FUNCTION elev_enc.as_json(elev_enc.colour) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'heard'; RETURN '1'; END $$;
\set ECHO none
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT num_nulls(domain_in('x', :ear, -1))::text;
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT num_nulls(array_in('{x}', :ear, -1))::text;
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT num_nulls(record_in('(x)', :ear, -1))::text;
CREATE TRIGGER c BEFORE INSERT ON elev_enc.d FOR EACH ROW WHEN (num_nulls(domain_in(textout(NEW.secret), :ear, -1)) = 0) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE c AS ON INSERT TO elev_enc.d WHERE num_nulls(domain_in(textout(NEW.secret), :ear, -1)) = 5 DO INSTEAD NOTHING;
\set ECHO all
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT satisfies_hash_partition(1, 1, 0, 'x'::text)::text;
-- What PostgreSQL itself puts in, and an enum's value, are no such thing.
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT 1::text || 'red'::elev_enc.colour::text;
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT to_jsonb('red'::elev_enc.colour)::text;
CREATE CAST (elev_enc.colour AS json) WITH FUNCTION elev_enc.as_json(elev_enc.colour);
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT 'none';
CREATE CAST (elev_enc.colour AS json) WITH FUNCTION elev_enc.as_json(elev_enc.colour);
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT to_jsonb('red'::elev_enc.colour)::text;
ALTER TABLE elev_enc.d ALTER COLUMN word SET DEFAULT (jsonb_populate_record(NULL::elev_enc.pair, '{"a": "x", "b": "1"}')).a;
CREATE DOMAIN elev_enc.listening AS text CHECK (elev_enc.listens(VALUE));
ALTER TYPE elev_enc.pair ADD ATTRIBUTE b elev_enc.listening;
ALTER TYPE elev_enc.pair ADD ATTRIBUTE b int;
SELECT count(*) FROM elev_enc.heard;
RESET ROLE;
-- elevation_guess: what is not decrypted is not guessed at by comparing either; its twin may.
SET ROLE dba;
CREATE TABLE elev_enc.s (tenant_id uuid, id int, phone text, PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT ON elev_enc.s TO app_broker;
SELECT warden.protect('elev_enc.s'), warden.encrypt_column('elev_enc.s', 'phone', true, '{"decrypt": "owner"}');
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000002', 'globex-owner') IS NOT NULL AS "in";
INSERT INTO elev_enc.s_clear (id, phone) VALUES (1, '555');
SELECT id FROM elev_enc.s WHERE phone = warden.search_term('555', 'elev_enc.s.phone');
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
INSERT INTO elev_enc.s_clear (id, phone) VALUES (1, '555') RETURNING phone;
\set ON_ERROR_ROLLBACK on
SELECT id FROM elev_enc.s WHERE phone = warden.search_term('555', 'elev_enc.s.phone');
SELECT id FROM elev_enc.s WHERE phone = warden.encrypt_eq('555', 'elev_enc.s.phone');
\set ON_ERROR_ROLLBACK off
COMMIT;
RESET SESSION AUTHORIZATION;
DROP SCHEMA elev_enc CASCADE;
