-- Foreign keys run their queries with FORCE lifted for the table's owner. What they call must not inherit that.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
CREATE SCHEMA fk_code AUTHORIZATION dba;
GRANT USAGE ON SCHEMA fk_code TO app, app_broker;
SET ROLE dba;
CREATE TABLE fk_code.exam (id int PRIMARY KEY, tenant_id uuid NOT NULL, secret text);
CREATE VIEW fk_code.all_exams AS SELECT * FROM fk_code.exam;
GRANT SELECT ON fk_code.exam, fk_code.all_exams TO app, app_broker;
CREATE FUNCTION fk_code.definer() RETURNS text LANGUAGE sql SECURITY DEFINER
    AS $$SELECT string_agg(secret, ',') FROM fk_code.exam$$;
RESET ROLE;
INSERT INTO fk_code.exam VALUES (1, '00000000-0000-0000-0000-000000000001', 'acme''s'), (2, '00000000-0000-0000-0000-000000000002', 'globex''s');
SET client_min_messages = warning;
SELECT warden.protect('fk_code.exam');
RESET client_min_messages;
-- The owner: a BEFORE trigger under ON DELETE CASCADE, a default under SET DEFAULT.
SET ROLE dba;
CREATE TABLE fk_code.p (id int PRIMARY KEY);
CREATE FUNCTION fk_code.peek() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN RAISE NOTICE 'stolen: %', (SELECT string_agg(secret, ',') FROM fk_code.exam); RETURN OLD; END$$;
CREATE TABLE fk_code.c (pid int REFERENCES fk_code.p ON DELETE CASCADE);
CREATE TRIGGER spy BEFORE DELETE ON fk_code.c FOR EACH ROW EXECUTE FUNCTION fk_code.peek();
INSERT INTO fk_code.p VALUES (1);
INSERT INTO fk_code.c VALUES (1);
DELETE FROM fk_code.p;
-- The plan that the function kept is as bound as the first one.
DELETE FROM fk_code.c;
CREATE FUNCTION fk_code.grab() RETURNS int LANGUAGE plpgsql
    AS $$BEGIN RAISE NOTICE 'stolen: %', (SELECT string_agg(secret, ',') FROM fk_code.exam); RETURN NULL; END$$;
CREATE TABLE fk_code.d (pid int DEFAULT fk_code.grab() REFERENCES fk_code.p ON DELETE SET DEFAULT);
INSERT INTO fk_code.d VALUES (1);
DELETE FROM fk_code.p;
DROP TABLE fk_code.c, fk_code.d;
RESET ROLE;
-- Injected SQL of the application, inside a tenant's transaction: the owner's view, the owner's definer function.
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT string_agg(secret, ',') FROM fk_code.all_exams;
CREATE TEMP TABLE p (id text PRIMARY KEY) ON COMMIT DROP;
CREATE TEMP TABLE c (pid text DEFAULT query_to_xml('SELECT secret FROM fk_code.all_exams', false, true, '')::text
    REFERENCES p ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;
INSERT INTO p VALUES ('x');
INSERT INTO c VALUES ('x');
DELETE FROM p;
SELECT pid FROM c;
CREATE TEMP TABLE d (pid text DEFAULT fk_code.definer()
    REFERENCES p ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;
DELETE FROM c;
INSERT INTO d VALUES ('x');
DELETE FROM p;
SELECT pid FROM d;
ROLLBACK;
RESET SESSION AUTHORIZATION;
-- The keys themselves go on working: a cascade over protected tables, with a trigger that is approved.
CREATE TABLE fk_code.course (id int PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE fk_code.unit (id int PRIMARY KEY, tenant_id uuid NOT NULL, course int NOT NULL REFERENCES fk_code.course ON DELETE CASCADE);
CREATE TABLE fk_code.tally (tenant_id uuid NOT NULL, n int);
CREATE FUNCTION fk_code.count_down() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE fk_code.tally SET n = n - 1; RETURN OLD; END$$;
CREATE TRIGGER tally BEFORE DELETE ON fk_code.unit FOR EACH ROW EXECUTE FUNCTION fk_code.count_down();
GRANT ALL ON fk_code.course, fk_code.unit, fk_code.tally TO app_broker;
ALTER TABLE fk_code.course OWNER TO dba;
ALTER TABLE fk_code.unit OWNER TO dba;
ALTER TABLE fk_code.tally OWNER TO dba;
INSERT INTO fk_code.course SELECT n, ('00000000-0000-0000-0000-00000000000' || n)::uuid FROM generate_series(1, 2) n;
INSERT INTO fk_code.unit SELECT id, tenant_id, id FROM fk_code.course;
INSERT INTO fk_code.tally SELECT tenant_id, 100 FROM fk_code.course;
SET client_min_messages = warning;
SELECT warden.protect('fk_code.course'), warden.protect('fk_code.unit'), warden.protect('fk_code.tally');
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
DELETE FROM fk_code.course;
COMMIT;
RESET SESSION AUTHORIZATION;
SELECT tenant_id, n FROM fk_code.tally ORDER BY 1;
SELECT id FROM fk_code.unit;
-- pg_read_all_data reads no TOAST table and no statistics: they hold every tenant's values, and no policy covers them.
CREATE ROLE fk_reader LOGIN;
GRANT pg_read_all_data TO fk_reader;
SELECT format('SELECT chunk_data FROM %s', reltoastrelid::regclass) AS toast FROM pg_class WHERE oid = 'fk_code.exam'::regclass \gset
SET SESSION AUTHORIZATION fk_reader;
\set VERBOSITY sqlstate
:toast;
SELECT stavalues1 FROM pg_statistic;
SELECT * FROM pg_statistic_ext_data;
COPY pg_statistic TO STDOUT;
COPY (SELECT * FROM pg_statistic) TO STDOUT;
CREATE TEMP VIEW mine AS SELECT stavalues1::text FROM pg_statistic;
SELECT * FROM mine;
DROP VIEW mine;
SELECT count(*) >= 0 AS views_work FROM pg_stats;
RESET SESSION AUTHORIZATION;
SELECT count(*) >= 0 AS superusers_do FROM pg_statistic;
\set VERBOSITY default
DROP ROLE fk_reader;
DROP SCHEMA fk_code CASCADE;
