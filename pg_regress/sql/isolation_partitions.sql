-- The same on every partition and child, now and later.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA iso_parts AUTHORIZATION dba;
GRANT USAGE ON SCHEMA iso_parts TO app_broker, officer;
SET ROLE dba;
CREATE TABLE iso_parts.log (id int, tenant_id uuid, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE iso_parts.log_25 PARTITION OF iso_parts.log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE iso_parts.log_26 (id int NOT NULL, tenant_id uuid NOT NULL, at date NOT NULL);
ALTER TABLE iso_parts.log ATTACH PARTITION iso_parts.log_26 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT warden.protect('iso_parts.log_25');
SELECT warden.protect('iso_parts.log');
CREATE TABLE iso_parts.log_27 PARTITION OF iso_parts.log FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') PARTITION BY LIST (id);
CREATE TABLE iso_parts.log_27_rest PARTITION OF iso_parts.log_27 DEFAULT;
CREATE TABLE iso_parts.log_28 (LIKE iso_parts.log);
ALTER TABLE iso_parts.log ATTACH PARTITION iso_parts.log_28 FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
GRANT ALL ON ALL TABLES IN SCHEMA iso_parts TO app_broker;
RESET ROLE;
CREATE VIEW iso_parts.state AS SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies,
    (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'warden_truncate') AS triggers,
    (SELECT p.relation::text FROM warden.relation_registry r JOIN warden.relation_registry p ON p.id = r.root WHERE r.relation = c.oid) AS part_of,
    (SELECT bool_or(a.attnotnull) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('tenant_id', 'org')) AS not_null,
    (SELECT count(*) FROM pg_attrdef d WHERE d.adrelid = c.oid) AS defaults
    FROM pg_class c WHERE c.relnamespace = 'iso_parts'::regnamespace AND c.relkind IN ('r', 'p');
SELECT * FROM iso_parts.state ORDER BY 1;
INSERT INTO iso_parts.log SELECT y * 10 + t, ('00000000-0000-0000-0000-00000000000' || t)::uuid, make_date(2020 + y, 6, 1) FROM generate_series(5, 8) y, generate_series(1, 2) t;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
SELECT id FROM iso_parts.log ORDER BY 1;
SELECT id FROM iso_parts.log_27_rest;
SELECT id FROM iso_parts.log_28;
SAVEPOINT s;
INSERT INTO iso_parts.log_25 VALUES (1, '00000000-0000-0000-0000-000000000002', '2025-02-02');
ROLLBACK TO s;
TRUNCATE ONLY iso_parts.log_25;
ROLLBACK TO s;
INSERT INTO iso_parts.log_25 (id, at) VALUES (1, '2025-02-02') RETURNING tenant_id;
ROLLBACK;
RESET SESSION AUTHORIZATION;
-- A part is not released by itself; what is split off stays protected.
SET ROLE officer;
SELECT warden.unprotect('iso_parts.log_25');
SELECT warden.protect('iso_parts.log_25', 'tenant_admin');
RESET ROLE;
SET ROLE dba;
ALTER TABLE iso_parts.log DETACH PARTITION iso_parts.log_28;
ALTER TABLE iso_parts.log RENAME COLUMN tenant_id TO org;
RESET ROLE;
SELECT relation, tenant_column, root IS NOT NULL AS is_part FROM warden.relation_registry WHERE relation::text LIKE 'iso_parts%' ORDER BY relation::text;
-- INHERITS: children made before, later, grandchildren, and those that join.
SET ROLE dba;
CREATE TABLE iso_parts.t (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE iso_parts.open (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE iso_parts.t_early () INHERITS (iso_parts.t);
SELECT warden.protect('iso_parts.t');
CREATE TABLE iso_parts.t_joined (LIKE iso_parts.t);
CREATE TABLE iso_parts.t_child () INHERITS (iso_parts.t);
CREATE TABLE iso_parts.t_grand (more int) INHERITS (iso_parts.t_child);
ALTER TABLE iso_parts.t_joined INHERIT iso_parts.t;
CREATE TABLE iso_parts.t_both () INHERITS (iso_parts.t, iso_parts.open);
RESET ROLE;
SELECT * FROM iso_parts.state WHERE relname LIKE 't%' ORDER BY 1;
SET ROLE dba;
ALTER TABLE iso_parts.t_child NO INHERIT iso_parts.t;
DROP TABLE iso_parts.t_joined;
RESET ROLE;
SELECT * FROM iso_parts.state WHERE relname LIKE 't%' ORDER BY 1;
SET ROLE officer;
SELECT warden.unprotect('iso_parts.log');
SELECT warden.unprotect('iso_parts.log_28');
SELECT warden.unprotect('iso_parts.t');
SELECT warden.unprotect('iso_parts.t_child');
RESET ROLE;
SELECT * FROM iso_parts.state ORDER BY 1;
DROP SCHEMA iso_parts CASCADE;
