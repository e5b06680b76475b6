-- Issuers: what is taken, what is refused, and what is said.
\set ed '{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
\set ec '{"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'
\set oct '{"kty":"oct","kid":"shared","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}'
CREATE FUNCTION pg_temp.jwks(VARIADIC keys text[]) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('keys', jsonb_agg(k::jsonb ORDER BY n)) FROM unnest(keys) WITH ORDINALITY u (k, n)$$;
GRANT EXECUTE ON FUNCTION pg_temp.jwks(text[]) TO PUBLIC;
SELECT pg_temp.jwks(:'ed', :'ec', :'oct') AS three, pg_temp.jwks(:'ed') AS one \gset
SET SESSION AUTHORIZATION officer;

SELECT warden.add_issuer('https://three.test', :'three', 'app');
SELECT warden.add_issuer('no-audience', :'one', NULL, '{"max_ttl": "1 hour", "leeway": "0 seconds", "role_from": "claim", "role_claim": "/org/role"}');
-- What can be seen of it: never a key.
SELECT issuer, audience, options, keys FROM warden.issuers WHERE issuer IN ('https://three.test', 'no-audience') ORDER BY issuer;
SELECT count(*) FROM warden.issuers i WHERE i::text LIKE '%AyM1SysPpbyDfgZld3um%';

-- A name is taken once.
SELECT warden.add_issuer('no-audience', :'three', 'app');
SELECT warden.set_issuer_keys('unknown', :'one');
SELECT warden.remove_issuer('unknown');

-- Key sets.
SELECT warden.add_issuer('bad', '{}', 'app');
SELECT warden.add_issuer('bad', '[]', 'app');
SELECT warden.add_issuer('bad', '"keys"', 'app');
SELECT warden.add_issuer('bad', '{"keys": {}}', 'app');
SELECT warden.add_issuer('bad', '{"keys": []}', 'app');
SELECT warden.add_issuer('bad', '{"keys": [1]}', 'app');
SELECT warden.add_issuer('bad', '{"keys": [{}]}', 'app');
SELECT warden.add_issuer('bad', '{"keys": [{"kty": "OKP", "crv": "Ed25519"}]}', 'app');
SELECT warden.add_issuer('bad', '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}', 'app');
SELECT warden.add_issuer('bad', '{"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]}', 'app');
SELECT warden.add_issuer('bad', '{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}', 'app');
SELECT warden.add_issuer('bad', pg_temp.jwks(:'ed', :'ed'), 'app');
-- A private key that was pasted by mistake.
SELECT warden.add_issuer('bad', '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}', 'app');
-- Keys of an unknown kind are skipped, as long as a usable one stays.
SELECT warden.add_issuer('skips', pg_temp.jwks('{"kty": "OKP", "crv": "X25519", "kid": "exchange", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}', '{"kty": "AKP", "kid": "future"}', :'ed'), 'app');
SELECT keys FROM warden.issuers WHERE issuer = 'skips';
SELECT warden.add_issuer('bad', '{"keys": [{"kty": "AKP", "kid": "future"}]}', 'app');

-- Options.
SELECT warden.add_issuer('bad', :'one', 'app', '{"max_tll": "1 hour"}');
SELECT warden.add_issuer('bad', :'one', 'app', '[]');
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT warden.add_issuer('bad', :'one', 'app', '{"max_ttl": "0 seconds"}');
\set VERBOSITY sqlstate
SELECT warden.add_issuer('bad', :'one', 'app', '{"max_ttl": 900}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"max_ttl": "soon"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"leeway": "-1 seconds"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"leeway": "6 minutes"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"user_claim": ""}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"tenant_claim": "/~2"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"role_from": "token"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"tenant": "acme"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"tenant": "00000000-0000-0000-0000-00000000ffff"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"database_roles": "app"}');
SELECT warden.add_issuer('bad', :'one', 'app', '{"database_roles": []}');
-- Names, audiences and NULL.
SELECT warden.add_issuer('', :'one', 'app');
SELECT warden.add_issuer(' x', :'one', 'app');
SELECT warden.add_issuer(repeat('x', 1025), :'one', 'app');
SELECT warden.add_issuer('bad', :'one', '');
SELECT warden.add_issuer(NULL, :'one', 'app');
SELECT warden.add_issuer('bad', NULL, 'app');
SELECT warden.add_issuer('bad', :'one', 'app', NULL);
SELECT warden.set_issuer_keys('no-audience', NULL);
SELECT warden.set_issuer_keys('no-audience', '{"keys": []}');
SELECT warden.remove_issuer(NULL);
-- Nothing of all that stayed, and a failed change changed nothing.
SELECT issuer, keys FROM warden.issuers WHERE issuer IN ('bad', '', ' x', 'no-audience');

SELECT warden.set_issuer_keys('no-audience', pg_temp.jwks(:'ec'));
SELECT keys FROM warden.issuers WHERE issuer = 'no-audience';
SELECT warden.remove_issuer(issuer) FROM warden.issuers WHERE issuer IN ('https://three.test', 'no-audience', 'skips');
SELECT count(*) FROM warden.issuers WHERE issuer IN ('https://three.test', 'no-audience', 'skips');
RESET SESSION AUTHORIZATION;
DROP FUNCTION pg_temp.jwks(text[]);
