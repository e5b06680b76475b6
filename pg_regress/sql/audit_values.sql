-- A value is recorded as one text, whatever the session's settings were when it was written or are when it is read.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA aud_val;
GRANT USAGE ON SCHEMA aud_val TO app_broker;
CREATE TYPE aud_val.mood AS ENUM ('bad', 'so so', 'good');
CREATE DOMAIN aud_val.small AS numeric(4, 1) CHECK (value < 100);
CREATE TYPE aud_val.pair AS (at timestamptz, share float8, word text, mood aud_val.mood);
CREATE DOMAIN aud_val.pairs AS aud_val.pair[];
CREATE TYPE aud_val.span AS RANGE (subtype = float8);
CREATE TABLE aud_val.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, kind text NOT NULL, i2 int2, i4 int4, i8 int8, n numeric, f4 float4, f8 float8, m money, bo bool,
    c char(5), vc varchar, nm name, ch "char", by bytea, ts timestamptz, tn timestamp, d date, tm time, tz timetz, iv interval, u uuid,
    j json, jb jsonb, x xml, ip inet, ma macaddr, b bit(3), vb varbit, e aud_val.mood, dm aud_val.small, co aud_val.pair, ca aud_val.pairs,
    ai int[], af float8[], at timestamptz[], ae aud_val.mood[], r int4range, rt tstzrange, mr int4multirange, sp aud_val.span,
    rc regclass, rt2 regtype, rp regproc, rr regrole, o oid, p point, l lseg, po polygon, tv tsvector, tq tsquery, jp jsonpath, lsn pg_lsn, x8 xid8);
