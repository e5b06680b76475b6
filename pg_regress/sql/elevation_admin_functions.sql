-- Each function that changes something, refused to everybody whose it is not, beside the one caller that it is for.
\set VERBOSITY sqlstate
CREATE SCHEMA elevation;
GRANT USAGE ON SCHEMA elevation TO PUBLIC;
CREATE TABLE elevation.calls (n int PRIMARY KEY, call text NOT NULL, allowed text[] NOT NULL);
GRANT SELECT ON elevation.calls TO PUBLIC;
INSERT INTO elevation.calls VALUES
    (1, $$warden.create_tenant('elevation', 'x', id => '00000000-0000-0000-0000-00000000c0d1')$$, '{officer,superuser}'),
    (2, $$warden.suspend_tenant('00000000-0000-0000-0000-000000000001', 'x')$$, '{officer,superuser}'),
    (3, $$warden.resume_tenant('00000000-0000-0000-0000-00000000c0d2', 'x')$$, '{officer,superuser}'),
    (4, $$warden.close_tenant('00000000-0000-0000-0000-000000000001', 'x')$$, '{officer,superuser}'),
    (5, $$warden.rename_role(4, 'guest')$$, '{officer,superuser}'),
    (6, $$warden.grant_permission('viewer', 'x')$$, '{officer,superuser}'),
    (7, $$warden.revoke_permission('viewer', 'x')$$, '{officer,superuser}'),
    (8, $$warden.add_issuer('elevation', '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}', 'x')$$, '{officer,superuser}'),
    (9, $$warden.set_issuer_keys('https://idp.regress.test', '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}')$$, '{officer,superuser}'),
    (10, $$warden.remove_issuer('https://idp.regress.test')$$, '{officer,superuser}'),
    (11, $$warden.issuer_keys('{"keys": []}')$$, '{officer,auditor,superuser}'),
    (12, $$warden.tenant('acme')$$, '{officer,auditor,app_broker,superuser}'),
    (13, $$warden.add_member('00000000-0000-0000-0000-000000000001', 'new', 'viewer')$$, '{officer,superuser}'),
    (14, $$warden.set_member_role('00000000-0000-0000-0000-000000000001', 'acme-viewer', 'owner')$$, '{officer,superuser}'),
    (15, $$warden.remove_member('00000000-0000-0000-0000-000000000001', 'acme-viewer')$$, '{officer,superuser}'),
    (16, $$warden.protect('elevation.open')$$, '{officer,dba,superuser}'),
    (17, $$statement FROM warden.preview('elevation.open')$$, '{officer,dba,superuser}'),
    (18, $$warden.protect('elevation.closed', 'append_only')$$, '{officer,superuser}'),
    (19, $$warden.unprotect('elevation.closed')$$, '{officer,superuser}'),
    (20, $$warden.create_template('elevation', '{"read": "member"}', 'x')$$, '{officer,superuser}'),
    (21, $$warden.drop_template('elevation-old')$$, '{officer,superuser}'),
    (23, $$warden.revoke_session('somebody''s')$$, '{officer,superuser}'),
    (24, $$warden.revoke_user('00000000-0000-0000-0000-000000000001', 'acme-viewer')$$, '{officer,superuser}'),
    (25, $$warden.revoke_tenant('00000000-0000-0000-0000-000000000001')$$, '{officer,superuser}'),
    (27, $$warden.protect_schema('elevation', 'apply')$$, '{officer,superuser}'),
    (28, $$warden.exempt('elevation.open', 'x')$$, '{officer,dba,superuser}'),
    (29, $$warden.exempt('elevation'::regnamespace, '%', 'x')$$, '{officer,superuser}'),
    (26, $$warden.login_for_session('x.y.z')$$, '{}'),
    (22, $$count(*) FROM warden.coverage$$, '{officer,auditor,superuser}');
CREATE TABLE elevation.open (id int, tenant_id uuid NOT NULL);
CREATE TABLE elevation.closed (id int, tenant_id uuid NOT NULL);
ALTER TABLE elevation.open OWNER TO dba;
ALTER TABLE elevation.closed OWNER TO dba;
SET client_min_messages = warning;
SELECT warden.protect('elevation.closed');
SELECT warden.create_template('elevation-old', '{"read": "member"}', 'x');
-- Runs a call and undoes it.
CREATE FUNCTION elevation.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE 'SELECT ' || call;
        RAISE SQLSTATE 'UNDO0';
    EXCEPTION
        WHEN SQLSTATE 'UNDO0' THEN RETURN 'allowed';
        WHEN OTHERS THEN RETURN SQLSTATE;
    END;
