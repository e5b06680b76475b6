-- Who sees which tenants, members and issuers.
\set acme 00000000-0000-0000-0000-000000000001
CREATE SCHEMA views_test;
GRANT USAGE ON SCHEMA views_test TO app_broker;
CREATE FUNCTION views_test.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN RAISE NOTICE 'seen: %', $1; RETURN true; END$$;
CREATE FUNCTION views_test.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END$$;
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION officer;
SELECT slug FROM warden.tenants WHERE slug IN ('acme', 'globex') ORDER BY slug;
SELECT count(*) FROM warden.members WHERE user_id LIKE 'acme-%' OR user_id LIKE 'globex-%';
SELECT issuer, audience, options, keys FROM warden.issuers WHERE issuer = 'https://idp.regress.test';
SET SESSION AUTHORIZATION auditor;
SELECT slug FROM warden.tenants WHERE slug IN ('acme', 'globex') ORDER BY slug;
SELECT count(*) FROM warden.members WHERE user_id LIKE 'acme-%' OR user_id LIKE 'globex-%';
SELECT count(*) FROM warden.issuers;

-- Everybody else: nothing without a context, and nothing of how the platform authenticates.
SET SESSION AUTHORIZATION app;
SELECT count(*) FROM warden.tenants;
SELECT count(*) FROM warden.members;
SELECT count(*) FROM warden.issuers;
SET SESSION AUTHORIZATION dba;
SELECT count(*) FROM warden.tenants;
SELECT count(*) FROM warden.members;
SELECT count(*) FROM warden.issuers;
SET SESSION AUTHORIZATION app_broker;
SELECT count(*) FROM warden.tenants;
SELECT count(*) FROM warden.members;
SELECT count(*) FROM warden.issuers;

-- In a context: its tenant; all its members for owners and admins, oneself for the others.
BEGIN;
SELECT warden.assume(:'acme', 'acme-owner');
SELECT id, slug, external_id, name, state FROM warden.tenants;
SELECT tenant, user_id, role FROM warden.members ORDER BY tier;
ROLLBACK;
BEGIN;
SELECT warden.assume(:'acme', 'acme-admin');
SELECT user_id FROM warden.members ORDER BY tier;
ROLLBACK;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT slug FROM warden.tenants;
SELECT user_id, role FROM warden.members;
ROLLBACK;
BEGIN;
SELECT warden.assume(:'acme', 'acme-viewer');
SELECT user_id, role FROM warden.members;
ROLLBACK;
-- A function that would print what it is given gets no foreign row.
BEGIN;
SELECT warden.assume(:'acme', 'acme-viewer');
\set VERBOSITY terse
SELECT user_id FROM warden.members WHERE views_test.leak(user_id);
SELECT slug FROM warden.tenants WHERE views_test.leak(slug);
-- Nor do plans count foreign rows: each branch looks the tenant up by its key.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT bool_or(line LIKE '%Index Cond: (id = %') AS by_key FROM views_test.plan('SELECT slug FROM warden.tenants') line;
SELECT bool_or(line LIKE '%Index Cond: (tenant = %') AS by_key FROM views_test.plan('SELECT user_id FROM warden.members') line;
\set VERBOSITY sqlstate
ROLLBACK;
-- Views are read, not written.
UPDATE warden.tenants SET name = 'mine';
DELETE FROM warden.members;
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
DROP SCHEMA views_test CASCADE;
