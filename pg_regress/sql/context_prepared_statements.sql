-- Statements that SQL prepares under a context end with it; a driver's own, and those of before, stay.
\set acme 00000000-0000-0000-0000-000000000001
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION app_broker;
PREPARE before AS SELECT 'before ' || coalesce(warden.user_id(), 'nobody') AS said;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
PREPARE inside AS SELECT 'inside ' || coalesce(warden.user_id(), 'nobody') AS said;
PREPARE gone AS SELECT 1;
EXECUTE before;
EXECUTE inside;
-- Its own it may drop; anything else is left alone, and the statement succeeds.
DEALLOCATE gone;
DEALLOCATE before;
DEALLOCATE never_prepared;
SELECT name FROM pg_prepared_statements ORDER BY name;
COMMIT;
SELECT name FROM pg_prepared_statements ORDER BY name;
EXECUTE before;
EXECUTE inside;

-- DEALLOCATE ALL, as drivers send it.
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
PREPARE inside AS SELECT 1;
DEALLOCATE ALL;
SELECT name FROM pg_prepared_statements ORDER BY name;
ROLLBACK;
-- After a ROLLBACK, and after a login that was rolled back to a savepoint.
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
PREPARE inside AS SELECT 1;
ROLLBACK;
SELECT name FROM pg_prepared_statements ORDER BY name;
BEGIN;
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-member');
PREPARE inside AS SELECT 1;
ROLLBACK TO a;
SELECT name FROM pg_prepared_statements ORDER BY name;
COMMIT;
-- After logout, still in the transaction.
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT warden.logout();
PREPARE inside AS SELECT 1;
COMMIT;
SELECT name FROM pg_prepared_statements ORDER BY name;
-- A plan that was made under one user serves another with that other's context.
PREPARE plan AS SELECT warden.user_id(), warden.has_role('member');
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
EXECUTE plan;
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000002', 'globex-viewer');
EXECUTE plan;
COMMIT;
EXECUTE plan;
-- Without a context DEALLOCATE is PostgreSQL's own.
DEALLOCATE plan;
DEALLOCATE never_prepared;
DEALLOCATE ALL;
SELECT name FROM pg_prepared_statements ORDER BY name;
RESET SESSION AUTHORIZATION;
