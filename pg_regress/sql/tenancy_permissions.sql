-- Permissions: words of the application's own, held by a role and every higher one.
\set acme 00000000-0000-0000-0000-000000000001
SET SESSION AUTHORIZATION officer;
SELECT warden.grant_permission('member', 'exam:grade');
SELECT warden.grant_permission('owner', 'billing:pay');
SELECT warden.grant_permission('viewer', 'exam:read');
-- Twice is as once.
SELECT warden.grant_permission('member', 'exam:grade');
\set VERBOSITY sqlstate
SELECT warden.grant_permission('king', 'x');
SELECT warden.grant_permission(NULL, 'x');
SELECT warden.grant_permission('member', NULL);
SELECT warden.grant_permission('member', '');
SELECT warden.grant_permission('member', ' x');
SELECT warden.grant_permission('member', repeat('x', 256));
SELECT warden.revoke_permission('king', 'x');
SELECT warden.revoke_permission('member', NULL);
\set VERBOSITY default

SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
SELECT permission, warden.has_permission(permission) FROM unnest(ARRAY['billing:pay', 'exam:grade', 'exam:read', 'unknown', NULL]) permission;
COMMIT;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT permission, warden.has_permission(permission) FROM unnest(ARRAY['billing:pay', 'exam:grade', 'exam:read', 'unknown', NULL]) permission;
SELECT warden.require_permission('exam:grade');
\set ON_ERROR_ROLLBACK on
SELECT warden.require_permission('billing:pay');
SELECT warden.require_permission('unknown');
SELECT warden.require_permission(NULL);
\set ON_ERROR_ROLLBACK off
COMMIT;
BEGIN;
SELECT warden.assume(:'acme', 'acme-viewer');
SELECT permission, warden.has_permission(permission) FROM unnest(ARRAY['billing:pay', 'exam:grade', 'exam:read']) permission;
-- Taken away, it is gone for the next statement; it leaves the role alone that it was granted to.
SET SESSION AUTHORIZATION officer;
SELECT warden.revoke_permission('viewer', 'exam:read');
SELECT warden.revoke_permission('viewer', 'exam:grade');
SELECT warden.has_permission('exam:read');
ROLLBACK;
BEGIN;
SET SESSION AUTHORIZATION app_broker;
SELECT warden.assume(:'acme', 'acme-member');
SELECT warden.has_permission('exam:read') AS rolled_back_and_held_again, warden.has_permission('exam:grade') AS its_own;
COMMIT;

-- Without a context.
SELECT warden.has_permission('exam:read');
SELECT warden.require_permission('exam:read');
-- None but the officer grants.
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
SELECT warden.grant_permission('viewer', 'billing:pay');
ROLLBACK;

SET SESSION AUTHORIZATION officer;
SELECT warden.revoke_permission('member', 'exam:grade');
SELECT warden.revoke_permission('owner', 'billing:pay');
SELECT warden.revoke_permission('viewer', 'exam:read');
RESET SESSION AUTHORIZATION;
