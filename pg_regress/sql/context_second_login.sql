-- A transaction has one context. Whoever injects a statement behind the login cannot become somebody else.
\set ECHO none
\getenv tokens WARDEN_TOKENS
\i :tokens
\set ECHO all
\set here 00000000-0000-0000-0000-000000000001
\set there 00000000-0000-0000-0000-000000000002
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on
SET SESSION AUTHORIZATION app;
BEGIN;
SELECT warden.login(:'acme_viewer');
-- Another tenant; another user, even a lower one of the same tenant.
SELECT warden.login(:'globex_owner');
SELECT warden.login(:'acme_owner');
SELECT warden.user_id();
-- After every way of leaving.
RESET ALL;
SELECT warden.login(:'globex_owner');
SELECT warden.logout();
SELECT warden.login(:'globex_owner');
SELECT warden.login(:'acme_owner');
SELECT warden.tenant_id();
-- The same user may come back.
SELECT warden.login(:'acme_viewer');
SELECT warden.user_id();
COMMIT;
\set ON_ERROR_ROLLBACK off

-- The next transaction is free.
BEGIN;
SELECT warden.login(:'globex_owner');
COMMIT;
BEGIN;
SELECT warden.login(:'acme_owner');
ROLLBACK AND CHAIN;
SELECT warden.tenant_id();
SELECT warden.login(:'globex_owner');
COMMIT AND CHAIN;
SELECT warden.tenant_id();
SELECT warden.login(:'acme_owner');
COMMIT;

-- One statement that logs in twice.
BEGIN;
SELECT warden.login(token) FROM (VALUES (:'acme_viewer'), (:'globex_viewer')) t (token);
ROLLBACK;

-- In a block of PL/pgSQL that fails, the same slot.
BEGIN;
SELECT warden.login(:'acme_viewer');
DO $$
BEGIN
    BEGIN
        PERFORM warden.logout();
        PERFORM warden.login('x.y.z');
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'refused: %', SQLSTATE;
    END;
END$$;
SELECT warden.user_id();
COMMIT;

-- A broker cannot either.
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'here', 'acme-viewer');
SELECT warden.assume(:'there', 'globex-viewer');
ROLLBACK;
BEGIN;
SELECT warden.assume(:'here', 'acme-viewer');
SELECT warden.login(:'globex_viewer');
ROLLBACK;
-- Two doors to the same user with the same role are the same.
BEGIN;
SELECT warden.assume(:'here', 'acme-viewer');
SELECT warden.login(:'acme_viewer');
COMMIT;
RESET SESSION AUTHORIZATION;
