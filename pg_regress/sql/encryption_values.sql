-- A value opens in its own tenant, type and context, and is one identical refusal anywhere else.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA enc_values;
CREATE TABLE enc_values.kept (name text PRIMARY KEY, v warden.ciphertext, e warden.ciphertext_eq);
-- What a call gives: its answer, or the whole error.
CREATE FUNCTION enc_values.try(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; message text; detail text; hint text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text' INTO answer;
    RETURN coalesce(answer, '(null)');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- One bit of an envelope turned.
CREATE FUNCTION enc_values.turned(envelope text, place int) RETURNS text LANGUAGE sql AS $$
    SELECT '\x' || encode(set_byte(b, place / 8, get_byte(b, place / 8) # (1 << (place % 8))), 'hex') FROM decode(substr(envelope, 3), 'hex') b $$;
GRANT USAGE ON SCHEMA enc_values TO app_broker, dba, officer, auditor;
GRANT ALL ON enc_values.kept TO app_broker;
\pset format unaligned
\pset tuples_only on
SET SESSION AUTHORIZATION app_broker;
-- No context: nothing, by nobody; NULL is no way around it.
SELECT e || ': ' || enc_values.try(e) FROM unnest(ARRAY['warden.encrypt(''x''::text, ''c'')', 'warden.encrypt(''x''::bytea, ''c'')',
    'warden.encrypt(''{}''::jsonb, ''c'')', 'warden.encrypt_eq(''x'', ''c'')', 'warden.search_term(''x'', ''c'')', 'warden.encrypt(NULL::text, ''c'')']) e;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer') IS NULL;
-- Round trips: text, bytes, jsonb; in types of both kinds.
SELECT v = warden.decrypt(warden.encrypt(v, 'c'), 'c') AND v = warden.decrypt(warden.encrypt_eq(v, 'c'), 'c')
    FROM unnest(ARRAY['', 'x', 'sixteen bytes ok', repeat('long ', 100000), U&'caf\00e9 cafe\0301 \+01F393', E'\n\t\\''"%s$1']) v;
SELECT v = warden.decrypt_bytes(warden.encrypt(v, 'c'), 'c') FROM unnest(ARRAY['', '\x00', '\x0000ff', decode(repeat('00ff', 50000), 'hex')]::bytea[]) v;
SELECT v = warden.decrypt_json(warden.encrypt(v, 'c'), 'c') AND v::text = warden.decrypt_json(warden.encrypt(v, 'c'), 'c')::text
    FROM unnest(ARRAY['{}', 'null', '"x"', '[1, 1.10, 1e400, -0]', '{"a": {"b": [null, true, "\u00e9"]}, "": ""}']::jsonb[]) v;
-- NULL in, NULL out; a context never is.
SELECT warden.encrypt(NULL::text, 'c') IS NULL, warden.encrypt_eq(NULL, 'c') IS NULL, warden.search_term(NULL, 'c') IS NULL,
    warden.decrypt(NULL::warden.ciphertext, 'c') IS NULL, warden.decrypt_json(NULL::warden.ciphertext_eq, 'c') IS NULL;
SELECT e || ': ' || enc_values.try(e) FROM unnest(ARRAY['warden.encrypt(''x''::text, NULL)', 'warden.encrypt(''x''::text, '''')',
    'warden.encrypt_eq(''x'', repeat(''x'', 256))', 'warden.search_term(NULL, '''')', 'warden.decrypt(warden.encrypt(''x''::text, ''c''), NULL)',
    'warden.decrypt(warden.encrypt(''x''::text, repeat(''é'', 127) || ''x''), repeat(''é'', 127) || ''x'')']) e;
-- Nothing is encrypted the same way twice; equal values have equal tags.
SELECT warden.encrypt('x'::text, 'c')::text = warden.encrypt('x'::text, 'c')::text, warden.encrypt_eq('x', 'c')::text = warden.encrypt_eq('x', 'c')::text,
    warden.encrypt_eq('x', 'c') = warden.encrypt_eq('x', 'c'), warden.encrypt_eq('x', 'c') = warden.search_term('x', 'c'),
    warden.encrypt_eq('x', 'c') = warden.encrypt_eq('x', 'd'), warden.encrypt_eq('x', 'c') <> warden.search_term('y', 'c');
INSERT INTO enc_values.kept SELECT 'acme', warden.encrypt('a value of acme'::text, 'c'), warden.encrypt_eq('a value of acme', 'c');
INSERT INTO enc_values.kept SELECT 'acme bytes', warden.encrypt('\xff00'::bytea, 'c'), NULL;
INSERT INTO enc_values.kept SELECT 'acme json', warden.encrypt('[1]'::jsonb, 'c'), NULL;
-- Another type.
SELECT name || ': ' || enc_values.try(format('warden.%s(%L::warden.ciphertext, ''c'')', f, v))
    FROM enc_values.kept, unnest(ARRAY['decrypt', 'decrypt_bytes', 'decrypt_json']) f ORDER BY name, f;
-- A term holds no value; a value of one kind is none of the other.
SELECT enc_values.try('warden.decrypt(warden.search_term(''x'', ''c''), ''c'')');
SELECT enc_values.try(format('%L::warden.ciphertext_eq', v)), enc_values.try(format('%L::warden.ciphertext', e)) FROM enc_values.kept WHERE name = 'acme';
-- A row's key is for values that are bound to one.
SELECT enc_values.try(format('warden.decrypt(%L::warden.ciphertext, ''c'', ''{"id": 1}'')', v)) FROM enc_values.kept WHERE name = 'acme';
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL;
SELECT warden.decrypt(v, 'c') = warden.decrypt(e, 'c') FROM enc_values.kept WHERE name = 'acme';
-- Every refusal is one and the same: another context, every bit that says what and whose it is, more, less.
SELECT count(*), string_agg(DISTINCT enc_values.try(format('warden.decrypt(%L::warden.ciphertext, %L)', t.v, t.c)), ' / ')
    FROM (SELECT enc_values.turned(v::text, b), 'c' FROM enc_values.kept, generate_series(32, length(v::text) * 4 - 9) b WHERE name = 'acme'
        UNION ALL SELECT v::text, c FROM enc_values.kept, unnest(ARRAY['d', 'c ', 'C']) c WHERE name = 'acme'
        UNION ALL SELECT v::text || '00', 'c' FROM enc_values.kept WHERE name = 'acme'
        UNION ALL SELECT left(v::text, -2), 'c' FROM enc_values.kept WHERE name = 'acme'
        UNION ALL SELECT left(v::text, -32), 'c' FROM enc_values.kept WHERE name = 'acme') t (v, c);
SELECT count(*), string_agg(DISTINCT enc_values.try(format('warden.decrypt(%L::warden.ciphertext_eq, ''c'')', enc_values.turned(e::text, b))), ' / ')
    FROM enc_values.kept, generate_series(32, length(e::text) * 4 - 9) b WHERE name = 'acme';
-- The tag of another value is no tag of this one.
SELECT enc_values.try(format('warden.decrypt(%L::warden.ciphertext_eq, ''c'')',
    substr(e::text, 1, 74) || substr(warden.search_term('guess', 'c')::text, 75, 32) || substr(e::text, 107))) FROM enc_values.kept WHERE name = 'acme';
COMMIT;
-- Another tenant.
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000002', 'globex-owner') IS NULL;
SELECT enc_values.try(format('warden.decrypt(%L::warden.ciphertext, ''c'')', v)), enc_values.try(format('warden.decrypt(%L::warden.ciphertext_eq, ''c'')', e))
    FROM enc_values.kept WHERE name = 'acme';
SELECT count(*) FROM enc_values.kept WHERE e = warden.search_term('a value of acme', 'c');
COMMIT;
-- The key goes with the context.
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL;
SELECT count(*) FROM enc_values.kept WHERE e = warden.search_term('a value of acme', 'c');
SELECT warden.logout() IS NULL;
SELECT enc_values.try(format('warden.decrypt(%L::warden.ciphertext, ''c'')', v)) FROM enc_values.kept WHERE name = 'acme';
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL;
SELECT warden.decrypt(v, 'c') FROM enc_values.kept WHERE name = 'acme';
ROLLBACK TO s;
SELECT enc_values.try(format('warden.decrypt(%L::warden.ciphertext, ''c'')', v)) FROM enc_values.kept WHERE name = 'acme';
COMMIT;
-- Nobody's rights replace the context.
RESET SESSION AUTHORIZATION;
SELECT enc_values.try(format('warden.decrypt(%L::warden.ciphertext, ''c'')', v)) FROM enc_values.kept WHERE name = 'acme';
\pset format aligned
\pset tuples_only off
DROP SCHEMA enc_values CASCADE;
