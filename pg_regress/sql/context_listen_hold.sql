-- What would go on after the transaction is refused under a context: LISTEN, cursors WITH HOLD.
\set acme 00000000-0000-0000-0000-000000000001
SET SESSION AUTHORIZATION app_broker;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
LISTEN news;
DECLARE held CURSOR WITH HOLD FOR SELECT warden.user_id();
DO $$BEGIN EXECUTE 'LISTEN news'; END$$;
DECLARE plain CURSOR FOR SELECT warden.user_id();
FETCH plain;
-- NOTIFY is heard by everybody who listens: PostgreSQL has one list of channels, and it is not isolated.
NOTIFY news;
UNLISTEN *;
-- A context that has ended does not open the door again.
SELECT warden.logout();
LISTEN news;
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT * FROM pg_listening_channels();
-- Without a context both are PostgreSQL's own.
LISTEN news;
SELECT * FROM pg_listening_channels();
UNLISTEN news;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT coalesce(warden.user_id(), 'nobody') FROM generate_series(1, 3);
COMMIT;
FETCH held;
-- A held cursor of before is closed to a login.
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
FETCH held;
ROLLBACK;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
MOVE held;
ROLLBACK;
FETCH held;
CLOSE held;
RESET SESSION AUTHORIZATION;
