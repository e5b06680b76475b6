-- Audit: reading the log, verifying it, proving it.
--
-- A tenant's owners and admins read all of their own log. The platform's officer and auditor read everybody's, without keys,
-- rows and applications' details. What verifies a log never raises on what is stored: it answers in rows.

-- Everything below is written out with its schema; what is not, is PostgreSQL's own.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION warden.reads_audit_of() RETURNS uuid
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'reads_audit_of_wrapper';
COMMENT ON FUNCTION warden.reads_audit_of() IS 'The tenant whose log the caller reads with its content: the context''s, of an owner or admin; for the views';

CREATE FUNCTION warden.reads_all_audits() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'reads_all_audits_wrapper';
COMMENT ON FUNCTION warden.reads_all_audits() IS 'Whether the caller reads all logs, without content: warden_admin, warden_auditor and superusers without a context; for the views';

CREATE FUNCTION warden.audit_rows(tenant uuid, incarnation integer, xid xid8, first bigint, body bytea, payload bytea, first_index bigint, block bigint)
    RETURNS TABLE (entry text, index bigint, tenant uuid, incarnation integer, xid xid8, number bigint,
        relation text, key jsonb, operation text, kind text, detail jsonb, old jsonb, new jsonb, database_user text, session_user_name text,
        user_id text, role text, session_id text, access_request text, application_name text, client_addr text, at timestamptz, block bigint)
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 25 SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_rows';
COMMENT ON FUNCTION warden.audit_rows(uuid, integer, xid8, bigint, bytea, bytea, bigint, bigint) IS 'For warden.audit_log: the entries of a batch that is given; of one that does not decode, none';

CREATE FUNCTION warden.audit_unsealed()
    RETURNS TABLE (entry text, index bigint, tenant uuid, incarnation integer, xid xid8, number bigint,
        relation text, key jsonb, operation text, kind text, detail jsonb, old jsonb, new jsonb, database_user text, session_user_name text,
        user_id text, role text, session_id text, access_request text, application_name text, client_addr text, at timestamptz, block bigint)
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 100 SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_unsealed';
COMMENT ON FUNCTION warden.audit_unsealed() IS 'For warden.audit_log: entries that no block holds yet, of the logs that the caller reads';

CREATE FUNCTION warden.audit_sealed()
    RETURNS TABLE (entry text, index bigint, tenant uuid, incarnation integer, xid xid8, number bigint,
        relation text, key jsonb, operation text, kind text, detail jsonb, old jsonb, new jsonb, database_user text, session_user_name text,
        user_id text, role text, session_id text, access_request text, application_name text, client_addr text, at timestamptz, block bigint)
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1000 SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_sealed';
COMMENT ON FUNCTION warden.audit_sealed() IS 'For warden.audit_log: the sealed entries of the tenant whose log the caller reads';

CREATE FUNCTION warden.audit_own_blocks()
    RETURNS TABLE (block bigint, incarnation integer, entries bigint, prev_hash bytea, hash bytea, sealed_at timestamptz)
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 100 SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_own_blocks';
COMMENT ON FUNCTION warden.audit_own_blocks() IS 'For warden.audit_blocks: the blocks of the tenant whose log the caller reads, with its own entries counted';

-- A tenant's part comes from functions, which read by index and as themselves: a plan over the tables could be made to count
-- what others have in them.
CREATE VIEW warden.audit_log WITH (security_barrier) AS
    SELECT * FROM warden.audit_sealed()
    UNION ALL
    SELECT d.entry, d.index, nullif(l.tenant, '00000000-0000-0000-0000-000000000000'), l.incarnation, l.xid, d.number, d.relation, d.key, d.operation, d.kind, d.detail, d.old, d.new,
        d.database_user, d.session_user_name, d.user_id, d.role, d.session_id, d.access_request, d.application_name, d.client_addr, d.at, l.block
        FROM warden.audit_leaf l
            CROSS JOIN LATERAL (SELECT e.body FROM warden.audit_entry e
            WHERE e.incarnation = l.incarnation AND e.xid = l.xid AND e.first = l.first AND e.period = l.period OFFSET 0) e
            CROSS JOIN LATERAL warden.audit_rows(l.tenant, l.incarnation, l.xid, l.first, e.body, NULL, l.first_index, l.block) d
        WHERE (SELECT warden.reads_all_audits())
    UNION ALL
    SELECT * FROM warden.audit_unsealed();
COMMENT ON VIEW warden.audit_log IS 'Entries: a tenant''s own for its owners and admins; all, without keys, rows and applications'' details, for warden_admin and warden_auditor';

CREATE VIEW warden.audit_blocks WITH (security_barrier) AS
    SELECT b.block, b.incarnation, b.entries, b.prev_hash, b.hash, b.sealed_at
        FROM warden.audit_block b WHERE (SELECT warden.reads_all_audits())
    UNION ALL
    SELECT * FROM warden.audit_own_blocks();
COMMENT ON VIEW warden.audit_blocks IS 'Blocks: all for warden_admin and warden_auditor; for a tenant''s owners and admins those with entries of their own, and only these counted';

CREATE VIEW warden.audit_keys WITH (security_barrier) AS
    WITH own AS MATERIALIZED (
        SELECT warden.reads_audit_of() AS tenant, warden.reads_all_audits() AS everywhere
    ), span AS (
        SELECT k.vkey, k.from_block, lead(greatest(k.from_block, 1)) OVER (ORDER BY k.from_block) - 1 AS to_block FROM warden.audit_key k
    )
    SELECT s.vkey, s.from_block, s.to_block FROM span s
        WHERE s.vkey IS NOT NULL AND (SELECT everywhere OR tenant IS NOT NULL FROM own);
