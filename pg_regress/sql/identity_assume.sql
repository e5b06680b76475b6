-- A broker names the user itself; nobody else does.
\set acme 00000000-0000-0000-0000-000000000001
\set globex 00000000-0000-0000-0000-000000000002
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'acme', 'acme-admin');
SELECT tenant, external_id, user_id, role, session_id, door, expires_at, database_role, note FROM warden.whoami();
SELECT warden.claims();
-- The same again is no second login; the same user with a lower role is another.
SELECT warden.assume(:'acme', 'acme-admin');
SELECT warden.assume(:'acme', 'acme-admin', 'viewer');
ROLLBACK;

-- A role may lower the member's own.
BEGIN;
SELECT warden.assume(:'acme', 'acme-admin', 'viewer');
SELECT warden.role(), warden.has_role('member');
COMMIT;
BEGIN;
SELECT warden.assume(:'acme', 'acme-admin', 'admin');
SELECT warden.role();
COMMIT;

SELECT warden.assume(:'acme', 'acme-admin');
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT warden.assume(:'acme', 'acme-admin', 'owner');
SELECT warden.assume(:'acme', 'acme-admin', 'king');
-- A stranger, another tenant's member and a tenant that does not exist read alike.
SELECT warden.assume(:'acme', 'nobody-here');
SELECT warden.assume(:'acme', 'globex-owner');
SELECT warden.assume('00000000-0000-0000-0000-00000000ffff', 'acme-owner');
SELECT warden.assume(:'acme', '');
SELECT warden.assume(:'acme', 'service:billing');
SELECT warden.assume(NULL, 'acme-owner');
SELECT warden.assume(:'acme', NULL);
SELECT warden.assume(warden.tenant('42'), 'globex-owner') = :'globex' AS by_external_id;
COMMIT;
\set ON_ERROR_ROLLBACK off

\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION app;
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK;
SET SESSION AUTHORIZATION officer;
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK;
SET SESSION AUTHORIZATION auditor;
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK;
SET SESSION AUTHORIZATION dba;
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK;
\set VERBOSITY default
RESET SESSION AUTHORIZATION;
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK;

-- In a maintenance command's expression the user is not who asks.
CREATE SCHEMA assume_test AUTHORIZATION app_broker;
SET SESSION AUTHORIZATION app_broker;
CREATE TABLE assume_test.bait (id int);
INSERT INTO assume_test.bait VALUES (1);
CREATE FUNCTION assume_test.hook(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner'); RETURN $1; END$$;
\set SHOW_CONTEXT never
BEGIN;
CREATE INDEX ON assume_test.bait (assume_test.hook(id));
ROLLBACK;
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
DROP SCHEMA assume_test CASCADE;
