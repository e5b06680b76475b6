-- The owner's code does not run in tenants' contexts on a protected table, by whichever road it comes.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = warning;
SET SESSION AUTHORIZATION dba;
CREATE SCHEMA code;
GRANT USAGE ON SCHEMA code TO app, officer;
CREATE TYPE code.grade AS ENUM ('good', 'bad');
CREATE FUNCTION code.tap(x text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'heard %', x; RETURN true; END $$;
CREATE FUNCTION code.grab() RETURNS bool IMMUTABLE LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RAISE WARNING 'grabs'; RETURN true; END $$;
CREATE FUNCTION code.said(code.grade) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'heard %', $1; RETURN 'good'; END $$;
CREATE FUNCTION code.marked(code.grade) RETURNS bytea IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'heard %', $1; RETURN 'good'; END $$;
CREATE FUNCTION code.diff(int, int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'heard % %', $1, $2; RETURN ($1 - $2)::float8; END $$;
CREATE DOMAIN code.word AS text CHECK (code.tap(value));
CREATE DOMAIN code.short AS text CHECK (value <> '');
CREATE DOMAIN code.aside AS text CHECK (value <> '');
CREATE DOMAIN code.flag AS bool DEFAULT code.grab();
CREATE TYPE code.pair AS (a int, b code.word);
CREATE VIEW code.seen AS SELECT code.grab() AS x;
CREATE TABLE code.policed (id int);
ALTER TABLE code.policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY grabs ON code.policed USING (code.grab());
CREATE TABLE code.grades (name text PRIMARY KEY);
CREATE TABLE code.marks (mark bytea PRIMARY KEY);
CREATE TABLE code.sames (grade code.grade PRIMARY KEY);
CREATE TYPE code.span AS RANGE (subtype = int, subtype_diff = code.diff);
CREATE TYPE code.plain_span AS RANGE (subtype = int);
CREATE SEQUENCE code.counter;
CREATE TABLE code.exam (id int PRIMARY KEY, tenant_id uuid, body text, grade code.grade);
SELECT warden.protect('code.exam');
-- a trigger's condition
CREATE TRIGGER told BEFORE INSERT ON code.exam FOR EACH ROW WHEN (code.tap(new.body)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER told BEFORE UPDATE ON code.exam FOR EACH ROW WHEN (new.body::code.word <> '') EXECUTE FUNCTION suppress_redundant_updates_trigger();
\set VERBOSITY terse
CREATE TRIGGER told BEFORE UPDATE ON code.exam FOR EACH ROW WHEN (setval('code.counter', new.id) > 0) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER quiet BEFORE UPDATE ON code.exam FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.* AND lower(new.body) <> 'x') EXECUTE FUNCTION suppress_redundant_updates_trigger();
-- defaults
ALTER TABLE code.exam ADD COLUMN told bool DEFAULT code.grab();
ALTER TABLE code.exam ADD COLUMN told bool;
ALTER TABLE code.exam ALTER COLUMN told SET DEFAULT code.grab();
ALTER TABLE code.exam ALTER COLUMN told SET DEFAULT (query_to_xml('SELECT code.grab()', true, true, '') IS NOT NULL);
ALTER TABLE code.exam ALTER COLUMN body SET DEFAULT 'x'::code.word;
ALTER TABLE code.exam ADD COLUMN flag code.flag;
CREATE DOMAIN code.later AS bool;
ALTER TABLE code.exam ADD COLUMN later code.later;
ALTER DOMAIN code.later SET DEFAULT code.grab();
ALTER DOMAIN code.later SET DEFAULT true;
ALTER TABLE code.exam ADD COLUMN word code.short DEFAULT 'x';
ALTER TABLE code.exam ALTER COLUMN word SET DEFAULT 'y'::code.short;
-- checks, policies and indexes without a variable
ALTER TABLE code.exam ADD CONSTRAINT told CHECK (code.grab()) NOT VALID;
ALTER TABLE code.exam ADD CONSTRAINT told CHECK (code.grab());
CREATE POLICY told ON code.exam AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT code.grab()));
CREATE POLICY told ON code.exam AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT x FROM code.seen));
CREATE POLICY told ON code.exam AS RESTRICTIVE FOR INSERT WITH CHECK (EXISTS (SELECT FROM code.policed));
CREATE INDEX told ON code.exam ((code.grab()));
CREATE INDEX told ON code.exam (id) WHERE code.grab();
-- rules
CREATE RULE told AS ON INSERT TO code.exam DO ALSO SELECT new.body::code.word;
CREATE RULE told AS ON INSERT TO code.exam DO ALSO SELECT json_populate_record(NULL::code.pair, to_json(new));
CREATE RULE told AS ON UPDATE TO code.exam DO ALSO SELECT x FROM code.seen;
CREATE RULE told AS ON UPDATE TO code.exam DO ALSO SELECT FROM code.policed;
CREATE RULE told AS ON UPDATE TO code.exam DO ALSO SELECT pg_notify('spy', new.body);
CREATE RULE told AS ON UPDATE TO code.exam DO ALSO SELECT * FROM json_to_record(to_json(new)) AS r (body code.word);
CREATE RULE quiet AS ON UPDATE TO code.exam DO ALSO SELECT lower(new.body::code.aside) FROM code.grades;
ALTER DOMAIN code.aside ADD CHECK (code.tap(value));
ALTER DOMAIN code.aside ADD CHECK (length(value) > 0);
ALTER TABLE code.grades ENABLE ROW LEVEL SECURITY;
CREATE POLICY told ON code.grades USING (code.grab());
CREATE POLICY told ON code.grades USING (name ~ '^x');
ALTER POLICY told ON code.grades USING (code.grab());
CREATE RULE more AS ON UPDATE TO code.exam DO ALSO SELECT name FROM code.grades;
-- foreign keys: NOT VALID, since the owner may read no row
ALTER TABLE code.exam ADD CONSTRAINT same FOREIGN KEY (grade) REFERENCES code.sames (grade) NOT VALID;
CREATE CAST (code.grade AS bytea) WITH FUNCTION code.marked(code.grade) AS IMPLICIT;
ALTER TABLE code.exam ADD CONSTRAINT told FOREIGN KEY (grade) REFERENCES code.marks (mark);
ALTER TABLE code.exam ADD CONSTRAINT told FOREIGN KEY (grade) REFERENCES code.marks (mark) NOT VALID;
ALTER TABLE code.exam ADD CONSTRAINT plain FOREIGN KEY (body) REFERENCES code.grades (name) NOT VALID;
-- ranges
ALTER TABLE code.exam ADD COLUMN held code.span;
ALTER TABLE code.exam ADD COLUMN held code.span[];
ALTER TABLE code.exam ADD COLUMN held code.plain_span;
ALTER TABLE code.exam ALTER COLUMN held TYPE code.span USING NULL;
ALTER TABLE code.exam ALTER COLUMN held TYPE code.word USING NULL;
CREATE TYPE code.box AS (a int);
ALTER TABLE code.exam ADD COLUMN box code.box;
ALTER TYPE code.box ADD ATTRIBUTE b code.span;
ALTER TYPE code.box ADD ATTRIBUTE b code.word;
ALTER TYPE code.box ADD ATTRIBUTE b text;
-- what an owner does every day goes on working
ALTER TABLE code.exam ADD COLUMN score int DEFAULT 7;
ALTER TABLE code.exam ADD CHECK (score > 0);
ALTER TABLE code.exam ADD COLUMN made timestamptz DEFAULT now();
ALTER TABLE code.exam ADD COLUMN code uuid DEFAULT gen_random_uuid();
ALTER TABLE code.exam ADD COLUMN number bigint DEFAULT nextval('code.counter');
ALTER TABLE code.exam ADD COLUMN row_number int GENERATED ALWAYS AS IDENTITY;
ALTER TABLE code.exam ADD COLUMN serial serial;
ALTER TABLE code.exam ADD COLUMN by text DEFAULT warden.user_id();
ALTER TABLE code.exam ADD COLUMN double int GENERATED ALWAYS AS (score) STORED;
ALTER TABLE code.exam ALTER COLUMN grade SET DEFAULT 'good';
ALTER TABLE code.exam ADD COLUMN during tstzrange, ADD COLUMN words text[] DEFAULT '{}', ADD COLUMN doc jsonb DEFAULT '{}';
CREATE TRIGGER same BEFORE UPDATE ON code.exam FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
-- warden_admin is trusted with expressions; an approved function does not become the owner's
RESET SESSION AUTHORIZATION;
ALTER TABLE code.exam ALTER COLUMN told SET DEFAULT code.grab();
ALTER TABLE code.exam ALTER COLUMN told DROP DEFAULT;
CREATE FUNCTION public.approved() RETURNS bool IMMUTABLE LANGUAGE sql RETURN true;
SET SESSION AUTHORIZATION dba;
ALTER TABLE code.exam ALTER COLUMN told SET DEFAULT public.approved();
ALTER TABLE code.exam ADD CONSTRAINT approved CHECK (public.approved());
CREATE TRIGGER approved BEFORE UPDATE ON code.exam FOR EACH ROW WHEN (public.approved()) EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET SESSION AUTHORIZATION;
GRANT CREATE ON SCHEMA public TO dba;
ALTER FUNCTION public.approved() OWNER TO dba;
ALTER TABLE code.exam DROP CONSTRAINT approved;
DROP TRIGGER approved ON code.exam;
ALTER FUNCTION public.approved() OWNER TO dba;
REVOKE CREATE ON SCHEMA public FROM dba;
-- nor does one that a type calls
RESET SESSION AUTHORIZATION;
CREATE FUNCTION public.approved_diff(int, int) RETURNS float8 IMMUTABLE LANGUAGE sql RETURN ($1 - $2)::float8;
CREATE FUNCTION public.approved_check() RETURNS bool IMMUTABLE LEAKPROOF LANGUAGE sql RETURN true;
SET SESSION AUTHORIZATION dba;
CREATE TYPE code.approved_span AS RANGE (subtype = int, subtype_diff = public.approved_diff);
CREATE DOMAIN code.approved_word AS text CHECK (public.approved_check());
ALTER TABLE code.exam ADD COLUMN spans code.approved_span[], ADD COLUMN approved code.approved_word;
RESET SESSION AUTHORIZATION;
GRANT CREATE ON SCHEMA public TO dba;
ALTER FUNCTION public.approved_diff(int, int) OWNER TO dba;
ALTER FUNCTION public.approved_check() OWNER TO dba;
ALTER TABLE code.exam DROP COLUMN spans;
ALTER FUNCTION public.approved_diff(int, int) OWNER TO dba;
REVOKE CREATE ON SCHEMA public FROM dba;
-- what stood before
SET SESSION AUTHORIZATION dba;
CREATE TABLE code.late (id int PRIMARY KEY, tenant_id uuid, body text DEFAULT 'x', grade code.grade);
ALTER TABLE code.late ALTER COLUMN body SET DEFAULT code.said('good');
SELECT warden.protect('code.late');
ALTER TABLE code.late ALTER COLUMN body DROP DEFAULT, ADD CONSTRAINT told CHECK (code.grab());
SELECT warden.protect('code.late');
ALTER TABLE code.late DROP CONSTRAINT told;
CREATE TRIGGER told BEFORE INSERT ON code.late FOR EACH ROW WHEN (code.tap(new.body)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT warden.protect('code.late');
DROP TRIGGER told ON code.late;
CREATE RULE told AS ON INSERT TO code.late DO ALSO SELECT x FROM code.seen;
SELECT warden.protect('code.late');
DROP RULE told ON code.late;
CREATE POLICY told ON code.late AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT code.grab()));
SELECT warden.protect('code.late');
DROP POLICY told ON code.late;
ALTER TABLE code.late ADD CONSTRAINT told FOREIGN KEY (grade) REFERENCES code.marks (mark);
SELECT warden.protect('code.late');
ALTER TABLE code.late DROP CONSTRAINT told, ADD COLUMN told code.span;
SELECT warden.protect('code.late');
ALTER TABLE code.late DROP COLUMN told, ADD COLUMN told code.flag;
SELECT warden.protect('code.late');
ALTER TABLE code.late DROP COLUMN told;
SELECT warden.protect('code.late');
RESET SESSION AUTHORIZATION;
ALTER TABLE code.exam ALTER COLUMN told DROP DEFAULT;
DROP FUNCTION public.approved();
-- the notifier of the tcn extension, where it is installed
DO $$ BEGIN CREATE EXTENSION tcn SCHEMA code; EXCEPTION WHEN OTHERS THEN
    CREATE FUNCTION code.triggered_change_notification() RETURNS trigger LANGUAGE internal AS 'suppress_redundant_updates_trigger'; END $$;
SET SESSION AUTHORIZATION dba;
CREATE TRIGGER told AFTER INSERT ON code.exam FOR EACH ROW EXECUTE FUNCTION code.triggered_change_notification();
RESET SESSION AUTHORIZATION;
DROP SCHEMA code CASCADE;
DROP FUNCTION public.approved_diff(int, int), public.approved_check();
