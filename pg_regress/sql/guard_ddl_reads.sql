-- DDL evaluates expressions over rows that its author must not see: refused before a row is read.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = notice;
CREATE ROLE deployer LOGIN;
SET SESSION AUTHORIZATION dba;
CREATE SCHEMA reads;
GRANT USAGE, CREATE ON SCHEMA reads TO deployer;
GRANT USAGE ON SCHEMA reads TO officer, app;
CREATE FUNCTION reads.spy(x text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard %', x; RETURN x; END $$;
CREATE FUNCTION reads.hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard %', new; RETURN new; END $$;
CREATE TABLE reads.exam (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TABLE reads.spool (id int, tenant_id uuid, body text);
RESET SESSION AUTHORIZATION;
INSERT INTO reads.exam VALUES (1, '00000000-0000-0000-0000-000000000001', 'secret of acme'), (2, '00000000-0000-0000-0000-000000000002', 'secret of globex');
SET client_min_messages = warning;
SET SESSION AUTHORIZATION dba;
SELECT warden.protect('reads.exam');
SET client_min_messages = notice;
CREATE INDEX told ON reads.exam (reads.spy(body));
CREATE INDEX told ON reads.exam (id) WHERE length(body) > 3;
ALTER TABLE reads.exam ADD CONSTRAINT told CHECK (reads.spy(body) <> '');
ALTER TABLE reads.exam ADD CONSTRAINT told CHECK (body::int > 0) NOT VALID;
ALTER TABLE reads.exam ADD COLUMN told int CHECK (length(body) > 0);
ALTER TABLE reads.exam ADD COLUMN told text GENERATED ALWAYS AS (lower(body)) STORED;
ALTER TABLE reads.exam ADD CONSTRAINT told EXCLUDE USING gist (int4range(id, id + 1) WITH &&);
ALTER TABLE reads.exam ALTER COLUMN body TYPE int USING body::int;
ALTER TABLE reads.exam ALTER COLUMN body TYPE varchar(3);
CREATE STATISTICS reads.told ON (lower(body)), id FROM reads.exam;
CREATE POLICY told ON reads.exam AS RESTRICTIVE USING (reads.spy(body) <> '');
CREATE POLICY told ON reads.exam AS RESTRICTIVE USING (EXISTS (SELECT reads.spy(body)));
CREATE TRIGGER told BEFORE INSERT ON reads.exam FOR EACH ROW EXECUTE FUNCTION reads.hear();
CREATE RULE told AS ON INSERT TO reads.exam DO ALSO SELECT reads.spy(new.body);
CREATE RULE told AS ON INSERT TO reads.exam DO ALSO INSERT INTO reads.spool VALUES (new.*);
-- domains
CREATE DOMAIN reads.heard AS text CHECK (reads.spy(value) <> '');
ALTER TABLE reads.exam ADD COLUMN told reads.heard;
ALTER TABLE reads.exam ADD COLUMN told reads.heard[];
CREATE DOMAIN reads.plain AS text;
ALTER TABLE reads.exam ADD COLUMN note reads.plain;
ALTER DOMAIN reads.plain ADD CHECK (reads.spy(value) <> '');
ALTER DOMAIN reads.plain ADD CHECK (value <> '');
-- sent out
SET client_min_messages = error;
CREATE PUBLICATION told FOR TABLE reads.exam;
SET client_min_messages = notice;
-- what tells nothing goes on working
ALTER TABLE reads.exam ADD COLUMN score int DEFAULT 7;
CREATE INDEX ON reads.exam (body);
ALTER TABLE reads.exam ALTER COLUMN score TYPE bigint;
ALTER TABLE reads.exam ADD CHECK (score > 0);
ALTER TABLE reads.exam ADD COLUMN twice bigint GENERATED ALWAYS AS (score) STORED;
CREATE POLICY wide ON reads.exam USING (true) WITH CHECK (true);
CREATE RULE also AS ON UPDATE TO reads.exam DO ALSO SELECT 1;
DROP RULE also ON reads.exam;
REINDEX TABLE reads.exam;
ANALYZE reads.exam;
-- a function's owner is the approval, and it does not go with the function
RESET SESSION AUTHORIZATION;
GRANT warden_migrator TO deployer;
SET SESSION AUTHORIZATION deployer;
CREATE FUNCTION reads.deployed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
SET SESSION AUTHORIZATION dba;
CREATE TRIGGER approved BEFORE INSERT ON reads.exam FOR EACH ROW EXECUTE FUNCTION reads.deployed();
RESET SESSION AUTHORIZATION;
ALTER FUNCTION reads.deployed() OWNER TO dba;
-- a migrator's own table is trusted to it
SET SESSION AUTHORIZATION deployer;
SET client_min_messages = warning;
CREATE TABLE reads.own (id int PRIMARY KEY, tenant_id uuid, body text);
SELECT warden.protect('reads.own');
SET client_min_messages = notice;
CREATE INDEX ON reads.own (lower(body));
ALTER TABLE reads.own ADD CHECK (length(body) > 0);
CREATE TRIGGER own BEFORE INSERT ON reads.own FOR EACH ROW EXECUTE FUNCTION reads.deployed();
CREATE TRIGGER foreign_one BEFORE INSERT ON reads.own FOR EACH ROW EXECUTE FUNCTION reads.hear();
RESET SESSION AUTHORIZATION;
REVOKE warden_migrator FROM deployer;
SET SESSION AUTHORIZATION deployer;
CREATE INDEX ON reads.own (upper(body));
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
DROP SCHEMA reads CASCADE;
DROP OWNED BY deployer;
DROP ROLE deployer;
