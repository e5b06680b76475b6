-- What cannot be encrypted is refused with one clear error, and the table stays as it is.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA enc_bad AUTHORIZATION dba;
GRANT USAGE ON SCHEMA enc_bad TO officer;
CREATE COLLATION enc_bad.loose (provider = icu, locale = 'und', deterministic = false);
CREATE TYPE enc_bad.mood AS ENUM ('good');
CREATE DOMAIN enc_bad.phone AS text;
CREATE TABLE enc_bad.t (tenant_id uuid, id int, ok text, indexed text, inside text, checked text CHECK (checked <> ''), seen text, made text GENERATED ALWAYS AS (seen || '') STORED,
    pt point, flag boolean, tags text[], own enc_bad.phone, loose text COLLATE enc_bad.loose, js jsonb, num numeric, raw bytea, ident int GENERATED ALWAYS AS IDENTITY, stats text, viewed text, PRIMARY KEY (tenant_id, id));
CREATE INDEX on_indexed ON enc_bad.t (indexed);
CREATE INDEX on_inside ON enc_bad.t (id) WHERE inside IS NOT NULL;
CREATE STATISTICS enc_bad.on_stats ON stats, id FROM enc_bad.t;
CREATE VIEW enc_bad.of_viewed AS SELECT viewed FROM enc_bad.t;
CREATE TABLE enc_bad.no_key (tenant_id uuid, id int, ok text);
CREATE TABLE enc_bad.enum_key (tenant_id uuid, id enc_bad.mood, ok text, PRIMARY KEY (tenant_id, id));
CREATE TABLE enc_bad.ref (id int PRIMARY KEY, ok text);
CREATE TABLE enc_bad.open (tenant_id uuid, id int PRIMARY KEY, ok text);
CREATE TABLE enc_bad.parent (tenant_id uuid, id int PRIMARY KEY, ok text);
CREATE TABLE enc_bad.child () INHERITS (enc_bad.parent);
CREATE TABLE enc_bad.parts (tenant_id uuid, id int, ok text, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id);
CREATE TABLE enc_bad.part PARTITION OF enc_bad.parts DEFAULT;
CREATE TABLE enc_bad.taken (tenant_id uuid, id int PRIMARY KEY, ok text);
CREATE TABLE enc_bad.taken_clear (id int);
CREATE TABLE enc_bad.lost (tenant_id uuid, id int PRIMARY KEY, ok text);
SELECT warden.protect(r) FROM unnest(ARRAY['enc_bad.t', 'enc_bad.no_key', 'enc_bad.enum_key', 'enc_bad.parent', 'enc_bad.parts', 'enc_bad.taken', 'enc_bad.lost']::regclass[]) r;
SELECT warden.protect('enc_bad.ref', 'reference');
INSERT INTO enc_bad.t (tenant_id, id, ok) VALUES ('00000000-0000-0000-0000-000000000001', 1, 'as it was');
INSERT INTO enc_bad.lost VALUES ('00000000-0000-0000-0000-0000000000ff', 1, 'of no tenant');
CREATE FUNCTION enc_bad.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
    EXECUTE 'SELECT warden.' || call;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n  ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT pg_relation_filenode('enc_bad.t') AS file \gset
