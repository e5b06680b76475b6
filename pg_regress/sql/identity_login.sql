-- Logging in with tokens: good ones, and bad ones with what is said about them.
\set ECHO none
\getenv tokens WARDEN_TOKENS
\i :tokens
\set ECHO all
\set here 00000000-0000-0000-0000-000000000001
\set there 00000000-0000-0000-0000-000000000002
CREATE SCHEMA login_test;
GRANT USAGE ON SCHEMA login_test TO app;
CREATE FUNCTION login_test.b64url(text) RETURNS text LANGUAGE sql AS $$SELECT rtrim(translate(encode(convert_to($1, 'UTF8'), 'base64'), E'+/\n', '-_'), '=')$$;
-- The token's payload and signature under another header, and another payload under the token's signature.
CREATE FUNCTION login_test.headed(token text, header text) RETURNS text LANGUAGE sql AS
    $$SELECT concat_ws('.', login_test.b64url(header), split_part(token, '.', 2), split_part(token, '.', 3))$$;
CREATE FUNCTION login_test.paid(token text, payload text) RETURNS text LANGUAGE sql AS
    $$SELECT concat_ws('.', split_part(token, '.', 1), login_test.b64url(payload), split_part(token, '.', 3))$$;
SET SESSION AUTHORIZATION app;

BEGIN;
SELECT warden.login(:'acme_member');
SELECT tenant_id, tenant, external_id, user_id, role, session_id, door, expires_at > now() AS expires_later, database_role, note FROM warden.whoami();
SELECT warden.claims() ->> 'sub' AS sub, warden.claims() ->> 'iss' AS iss, warden.session_id();
-- The same again is no second login.
SELECT warden.login(:'acme_member') = warden.tenant_id() AS same;
COMMIT;
SELECT warden.tenant_id();

-- The caller may name the tenant that the token names, and no other.
BEGIN;
SELECT warden.login(:'globex_owner', :'there');
COMMIT;
BEGIN;
SELECT warden.login(:'globex_owner', :'here');
COMMIT;

-- Outside a transaction block a context would end with its own statement.
SELECT warden.login(:'acme_member');
DO $$BEGIN PERFORM warden.login('x'); END$$;

-- Bad credentials.
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT warden.login(:'acme_stranger');
SELECT warden.login(NULL);
SELECT warden.login('');
SELECT warden.login('x.y.z');
SELECT warden.login(repeat('x', 16385));
SELECT warden.login(:'acme_member' || '.x');
SELECT warden.login(:'acme_member' || '=');
SELECT warden.login(split_part(:'acme_member', '.', 1) || '.' || split_part(:'acme_member', '.', 2) || '.');
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "none"}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"kid": "lab-1"}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "HS256", "kid": "lab-1"}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "EdDSA", "kid": "lab-2"}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "EdDSA", "kid": "lab-1", "crit": ["exp"]}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "EdDSA", "jwk": {}}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "EdDSA", "alg": "EdDSA"}'));
SELECT warden.login(login_test.headed(:'acme_member', '{"alg": "EdDSA", "kid": "lab-1", "x": 1}'));
SELECT warden.login(login_test.paid(:'acme_member', '{"iss": "https://unknown.test"}'));
SELECT warden.login(login_test.paid(:'acme_member', '{"sub": "acme-owner"}'));
SELECT warden.login(login_test.paid(:'acme_member', '{"iss": "https://idp.regress.test", "sub": "acme-owner"}'));
SELECT warden.login(login_test.paid(:'acme_member', '{"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}'));
-- After all that a good one opens.
SELECT warden.login(:'acme_viewer') IS NOT NULL AS logged_in;
COMMIT;
\set ON_ERROR_ROLLBACK off

-- A superuser would be isolated from nothing.
RESET SESSION AUTHORIZATION;
BEGIN;
SELECT warden.login(:'acme_member');
ROLLBACK;

-- An issuer without keys that fit, and an issuer that is gone: what it has opened ends by the next statement.
BEGIN;
SET LOCAL SESSION AUTHORIZATION app;
SELECT warden.login(:'acme_member') IS NOT NULL AS logged_in;
SET LOCAL SESSION AUTHORIZATION officer;
SELECT warden.remove_issuer(:'issuer');
SELECT warden.user_id();
SELECT note FROM warden.whoami();
SELECT warden.login(:'globex_member');
ROLLBACK;
BEGIN;
SET LOCAL SESSION AUTHORIZATION officer;
SELECT warden.set_issuer_keys(:'issuer', '{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "lab-1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}');
SELECT warden.login(:'acme_member');
ROLLBACK;
SET client_min_messages = warning;
DROP SCHEMA login_test CASCADE;
