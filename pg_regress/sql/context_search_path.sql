-- search_path and role return to what they were at login.
\set acme 00000000-0000-0000-0000-000000000001
SET SESSION AUTHORIZATION app_broker;
SET search_path = warden, public;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SET search_path = pg_temp, pg_catalog;
SHOW search_path;
COMMIT;
SHOW search_path;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT set_config('search_path', 'pg_temp', false);
SET ROLE warden_broker;
SELECT current_user;
COMMIT;
SHOW search_path;
SELECT current_user;
-- From inside a function, after logout, and by RESET.
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
DO $$BEGIN EXECUTE 'SET search_path = pg_temp'; PERFORM set_config('role', 'warden_broker', false); END$$;
SELECT warden.logout();
COMMIT;
SHOW search_path;
SELECT current_user;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
RESET search_path;
COMMIT;
SHOW search_path;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
RESET ALL;
COMMIT;
SHOW search_path;
-- A change of before the login stays, also in the same transaction.
BEGIN;
SET search_path = public;
SELECT warden.assume(:'acme', 'acme-member');
SET search_path = pg_temp;
COMMIT;
SHOW search_path;
-- Without a context SET is PostgreSQL's own.
BEGIN;
SET search_path = pg_catalog;
COMMIT;
SHOW search_path;
RESET search_path;
RESET SESSION AUTHORIZATION;