SET ROLE officer;
\pset format unaligned
\pset tuples_only on
SELECT c || E'\n  ' || enc_bad.try(c) FROM unnest(ARRAY[
    $$encrypt_column(NULL, 'ok')$$, $$encrypt_column('enc_bad.t', NULL)$$, $$encrypt_column('enc_bad.t', 'ok', NULL)$$, $$encrypt_column('enc_bad.t', 'ok', false, NULL)$$,
    $$encrypt_column('0', 'ok')$$, $$encrypt_column('enc_bad.t', 'typo')$$, $$encrypt_column('enc_bad.t', 'xmin')$$, $$encrypt_column('enc_bad.t', '')$$,
    $$encrypt_column('enc_bad.of_viewed', 'viewed')$$, $$encrypt_column('pg_class', 'relname')$$, $$encrypt_column('warden.tenant_registry', 'name')$$,
    $$encrypt_column('enc_bad.t', 'ok', false, '[]')$$, $$encrypt_column('enc_bad.t', 'ok', false, '{"decript": "admin"}')$$, $$encrypt_column('enc_bad.t', 'ok', false, '{"decrypt": "king"}')$$,
    $$encrypt_column('enc_bad.t', 'ok', false, '{"decrypt": 1}')$$,
    $$encrypt_column('enc_bad.open', 'ok')$$, $$encrypt_column('enc_bad.ref', 'ok')$$, $$encrypt_column('enc_bad.no_key', 'ok')$$, $$encrypt_column('enc_bad.enum_key', 'ok')$$,
    $$encrypt_column('enc_bad.parent', 'ok')$$, $$encrypt_column('enc_bad.child', 'ok')$$, $$encrypt_column('enc_bad.part', 'ok')$$, $$encrypt_column('enc_bad.taken', 'ok')$$,
    $$encrypt_column('enc_bad.lost', 'ok')$$,
    $$encrypt_column('enc_bad.t', 'tenant_id')$$, $$encrypt_column('enc_bad.t', 'id')$$, $$encrypt_column('enc_bad.t', 'indexed')$$, $$encrypt_column('enc_bad.t', 'inside')$$,
    $$encrypt_column('enc_bad.t', 'checked')$$, $$encrypt_column('enc_bad.t', 'seen')$$, $$encrypt_column('enc_bad.t', 'made')$$, $$encrypt_column('enc_bad.t', 'stats')$$,
    $$encrypt_column('enc_bad.t', 'viewed')$$, $$encrypt_column('enc_bad.t', 'pt')$$, $$encrypt_column('enc_bad.t', 'flag')$$, $$encrypt_column('enc_bad.t', 'tags')$$,
    $$encrypt_column('enc_bad.t', 'own')$$, $$encrypt_column('enc_bad.t', 'ident')$$, $$encrypt_column('enc_bad.t', 'loose', true)$$, $$encrypt_column('enc_bad.t', 'js', true)$$,
    $$encrypt_column('enc_bad.t', 'num', true)$$, $$encrypt_column('enc_bad.t', 'raw', true)$$,
    $$decrypt_column(NULL, 'ok')$$, $$decrypt_column('enc_bad.t', NULL)$$, $$decrypt_column('enc_bad.t', 'ok')$$, $$decrypt_column('enc_bad.of_viewed', 'viewed')$$,
    $$rotate_key(NULL)$$, $$rotate_key('00000000-0000-0000-0000-0000000000ff')$$]) c;
\pset format aligned
\pset tuples_only off
RESET ROLE;
SELECT pg_relation_filenode('enc_bad.t') = :file AS untouched, ok FROM enc_bad.t;
SELECT count(*) FROM warden.encrypted_column_registry WHERE relation::text LIKE 'enc_bad.%';
-- The allowed twins.
SET ROLE officer;
SELECT warden.encrypt_column('enc_bad.t', c) FROM unnest(ARRAY['ok', 'loose', 'js', 'num', 'raw']::name[]) c;
SELECT enc_bad.try($$encrypt_column('enc_bad.t', 'ok', true)$$);
SELECT enc_bad.try($$unprotect('enc_bad.t')$$);
SELECT enc_bad.try($$protect('enc_bad.t', 'reference')$$);
SELECT warden.protect('enc_bad.t', 'tenant_admin');
RESET ROLE;
SET warden.allow_drop = on;
DROP SCHEMA enc_bad CASCADE;
RESET warden.allow_drop;
SELECT count(*) FROM warden.encrypted_column_registry WHERE relation::text LIKE 'enc_bad.%';
