-- One clear error with SQLSTATE, DETAIL and HINT, and nothing half done.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA iso_bad AUTHORIZATION dba;
CREATE DOMAIN iso_bad.tenant AS uuid;
CREATE COLLATION iso_bad.loose (provider = icu, locale = 'und', deterministic = false);
SET ROLE dba;
CREATE TABLE iso_bad.t (id int PRIMARY KEY, tenant_id uuid, body text, at date, small smallint, odd uuid[], owner_id text, loose text COLLATE iso_bad.loose, own iso_bad.tenant);
CREATE VIEW iso_bad.v AS SELECT * FROM iso_bad.t;
CREATE MATERIALIZED VIEW iso_bad.m AS SELECT * FROM iso_bad.t;
CREATE SEQUENCE iso_bad.s;
CREATE INDEX i ON iso_bad.t (body);
CREATE TYPE iso_bad.c AS (id int, tenant_id uuid);
CREATE TEMP TABLE iso_bad_temp (id int, tenant_id uuid);
RESET ROLE;
CREATE TABLE iso_bad.others (id int, tenant_id uuid);
INSERT INTO iso_bad.t (id) VALUES (1), (2);
CREATE FUNCTION iso_bad.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
    EXECUTE 'SELECT warden.' || call;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n  ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
GRANT USAGE ON SCHEMA iso_bad TO officer;
SET ROLE officer;
\pset format unaligned
\pset tuples_only on
SELECT c || E'\n  ' || iso_bad.try(c) FROM unnest(ARRAY[
    $$protect(NULL)$$, $$protect(to_regclass('iso_bad.typo'))$$, $$protect('iso_bad.typo')$$, $$protect('0')$$,
    $$protect('iso_bad.v')$$, $$protect('iso_bad.m')$$, $$protect('iso_bad.s')$$, $$protect('iso_bad.i')$$, $$protect('iso_bad.c')$$,
    $$protect('iso_bad_temp')$$, $$protect('pg_class')$$, $$protect('information_schema.sql_features')$$, $$protect('warden.tenant_registry')$$,
    $$protect('iso_bad.t', NULL)$$, $$protect('iso_bad.t', 'nothing')$$, $$protect('iso_bad.t', '''; DROP TABLE iso_bad.t; --')$$,
    $$protect('iso_bad.t', 'tenant', NULL)$$, $$protect('iso_bad.t', 'tenant', '')$$, $$protect('iso_bad.t', 'tenant', 'tenant')$$,
    $$protect('iso_bad.t', 'tenant', 'xmin')$$, $$protect('iso_bad.t', 'tenant', 'at')$$, $$protect('iso_bad.t', 'tenant', 'small')$$,
    $$protect('iso_bad.t', 'tenant', 'odd')$$, $$protect('iso_bad.t', 'tenant', 'loose')$$, $$protect('iso_bad.t', 'tenant', 'own')$$,
    $$protect('iso_bad.t')$$,
    $$protect('iso_bad.t', 'tenant', 'tenant_id', NULL)$$, $$protect('iso_bad.t', 'tenant', 'tenant_id', '[]')$$,
    $$protect('iso_bad.t', 'tenant', 'tenant_id', '{"reads": "viewer"}')$$, $$protect('iso_bad.t', 'tenant', 'tenant_id', '{"read": "god"}')$$,
    $$protect('iso_bad.t', 'tenant', 'tenant_id', '{"read": 4}')$$, $$protect('iso_bad.t', 'tenant', 'tenant_id', '{"user_column": "owner_id"}')$$,
    $$protect('iso_bad.t', 'tenant', 'tenant_id', '{"commands": {"select": "true"}}')$$, $$protect('iso_bad.t', 'tenant', 'tenant_id', '{"index": "require"}')$$,
    $$protect('iso_bad.t', 'owned')$$, $$protect('iso_bad.t', 'owned', 'tenant_id', '{"user_column": "nobody"}')$$,
    $$protect('iso_bad.t', 'owned', 'tenant_id', '{"user_column": "at"}')$$, $$protect('iso_bad.t', 'append_only', 'tenant_id', '{"update": "owner"}')$$,
    $$protect('iso_bad.t', 'child')$$, $$protect('iso_bad.t', 'child', 'tenant_id', '{"parent": "iso_bad.typo"}')$$,
    $$preview('iso_bad.v')$$, $$unprotect(NULL)$$, $$unprotect('iso_bad.t')$$, $$create_template('x', NULL, 'x')$$, $$create_template(' x', '{}', 'x')$$, $$drop_template('nothing')$$
    ]) c;
RESET ROLE;
SET ROLE dba;
SELECT c || E'\n  ' || iso_bad.try(c) FROM unnest(ARRAY[$$protect('iso_bad.others')$$, $$preview('iso_bad.others')$$, $$unprotect('iso_bad.t')$$, $$create_template('x', '{}', 'x')$$, $$drop_template('x')$$]) c;
RESET ROLE;
SELECT count(*) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'iso_bad'::regnamespace;
SELECT attname, attnotnull, atthasdef FROM pg_attribute WHERE attrelid = 'iso_bad.t'::regclass AND attname = 'tenant_id';
DROP TABLE iso_bad_temp;
DROP SCHEMA iso_bad CASCADE;
