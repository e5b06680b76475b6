-- A token of the issuer opens its tenant, for one transaction, for its members.
\set ECHO none
\getenv tokens WARDEN_TOKENS
\i :tokens
\set ECHO all
SET SESSION AUTHORIZATION app;
BEGIN;
SELECT warden.login(:'acme_member');
SELECT warden.tenant_id(), warden.external_id(), warden.user_id(), warden.role();
SELECT warden.has_role('viewer'), warden.has_role('member'), warden.has_role('admin'), warden.has_role(NULL);
COMMIT;
SELECT warden.tenant_id(), warden.user_id(), warden.has_role('viewer');

-- A good signature is not enough.
\set VERBOSITY sqlstate
BEGIN;
SELECT warden.login(:'acme_stranger');
ROLLBACK;
BEGIN;
SELECT warden.login('not a token');
ROLLBACK;
SELECT warden.login(:'acme_member');
