-- Encryption: types whose values are ciphertext, the keys that open them, columns that are encrypted in place.

-- Everything below is written out with its schema; what is not, is PostgreSQL's own.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- One row a tenant: its key (KEK) wrapped by the root key, and its index key wrapped by that.
CREATE TABLE warden.tenant_key_registry (
    tenant uuid PRIMARY KEY,
    wrapped bytea NOT NULL,
    wrapped_index bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row a generation of a tenant's data keys, wrapped by the tenant's key together with its number and state.
CREATE TABLE warden.data_key_registry (
    -- What envelopes say; random.
    id bigint PRIMARY KEY CHECK (id <> 0),
    tenant uuid NOT NULL,
    -- What people say.
    generation integer NOT NULL CHECK (generation > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'destroyed')),
    -- NULL when it is destroyed.
    wrapped bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, generation),
    CHECK ((wrapped IS NULL) = (state = 'destroyed'))
);
CREATE UNIQUE INDEX data_key_registry_active ON warden.data_key_registry (tenant) WHERE state = 'active';

-- One row an encrypted column; of a partitioned table, the topmost table's. Its id is the context of its values.
CREATE TABLE warden.encrypted_column_registry (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    relation regclass NOT NULL,
    column_name name NOT NULL,
    -- What it was before, and is in the view: its name in pg_type, the whole type, modifier and collation.
    type_name text COLLATE "C" NOT NULL,
    full_type text COLLATE "C" NOT NULL,
    type_modifier integer NOT NULL,
    collation_name text COLLATE "C",
    searchable boolean NOT NULL,
    -- The lowest role that decrypts; NULL: whoever reads the row.
    decrypt_tier smallint CHECK (decrypt_tier BETWEEN 1 AND 4),
    -- What values are bound to, in the order of the primary key.
    key_columns name[] NOT NULL,
    tenant_column name NOT NULL,
    column_default text,
    -- How statements name it: quoted and plain now, then as it was called before.
    names text[] COLLATE "C" NOT NULL,
    clear_view regclass,
    encrypted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    encrypted_by text NOT NULL,
    UNIQUE (relation, column_name)
);

SELECT warden.make_registry('warden.tenant_key_registry');
SELECT warden.make_registry('warden.data_key_registry');
SELECT warden.make_registry('warden.encrypted_column_registry');

-- The types. Their forms are the envelope, and never decrypt it.

CREATE TYPE warden.ciphertext;
CREATE TYPE warden.ciphertext_eq;

CREATE FUNCTION warden.ciphertext_in(cstring) RETURNS warden.ciphertext
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_in';
COMMENT ON FUNCTION warden.ciphertext_in(cstring) IS 'Input of warden.ciphertext: \x and hexadecimal digits';

CREATE FUNCTION warden.ciphertext_out(warden.ciphertext) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_out';
COMMENT ON FUNCTION warden.ciphertext_out(warden.ciphertext) IS 'Output of warden.ciphertext: \x and hexadecimal digits';

CREATE FUNCTION warden.ciphertext_recv(internal) RETURNS warden.ciphertext
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_recv';
COMMENT ON FUNCTION warden.ciphertext_recv(internal) IS 'Binary input of warden.ciphertext: the envelope';

CREATE FUNCTION warden.ciphertext_send(warden.ciphertext) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_send';
COMMENT ON FUNCTION warden.ciphertext_send(warden.ciphertext) IS 'Binary output of warden.ciphertext: the envelope';

CREATE FUNCTION warden.ciphertext_eq_in(cstring) RETURNS warden.ciphertext_eq
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_in';
COMMENT ON FUNCTION warden.ciphertext_eq_in(cstring) IS 'Input of warden.ciphertext_eq: \x and hexadecimal digits';

CREATE FUNCTION warden.ciphertext_eq_out(warden.ciphertext_eq) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_out';
COMMENT ON FUNCTION warden.ciphertext_eq_out(warden.ciphertext_eq) IS 'Output of warden.ciphertext_eq: \x and hexadecimal digits';