COMMENT ON VIEW warden.audit_keys IS 'Keys that verify checkpoints (C2SP vkey), from which block to which; for whoever reads a log';

CREATE FUNCTION warden.audit_state(OUT worker_pid integer, OUT last_block bigint, OUT last_sealed_at timestamptz, OUT unsealed_entries bigint,
        OUT oldest_unsealed_at timestamptz, OUT last_verified_block bigint) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1 SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_audit_state';
COMMENT ON FUNCTION warden.audit_state() IS 'For the view warden.audit_status';

CREATE VIEW warden.audit_status WITH (security_barrier) AS
    SELECT current_database() AS database, s.worker_pid, s.last_block, s.last_sealed_at, s.unsealed_entries,
        clock_timestamp() - s.oldest_unsealed_at AS oldest_unsealed_age, s.last_verified_block
        FROM warden.audit_state() s;
COMMENT ON VIEW warden.audit_status IS 'How far the log of this database is sealed and verified since the server''s start; warden_admin and warden_auditor';

CREATE FUNCTION warden.row_history(relation regclass, key jsonb, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS SETOF warden.audit_log
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_row_history';
COMMENT ON FUNCTION warden.row_history(regclass, jsonb, timestamptz, timestamptz) IS 'The entries of one row, by its key as audit_log shows it; owners and admins, of their own tenant''s log';

-- VOLATILE: it remembers what it has verified.
CREATE FUNCTION warden.verify_audit(tenant uuid DEFAULT NULL)
    RETURNS TABLE (check_name text, ok boolean, tenant uuid, block bigint, entry text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_verify_audit';
COMMENT ON FUNCTION warden.verify_audit(uuid) IS 'Holds all that is stored of the log against itself: a row for each check and tenant, and one for each fault; owners and admins of a tenant, warden_auditor, warden_admin';

CREATE FUNCTION warden.audit_checkpoint(tenant uuid DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'audit_checkpoint_wrapper';
COMMENT ON FUNCTION warden.audit_checkpoint(uuid) IS 'How large a log is and what its root is, signed (C2SP tlog-checkpoint); NULL: the log of the blocks, for warden_auditor and warden_admin; zeros: what belongs to no tenant';

CREATE FUNCTION warden.audit_inclusion_proof(entry text) RETURNS jsonb
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'audit_inclusion_proof_wrapper';
COMMENT ON FUNCTION warden.audit_inclusion_proof(text) IS 'That a sealed entry is in its log (RFC 9162); owners and admins of its tenant, warden_auditor, warden_admin';

CREATE FUNCTION warden.audit_consistency_proof(tenant uuid, old_size bigint) RETURNS jsonb
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'audit_consistency_proof_wrapper';
COMMENT ON FUNCTION warden.audit_consistency_proof(uuid, bigint) IS 'That a log has only grown since it had old_size entries (RFC 9162); NULL: the log of the blocks, as audit_checkpoint has it';

CREATE FUNCTION warden.export_audit(tenant uuid, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS SETOF text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED SECURITY INVOKER
    AS 'MODULE_PATHNAME', 'warden_export_audit';
COMMENT ON FUNCTION warden.export_audit(uuid, timestamptz, timestamptz) IS 'A log as JSON Lines for warden-verify; owners and admins of the tenant, and without content warden_auditor and warden_admin; zeros: what belongs to no tenant';

REVOKE ALL ON warden.audit_log, warden.audit_blocks, warden.audit_keys, warden.audit_status FROM PUBLIC;
-- A tenant's owner and admin read their own through the application's role; the views filter.
GRANT SELECT ON warden.audit_log, warden.audit_blocks, warden.audit_keys TO PUBLIC;
-- How the platform's log is doing is not the tenants' business.
GRANT SELECT ON warden.audit_status TO warden_admin, warden_auditor;

REVOKE ALL ON FUNCTION warden.reads_audit_of(), warden.reads_all_audits(), warden.audit_rows(uuid, integer, xid8, bigint, bytea, bytea, bigint, bigint),
    warden.audit_sealed(), warden.audit_unsealed(), warden.audit_own_blocks(), warden.audit_state(), warden.row_history(regclass, jsonb, timestamptz, timestamptz), warden.verify_audit(uuid),
    warden.audit_checkpoint(uuid), warden.audit_inclusion_proof(text), warden.audit_consistency_proof(uuid, bigint),
    warden.export_audit(uuid, timestamptz, timestamptz) FROM PUBLIC;
-- The views call them as whoever reads them: the first two tell of oneself, the third shows what it is given, the others ask.
GRANT EXECUTE ON FUNCTION warden.reads_audit_of(), warden.reads_all_audits(), warden.audit_rows(uuid, integer, xid8, bigint, bytea, bytea, bigint, bigint),
    warden.audit_sealed(), warden.audit_unsealed(), warden.audit_own_blocks() TO PUBLIC;
-- The view warden.audit_status calls it as its reader, and it asks too.
GRANT EXECUTE ON FUNCTION warden.audit_state() TO warden_admin, warden_auditor;
-- A tenant's owner and admin through the application's role, the auditor through its own: each call asks who calls.
GRANT EXECUTE ON FUNCTION warden.row_history(regclass, jsonb, timestamptz, timestamptz), warden.verify_audit(uuid), warden.audit_checkpoint(uuid),
    warden.audit_inclusion_proof(text), warden.audit_consistency_proof(uuid, bigint), warden.export_audit(uuid, timestamptz, timestamptz) TO PUBLIC;