GRANT SELECT, INSERT, UPDATE, DELETE ON aud_val.t TO app_broker;
SELECT warden.protect('aud_val.t'), warden.audit('aud_val.t');
-- The literals, each in a column of its own row; the same for every session that writes them.
CREATE TABLE aud_val.literals (n int GENERATED ALWAYS AS IDENTITY, col text, lit text);
GRANT SELECT ON aud_val.literals TO app_broker;
INSERT INTO aud_val.literals (col, lit)
    SELECT col, lit FROM (VALUES (1, 'i2', ARRAY['-32768']), (2, 'i4', ARRAY['2147483647', '-2147483648', '0']), (3, 'i8', ARRAY['-9223372036854775808', '9007199254740993']),
        (4, 'n', ARRAY['1.0', '1.00', 'NaN', 'Infinity', '-Infinity', '1e100', '0.000000000000000000000000000001', '-0.0', '123456789012345678901234567890.123456789']),
        (5, 'f4', ARRAY['0.1', '-0', 'NaN', '1e-45', 'Infinity']), (6, 'f8', ARRAY['0.1', '-0', 'NaN', '-Infinity', '1e-307', '1.7976931348623157e308', '5e-324', '1e15', '123456789.12345678']),
        (7, 'm', ARRAY['1234567.89', '-0.5']), (8, 'bo', ARRAY['on', 'off']), (9, 'c', ARRAY['ab', '']), (10, 'vc', ARRAY[' a b ', '', E'\t\n\\ "é" \U0001F393']), (11, 'nm', ARRAY['Na"me']), (12, 'ch', ARRAY['x', '']),
        (13, 'by', ARRAY['\x00ff805c27', '\x']), (14, 'ts', ARRAY['2024-03-31 01:30:00.123456+00', 'infinity', '-infinity', '0044-03-15 12:00:00+00 BC', '294276-12-31 23:59:59.999999+00']),
        (15, 'tn', ARRAY['2024-02-29 23:59:59.999999', '4713-01-01 00:00:00 BC']), (16, 'd', ARRAY['2024-02-29', '-infinity', '0001-01-01 BC']), (17, 'tm', ARRAY['24:00:00', '01:02:03.4']), (18, 'tz', ARRAY['12:34:56.789+05:45']),
        (19, 'iv', ARRAY['1 mon -3 days 04:05:06.789', '-1 year -2 mons +3 days -04:05:06', '0', '178000000 years']), (20, 'u', ARRAY['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11']),
        (21, 'j', ARRAY['{"a": [true,  "q\"q"], "a": 1.00}', ' null ']), (22, 'jb', ARRAY['{"b": [1, 1.00, null, "x"], "é": {}, "big": 12345678901234567890, "b": 2}', '"\u0041"']),
        (23, 'x', ARRAY['<a b="c">é &amp; &lt;</a>', '<?xml version="1.0"?><a/>']), (24, 'ip', ARRAY['10.0.0.1/8', '::1']), (25, 'ma', ARRAY['08-00-2b-01-02-03']), (26, 'b', ARRAY['101']), (27, 'vb', ARRAY['', '11110000']),
        (28, 'e', ARRAY['so so']), (29, 'dm', ARRAY['7.25']), (30, 'co', ARRAY['("2024-03-31 01:30:00+00",0.1,"x, ""y""","so so")', '(,,,)']), (31, 'ca', ARRAY['{"(2024-03-31 01:30:00+00,-0,w,good)",NULL}']),
        (32, 'ai', ARRAY['{1,NULL,3}', '{}', '{{1,2},{3,4}}', '[2:3]={1,2}']), (33, 'af', ARRAY['{0.1,-0,NaN,Infinity}']), (34, 'at', ARRAY['{"2024-03-31 01:30:00+00",infinity}']), (35, 'ae', ARRAY['{"so so",NULL}']),
        (36, 'r', ARRAY['[1,5]', 'empty', '(,)']), (37, 'rt', ARRAY['["2024-03-31 01:30:00+00",infinity)']), (38, 'mr', ARRAY['{[1,3),[5,7)}', '{}']), (39, 'sp', ARRAY['[0.1,0.2)']),
        (40, 'rc', ARRAY['aud_val.t', 'pg_catalog.pg_class']), (41, 'rt2', ARRAY['aud_val.mood', 'integer', 'character varying(3)[]']), (42, 'rp', ARRAY['pg_catalog.now']), (43, 'rr', ARRAY['app']), (44, 'o', ARRAY['4294967295']),
        (45, 'p', ARRAY['(0.1,-0)']), (46, 'l', ARRAY['[(0,0.1),(1,2)]']), (47, 'po', ARRAY['((0,0),(0.1,1e300))']), (48, 'tv', ARRAY['a:1A fat:2B,4C cat']), (49, 'tq', ARRAY['fat & !(rat | cat:*AB)']),
        (50, 'jp', ARRAY['$."a"[*] ? (@.b > 1.50)']), (51, 'lsn', ARRAY['16/B374D848']), (52, 'x8', ARRAY['18446744073709551615'])) v(at, col, lits), unnest(lits) WITH ORDINALITY u(lit, place) ORDER BY at, place;
CREATE PROCEDURE aud_val.write(session text, base int) LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
    FOR one IN SELECT * FROM aud_val.literals ORDER BY n LOOP
        EXECUTE pg_catalog.format('INSERT INTO aud_val.t (id, kind, %I) VALUES (%s, %L, %L)', one.col, base OPERATOR(pg_catalog.+) one.n, session, one.lit);
    END LOOP;
    UPDATE aud_val.t SET i4 = id WHERE kind OPERATOR(pg_catalog.=) session;
    DELETE FROM aud_val.t WHERE kind OPERATOR(pg_catalog.=) session;
END $$;
\set odd 'SET LOCAL TimeZone = ''Asia/Kathmandu''; SET LOCAL DateStyle = ''SQL, DMY''; SET LOCAL IntervalStyle = ''sql_standard''; SET LOCAL bytea_output = ''escape''; SET LOCAL extra_float_digits = -10; SET LOCAL xmlbinary = ''hex''; SET LOCAL xmloption = ''content''; SET LOCAL quote_all_identifiers = on; SET LOCAL standard_conforming_strings = on; SET LOCAL lc_numeric = ''C''; SET LOCAL lc_time = ''C.UTF-8'''
\set iso8601 'SET LOCAL TimeZone = ''America/Caracas''; SET LOCAL DateStyle = ''Postgres, MDY''; SET LOCAL IntervalStyle = ''iso_8601''; SET LOCAL extra_float_digits = 0; SET LOCAL search_path = '''''
\set german 'SET LOCAL TimeZone = ''-13''; SET LOCAL DateStyle = ''German''; SET LOCAL IntervalStyle = ''postgres_verbose''; SET LOCAL extra_float_digits = 3; SET LOCAL search_path = aud_val, pg_catalog; SET LOCAL client_encoding = ''LATIN1'''
SET SESSION AUTHORIZATION app_broker;
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL; CALL aud_val.write('plain', 1000); COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL; :odd; CALL aud_val.write('odd', 2000); COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL; :iso8601; CALL aud_val.write('iso8601', 3000); COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL; :german; CALL aud_val.write('german', 4000); COMMIT;
-- What is recorded.
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner') IS NULL;
SELECT x.col, x.lit, l.new ->> x.col FROM aud_val.literals x JOIN warden.audit_log l ON (l.key ->> 'id')::int = 1000 + x.n
    WHERE l.relation = 'aud_val.t' AND l.operation = 'INSERT' ORDER BY x.n;