END$$;
SELECT warden.create_tenant('elevation-suspended', 'x', id => '00000000-0000-0000-0000-00000000c0d2');
SELECT warden.suspend_tenant('00000000-0000-0000-0000-00000000c0d2', 'x');

-- A row for each call whose outcome is not as listed; none for anybody.
CREATE FUNCTION elevation.wrong(who text) RETURNS TABLE (n int, call text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT c.n, c.call, o FROM elevation.calls c, LATERAL elevation.attempt(c.call) o
        WHERE o IS DISTINCT FROM CASE WHEN who = ANY (c.allowed) THEN 'allowed' ELSE '42501' END ORDER BY c.n;
END$$;
SET SESSION AUTHORIZATION app;
SELECT * FROM elevation.wrong('app');
SET SESSION AUTHORIZATION nobody;
SELECT * FROM elevation.wrong('nobody');
SET SESSION AUTHORIZATION dba;
SELECT * FROM elevation.wrong('dba');
SET SESSION AUTHORIZATION auditor;
SELECT * FROM elevation.wrong('auditor');
SET SESSION AUTHORIZATION app_broker;
SELECT * FROM elevation.wrong('app_broker');
SET SESSION AUTHORIZATION officer;
SELECT * FROM elevation.wrong('officer');
RESET SESSION AUTHORIZATION;
SELECT * FROM elevation.wrong('superuser');

-- A context gives no right over the platform: its owner's are the members alone, and a viewer's none.
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner');
SELECT n, outcome FROM elevation.calls, LATERAL elevation.attempt(call) outcome WHERE outcome <> '42501' ORDER BY n;
ROLLBACK;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SELECT n, outcome FROM elevation.calls, LATERAL elevation.attempt(call) outcome WHERE outcome <> '42501' ORDER BY n;
ROLLBACK;

-- The officer's right does not come back through a function of somebody else: who counts is whose rights the code has.
RESET SESSION AUTHORIZATION;
CREATE FUNCTION elevation.as_app() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$SELECT elevation.attempt($c$warden.rename_role(4, 'guest')$c$)$$;
ALTER FUNCTION elevation.as_app() OWNER TO app;
SET SESSION AUTHORIZATION officer;
SELECT elevation.as_app();
-- Nor in the expression of an index that the officer or a superuser builds anew.
SET SESSION AUTHORIZATION dba;
CREATE TABLE app.bait (id int);
INSERT INTO app.bait VALUES (1);
CREATE FUNCTION app.bait_hook(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN $1; END$$;
CREATE INDEX bait_index ON app.bait (app.bait_hook(id));
CREATE OR REPLACE FUNCTION app.bait_hook(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE NOTICE 'rename_role: %', elevation.attempt($c$warden.rename_role(4, 'guest')$c$); RETURN $1; END$$;
RESET SESSION AUTHORIZATION;
SET client_min_messages = notice;
\set VERBOSITY terse
REINDEX INDEX app.bait_index;
\set VERBOSITY sqlstate
DROP TABLE app.bait;
DROP FUNCTION app.bait_hook(int);

-- Functions of the extension have one owner, and nobody else changes them.
SET SESSION AUTHORIZATION dba;
CREATE OR REPLACE FUNCTION warden.user_id() RETURNS text LANGUAGE sql AS $$SELECT 'me'$$;
ALTER FUNCTION warden.user_id() OWNER TO dba;
DROP FUNCTION warden.user_id();
GRANT EXECUTE ON FUNCTION warden.rename_role(int, text) TO PUBLIC;
CREATE FUNCTION warden.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE warden.mine (id int);
DROP SCHEMA warden CASCADE;
DROP EXTENSION pg_warden;
GRANT warden_admin TO dba;
GRANT warden_broker TO app;
SET ROLE warden_admin;
RESET SESSION AUTHORIZATION;
SELECT warden.close_tenant('00000000-0000-0000-0000-00000000c0d2', 'end of test');
SET client_min_messages = warning;
SELECT warden.drop_template('elevation-old');
DROP SCHEMA elevation CASCADE;
