-- Audit: what is recorded of whom, how it is stored, and what seals it.

-- Everything below is written out with its schema; what is not, is PostgreSQL's own.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- One row an audited table; of a partitioned one, the topmost that was named.
CREATE TABLE warden.audited_registry (
    relation regclass PRIMARY KEY,
    excluded name[] NOT NULL,
    redacted name[] NOT NULL,
    reads boolean NOT NULL,
    -- What stands for redacted values is made with it, tenant by tenant; it is in no log and no export.
    redaction_key bytea NOT NULL CHECK (octet_length(redaction_key) = 32),
    audited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    audited_by text NOT NULL
);
SELECT warden.make_registry('warden.audited_registry');

-- The columns that a table had, by the number that its entries bear.
CREATE TABLE warden.audit_schema (
    relation text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    -- [[name, type], …] in the table's order.
    columns jsonb NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (relation, version)
);

-- An ordinal for (system identifier, timeline, database): transaction ids mean something within one alone.
CREATE TABLE warden.audit_incarnation (
    incarnation integer PRIMARY KEY CHECK (incarnation > 0),
    system_identifier bigint NOT NULL,
    timeline bigint NOT NULL,
    database bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (system_identifier, timeline, database)
);

-- The partitions of entries and payloads, each a span of time: entries go into the newest.
CREATE TABLE warden.audit_period (
    period integer PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Entries as their transactions wrote them, in batches of one transaction and one tenant, and never changed again. The body
-- holds what canonical bytes are rendered from; docs/formats.md has it.
CREATE TABLE warden.audit_entry (
    xid xid8 NOT NULL,
    -- The number of its first entry in the transaction.
    first bigint NOT NULL,
    -- Zeros: what belongs to no tenant.
    tenant uuid NOT NULL,
    period integer NOT NULL,
    incarnation integer NOT NULL,
    entries integer NOT NULL,
    body bytea NOT NULL
) PARTITION BY LIST (period);

-- What the entries of a batch commit to: keys, rows, an application's details, and their salts. Apart, so that it can be erased.
CREATE TABLE warden.audit_payload (
    xid xid8 NOT NULL,
    first bigint NOT NULL,
    period integer NOT NULL,
    incarnation integer NOT NULL,
    body bytea NOT NULL
) PARTITION BY LIST (period);

-- A batch is up to a page long and does not compress: it stays in its row. Each partition has a key of its own: one of the
-- whole table would be there already when a dump brings a partition with its key.
CREATE TABLE warden.audit_entry_0 PARTITION OF warden.audit_entry (PRIMARY KEY (incarnation, xid, first))
    FOR VALUES IN (0) WITH (toast_tuple_target = 8160);
CREATE TABLE warden.audit_payload_0 PARTITION OF warden.audit_payload (PRIMARY KEY (incarnation, xid, first))
    FOR VALUES IN (0) WITH (toast_tuple_target = 8160);

-- What sealing adds to a batch: its place in the tenant's tree, its block, and the hash of each of its entries' leaves.
CREATE TABLE warden.audit_leaf (
    tenant uuid NOT NULL,
    first_index bigint NOT NULL,
    block bigint NOT NULL,
    xid xid8 NOT NULL,
    first bigint NOT NULL,
    period integer NOT NULL,
    incarnation integer NOT NULL,
    -- 32 bytes each.
    hashes bytea NOT NULL,
    PRIMARY KEY (tenant, first_index)
);
CREATE UNIQUE INDEX audit_leaf_batch ON warden.audit_leaf (incarnation, xid, first, period);
ALTER TABLE warden.audit_leaf SET (toast_tuple_target = 8160);

-- The roots of perfect subtrees of 256 leaves and more, so that no proof reads a whole log. Of the blocks' tree: a tenant of ones.
CREATE TABLE warden.audit_node (
    tenant uuid NOT NULL,
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant, level, index)
);

