-- injection_audit_explain: a tenant's owner asks plans how much of the log is others'.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA inj_audx;
GRANT USAGE ON SCHEMA inj_audx TO app_broker;
CREATE FUNCTION inj_audx.counts(query text) RETURNS TABLE (node text, relation text, rows numeric, removed numeric) LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF, FORMAT JSON) ' || query INTO plan;
    RETURN QUERY WITH RECURSIVE nodes(n) AS (SELECT plan -> 0 -> 'Plan' UNION ALL SELECT jsonb_array_elements(n -> 'Plans') FROM nodes WHERE n ? 'Plans')
        SELECT n ->> 'Node Type', n ->> 'Relation Name', (n ->> 'Actual Rows')::numeric * (n ->> 'Actual Loops')::numeric, coalesce((n ->> 'Rows Removed by Filter')::numeric, 0) + coalesce((n ->> 'Rows Removed by Join Filter')::numeric, 0) + coalesce((n ->> 'Rows Removed by Index Recheck')::numeric, 0) FROM nodes;
END $$;
-- Others' blocks, whatever ran before; and what the planner knows of the tables.
SELECT warden.create_tenant(slug => 'inj-audx', name => 'others', id => '00000000-0000-0000-0000-0000000000f1') IS NULL AS made;
DO $$ BEGIN FOR i IN 1 .. 20 LOOP PERFORM warden.add_member('00000000-0000-0000-0000-0000000000f1', 'user ' || i, 'member'); PERFORM warden.revoke_user('00000000-0000-0000-0000-000000000001', 'nobody'); COMMIT; END LOOP; END $$;
SELECT warden.seal_audit() > 0 AS sealed;
ANALYZE warden.audit_leaf, warden.audit_head, warden.audit_block, warden.audit_entry, warden.audit_payload;
\set olga 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-owner'') IS NULL'
\pset format unaligned
\pset tuples_only on
SET SESSION AUTHORIZATION app_broker;
BEGIN; :olga;
SELECT count(*) AS blocks FROM warden.audit_blocks \gset
-- Rows that were read and passed over are others'.
SELECT relation, sum(removed), bool_and(relation <> 'audit_block' OR rows <= :blocks) FROM inj_audx.counts('SELECT * FROM warden.audit_log') WHERE relation IS NOT NULL GROUP BY 1 ORDER BY 1;
SELECT relation, sum(removed), bool_and(rows <= :blocks) FROM inj_audx.counts('SELECT * FROM warden.audit_blocks') WHERE relation IS NOT NULL GROUP BY 1 ORDER BY 1;
-- Nor by settings that one may change.
SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_nestloop = off;
SELECT relation, sum(removed), bool_and(relation <> 'audit_block' OR rows <= :blocks) FROM inj_audx.counts('SELECT * FROM warden.audit_log') WHERE relation IS NOT NULL GROUP BY 1 ORDER BY 1;
SELECT relation, sum(removed), bool_and(rows <= :blocks) FROM inj_audx.counts('SELECT * FROM warden.audit_blocks') WHERE relation IS NOT NULL GROUP BY 1 ORDER BY 1;
COMMIT;
RESET SESSION AUTHORIZATION;
\pset format aligned
\pset tuples_only off
SELECT warden.close_tenant('00000000-0000-0000-0000-0000000000f1', 'end');
DROP SCHEMA inj_audx CASCADE;