CREATE FUNCTION warden.ciphertext_eq_recv(internal) RETURNS warden.ciphertext_eq
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_recv';
COMMENT ON FUNCTION warden.ciphertext_eq_recv(internal) IS 'Binary input of warden.ciphertext_eq: the envelope';

CREATE FUNCTION warden.ciphertext_eq_send(warden.ciphertext_eq) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_send';
COMMENT ON FUNCTION warden.ciphertext_eq_send(warden.ciphertext_eq) IS 'Binary output of warden.ciphertext_eq: the envelope';

-- EXTERNAL: ciphertext does not compress.
CREATE TYPE warden.ciphertext (
    INPUT = warden.ciphertext_in, OUTPUT = warden.ciphertext_out, RECEIVE = warden.ciphertext_recv, SEND = warden.ciphertext_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE warden.ciphertext IS 'An encrypted value; it has no operators';
CREATE TYPE warden.ciphertext_eq (
    INPUT = warden.ciphertext_eq_in, OUTPUT = warden.ciphertext_eq_out, RECEIVE = warden.ciphertext_eq_recv, SEND = warden.ciphertext_eq_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE warden.ciphertext_eq IS 'An encrypted value with a tag by which equal ones are found';

-- Comparing looks at the tags alone and fails for nothing: LEAKPROOF, so that an index serves it below a policy.

CREATE FUNCTION warden.ciphertext_eq_eq(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_eq';
COMMENT ON FUNCTION warden.ciphertext_eq_eq(warden.ciphertext_eq, warden.ciphertext_eq) IS 'Whether the tags are equal';

CREATE FUNCTION warden.ciphertext_eq_ne(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_ne';
COMMENT ON FUNCTION warden.ciphertext_eq_ne(warden.ciphertext_eq, warden.ciphertext_eq) IS 'Whether the tags are not equal';

CREATE FUNCTION warden.ciphertext_eq_lt(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_lt';
COMMENT ON FUNCTION warden.ciphertext_eq_lt(warden.ciphertext_eq, warden.ciphertext_eq) IS 'Whether the tags are before; their order says nothing of the values';

CREATE FUNCTION warden.ciphertext_eq_le(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_le';
COMMENT ON FUNCTION warden.ciphertext_eq_le(warden.ciphertext_eq, warden.ciphertext_eq) IS 'Whether the tags are before or equal; their order says nothing of the values';

CREATE FUNCTION warden.ciphertext_eq_ge(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_ge';
COMMENT ON FUNCTION warden.ciphertext_eq_ge(warden.ciphertext_eq, warden.ciphertext_eq) IS 'Whether the tags are behind or equal; their order says nothing of the values';

CREATE FUNCTION warden.ciphertext_eq_gt(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_gt';
COMMENT ON FUNCTION warden.ciphertext_eq_gt(warden.ciphertext_eq, warden.ciphertext_eq) IS 'Whether the tags are behind; their order says nothing of the values';

CREATE FUNCTION warden.ciphertext_eq_cmp(warden.ciphertext_eq, warden.ciphertext_eq) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_cmp';
COMMENT ON FUNCTION warden.ciphertext_eq_cmp(warden.ciphertext_eq, warden.ciphertext_eq) IS 'For btree: the order of the tags';

CREATE FUNCTION warden.ciphertext_eq_hash(warden.ciphertext_eq) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_hash';
COMMENT ON FUNCTION warden.ciphertext_eq_hash(warden.ciphertext_eq) IS 'For hash: of the tag';

CREATE FUNCTION warden.ciphertext_eq_hash_extended(warden.ciphertext_eq, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_ciphertext_eq_hash_extended';
COMMENT ON FUNCTION warden.ciphertext_eq_hash_extended(warden.ciphertext_eq, bigint) IS 'For hash: of the tag, with a seed';

-- In pg_catalog, so that = and <> need no search path. The four that order are found by the operator class alone.
CREATE OPERATOR pg_catalog.= (
    FUNCTION = warden.ciphertext_eq_eq, LEFTARG = warden.ciphertext_eq, RIGHTARG = warden.ciphertext_eq,
    COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR pg_catalog.<> (
    FUNCTION = warden.ciphertext_eq_ne, LEFTARG = warden.ciphertext_eq, RIGHTARG = warden.ciphertext_eq,
    COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
CREATE OPERATOR warden.#<# (
    FUNCTION = warden.ciphertext_eq_lt, LEFTARG = warden.ciphertext_eq, RIGHTARG = warden.ciphertext_eq,
    COMMUTATOR = OPERATOR(warden.#>#), NEGATOR = OPERATOR(warden.#>=#), RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel
);
CREATE OPERATOR warden.#<=# (
    FUNCTION = warden.ciphertext_eq_le, LEFTARG = warden.ciphertext_eq, RIGHTARG = warden.ciphertext_eq,
    COMMUTATOR = OPERATOR(warden.#>=#), NEGATOR = OPERATOR(warden.#>#), RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel
);
CREATE OPERATOR warden.#>=# (
    FUNCTION = warden.ciphertext_eq_ge, LEFTARG = warden.ciphertext_eq, RIGHTARG = warden.ciphertext_eq,
    COMMUTATOR = OPERATOR(warden.#<=#), NEGATOR = OPERATOR(warden.#<#), RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel
);
CREATE OPERATOR warden.#># (
    FUNCTION = warden.ciphertext_eq_gt, LEFTARG = warden.ciphertext_eq, RIGHTARG = warden.ciphertext_eq,
    COMMUTATOR = OPERATOR(warden.#<#), NEGATOR = OPERATOR(warden.#<=#), RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel
);
CREATE OPERATOR CLASS warden.ciphertext_eq_ops DEFAULT FOR TYPE warden.ciphertext_eq USING btree AS
    OPERATOR 1 warden.#<#, OPERATOR 2 warden.#<=#, OPERATOR 3 pg_catalog.=, OPERATOR 4 warden.#>=#, OPERATOR 5 warden.#>#,
    FUNCTION 1 warden.ciphertext_eq_cmp(warden.ciphertext_eq, warden.ciphertext_eq);
CREATE OPERATOR CLASS warden.ciphertext_eq_hash_ops DEFAULT FOR TYPE warden.ciphertext_eq USING hash AS
    OPERATOR 1 pg_catalog.=,
    FUNCTION 1 warden.ciphertext_eq_hash(warden.ciphertext_eq), FUNCTION 2 warden.ciphertext_eq_hash_extended(warden.ciphertext_eq, bigint);

-- Values. In the context's tenant alone; workers of a parallel query do not see what unlocks a key.

CREATE FUNCTION warden.encrypt(value text, context text) RETURNS warden.ciphertext
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_encrypt_text';
COMMENT ON FUNCTION warden.encrypt(text, text) IS 'A text, encrypted under the key of the context''s tenant; NULL stays NULL';

CREATE FUNCTION warden.encrypt(value bytea, context text) RETURNS warden.ciphertext
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_encrypt_bytes';
COMMENT ON FUNCTION warden.encrypt(bytea, text) IS 'Bytes, encrypted under the key of the context''s tenant; NULL stays NULL';

CREATE FUNCTION warden.encrypt(value jsonb, context text) RETURNS warden.ciphertext
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_encrypt_json';
COMMENT ON FUNCTION warden.encrypt(jsonb, text) IS 'A jsonb, encrypted under the key of the context''s tenant; NULL stays NULL';

CREATE FUNCTION warden.encrypt_eq(value text, context text) RETURNS warden.ciphertext_eq
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_encrypt_eq';
COMMENT ON FUNCTION warden.encrypt_eq(text, text) IS 'A text, encrypted with a tag by which equal ones of this tenant and context are found';

CREATE FUNCTION warden.search_term(value text, context text) RETURNS warden.ciphertext_eq
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_search_term';
COMMENT ON FUNCTION warden.search_term(text, text) IS 'The tag of a text alone, to compare encrypted values with; it cannot be decrypted';

CREATE FUNCTION warden.decrypt(value warden.ciphertext, context text, key jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_decrypt_text';
COMMENT ON FUNCTION warden.decrypt(warden.ciphertext, text, jsonb) IS 'The text; key: the primary key of the row that a value of a transparent column is bound to; 39000 for what does not open';

CREATE FUNCTION warden.decrypt_bytes(value warden.ciphertext, context text, key jsonb DEFAULT NULL) RETURNS bytea
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_decrypt_bytes';
COMMENT ON FUNCTION warden.decrypt_bytes(warden.ciphertext, text, jsonb) IS 'The bytes, as decrypt gives the text';

CREATE FUNCTION warden.decrypt_json(value warden.ciphertext, context text, key jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_decrypt_json';
COMMENT ON FUNCTION warden.decrypt_json(warden.ciphertext, text, jsonb) IS 'The jsonb, as decrypt gives the text';

CREATE FUNCTION warden.decrypt(value warden.ciphertext_eq, context text, key jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_decrypt_text';
COMMENT ON FUNCTION warden.decrypt(warden.ciphertext_eq, text, jsonb) IS 'The text; key: the primary key of the row that a value of a transparent column is bound to; 39000 for what does not open';

CREATE FUNCTION warden.decrypt_bytes(value warden.ciphertext_eq, context text, key jsonb DEFAULT NULL) RETURNS bytea
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_decrypt_bytes';
COMMENT ON FUNCTION warden.decrypt_bytes(warden.ciphertext_eq, text, jsonb) IS 'The bytes, as decrypt gives the text';

CREATE FUNCTION warden.decrypt_json(value warden.ciphertext_eq, context text, key jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_decrypt_json';
COMMENT ON FUNCTION warden.decrypt_json(warden.ciphertext_eq, text, jsonb) IS 'The jsonb, as decrypt gives the text';

-- Transparent columns.

CREATE FUNCTION warden.column_open(value warden.ciphertext, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS anyelement
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_open';
COMMENT ON FUNCTION warden.column_open(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any") IS 'For companion views: the clear value of a row''s column, or NULL for whoever reads the row and does not decrypt';

CREATE FUNCTION warden.column_unchanged(value warden.ciphertext, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_unchanged';
COMMENT ON FUNCTION warden.column_unchanged(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any") IS 'For companion views: whether a row still has the value that the statement at hand has seen';

CREATE FUNCTION warden.column_open(value warden.ciphertext_eq, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS anyelement
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_open';
COMMENT ON FUNCTION warden.column_open(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any") IS 'For companion views: the clear value of a row''s column, or NULL for whoever reads the row and does not decrypt';

CREATE FUNCTION warden.column_unchanged(value warden.ciphertext_eq, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_unchanged';
COMMENT ON FUNCTION warden.column_unchanged(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any") IS 'For companion views: whether a row still has the value that the statement at hand has seen';

CREATE FUNCTION warden.column_seal(value "any", column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS warden.ciphertext
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_seal';
COMMENT ON FUNCTION warden.column_seal("any", uuid, "any", anyelement, VARIADIC "any") IS 'For encrypt_column alone';

CREATE FUNCTION warden.column_seal_eq(value "any", column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS warden.ciphertext_eq
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_seal_eq';
COMMENT ON FUNCTION warden.column_seal_eq("any", uuid, "any", anyelement, VARIADIC "any") IS 'For encrypt_column alone';

CREATE FUNCTION warden.column_opens(value warden.ciphertext, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_opens';
COMMENT ON FUNCTION warden.column_opens(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any") IS 'For decrypt_column alone';

CREATE FUNCTION warden.column_unseal(value warden.ciphertext, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS anyelement
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_unseal';
COMMENT ON FUNCTION warden.column_unseal(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any") IS 'For decrypt_column alone';

CREATE FUNCTION warden.column_opens(value warden.ciphertext_eq, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_opens';
COMMENT ON FUNCTION warden.column_opens(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any") IS 'For decrypt_column alone';

CREATE FUNCTION warden.column_unseal(value warden.ciphertext_eq, column_id uuid, tenant "any", kind anyelement, VARIADIC key "any") RETURNS anyelement
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_column_unseal';
COMMENT ON FUNCTION warden.column_unseal(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any") IS 'For decrypt_column alone';

CREATE FUNCTION warden.bind_row() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_bind_row';
COMMENT ON FUNCTION warden.bind_row() IS 'Before INSERT and UPDATE of a table with encrypted columns: binds their values to the row';

CREATE FUNCTION warden.clear_row() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_clear_row';
COMMENT ON FUNCTION warden.clear_row() IS 'Instead of INSERT, UPDATE and DELETE on a companion view: the same on its table';

CREATE FUNCTION warden.encrypt_column(relation regclass, column_name name, searchable boolean DEFAULT false, options jsonb DEFAULT '{}') RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'encrypt_column_wrapper';
COMMENT ON FUNCTION warden.encrypt_column(regclass, name, boolean, jsonb) IS 'Encrypts a column in place and makes the view <table>_clear that decrypts it; the table''s owner, warden_admin';

CREATE FUNCTION warden.decrypt_column(relation regclass, column_name name) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'decrypt_column_wrapper';
COMMENT ON FUNCTION warden.decrypt_column(regclass, name) IS 'Gives an encrypted column back its type and its clear values; warden_admin';

-- Keys.

CREATE FUNCTION warden.rotate_key(tenant uuid) RETURNS integer
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'rotate_key_wrapper';
COMMENT ON FUNCTION warden.rotate_key(uuid) IS 'Makes a new generation of a tenant''s keys for what is encrypted from now on, and gives its number; warden_admin';

CREATE VIEW warden.keys WITH (security_barrier) AS
    WITH own AS MATERIALIZED (
        SELECT warden.sees_all_tenants() AS everywhere, warden.tenant_id() AS tenant
    ), visible AS (
        SELECT k.* FROM warden.data_key_registry k WHERE (SELECT everywhere FROM own)
        UNION ALL
        SELECT k.* FROM warden.data_key_registry k WHERE k.tenant = (SELECT tenant FROM own) AND (SELECT NOT everywhere FROM own)
    )
    SELECT v.tenant, v.generation, v.state, v.id AS generation_id, v.created_at, v.changed_at FROM visible v;
COMMENT ON VIEW warden.keys IS 'Generations of keys, never a key: all for warden_admin and warden_auditor, else the context''s tenant''s';

CREATE VIEW warden.encrypted_columns WITH (security_barrier) AS
    SELECT r.id, n.nspname AS schema, c.relname AS relation, r.column_name, r.full_type AS type, r.searchable,
        coalesce((SELECT o.label FROM warden.role_registry o WHERE o.tier = r.decrypt_tier), (ARRAY['owner', 'admin', 'member', 'viewer'])[r.decrypt_tier]) AS decrypt,
        r.clear_view, r.encrypted_at, r.encrypted_by
    FROM warden.encrypted_column_registry r JOIN pg_class c ON c.oid = r.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (SELECT warden.sees_all_tenants());
COMMENT ON VIEW warden.encrypted_columns IS 'Which columns are encrypted, and how; warden_admin and warden_auditor';

REVOKE ALL ON warden.keys, warden.encrypted_columns FROM PUBLIC;
-- What is encrypted, and what therefore is not.
GRANT SELECT ON warden.encrypted_columns TO warden_admin, warden_auditor;
-- Its state is the tenant's own to know; the view filters.
GRANT SELECT ON warden.keys TO PUBLIC;

REVOKE ALL ON FUNCTION warden.ciphertext_in(cstring), warden.ciphertext_out(warden.ciphertext), warden.ciphertext_recv(internal), warden.ciphertext_send(warden.ciphertext),
    warden.ciphertext_eq_in(cstring), warden.ciphertext_eq_out(warden.ciphertext_eq), warden.ciphertext_eq_recv(internal),
    warden.ciphertext_eq_send(warden.ciphertext_eq), warden.ciphertext_eq_eq(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_ne(warden.ciphertext_eq, warden.ciphertext_eq), warden.ciphertext_eq_lt(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_le(warden.ciphertext_eq, warden.ciphertext_eq), warden.ciphertext_eq_ge(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_gt(warden.ciphertext_eq, warden.ciphertext_eq), warden.ciphertext_eq_cmp(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_hash(warden.ciphertext_eq), warden.ciphertext_eq_hash_extended(warden.ciphertext_eq, bigint), warden.encrypt(text, text),
    warden.encrypt(bytea, text), warden.encrypt(jsonb, text), warden.encrypt_eq(text, text), warden.search_term(text, text),
    warden.decrypt(warden.ciphertext, text, jsonb), warden.decrypt_bytes(warden.ciphertext, text, jsonb),
    warden.decrypt_json(warden.ciphertext, text, jsonb), warden.decrypt(warden.ciphertext_eq, text, jsonb),
    warden.decrypt_bytes(warden.ciphertext_eq, text, jsonb), warden.decrypt_json(warden.ciphertext_eq, text, jsonb),
    warden.column_open(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_unchanged(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_open(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_unchanged(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_seal("any", uuid, "any", anyelement, VARIADIC "any"), warden.column_seal_eq("any", uuid, "any", anyelement, VARIADIC "any"),
    warden.column_opens(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_unseal(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_opens(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_unseal(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any"), warden.bind_row(), warden.clear_row(),
    warden.encrypt_column(regclass, name, boolean, jsonb), warden.decrypt_column(regclass, name), warden.rotate_key(uuid) FROM PUBLIC;
-- Types, values and companion views are everybody's who has a context: each call asks for it.
GRANT EXECUTE ON FUNCTION warden.ciphertext_in(cstring), warden.ciphertext_out(warden.ciphertext), warden.ciphertext_recv(internal), warden.ciphertext_send(warden.ciphertext),
    warden.ciphertext_eq_in(cstring), warden.ciphertext_eq_out(warden.ciphertext_eq), warden.ciphertext_eq_recv(internal),
    warden.ciphertext_eq_send(warden.ciphertext_eq), warden.ciphertext_eq_eq(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_ne(warden.ciphertext_eq, warden.ciphertext_eq), warden.ciphertext_eq_lt(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_le(warden.ciphertext_eq, warden.ciphertext_eq), warden.ciphertext_eq_ge(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_gt(warden.ciphertext_eq, warden.ciphertext_eq), warden.ciphertext_eq_cmp(warden.ciphertext_eq, warden.ciphertext_eq),
    warden.ciphertext_eq_hash(warden.ciphertext_eq), warden.ciphertext_eq_hash_extended(warden.ciphertext_eq, bigint), warden.encrypt(text, text),
    warden.encrypt(bytea, text), warden.encrypt(jsonb, text), warden.encrypt_eq(text, text), warden.search_term(text, text),
    warden.decrypt(warden.ciphertext, text, jsonb), warden.decrypt_bytes(warden.ciphertext, text, jsonb),
    warden.decrypt_json(warden.ciphertext, text, jsonb), warden.decrypt(warden.ciphertext_eq, text, jsonb),
    warden.decrypt_bytes(warden.ciphertext_eq, text, jsonb), warden.decrypt_json(warden.ciphertext_eq, text, jsonb),
    warden.column_open(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_unchanged(warden.ciphertext, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_open(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any"),
    warden.column_unchanged(warden.ciphertext_eq, uuid, "any", anyelement, VARIADIC "any") TO PUBLIC;
-- A partition gets its parent's trigger with the rights of whoever attaches it; on another table it refuses every row.
GRANT EXECUTE ON FUNCTION warden.bind_row() TO PUBLIC;
-- A table's owner encrypts its columns: each call asks whose it is.
GRANT EXECUTE ON FUNCTION warden.encrypt_column(regclass, name, boolean, jsonb) TO PUBLIC;
-- The security officer's own.
GRANT EXECUTE ON FUNCTION warden.decrypt_column(regclass, name), warden.rotate_key(uuid) TO warden_admin;
