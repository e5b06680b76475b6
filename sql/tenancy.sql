-- Tenants, members, tiers and permissions.
--
-- The registries have no foreign keys among them: a parallel restore of a dump loads extension tables in any order. Tenants
-- are never deleted, and the functions check what they write.
--
-- The registries are read through views and changed through functions alone: row-level security without a policy
-- closes them to everybody but their owner, pg_read_all_data included.

CREATE TABLE warden.tenant_registry (
    id uuid PRIMARY KEY,
    slug text COLLATE "C" NOT NULL,
    external_id text COLLATE "C",
    name text NOT NULL,
    region text,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'closed')),
    state_reason text,
    state_changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

-- Ids, external ids and slugs are one namespace: each word names one tenant.
CREATE TABLE warden.tenant_name (
    name text COLLATE "C" PRIMARY KEY,
    tenant uuid NOT NULL,
    -- On the row of the id: members of one tenant are changed one at a time.
    members_changed_at timestamptz
);
CREATE INDEX tenant_name_tenant ON warden.tenant_name (tenant);

CREATE TABLE warden.member_registry (
    tenant uuid NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    tier smallint NOT NULL CHECK (tier BETWEEN 1 AND 4),
    added_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant, user_id)
);

-- Only labels that differ from owner, admin, member, viewer.
CREATE TABLE warden.role_registry (
    tier smallint PRIMARY KEY CHECK (tier BETWEEN 1 AND 4),
    label text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE warden.permission_registry (
    tier smallint NOT NULL CHECK (tier BETWEEN 1 AND 4),
    permission text COLLATE "C" NOT NULL,
    PRIMARY KEY (tier, permission)
);

SELECT warden.make_registry('warden.tenant_registry');
SELECT warden.make_registry('warden.tenant_name');
SELECT warden.make_registry('warden.member_registry');
SELECT warden.make_registry('warden.role_registry');
SELECT warden.make_registry('warden.permission_registry');

-- Functions. SECURITY INVOKER: each asks who calls before it switches to the owner of the extension.

CREATE FUNCTION warden.create_tenant(slug text, name text, region text DEFAULT NULL, external_id text DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'create_tenant_wrapper';
COMMENT ON FUNCTION warden.create_tenant(text, text, text, text, uuid) IS 'Creates a tenant and gives its id; warden_admin';

CREATE FUNCTION warden.tenant(reference text) RETURNS uuid
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'tenant_by_reference_wrapper';
COMMENT ON FUNCTION warden.tenant(text) IS 'The id of the tenant with this id, external id or slug; warden_admin, warden_auditor, warden_broker';

CREATE FUNCTION warden.suspend_tenant(tenant uuid, reason text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'suspend_tenant_wrapper';
COMMENT ON FUNCTION warden.suspend_tenant(uuid, text) IS 'Closes every door to a tenant until it is resumed; warden_admin';

CREATE FUNCTION warden.resume_tenant(tenant uuid, reason text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'resume_tenant_wrapper';
COMMENT ON FUNCTION warden.resume_tenant(uuid, text) IS 'Opens a suspended tenant again; warden_admin';

CREATE FUNCTION warden.close_tenant(tenant uuid, reason text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'close_tenant_wrapper';
COMMENT ON FUNCTION warden.close_tenant(uuid, text) IS 'Closes a tenant for good; warden_admin';

CREATE FUNCTION warden.add_member(tenant uuid, user_id text, role text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'add_member_wrapper';
COMMENT ON FUNCTION warden.add_member(uuid, text, text) IS 'Makes a user a member; owners and admins of the tenant up to their own role, warden_admin';

CREATE FUNCTION warden.set_member_role(tenant uuid, user_id text, role text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'set_member_role_wrapper';
COMMENT ON FUNCTION warden.set_member_role(uuid, text, text) IS 'Changes a member''s role, at once; the last owner stays';

CREATE FUNCTION warden.remove_member(tenant uuid, user_id text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'remove_member_wrapper';
COMMENT ON FUNCTION warden.remove_member(uuid, text) IS 'Removes a member, who is out by the next statement; the last owner stays';

CREATE FUNCTION warden.rename_role(tier int, label text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'rename_role_wrapper';
COMMENT ON FUNCTION warden.rename_role(int, text) IS 'Gives a tier (1 to 4) the platform''s own word; the old word is then unknown; warden_admin';

CREATE FUNCTION warden.grant_permission(role text, permission text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'grant_permission_wrapper';
COMMENT ON FUNCTION warden.grant_permission(text, text) IS 'Gives a permission to a role and every higher one; warden_admin';

CREATE FUNCTION warden.revoke_permission(role text, permission text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'revoke_permission_wrapper';
COMMENT ON FUNCTION warden.revoke_permission(text, text) IS 'Takes a permission from the role that it was granted to; warden_admin';

CREATE FUNCTION warden.has_permission(permission text) RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'has_permission_wrapper';
COMMENT ON FUNCTION warden.has_permission(text) IS 'Whether the context''s role holds the permission; false without a context';

CREATE FUNCTION warden.require_permission(permission text) RETURNS void
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'require_permission_wrapper';
COMMENT ON FUNCTION warden.require_permission(text) IS '42501 unless the context''s role holds the permission, 28000 without a context';

REVOKE ALL ON FUNCTION warden.create_tenant(text, text, text, text, uuid), warden.tenant(text), warden.suspend_tenant(uuid, text),
    warden.resume_tenant(uuid, text), warden.close_tenant(uuid, text), warden.add_member(uuid, text, text),
    warden.set_member_role(uuid, text, text), warden.remove_member(uuid, text), warden.rename_role(int, text),
    warden.grant_permission(text, text), warden.revoke_permission(text, text), warden.has_permission(text),
    warden.require_permission(text) FROM PUBLIC;
-- The security officer's own.
GRANT EXECUTE ON FUNCTION warden.create_tenant(text, text, text, text, uuid), warden.suspend_tenant(uuid, text),
    warden.resume_tenant(uuid, text), warden.close_tenant(uuid, text), warden.rename_role(int, text),
    warden.grant_permission(text, text), warden.revoke_permission(text, text) TO warden_admin;
-- Who names tenants by the application's own ids.
GRANT EXECUTE ON FUNCTION warden.tenant(text) TO warden_admin, warden_auditor, warden_broker;
-- Owners and admins manage their members through the application's role; permissions are asked by everybody.
GRANT EXECUTE ON FUNCTION warden.add_member(uuid, text, text), warden.set_member_role(uuid, text, text),
    warden.remove_member(uuid, text), warden.has_permission(text), warden.require_permission(text) TO PUBLIC;
