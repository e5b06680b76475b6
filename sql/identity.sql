-- Issuers, the doors to a context, and reading it.

CREATE TABLE warden.issuer_registry (
    issuer text COLLATE "C" PRIMARY KEY,
    jwks text NOT NULL,
    audience text,
    options jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
REVOKE ALL ON warden.issuer_registry FROM PUBLIC;
ALTER TABLE warden.issuer_registry ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON warden.issuer_registry
    FOR EACH STATEMENT EXECUTE FUNCTION warden.registry_changed();
ALTER TABLE warden.issuer_registry ENABLE ALWAYS TRIGGER registry_changed;
SELECT pg_catalog.pg_extension_config_dump('warden.issuer_registry', '');

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

REVOKE ALL ON warden.tenants, warden.members, warden.issuers FROM PUBLIC;
-- A tenant's session sees its own tenant and members; the views filter.
GRANT SELECT ON warden.tenants, warden.members TO PUBLIC;
-- How the platform authenticates is not the tenants' business.
GRANT SELECT ON warden.issuers TO warden_admin, warden_auditor;
