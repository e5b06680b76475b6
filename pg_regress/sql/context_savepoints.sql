-- A context follows savepoints: undone with the login, and only then is the transaction free for another.
\set acme 00000000-0000-0000-0000-000000000001
\set globex 00000000-0000-0000-0000-000000000002
\set VERBOSITY sqlstate
\set SHOW_CONTEXT never
SET SESSION AUTHORIZATION app_broker;
-- Undone.
BEGIN;
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK TO a;
SELECT warden.tenant_id();
SELECT warden.assume(:'globex', 'globex-owner');
SELECT warden.user_id();
COMMIT;
-- Released: it stays, and so does the slot.
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SELECT warden.assume(:'acme', 'acme-owner');
RELEASE b;
SELECT warden.user_id();
SAVEPOINT c;
SELECT warden.assume(:'globex', 'globex-owner');
ROLLBACK TO c;
SELECT warden.user_id();
ROLLBACK TO a;
SELECT warden.user_id();
SELECT warden.assume(:'globex', 'globex-owner');
SELECT warden.user_id();
COMMIT;
-- A logout that is undone, and a savepoint younger than the login frees nothing.
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
SAVEPOINT a;
SELECT warden.logout();
SELECT warden.user_id();
ROLLBACK TO a;
SELECT warden.user_id();
SELECT warden.assume(:'globex', 'globex-owner');
ROLLBACK;
SELECT warden.tenant_id();

-- A login again in a savepoint, after a logout, is the login of the transaction: rolling it back frees nothing.
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
SELECT warden.logout();
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-owner');
SELECT warden.user_id();
ROLLBACK TO a;
SELECT warden.user_id();
SELECT warden.assume(:'globex', 'globex-owner');
ROLLBACK;

-- A query belongs to the context that it began under: no row of one waits in a cursor for another.
BEGIN;
DECLARE before CURSOR FOR SELECT coalesce(warden.user_id(), 'nobody') FROM generate_series(1, 3);
FETCH before;
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-owner');
FETCH before;
ROLLBACK;
BEGIN;
DECLARE before CURSOR FOR SELECT coalesce(warden.user_id(), 'nobody') FROM generate_series(1, 3);
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-owner');
ROLLBACK TO a;
FETCH before;
SELECT warden.assume(:'globex', 'globex-owner');
FETCH before;
ROLLBACK;
-- After a logout nothing comes out of it, nor after the savepoint that it was made in.
BEGIN;
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-owner');
DECLARE inside CURSOR FOR SELECT warden.user_id(), n FROM generate_series(1, 3) n;
FETCH inside;
SELECT warden.logout();
FETCH inside;
ROLLBACK;
BEGIN;
SAVEPOINT a;
SELECT warden.assume(:'acme', 'acme-owner');
DECLARE inside CURSOR FOR SELECT warden.user_id(), n FROM generate_series(1, 3) n;
ROLLBACK TO a;
SELECT warden.assume(:'globex', 'globex-owner');
FETCH inside;
ROLLBACK;
-- A login again is another context to a cursor.
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
DECLARE c CURSOR FOR SELECT warden.user_id();
SELECT warden.logout();
SELECT warden.assume(:'acme', 'acme-owner');
FETCH c;
ROLLBACK;
-- A block of PL/pgSQL that fails is a savepoint too.
BEGIN;
DO $$
BEGIN
    BEGIN
        PERFORM warden.assume('00000000-0000-0000-0000-000000000001', 'acme-owner');
        RAISE NOTICE 'inside: %', warden.user_id();
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN RAISE NOTICE 'after: %', coalesce(warden.user_id(), 'nobody');
    END;
END$$;
SELECT warden.assume(:'globex', 'globex-owner');
COMMIT;
-- A prepared transaction takes its context with it into nothing.
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
PREPARE TRANSACTION 'context_savepoints';
SELECT warden.tenant_id();
ROLLBACK PREPARED 'context_savepoints';
RESET SESSION AUTHORIZATION;
