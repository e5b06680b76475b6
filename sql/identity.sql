-- Issuers, the doors to a context, and reading it.

CREATE TABLE warden.issuer_registry (
    issuer text COLLATE "C" PRIMARY KEY,
    -- New with every add_issuer: what an issuer of the same name signed before is not trusted again.
    registration uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    jwks text NOT NULL,
    audience text,
    options jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
SELECT warden.make_registry('warden.issuer_registry');

-- An opened session: the token's SHA-256, never the token. Rows do not change but for their last use.
CREATE TABLE warden.session_registry (
    id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE,
    tenant uuid NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    issuer text COLLATE "C" NOT NULL,
    registration uuid NOT NULL,
    -- The thumbprint (RFC 7638) of the key that signed the token.
    key text COLLATE "C" NOT NULL,
    -- The token's own session, whose revocation ends this one too.
    sid text COLLATE "C",
    -- Where the issuer names the role; NULL: the member's role counts.
    claim_tier smallint CHECK (claim_tier BETWEEN 1 AND 4),
    claims text,
    opened_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX session_registry_user ON warden.session_registry (tenant, user_id);
REVOKE ALL ON warden.session_registry FROM PUBLIC;
ALTER TABLE warden.session_registry ENABLE ROW LEVEL SECURITY;
SELECT pg_catalog.pg_extension_config_dump('warden.session_registry', '');

-- What ends credentials before their time. Without a tenant: everywhere.
CREATE TABLE warden.revocation_registry (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('session', 'user', 'tenant')),
    tenant uuid,
    subject text COLLATE "C" NOT NULL,
    by_officer boolean NOT NULL,
    revoked_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (kind, tenant, subject, by_officer)
);
SELECT warden.make_registry('warden.revocation_registry');

CREATE FUNCTION warden.open_session(token text, ttl interval DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'open_session_wrapper';
COMMENT ON FUNCTION warden.open_session(text, interval) IS 'Opens a session with a JWT; gives an opaque token for warden.resume, good for ttl, at most warden.session_max_ttl';

CREATE FUNCTION warden.resume(session_token text) RETURNS uuid
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'resume_wrapper';
COMMENT ON FUNCTION warden.resume(text) IS 'Puts this transaction under the context of an opened session; gives the tenant''s id';

CREATE FUNCTION warden.revoke_session(session text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'revoke_session_wrapper';
COMMENT ON FUNCTION warden.revoke_session(text) IS 'Ends an opened session, or every JWT with this sid; owners and admins for their tenant, warden_admin everywhere';

CREATE FUNCTION warden.revoke_user(tenant uuid, user_id text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'revoke_user_wrapper';
COMMENT ON FUNCTION warden.revoke_user(uuid, text) IS 'Ends what a user was issued until now; later tokens work; owners and admins of the tenant, warden_admin';

CREATE FUNCTION warden.revoke_tenant(tenant uuid) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'revoke_tenant_wrapper';
COMMENT ON FUNCTION warden.revoke_tenant(uuid) IS 'Ends what all users of a tenant were issued until now; its owners and admins, warden_admin';

REVOKE ALL ON FUNCTION warden.open_session(text, interval), warden.resume(text), warden.revoke_session(text),
    warden.revoke_user(uuid, text), warden.revoke_tenant(uuid) FROM PUBLIC;
-- The token is what opens; owners and admins revoke through the application's role.
GRANT EXECUTE ON FUNCTION warden.open_session(text, interval), warden.resume(text), warden.revoke_session(text),
    warden.revoke_user(uuid, text), warden.revoke_tenant(uuid) TO PUBLIC;

CREATE FUNCTION warden.add_issuer(issuer text, jwks jsonb, audience text, options jsonb DEFAULT '{}') RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'add_issuer_wrapper';
COMMENT ON FUNCTION warden.add_issuer(text, jsonb, text, jsonb) IS 'Trusts an issuer of tokens with the keys of a JWK Set (RFC 7517); warden_admin';

CREATE FUNCTION warden.set_issuer_keys(issuer text, jwks jsonb) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'set_issuer_keys_wrapper';
COMMENT ON FUNCTION warden.set_issuer_keys(text, jsonb) IS 'Replaces an issuer''s keys; tokens of the old ones end at once; warden_admin';

CREATE FUNCTION warden.remove_issuer(issuer text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'remove_issuer_wrapper';
COMMENT ON FUNCTION warden.remove_issuer(text) IS 'Trusts an issuer no more; its tokens and contexts end at once; warden_admin';

CREATE FUNCTION warden.issuer_keys(jwks text) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'issuer_keys_wrapper';
COMMENT ON FUNCTION warden.issuer_keys(text) IS 'Key ids and algorithms of a JWK Set, for the view warden.issuers';

CREATE FUNCTION warden.login(token text, tenant uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'login_wrapper';
COMMENT ON FUNCTION warden.login(text, uuid) IS 'Puts this transaction under the context that a JWT (RFC 7519) opens; gives the tenant''s id';

CREATE FUNCTION warden.assume(tenant uuid, user_id text, role text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'assume_wrapper';
COMMENT ON FUNCTION warden.assume(uuid, text, text) IS 'Puts this transaction under a member''s context, its role as it is or lower; warden_broker';

CREATE FUNCTION warden.login_for_session(token text) RETURNS uuid
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'login_for_session_wrapper';
-- Nobody's by default: behind a pooler it would hand one user's context to the next.
REVOKE ALL ON FUNCTION warden.login_for_session(text) FROM PUBLIC;
COMMENT ON FUNCTION warden.login_for_session(text) IS 'For dedicated connections: the context lasts until DISCARD ALL, logout, the token''s expiry or a revocation';

CREATE FUNCTION warden.pre_request() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'pre_request_wrapper';
REVOKE ALL ON FUNCTION warden.pre_request() FROM PUBLIC;
-- PostgREST calls it as the role of the request.
GRANT EXECUTE ON FUNCTION warden.pre_request() TO PUBLIC;
COMMENT ON FUNCTION warden.pre_request() IS 'For PostgREST''s db-pre-request: logs in with the bearer token of request.headers; without one, no context';

CREATE FUNCTION warden.logout() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'logout_wrapper';
COMMENT ON FUNCTION warden.logout() IS 'Ends the context; no other login is possible until the transaction ends';

CREATE FUNCTION warden.tenant_id() RETURNS uuid
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_tenant_id';
COMMENT ON FUNCTION warden.tenant_id() IS 'The context''s tenant; NULL without a context';

CREATE FUNCTION warden.tenant_bigint() RETURNS bigint
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_tenant_bigint';
COMMENT ON FUNCTION warden.tenant_bigint() IS 'The context''s external id as a number, where it is one in its exact form; for column defaults';

CREATE FUNCTION warden.tenant_integer() RETURNS integer
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_tenant_integer';
COMMENT ON FUNCTION warden.tenant_integer() IS 'As tenant_bigint(), for integer columns';

CREATE FUNCTION warden.external_id() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_external_id';
COMMENT ON FUNCTION warden.external_id() IS 'The application''s own id of the context''s tenant; NULL without a context';

CREATE FUNCTION warden.user_id() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_user_id';
COMMENT ON FUNCTION warden.user_id() IS 'The context''s user; NULL without a context';

CREATE FUNCTION warden.role() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_role';
COMMENT ON FUNCTION warden.role() IS 'The label of the context''s role; NULL without a context';

CREATE FUNCTION warden.session_id() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_session_id';
COMMENT ON FUNCTION warden.session_id() IS 'The context''s session (a token''s sid claim); NULL without one';

CREATE FUNCTION warden.claims() RETURNS jsonb
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'claims_wrapper';
COMMENT ON FUNCTION warden.claims() IS 'The claims of the token that opened the context; NULL without one';

CREATE FUNCTION warden.whoami(OUT tenant_id uuid, OUT tenant text, OUT external_id text, OUT user_id text, OUT role text,
        OUT session_id text, OUT door text, OUT expires_at timestamptz, OUT database_role text, OUT note text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1 SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'whoami_wrapper';
COMMENT ON FUNCTION warden.whoami() IS 'The context in one row, for people';

CREATE FUNCTION warden.has_role(role text) RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'has_role_wrapper';
COMMENT ON FUNCTION warden.has_role(text) IS 'Whether the context holds the role or a higher one; false without a context';

CREATE FUNCTION warden.require_role(role text) RETURNS void
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'require_role_wrapper';
COMMENT ON FUNCTION warden.require_role(text) IS '42501 unless the context holds the role, 28000 without a context';

CREATE FUNCTION warden.manages_members() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'manages_members_wrapper';
COMMENT ON FUNCTION warden.manages_members() IS 'Whether the context is an owner''s or an admin''s; for the view warden.members';

REVOKE ALL ON FUNCTION warden.add_issuer(text, jsonb, text, jsonb), warden.set_issuer_keys(text, jsonb), warden.remove_issuer(text),
    warden.issuer_keys(text), warden.login(text, uuid), warden.assume(uuid, text, text), warden.logout(), warden.tenant_id(),
    warden.tenant_bigint(), warden.tenant_integer(), warden.external_id(), warden.user_id(), warden.role(), warden.session_id(),
    warden.claims(), warden.whoami(), warden.has_role(text), warden.require_role(text), warden.manages_members() FROM PUBLIC;
-- The security officer's own.
GRANT EXECUTE ON FUNCTION warden.add_issuer(text, jsonb, text, jsonb), warden.set_issuer_keys(text, jsonb),
    warden.remove_issuer(text) TO warden_admin;
-- Shows key ids and algorithms of what the caller holds already; the view warden.issuers calls it as its reader.
GRANT EXECUTE ON FUNCTION warden.issuer_keys(text) TO warden_admin, warden_auditor;
-- Trusted to name the user itself.
GRANT EXECUTE ON FUNCTION warden.assume(uuid, text, text) TO warden_broker;
-- The token is what opens; reading one's own context is everybody's.
GRANT EXECUTE ON FUNCTION warden.login(text, uuid), warden.logout(), warden.tenant_id(), warden.tenant_bigint(),
    warden.tenant_integer(), warden.external_id(), warden.user_id(), warden.role(), warden.session_id(), warden.claims(),
    warden.whoami(), warden.has_role(text), warden.require_role(text), warden.manages_members() TO PUBLIC;

-- Views. Owned by the extension's owner, whom the registries' row-level security does not bind; each filters by who
-- reads it, through an index condition, so that EXPLAIN counts nobody else's rows.

CREATE VIEW warden.tenants WITH (security_barrier) AS
    SELECT t.id, t.slug, t.external_id, t.name, t.region, t.state, t.state_reason, t.state_changed_at, t.created_at
        FROM warden.tenant_registry t WHERE (SELECT warden.sees_all_tenants())
    UNION ALL
    SELECT t.id, t.slug, t.external_id, t.name, t.region, t.state, t.state_reason, t.state_changed_at, t.created_at
        FROM warden.tenant_registry t
        WHERE t.id OPERATOR(pg_catalog.=) (SELECT warden.tenant_id()) AND NOT (SELECT warden.sees_all_tenants());
COMMENT ON VIEW warden.tenants IS 'Tenants: all for warden_admin and warden_auditor, else the context''s own';

CREATE VIEW warden.members WITH (security_barrier) AS
    SELECT m.tenant, m.user_id, coalesce(r.label, (ARRAY['owner', 'admin', 'member', 'viewer'])[m.tier]) AS role, m.tier, m.added_at, m.changed_at
        FROM warden.member_registry m LEFT JOIN warden.role_registry r USING (tier) WHERE (SELECT warden.sees_all_tenants())
    UNION ALL
    SELECT m.tenant, m.user_id, coalesce(r.label, (ARRAY['owner', 'admin', 'member', 'viewer'])[m.tier]), m.tier, m.added_at, m.changed_at
        FROM warden.member_registry m LEFT JOIN warden.role_registry r USING (tier)
        WHERE m.tenant OPERATOR(pg_catalog.=) (SELECT warden.tenant_id()) AND (SELECT warden.manages_members())
            AND NOT (SELECT warden.sees_all_tenants())
    UNION ALL
    SELECT m.tenant, m.user_id, coalesce(r.label, (ARRAY['owner', 'admin', 'member', 'viewer'])[m.tier]), m.tier, m.added_at, m.changed_at
        FROM warden.member_registry m LEFT JOIN warden.role_registry r USING (tier)
        WHERE m.tenant OPERATOR(pg_catalog.=) (SELECT warden.tenant_id()) AND m.user_id OPERATOR(pg_catalog.=) (SELECT warden.user_id())
            AND NOT (SELECT warden.manages_members()) AND NOT (SELECT warden.sees_all_tenants());
COMMENT ON VIEW warden.members IS 'Members: all for warden_admin and warden_auditor, the tenant''s for its owners and admins, oneself for the others';

CREATE VIEW warden.issuers WITH (security_barrier) AS
    SELECT i.issuer, i.audience, i.options, warden.issuer_keys(i.jwks) AS keys, i.created_at, i.changed_at
        FROM warden.issuer_registry i WHERE (SELECT warden.sees_all_tenants());
COMMENT ON VIEW warden.issuers IS 'Trusted issuers with the ids and algorithms of their keys, never a key; warden_admin and warden_auditor';

CREATE VIEW warden.sessions WITH (security_barrier) AS
    WITH own AS MATERIALIZED (
        SELECT warden.sees_all_tenants() AS everywhere, warden.manages_members() AS here, warden.tenant_id() AS tenant, warden.user_id() AS user_id
    ), visible AS (
        SELECT s.* FROM warden.session_registry s WHERE (SELECT everywhere FROM own)
        UNION ALL
        SELECT s.* FROM warden.session_registry s
            WHERE s.tenant = (SELECT tenant FROM own) AND (SELECT here AND NOT everywhere FROM own)
        UNION ALL
        SELECT s.* FROM warden.session_registry s
            WHERE s.tenant = (SELECT tenant FROM own) AND s.user_id = (SELECT user_id FROM own) AND (SELECT NOT here AND NOT everywhere FROM own)
    )
    SELECT v.id, v.tenant, v.user_id, v.issuer, v.opened_at, v.expires_at, v.last_used_at,
        CASE WHEN EXISTS (SELECT FROM warden.revocation_registry r WHERE
                (r.kind = 'session' AND r.subject IN (v.id::text, v.sid) AND (r.tenant = v.tenant OR r.tenant IS NULL))
                OR (r.kind = 'user' AND r.tenant = v.tenant AND r.subject = v.user_id AND r.revoked_at >= date_trunc('second', v.opened_at))
                OR (r.kind = 'tenant' AND r.tenant = v.tenant AND r.revoked_at >= date_trunc('second', v.opened_at))) THEN 'revoked'
            WHEN v.expires_at <= clock_timestamp() THEN 'expired' ELSE 'open' END AS state
        FROM visible v;
COMMENT ON VIEW warden.sessions IS 'Opened sessions: all for warden_admin and warden_auditor, the tenant''s for its owners and admins, one''s own for the others; last use is up to a minute old';

REVOKE ALL ON warden.tenants, warden.members, warden.issuers, warden.sessions FROM PUBLIC;
-- A tenant's session sees its own tenant and members; the views filter.
GRANT SELECT ON warden.tenants, warden.members, warden.sessions TO PUBLIC;
-- How the platform authenticates is not the tenants' business.
GRANT SELECT ON warden.issuers TO warden_admin, warden_auditor;
