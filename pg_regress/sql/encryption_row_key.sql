-- The key of a row, as decrypt takes it: read by the types of the primary key's columns.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA enc_key AUTHORIZATION dba;
GRANT USAGE ON SCHEMA enc_key TO app_broker;
SET ROLE dba;
CREATE DOMAIN enc_key.price AS numeric(10,2);
CREATE TABLE enc_key.t (tenant_id uuid, n enc_key.price, wide numeric, at timestamptz, plain timestamp, day date, code char(4), hash bytea, "is it" bool, big bigint, v varchar(4),
    secret text, PRIMARY KEY (tenant_id, n, wide, at, plain, day, code, hash, "is it", big, v));
GRANT SELECT, INSERT ON enc_key.t TO app_broker;
CREATE TABLE enc_key.copies (id int, secret warden.ciphertext);
GRANT SELECT, INSERT ON enc_key.copies TO app_broker;
SELECT warden.protect('enc_key.t'), warden.encrypt_column('enc_key.t', 'secret');
SET SESSION AUTHORIZATION app_broker;
SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY';
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
INSERT INTO enc_key.t_clear VALUES ('00000000-0000-0000-0000-000000000001', 1, 1.50, '2024-03-31 02:30:00.5+00', '2024-03-31 02:30', '2024-12-31', 'ab', '\x00ff', true, 9007199254740993, 'v', 'found');
-- As to_jsonb gives it, in any time zone.
SELECT warden.decrypt(secret, 'enc_key.t.secret', to_jsonb(t) - 'secret') FROM enc_key.t;
SET LOCAL TimeZone = 'America/Lima';
SELECT warden.decrypt(secret, 'enc_key.t.secret', to_jsonb(t) - 'secret') FROM enc_key.t;
-- Other spellings of the same values.
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || change) FROM enc_key.t,
    unnest(ARRAY['{"n": "1"}', '{"n": 1.0, "is it": "yes"}', '{"at": "2024-03-31 07:30:00.5+05"}', '{"code": "ab", "day": "20241231"}', '{"big": " 9007199254740993 "}', '{"hash": "\\x00FF"}']::jsonb[]) change;
-- Other values, and what are no values of the types.
\set ON_ERROR_ROLLBACK on
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"wide": 1.5}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"big": 9007199254740992}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"big": "many"}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"hash": "00ff"}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"hash": "\\x0"}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"v": "longer"}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"n": 1e300}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"n": null}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"n": [1]}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', (to_jsonb(t) - 'secret') || '{"other": 1}') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', to_jsonb(t) - 'secret' - 'n') FROM enc_key.t;
SELECT warden.decrypt(secret, 'enc_key.t.secret', '[]') FROM enc_key.t;
\set ON_ERROR_ROLLBACK off
-- A context of one's own becomes a column's name: what was sealed under it opens still.
INSERT INTO enc_key.copies SELECT 1, warden.encrypt('before', 'enc_key.later.secret');
COMMIT;
RESET TimeZone; RESET DateStyle;
SET SESSION AUTHORIZATION dba;
CREATE TABLE enc_key.later (tenant_id uuid, id int, secret text, seq int UNIQUE, PRIMARY KEY (tenant_id, id));
CREATE TABLE enc_key.log (tenant_id uuid, id int GENERATED ALWAYS AS IDENTITY, was text, PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT, UPDATE ON enc_key.later TO app_broker;
GRANT SELECT, INSERT ON enc_key.log TO app_broker;
SELECT warden.protect('enc_key.later'), warden.encrypt_column('enc_key.later', 'secret'), warden.protect('enc_key.log'), warden.encrypt_column('enc_key.log', 'was');
RESET SESSION AUTHORIZATION;
SELECT id AS later FROM warden.encrypted_columns WHERE schema = 'enc_key' AND relation = 'later' \gset
-- A trigger that writes to another table with encrypted columns, between a row's own trigger and ON CONFLICT.
CREATE FUNCTION enc_key.logs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO enc_key.log_clear (tenant_id, was) VALUES (NEW.tenant_id, 'written'); RETURN NEW; END $$;
CREATE TRIGGER "~~logs" BEFORE INSERT OR UPDATE ON enc_key.later FOR EACH ROW EXECUTE FUNCTION enc_key.logs();
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
SELECT warden.decrypt(secret, 'enc_key.later.secret') FROM enc_key.copies WHERE id = 1;
INSERT INTO enc_key.later (id, seq, secret) SELECT g, g, warden.encrypt('first ' || g, 'enc_key.later.secret') FROM generate_series(1, 3) g;
INSERT INTO enc_key.later (id, seq, secret) SELECT g + 10, g, warden.encrypt('second ' || g, 'enc_key.later.secret') FROM generate_series(1, 3) g
    ON CONFLICT (seq) DO UPDATE SET secret = EXCLUDED.secret;
SELECT id, secret FROM enc_key.later_clear ORDER BY id;
SELECT count(*), min(was), max(was) FROM enc_key.log_clear;
INSERT INTO enc_key.copies SELECT 2, warden.encrypt('a copy', 'enc_key.later.secret');
COMMIT;
-- A dropped column's values open with its id as their context.
SET SESSION AUTHORIZATION dba;
DROP TABLE enc_key.later CASCADE;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
SELECT warden.decrypt(secret, :'later') FROM enc_key.copies WHERE id = 2;
COMMIT;
-- Types that stand on the extension's are counted before it is dropped.
RESET SESSION AUTHORIZATION;
DROP TABLE enc_key.t, enc_key.log, enc_key.copies CASCADE;
CREATE DOMAIN enc_key.held AS warden.ciphertext;
CREATE TABLE enc_key.holder (a enc_key.held[]);
DROP EXTENSION pg_warden CASCADE;
DROP SCHEMA enc_key CASCADE;