-- The same from every session, in every operation, and as every session reads it.
SELECT operation, count(*), count(DISTINCT (l.key ->> 'id')::int % 1000), count(DISTINCT ((l.key ->> 'id')::int % 1000, l.old - '{id,kind,i4}'::text[], l.new - '{id,kind,i4}'::text[]))
    FROM warden.audit_log l WHERE relation = 'aud_val.t' GROUP BY 1 ORDER BY 1;
SELECT x.col, x.lit, string_agg(DISTINCT l.new ->> x.col, ' <> ') FROM aud_val.literals x JOIN warden.audit_log l ON (l.key ->> 'id')::int % 1000 = x.n
    WHERE l.relation = 'aud_val.t' AND l.operation = 'INSERT' GROUP BY x.n, x.col, x.lit HAVING count(DISTINCT l.new ->> x.col) <> 1 ORDER BY x.n;
SELECT md5(string_agg(concat_ws('|', entry, key, old, new), ',' ORDER BY xid, number)) AS read FROM warden.audit_log WHERE relation = 'aud_val.t' \gset
:odd;
SELECT md5(string_agg(concat_ws('|', entry, key, old, new), ',' ORDER BY xid, number)) = :'read' FROM warden.audit_log WHERE relation = 'aud_val.t';
:german;
SELECT md5(string_agg(concat_ws('|', entry, key, old, new), ',' ORDER BY xid, number)) = :'read' FROM warden.audit_log WHERE relation = 'aud_val.t';
COMMIT;
-- Times of all ages, and every number of digits, as PostgreSQL itself prints them; values that an update leaves, large ones too.
RESET SESSION AUTHORIZATION;
CREATE TABLE aud_val.many (id int PRIMARY KEY, ts timestamptz, tn timestamp, d date, tm time, f8 float8, i8 int8, n numeric, bo bool, u uuid, big text, at timestamptz[]);
ALTER TABLE aud_val.many ALTER COLUMN big SET STORAGE EXTERNAL;
SELECT warden.audit('aud_val.many');
CREATE FUNCTION aud_val.shown(aud_val.many) RETURNS jsonb LANGUAGE sql SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' SET extra_float_digits = 1 AS $$ SELECT jsonb_object_agg(key, to_jsonb(value::text)) FROM (SELECT 'ts', $1.ts::text UNION ALL SELECT 'tn', $1.tn::text
    UNION ALL SELECT 'd', $1.d::text UNION ALL SELECT 'tm', $1.tm::text UNION ALL SELECT 'f8', $1.f8::text UNION ALL SELECT 'i8', $1.i8::text UNION ALL SELECT 'n', $1.n::text UNION ALL SELECT 'bo', CASE WHEN $1.bo THEN 't' ELSE 'f' END UNION ALL SELECT 'u', $1.u::text UNION ALL SELECT 'at', $1.at::text) v(key, value) $$;
