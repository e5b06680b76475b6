-- Opened sessions: a token in, an opaque one out; who sees them, and what ends them.
\set ECHO none
\getenv tokens WARDEN_TOKENS
\i :tokens
\set ECHO all
\set acme 00000000-0000-0000-0000-000000000001
\set globex 00000000-0000-0000-0000-000000000002
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION app;
SELECT warden.open_session(:'acme_member') AS mine \gset
SELECT warden.open_session(:'acme_viewer', '1 hour') AS other \gset
SELECT warden.open_session(:'globex_owner') AS foreign \gset
SELECT warden.open_session(NULL);
SELECT warden.open_session('x.y.z');
SELECT warden.open_session(:'acme_stranger');
SELECT warden.open_session(:'acme_member', '0 seconds');
SELECT warden.open_session(:'acme_member', '-1 hour');
SELECT warden.resume(:'mine');
BEGIN;
SELECT warden.resume(NULL);
ROLLBACK;
BEGIN;
SELECT warden.resume('');
ROLLBACK;
BEGIN;
SELECT warden.resume(:'mine' || 'x');
ROLLBACK;
-- A token is no session token, and the other way round.
BEGIN;
SELECT warden.resume(:'acme_member');
ROLLBACK;
BEGIN;
SELECT warden.login(:'mine');
ROLLBACK;

BEGIN;
SELECT warden.resume(:'mine');
SELECT tenant, user_id, role, session_id IS NOT NULL AS has_id, door, expires_at > now() + interval '11 hours' AS for_hours, note FROM warden.whoami();
-- The same again is no second login; the same user by another credential is one.
SELECT warden.resume(:'mine');
-- Its holder sees this one alone.
SELECT tenant, user_id, issuer, state, id::text = warden.session_id() AS this FROM warden.sessions;
SELECT warden.session_id() AS mine_id \gset
SELECT warden.resume(:'other');
ROLLBACK;
BEGIN;
SELECT warden.resume(:'mine');
SELECT warden.login(:'acme_member');
ROLLBACK;

-- Owners and admins see their tenant's, the officer and the auditor all, nobody else any.
BEGIN;
SELECT warden.login(:'acme_admin');
SELECT user_id, state FROM warden.sessions ORDER BY user_id;
COMMIT;
SELECT count(*) FROM warden.sessions;
SET SESSION AUTHORIZATION auditor;
SELECT user_id FROM warden.sessions ORDER BY user_id;
SET SESSION AUTHORIZATION dba;
SELECT count(*) FROM warden.sessions;
-- What is stored opens nothing.
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM warden.session_registry r WHERE r::text LIKE '%' || :'mine' || '%' OR r::text LIKE '%' || :'acme_member' || '%';

-- Ending one: not a member's business, and a tenant's own revocation ends no other tenant's.
SET SESSION AUTHORIZATION app;
BEGIN;
SELECT warden.resume(:'mine');
SELECT warden.revoke_session(:'mine_id');
ROLLBACK;
SELECT warden.revoke_session(:'mine_id');
BEGIN;
SELECT warden.login(:'globex_owner');
SELECT warden.revoke_session(:'mine_id');
COMMIT;
BEGIN;
SELECT warden.resume(:'mine') IS NOT NULL AS still_open;
COMMIT;
BEGIN;
SELECT warden.login(:'acme_owner');
SELECT warden.revoke_session(:'mine_id');
COMMIT;
BEGIN;
SELECT warden.resume(:'mine');
ROLLBACK;
-- The officer's ends it everywhere; a user's and a tenant's end what was issued before them.
SET SESSION AUTHORIZATION officer;
SELECT user_id, state FROM warden.sessions WHERE tenant = :'acme' ORDER BY user_id;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT warden.revoke_user(:'acme', 'acme-viewer');
SELECT user_id, state FROM warden.sessions WHERE tenant = :'acme' ORDER BY user_id;
SELECT warden.revoke_tenant(:'globex');
SELECT user_id, state FROM warden.sessions WHERE tenant = :'globex' ORDER BY user_id;
SELECT warden.revoke_user(:'acme', NULL);
SELECT warden.revoke_user(NULL, 'acme-viewer');
SELECT warden.revoke_user('00000000-0000-0000-0000-00000000ffff', 'x');
SELECT warden.revoke_tenant(NULL);
SELECT warden.revoke_tenant('00000000-0000-0000-0000-00000000ffff');
SELECT warden.revoke_session(NULL);
SELECT warden.revoke_session('');
SELECT warden.revoke_session(repeat('x', 256));
SET LOCAL SESSION AUTHORIZATION app;
SELECT warden.resume(:'foreign');
SELECT warden.login(:'acme_viewer');
ROLLBACK;
\set ON_ERROR_ROLLBACK off
RESET SESSION AUTHORIZATION;
DELETE FROM warden.session_registry;
DELETE FROM warden.revocation_registry;
