-- Who may do what, template by template.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA iso_templates AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_templates TO app_broker, officer;
SET ROLE dba;
CREATE TABLE iso_templates.admin_only (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE iso_templates.log (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE iso_templates.note (id int PRIMARY KEY, tenant_id uuid, author text);
CREATE TABLE iso_templates.country (code text PRIMARY KEY);
CREATE TABLE iso_templates.strict (id int PRIMARY KEY, tenant_id uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA iso_templates TO app_broker, officer;
INSERT INTO iso_templates.admin_only VALUES (1, '00000000-0000-0000-0000-000000000001'), (101, '00000000-0000-0000-0000-000000000002');
INSERT INTO iso_templates.log SELECT * FROM iso_templates.admin_only;
INSERT INTO iso_templates.strict SELECT * FROM iso_templates.admin_only;
INSERT INTO iso_templates.note VALUES (1, '00000000-0000-0000-0000-000000000001', 'acme-viewer'), (2, '00000000-0000-0000-0000-000000000001', 'acme-member'),
    (101, '00000000-0000-0000-0000-000000000002', 'acme-viewer');
INSERT INTO iso_templates.country VALUES ('CH');
SELECT warden.protect('iso_templates.admin_only', 'tenant_admin');
SELECT warden.protect('iso_templates.log', 'append_only');
SELECT warden.protect('iso_templates.note', 'owned', 'tenant_id', '{"user_column": "author"}');
SELECT warden.protect('iso_templates.country', 'reference');
SELECT warden.protect('iso_templates.strict', 'tenant', 'tenant_id', '{"read": "member", "insert": "admin", "update": "owner", "delete": "owner"}');
RESET ROLE;

-- What each role can do, as letters of riud, on a row of its own tenant.
CREATE FUNCTION iso_templates.powers(t text, i text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text := ''; statement text; letter text;
BEGIN
    FOREACH letter IN ARRAY '{r,i,u,d}'::text[] LOOP
        statement := CASE letter WHEN 'r' THEN 'SELECT count(*) FROM ' || t WHEN 'i' THEN 'INSERT INTO ' || t || ' VALUES ' || i
            WHEN 'u' THEN 'UPDATE ' || t || CASE t WHEN 'iso_templates.country' THEN ' SET code = code' ELSE ' SET id = id' END
            ELSE 'DELETE FROM ' || t END;
        BEGIN
            EXECUTE statement;
            got := got || letter;
            RAISE EXCEPTION 'undone' USING ERRCODE = 'P0001';
        EXCEPTION WHEN insufficient_privilege THEN NULL; WHEN raise_exception THEN NULL;
        END;
    END LOOP;
    RETURN got;
END $$;
GRANT EXECUTE ON FUNCTION iso_templates.powers(text, text) TO app_broker, officer;
SET SESSION AUTHORIZATION app_broker;
\set inserts '''(9, ''''00000000-0000-0000-0000-000000000001'''')'''
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner');
SELECT t, iso_templates.powers('iso_templates.' || t, :inserts) FROM unnest('{admin_only,log,strict}'::text[]) t;
SELECT iso_templates.powers('iso_templates.country', '(''FR'')') AS country, iso_templates.powers('iso_templates.note', '(9, warden.tenant_id(), ''acme-viewer'')') AS note;
COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-admin');
SELECT t, iso_templates.powers('iso_templates.' || t, :inserts) FROM unnest('{admin_only,log,strict}'::text[]) t;
SELECT id FROM iso_templates.note ORDER BY id;
COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT t, iso_templates.powers('iso_templates.' || t, :inserts) FROM unnest('{admin_only,log,strict}'::text[]) t;
SELECT id FROM iso_templates.note ORDER BY id;
SELECT iso_templates.powers('iso_templates.note', '(9, warden.tenant_id(), ''acme-viewer'')') AS for_another, iso_templates.powers('iso_templates.note', '(9, warden.tenant_id(), ''acme-member'')') AS own;
COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SELECT t, iso_templates.powers('iso_templates.' || t, :inserts) FROM unnest('{admin_only,log,strict}'::text[]) t;
SELECT id FROM iso_templates.note ORDER BY id;
SELECT iso_templates.powers('iso_templates.country', '(''FR'')') AS country;
UPDATE iso_templates.log SET id = id;
ROLLBACK;
-- Without a context nobody reads a reference table but warden_admin, who alone writes it.
SELECT * FROM iso_templates.country;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION officer;
INSERT INTO iso_templates.country VALUES ('FR');
SELECT * FROM iso_templates.country ORDER BY 1;
SELECT * FROM iso_templates.log;

-- Templates of one's own narrow and never widen.
SELECT warden.create_template('authored', '{"delete": "admin", "commands": {"select": "id < 2 OR author = warden.user_id() -- mine", "update": "author = warden.user_id()"}}', 'rows by author');
SELECT warden.create_template('widening', '{"commands": {"select": "true) OR (true"}}', 'x');
SELECT warden.create_template('widening', '{"commands": {"select": "true; DROP TABLE iso_templates.note"}}', 'x');
SELECT warden.create_template('widening', '{"commands": {"select": "true AS x"}}', 'x');
SELECT warden.create_template('widening', '{"commands": {"select": "true, false"}}', 'x');
SELECT warden.create_template('widening', '{"commands": {"truncate": "true"}}', 'x');
SELECT warden.create_template('tenant', '{}', 'x');
SELECT warden.create_template('authored', '{}', 'x');
SELECT warden.protect('iso_templates.note', 'authored');
SELECT warden.drop_template('authored');
SELECT name, definition, built_in FROM warden.templates ORDER BY built_in DESC, name;
RESET SESSION AUTHORIZATION;
SELECT polname, pg_get_expr(polqual, polrelid) AS reads FROM pg_policy WHERE polrelid = 'iso_templates.note'::regclass ORDER BY 1;
SET SESSION AUTHORIZATION app_broker;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT id FROM iso_templates.note ORDER BY id;
UPDATE iso_templates.note SET id = id;
COMMIT;
RESET SESSION AUTHORIZATION;

-- A child has its tenant from its parent; its column goes when its protection goes, and not before.
SET ROLE dba;
CREATE TABLE iso_templates.answer (id int PRIMARY KEY, strict_id int REFERENCES iso_templates.strict (id) ON DELETE CASCADE);
GRANT SELECT, INSERT ON iso_templates.answer TO app_broker;
INSERT INTO iso_templates.answer VALUES (1, 1), (2, NULL), (101, 101);
CREATE FUNCTION iso_templates.who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'filled by %', current_user; RETURN NEW; END $$;
CREATE TRIGGER who BEFORE UPDATE ON iso_templates.answer FOR EACH ROW EXECUTE FUNCTION iso_templates.who();
SELECT warden.protect('iso_templates.answer', 'child');
DROP TRIGGER who ON iso_templates.answer;
SELECT warden.protect('iso_templates.answer', 'child');
DELETE FROM iso_templates.answer WHERE id = 2;
SELECT statement FROM warden.preview('iso_templates.answer', 'child') LIMIT 2;
SELECT warden.protect('iso_templates.answer', 'child');
RESET ROLE;
SELECT id, tenant_id FROM iso_templates.answer ORDER BY id;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'iso_templates.answer'::regclass AND contype = 'f';
SET ROLE officer;
SELECT warden.protect('iso_templates.answer', 'tenant_admin');
SELECT warden.unprotect('iso_templates.answer');
RESET ROLE;
SELECT * FROM iso_templates.answer ORDER BY id;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'iso_templates.answer'::regclass AND contype = 'f';
DROP SCHEMA iso_templates CASCADE;
SET ROLE officer;
SELECT warden.drop_template('authored');
SELECT warden.drop_template('authored');
RESET ROLE;