-- What a tenant's log is after a block that touched it. The blocks' own log is that of a tenant of ones.
CREATE TABLE warden.audit_head (
    tenant uuid NOT NULL,
    block bigint NOT NULL,
    size bigint NOT NULL,
    -- Of them, how many the block added.
    entries bigint NOT NULL,
    root bytea NOT NULL,
    -- The hashes of the tree's right edge, 32 bytes each.
    frontier bytea NOT NULL,
    -- The signed note; without a key, an unsigned one.
    checkpoint text NOT NULL,
    PRIMARY KEY (tenant, block)
);
CREATE INDEX audit_head_block ON warden.audit_head (block);
-- What the worker writes in bulk keeps a row of up to a page whole.
ALTER TABLE warden.audit_head SET (toast_tuple_target = 8160);
ALTER TABLE warden.audit_node SET (toast_tuple_target = 8160);

-- One row a block, chained.
CREATE TABLE warden.audit_block (
    block bigint PRIMARY KEY,
    incarnation integer NOT NULL,
    entries bigint NOT NULL,
    sealed_at timestamptz NOT NULL,
    snapshot pg_snapshot NOT NULL,
    blind bytea NOT NULL,
    heads bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    -- What its checkpoints call the installation.
    installation text NOT NULL
);

-- Which key signs from which block on; NULL: none does.
CREATE TABLE warden.audit_key (
    from_block bigint PRIMARY KEY,
    vkey text COLLATE "C"
);

-- Nobody's rights, row-level security without a policy, in dumps. No word of each change: nothing is cached of them.
DO $$
DECLARE
    part regclass;
BEGIN
    FOREACH part IN ARRAY ARRAY['warden.audit_schema', 'warden.audit_incarnation', 'warden.audit_period', 'warden.audit_entry',
        'warden.audit_entry_0', 'warden.audit_payload', 'warden.audit_payload_0', 'warden.audit_leaf', 'warden.audit_node',
        'warden.audit_head', 'warden.audit_block', 'warden.audit_key']::regclass[] LOOP
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', part);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
        PERFORM pg_extension_config_dump(part, '');
    END LOOP;
END
$$;

CREATE FUNCTION warden.audit_row() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_row';
COMMENT ON FUNCTION warden.audit_row() IS 'After INSERT, UPDATE and DELETE of an audited table: records the row''s change';

CREATE FUNCTION warden.audit_truncate() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_truncate';
COMMENT ON FUNCTION warden.audit_truncate() IS 'After TRUNCATE of an audited table: records that its rows are gone';

CREATE FUNCTION warden.audit(relation regclass, options jsonb DEFAULT '{}') RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'audit_wrapper';
COMMENT ON FUNCTION warden.audit(regclass, jsonb) IS 'Records every change of a table''s rows from now on (options: exclude, redact, reads); the table''s owner, warden_admin';

CREATE FUNCTION warden.unaudit(relation regclass, reason text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'unaudit_wrapper';
COMMENT ON FUNCTION warden.unaudit(regclass, text) IS 'Records a table''s changes no more; what has been recorded stays; warden_admin';

REVOKE ALL ON FUNCTION warden.audit_row(), warden.audit_truncate(), warden.audit(regclass, jsonb), warden.unaudit(regclass, text) FROM PUBLIC;
-- A partition gets its parent's trigger with the rights of whoever makes or attaches it; of other tables they record nothing.
GRANT EXECUTE ON FUNCTION warden.audit_row(), warden.audit_truncate() TO PUBLIC;
-- A table's owner audits it: each call asks whose it is.
GRANT EXECUTE ON FUNCTION warden.audit(regclass, jsonb) TO PUBLIC;
-- The security officer's own.
GRANT EXECUTE ON FUNCTION warden.unaudit(regclass, text) TO warden_admin;

-- Events and sealing.

CREATE FUNCTION warden.record_event(kind text, detail jsonb) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_record_event';
COMMENT ON FUNCTION warden.record_event(text, jsonb) IS 'An event of the application''s own, in the log of the context''s tenant; it goes with its transaction';

CREATE FUNCTION warden.seal_audit() RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'seal_audit_wrapper';
COMMENT ON FUNCTION warden.seal_audit() IS 'Has the worker seal now what is committed, and gives the newest block; owners and admins of a tenant, warden_auditor, warden_admin';

REVOKE ALL ON FUNCTION warden.record_event(text, jsonb), warden.seal_audit() FROM PUBLIC;
-- Whoever has a context records in its tenant's log; a tenant's owner seals as the auditor does: each call asks.
GRANT EXECUTE ON FUNCTION warden.record_event(text, jsonb), warden.seal_audit() TO PUBLIC;
