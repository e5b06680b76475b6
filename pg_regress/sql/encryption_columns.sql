-- encrypt_column and decrypt_column: a populated column becomes ciphertext and comes back as it was.
\set SHOW_CONTEXT never
CREATE SCHEMA enc_columns AUTHORIZATION dba;
GRANT USAGE ON SCHEMA enc_columns TO app_broker, officer;
SET client_min_messages = warning;
SET ROLE dba;
CREATE SEQUENCE enc_columns.numbers;
CREATE TABLE enc_columns.person (
    tenant_id uuid, id int, name varchar(20) COLLATE "C" NOT NULL DEFAULT 'nobody', born date, salary numeric(10,2), seen timestamptz, badge uuid,
    photo bytea, notes jsonb, raw json, small smallint, whole int DEFAULT nextval('enc_columns.numbers'), big bigint, plain text DEFAULT 'p', PRIMARY KEY (id, tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON enc_columns.person TO app_broker;
GRANT USAGE ON SEQUENCE enc_columns.numbers TO app_broker;
SELECT warden.protect('enc_columns.person');
RESET ROLE;
INSERT INTO enc_columns.person VALUES
    ('00000000-0000-0000-0000-000000000001', 1, 'Ada', '1815-12-10', 1.50, '2024-03-31 02:30:00.123456+00', '00000000-0000-0000-0000-00000000000a', '\x00ff', '{"a": 1.10}', '{"a": 1.10,  "a": 2}', -32768, 42, 9007199254740993),
    ('00000000-0000-0000-0000-000000000001', 2, '', 'infinity', 'NaN', '-infinity', NULL, '', 'null', '[]', 0, NULL, NULL),
    ('00000000-0000-0000-0000-000000000002', 1, 'Bob', '0044-03-15 BC', -12345678.90, '0044-03-15 12:00:00+00 BC', '00000000-0000-0000-0000-00000000000b', NULL, NULL, NULL, 1, 7, -1);
CREATE TABLE enc_columns.before AS TABLE enc_columns.person;
CREATE VIEW enc_columns.shape AS SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, l.collname, pg_get_expr(d.adbin, d.adrelid) AS default, a.attrelid
    FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
SELECT pg_relation_filenode('enc_columns.person') AS file \gset
SET client_min_messages = notice;
SET ROLE dba;
SELECT warden.encrypt_column('enc_columns.person', 'name', true);
SELECT warden.encrypt_column('enc_columns.person', 'name', true);
SET client_min_messages = warning;
SELECT warden.encrypt_column('enc_columns.person', c) FROM unnest(ARRAY['born', 'salary', 'seen', 'badge', 'photo', 'notes', 'raw', 'small', 'whole', 'big']::name[]) c;
RESET ROLE;
SELECT pg_relation_filenode('enc_columns.person') <> :file AS rewritten;
SELECT attname, type, attnotnull, "default" FROM enc_columns.shape WHERE attrelid = 'enc_columns.person'::regclass;
SELECT attname, type, collname, "default" FROM enc_columns.shape WHERE attrelid = 'enc_columns.person_clear'::regclass;
SELECT relowner::regrole, reloptions, obj_description(oid, 'pg_class'), (SELECT string_agg(x, ' ' ORDER BY x) FROM (SELECT grantee::regrole::text || '=' || string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) AS x
    FROM aclexplode(relacl) WHERE grantee <> relowner GROUP BY grantee) g) AS grants FROM pg_class WHERE oid = 'enc_columns.person_clear'::regclass;
-- Only ciphertext below, and none of it in the statistics.
SELECT count(*), count(*) FILTER (WHERE p::text ~ 'Ada|Bob|1815|1\.10') FROM enc_columns.person p;
ANALYZE enc_columns.person;
SELECT count(*) FROM pg_stats s WHERE schemaname = 'enc_columns' AND tablename = 'person' AND s::text ~ 'Ada|Bob';
-- Each reads its own, under whatever settings, and writes under others.
SET SESSION AUTHORIZATION app_broker;
SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = -10; SET bytea_output = 'escape';
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
INSERT INTO enc_columns.person_clear SELECT tenant_id, id + 100, name, born, salary, seen, badge, photo, notes, raw, small, whole, big FROM enc_columns.person_clear;
COMMIT;
RESET TimeZone; RESET DateStyle; RESET extra_float_digits; RESET bytea_output;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SELECT id, name, born, salary, seen, badge, photo, notes, raw, small, whole, big FROM enc_columns.person_clear ORDER BY id;
COMMIT;
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM enc_columns.person a JOIN enc_columns.person b ON b.id = a.id + 100 AND a.name::text <> b.name::text AND a.name = b.name;
DELETE FROM enc_columns.person WHERE id > 100;
-- Decrypting is the officer's; everything comes back: types, defaults, NOT NULL, collation, values.
SET ROLE dba;
ALTER INDEX enc_columns.person_name_warden_search RENAME TO person_found;
CREATE INDEX person_name_warden_search ON enc_columns.person (plain);
SELECT warden.decrypt_column('enc_columns.person', 'name');
SET ROLE officer;
SELECT warden.decrypt_column('enc_columns.person', 'plain');
SET client_min_messages = notice;
SELECT warden.decrypt_column('enc_columns.person', 'name');
SET client_min_messages = warning;
SELECT warden.decrypt_column('enc_columns.person', c) FROM unnest(ARRAY['born', 'salary', 'seen', 'badge', 'photo', 'notes', 'raw', 'small', 'whole', 'big']::name[]) c;
RESET ROLE;
SELECT attname, type, attnotnull, collname, "default" FROM enc_columns.shape WHERE attrelid = 'enc_columns.person'::regclass;
SELECT count(*) FROM enc_columns.person p JOIN enc_columns.before b ON p::text = b::text;
SELECT to_regclass('enc_columns.person_clear'), (SELECT count(*) FROM warden.encrypted_column_registry WHERE relation = 'enc_columns.person'::regclass) AS registered,
    (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'enc_columns.person'::regclass AND tgname LIKE '%bind%') AS triggers,
    (SELECT array_agg(indexrelid::regclass ORDER BY 1) FROM pg_index WHERE indrelid = 'enc_columns.person'::regclass) AS indexes;
SELECT warden.unprotect('enc_columns.person');
DROP SCHEMA enc_columns CASCADE;
