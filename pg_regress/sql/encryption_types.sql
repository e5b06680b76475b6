-- The types: their forms are the envelope, nothing else is taken, and what has no operator has none.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA enc_types;
CREATE TABLE enc_types.t (id int PRIMARY KEY, v warden.ciphertext, e warden.ciphertext_eq);
GRANT USAGE ON SCHEMA enc_types TO app_broker;
GRANT ALL ON enc_types.t TO app_broker;
SELECT attname, attstorage, atttypid::regtype FROM pg_attribute WHERE attrelid = 'enc_types.t'::regclass AND attnum > 1 ORDER BY attnum;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
INSERT INTO enc_types.t SELECT g, warden.encrypt('v' || g, 'c'), warden.encrypt_eq('v' || g % 10, 'c') FROM generate_series(1, 200) g;
COMMIT;
RESET SESSION AUTHORIZATION;
-- In and out again, as text and through COPY.
SELECT count(*) FROM enc_types.t WHERE v::text::warden.ciphertext::text = v::text AND e::text::warden.ciphertext_eq = e AND upper(substr(v::text, 3)) <> substr(v::text, 3)
    AND ('\x' || upper(substr(v::text, 3)))::warden.ciphertext::text = v::text;
SELECT DISTINCT left(v::text, 10), left(e::text, 10), length(v::text) - 2 * length('v' || id), length(warden.ciphertext_send(v)) * 2 + 2 = length(v::text) FROM enc_types.t;
-- Refused, and nothing of it repeated.
DO $$
DECLARE bad text; message text; hint text; seen text[];
BEGIN
    FOREACH bad IN ARRAY ARRAY['', 'hello', '\x', '\x00', '\x01010000', '\xzz', '\x' || repeat('01', 100), '0101000000',
        '\x02010000' || repeat('11', 60), '\x01030000' || repeat('11', 60), '\x01010800' || repeat('11', 60), '\x01010200' || repeat('11', 60),
        '\x01010001' || repeat('11', 60), '\x01010000' || repeat('11', 47), '\x01010100' || repeat('11', 80), 'ä'] LOOP
        BEGIN
            PERFORM bad::warden.ciphertext;
            RAISE WARNING 'taken: %', bad;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
            seen := seen || concat(SQLSTATE, ' ', message, ' ', hint);
        END;
    END LOOP;
    RAISE WARNING '% refused: %', cardinality(seen), (SELECT string_agg(DISTINCT s, ' / ') FROM unnest(seen) s);
END $$;
-- The allowed twins, whatever their bytes mean.
SELECT length(('\x01010000' || repeat('11', 48))::warden.ciphertext::text), length(('\x01010400' || repeat('11', 48))::warden.ciphertext::text),
    length(('\x01020000' || repeat('11', 80))::warden.ciphertext::text), length(('\x01020500' || repeat('11', 96))::warden.ciphertext_eq::text),
    length(('\x01010300' || repeat('00', 32) || repeat('11', 16) || repeat('00', 16))::warden.ciphertext_eq::text);
-- No operator, no class, no order: 42883 and 42704.
CREATE FUNCTION enc_types.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT s, enc_types.try(s) FROM unnest(ARRAY['SELECT v = v FROM enc_types.t', 'SELECT v <> v FROM enc_types.t', 'SELECT v < v FROM enc_types.t', 'SELECT v LIKE ''x'' FROM enc_types.t',
    'SELECT v FROM enc_types.t ORDER BY v', 'SELECT DISTINCT v FROM enc_types.t', 'SELECT max(v) FROM enc_types.t', 'SELECT v IN (v) FROM enc_types.t',
    'SELECT v FROM enc_types.t GROUP BY v', 'CREATE INDEX ON enc_types.t (v)', 'CREATE INDEX ON enc_types.t USING hash (v)', 'ALTER TABLE enc_types.t ADD UNIQUE (v)',
    'SELECT v = ''x''::text FROM enc_types.t', 'SELECT e = ''v1''::text FROM enc_types.t', 'SELECT e = ''v1'' FROM enc_types.t', 'SELECT e LIKE ''v%'' FROM enc_types.t',
    'SELECT e < e FROM enc_types.t', 'SELECT e = v FROM enc_types.t', 'SELECT max(e) FROM enc_types.t', 'SELECT v::text::bytea FROM enc_types.t',
    'SELECT e = e, e <> e FROM enc_types.t', 'SELECT e FROM enc_types.t ORDER BY e', 'SELECT DISTINCT e FROM enc_types.t']) s;
-- Equality: btree, hash, joins, grouping, whatever the search path.
CREATE INDEX by_tree ON enc_types.t (e);
CREATE INDEX by_hash ON enc_types.t USING hash (e);
ANALYZE enc_types.t;
SELECT count(*), count(DISTINCT e) FROM enc_types.t;
SET search_path = enc_types;
SELECT count(*) FROM t a JOIN t b ON a.e = b.e WHERE a.id < b.id;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*) FROM t a JOIN t b ON a.e = b.e WHERE a.id < b.id;
SET enable_mergejoin = off; SET enable_nestloop = on;
SELECT count(*) FROM t a JOIN t b ON a.e = b.e WHERE a.id < b.id;
RESET ALL;
SET client_min_messages = warning;
SELECT count(*) FROM enc_types.t a WHERE a.e IN (SELECT b.e FROM enc_types.t b WHERE b.id IN (1, 2)) AND a.e <> (SELECT e FROM enc_types.t WHERE id = 1);
-- The order of the tags is not the order of the values, and the tag is the only part that counts.
SELECT array_agg(id ORDER BY e) = array_agg(id ORDER BY id % 10) FROM enc_types.t WHERE id <= 10;
-- Leakproof, so that a policy is no obstacle to the index; nothing else of the extension is.
SELECT count(*) FILTER (WHERE proleakproof) AS leakproof, count(*) FILTER (WHERE proleakproof AND proname !~ '^ciphertext_eq_') AS others
    FROM pg_proc WHERE pronamespace = 'warden'::regnamespace;
SELECT proname, provolatile, proparallel, proisstrict FROM pg_proc WHERE pronamespace = 'warden'::regnamespace AND proname ~ '^(en|de)crypt(_eq|_bytes|_json)?$|^search_term$' ORDER BY 1, oid;
DROP SCHEMA enc_types CASCADE;
