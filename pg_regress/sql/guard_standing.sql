-- What stands on a table when it is protected is held to the rules of what comes later.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = warning;
SET SESSION AUTHORIZATION dba;
CREATE SCHEMA standing;
GRANT USAGE ON SCHEMA standing TO officer;
CREATE FUNCTION standing.hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE DOMAIN standing.word AS text CHECK (value ~ '^x');
CREATE TABLE standing.checked (id int PRIMARY KEY, tenant_id uuid, body text CHECK (length(body) > 0));
CREATE TABLE standing.indexed (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE UNIQUE INDEX lowered ON standing.indexed (lower(body));
CREATE TABLE standing.made (id int PRIMARY KEY, tenant_id uuid, body text, small text GENERATED ALWAYS AS (lower(body)) STORED);
CREATE TABLE standing.excluded (id int PRIMARY KEY, tenant_id uuid, body text, at int4range, EXCLUDE USING gist (at WITH &&));
CREATE TABLE standing.worded (id int PRIMARY KEY, tenant_id uuid, body standing.word[]);
CREATE TABLE standing.triggered (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE TRIGGER hears BEFORE INSERT ON standing.triggered FOR EACH ROW EXECUTE FUNCTION standing.hear();
CREATE TABLE standing.ruled (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE RULE copies AS ON INSERT TO standing.ruled DO ALSO INSERT INTO standing.triggered VALUES (new.*);
CREATE TABLE standing.policed (id int PRIMARY KEY, tenant_id uuid, body text);
CREATE POLICY looks ON standing.policed AS RESTRICTIVE USING (body LIKE 'x%');
CREATE TABLE standing.sent (id int PRIMARY KEY, tenant_id uuid, body text);
SET client_min_messages = error;
CREATE PUBLICATION sends FOR TABLE standing.sent;
SET client_min_messages = warning;
SELECT warden.protect('standing.checked');
SELECT warden.protect('standing.indexed');
SELECT warden.protect('standing.made');
SELECT warden.protect('standing.excluded');
SELECT warden.protect('standing.worded');
SELECT warden.protect('standing.triggered');
SELECT warden.protect('standing.ruled');
SELECT warden.protect('standing.policed');
SELECT warden.protect('standing.sent');
-- as the hints say
RESET SESSION AUTHORIZATION;
ALTER FUNCTION standing.hear() OWNER TO postgres;
ALTER TABLE standing.checked OWNER TO postgres;
ALTER TABLE standing.excluded OWNER TO postgres;
SET SESSION AUTHORIZATION officer;
SELECT warden.protect('standing.triggered');
SELECT warden.protect('standing.checked');
SELECT warden.protect('standing.excluded');
SELECT warden.protect('standing.sent');
-- in step with the rules for what comes later
RESET SESSION AUTHORIZATION;
DROP PUBLICATION sends;
DROP SCHEMA standing CASCADE;