INSERT INTO aud_val.many SELECT n, t, t AT TIME ZONE 'UTC', (t AT TIME ZONE 'UTC')::date, (t AT TIME ZONE 'UTC')::time, (n - 1000) * 1e-7 * 10::float8 ^ (n % 40), (n - 1000) * (9223372036854775807 / 2000), (n - 1000)::numeric / 10 ^ (n % 9), n % 2 = 0, md5(n::text)::uuid, repeat(md5(n::text), 100), ARRAY[t]
    FROM (SELECT n, CASE WHEN n <= 600 THEN '4713-01-01 00:00:00+00 BC'::timestamptz + n * interval '20 years 7 days 3 hours 1 microsecond' WHEN n <= 1200 THEN '0001-01-01 00:00:00+00'::timestamptz + (n - 900) * interval '1 day 0.100003 s'
        WHEN n <= 1800 THEN '9999-12-31 23:59:59.999990+00'::timestamptz + (n - 1500) * interval '1 microsecond' ELSE '2024-02-28 23:59:59+00'::timestamptz + (10 ^ (n % 6))::int * (n - 1800) * interval '1 microsecond' END FROM generate_series(1, 2000) n) g(n, t);
UPDATE aud_val.many SET tm = tm + interval '1 microsecond' WHERE id % 10 = 0;
UPDATE aud_val.many SET f8 = -f8, n = n + 0.00 WHERE f8 = 0;
-- It is in the platform's log, whose content the views show nobody: read as it is stored.
SELECT count(*) FROM warden.audit_entry e JOIN warden.audit_payload p USING (incarnation, xid, first, period), warden.audit_rows(e.tenant, e.incarnation, e.xid, e.first, e.body, p.body, NULL, NULL) l, aud_val.many m
    WHERE l.relation = 'aud_val.many' AND l.operation = 'INSERT' AND m.id = (l.new ->> 'id')::int AND (l.new - '{id,big,tm,f8,n}'::text[]) = aud_val.shown(m) - '{tm,f8,n}'::text[] AND l.new ->> 'big' = m.big;
SELECT l.operation, count(*), count(*) FILTER (WHERE (l.new - '{id,big}'::text[]) = aud_val.shown(m) AND l.new ->> 'big' = m.big), count(*) FILTER (WHERE l.old ->> 'big' = m.big), count(*) FILTER (WHERE (l.old -> 'tm') = (l.new -> 'tm'))
    FROM warden.audit_entry e JOIN warden.audit_payload p USING (incarnation, xid, first, period), warden.audit_rows(e.tenant, e.incarnation, e.xid, e.first, e.body, p.body, NULL, NULL) l, aud_val.many m
    WHERE l.relation = 'aud_val.many' AND l.operation = 'UPDATE' AND m.id = (l.new ->> 'id')::int AND m.f8 <> 0 GROUP BY 1;
SELECT l.old ->> 'f8', l.new ->> 'f8', l.old ->> 'n', l.new ->> 'n' FROM warden.audit_entry e JOIN warden.audit_payload p USING (incarnation, xid, first, period), warden.audit_rows(e.tenant, e.incarnation, e.xid, e.first, e.body, p.body, NULL, NULL) l
    WHERE l.relation = 'aud_val.many' AND l.operation = 'UPDATE' AND (l.new ->> 'f8')::float8 = 0 ORDER BY e.xid DESC LIMIT 1;
SET SESSION AUTHORIZATION app_broker;
-- The settings stay what they were for the rest of the transaction.
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NULL; :odd;
INSERT INTO aud_val.t (id, kind, rc, ts, m, f8) VALUES (9000, 'after', 'aud_val.t', '2024-03-31 01:30:00+00', 1.5, 0.1);
SELECT rc, ts, f8, ROW(current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle'), current_setting('extra_float_digits'), current_setting('bytea_output')) FROM aud_val.t;
SAVEPOINT s;
INSERT INTO aud_val.t (id, kind) VALUES (9000, 'twice');
ROLLBACK TO s;
SELECT current_setting('TimeZone'), current_setting('DateStyle');
ROLLBACK;
SELECT current_setting('DateStyle'), current_setting('TimeZone');
-- Verified under any settings.
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner') IS NULL; :odd;
SELECT warden.seal_audit() > 0;
SELECT count(*) FROM warden.verify_audit() WHERE NOT ok;
COMMIT;
RESET SESSION AUTHORIZATION;
\pset format aligned
\pset tuples_only off
\pset null ''
DROP SCHEMA aud_val CASCADE;
