-- Reading the context: NULL, false or 28000 without one.
\set acme 00000000-0000-0000-0000-000000000001
SET SESSION AUTHORIZATION app;
SELECT warden.tenant_id(), warden.tenant_bigint(), warden.tenant_integer(), warden.external_id(), warden.user_id(), warden.role(),
    warden.session_id(), warden.claims();
SELECT warden.has_role('viewer'), warden.has_role('king'), warden.has_role(NULL), warden.has_permission('x'), warden.has_permission(NULL);
SELECT * FROM warden.whoami();
\set VERBOSITY sqlstate
SELECT warden.require_role('viewer');
SELECT warden.require_permission('x');
-- Never a silent no-op.
SELECT warden.require_role(NULL);
SELECT warden.require_permission(NULL);
\set VERBOSITY default
-- Leaving where nobody has entered.
SELECT warden.logout();

SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT warden.tenant_id(), warden.tenant_bigint(), warden.tenant_integer(), warden.external_id(), warden.user_id(), warden.role(), warden.session_id(), warden.claims();
SELECT role, warden.has_role(role) FROM unnest(ARRAY['owner', 'admin', 'member', 'viewer', 'Member', 'king', NULL]) role;
SELECT warden.require_role('viewer');
\set ON_ERROR_ROLLBACK on
SELECT warden.require_role('admin');
SELECT warden.require_role('king');
\set ON_ERROR_ROLLBACK off
-- Parallel workers read the same context.
-- Its name changed with PostgreSQL 16.
SELECT set_config(name, 'on', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT warden.user_id(), warden.has_role('member'), warden.tenant_bigint();
SELECT set_config(name, 'off', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT warden.logout();
SELECT warden.logout();
SELECT warden.tenant_id(), warden.role(), warden.has_role('viewer');
SELECT note FROM warden.whoami();
SELECT warden.require_role('viewer');
ROLLBACK;
-- An external id that is no number in its exact form gives none.
RESET SESSION AUTHORIZATION;
BEGIN;
SET LOCAL SESSION AUTHORIZATION officer;
SELECT warden.add_member(warden.create_tenant('functions-' || n, 'x', external_id => external_id), 'u', 'owner')
    FROM (VALUES (1, '0071'), (2, '3000000000'), (3, 'f-abc'), (4, '-71'), (5, NULL)) e (n, external_id);
SET LOCAL SESSION AUTHORIZATION app_broker;
CREATE FUNCTION pg_temp.numbers(slug text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE seen text;
BEGIN
    BEGIN
        PERFORM warden.assume(warden.tenant(slug), 'u');
        seen := concat_ws(', ', 'external id ' || warden.external_id(), 'bigint ' || warden.tenant_bigint(), 'integer ' || warden.tenant_integer());
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN RETURN seen;
    END;
END$$;
SELECT n, numbers FROM (SELECT n, 'functions-' || n AS s FROM generate_series(1, 5) n) t, LATERAL pg_temp.numbers(s) numbers;
ROLLBACK;
