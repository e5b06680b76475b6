-- Generations: a rotation changes what is sealed from now on, nothing that was sealed before, and no search.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA enc_keys;
GRANT USAGE ON SCHEMA enc_keys TO app_broker;
CREATE TABLE enc_keys.t (tenant_id uuid, id int, secret text, PRIMARY KEY (tenant_id, id));
GRANT ALL ON enc_keys.t TO app_broker;
SET ROLE officer;
SELECT warden.create_tenant('enc-keys', 'Keys', id => '00000000-0000-0000-0000-00000000ee01') IS NOT NULL AS made, warden.create_tenant('enc-late', 'Late', id => '00000000-0000-0000-0000-00000000ee02') IS NOT NULL AS made_too;
SELECT warden.add_member('00000000-0000-0000-0000-00000000ee01', 'o', 'owner'), warden.add_member('00000000-0000-0000-0000-00000000ee01', 'v', 'viewer'), warden.add_member('00000000-0000-0000-0000-00000000ee02', 'o', 'owner');
RESET ROLE;
-- As a tenant that is older than the root key: it has no key until somebody needs one.
DELETE FROM warden.data_key_registry WHERE tenant = '00000000-0000-0000-0000-00000000ee02';
DELETE FROM warden.tenant_key_registry WHERE tenant = '00000000-0000-0000-0000-00000000ee02';
SELECT warden.protect('enc_keys.t'), warden.encrypt_column('enc_keys.t', 'secret', true);
CREATE UNIQUE INDEX once ON enc_keys.t (tenant_id, secret);
SELECT tenant, generation, state, generation_id <> 0 AS has_id FROM warden.keys WHERE tenant::text LIKE '%ee0_' ORDER BY 1, 2;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-00000000ee01', 'o') IS NOT NULL AS "in";
INSERT INTO enc_keys.t_clear (id, secret) VALUES (1, 'needle'), (2, 'hay');
COMMIT;
-- The first use makes the keys; a savepoint that is rolled back takes them along, and nothing is sealed under what is gone.
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-00000000ee02', 'o') IS NOT NULL AS "in";
SAVEPOINT s;
INSERT INTO enc_keys.t_clear (id, secret) VALUES (1, 'lost');
ROLLBACK TO s;
INSERT INTO enc_keys.t_clear (id, secret) VALUES (2, 'kept');
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-00000000ee02', 'o') IS NOT NULL AS "in";
SELECT id, secret FROM enc_keys.t_clear;
SELECT tenant, generation, state FROM warden.keys;
COMMIT;
-- Who may: the officer. Who sees: each tenant its own, the officer and the auditor all.
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-00000000ee01', 'o') IS NOT NULL AS "in";
SELECT warden.rotate_key('00000000-0000-0000-0000-00000000ee01');
ROLLBACK;
SELECT count(*) FROM warden.keys;
SET SESSION AUTHORIZATION officer;
SELECT warden.rotate_key('00000000-0000-0000-0000-00000000ee01');
BEGIN;
SELECT warden.rotate_key('00000000-0000-0000-0000-00000000ee01');
ROLLBACK;
SELECT warden.rotate_key('00000000-0000-0000-0000-00000000ee01');
SELECT generation, state, changed_at >= created_at AS later FROM warden.keys WHERE tenant = '00000000-0000-0000-0000-00000000ee01' ORDER BY 1;
SET SESSION AUTHORIZATION auditor;
SELECT count(DISTINCT tenant) >= 4 AS all_tenants FROM warden.keys;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-00000000ee01', 'v') IS NOT NULL AS "in";
SELECT generation, state FROM warden.keys ORDER BY 1;
SELECT id, secret FROM enc_keys.t_clear ORDER BY id;
SELECT id FROM enc_keys.t WHERE secret = warden.search_term('needle', 'enc_keys.t.secret');
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-00000000ee01', 'o') IS NOT NULL AS "in";
SAVEPOINT s;
INSERT INTO enc_keys.t_clear (id, secret) VALUES (3, 'needle');
ROLLBACK TO s;
INSERT INTO enc_keys.t_clear (id, secret) VALUES (3, 'new');
UPDATE enc_keys.t_clear SET secret = secret WHERE id = 2;
COMMIT;
RESET SESSION AUTHORIZATION;
-- What is written keeps its generation until it is written again.
SELECT t.id, k.generation, k.state FROM enc_keys.t JOIN warden.keys k ON k.tenant = t.tenant_id
    AND k.generation_id = ('x' || substr(encode(warden.ciphertext_eq_send(t.secret), 'hex'), 9, 16))::bit(64)::bigint WHERE t.tenant_id = '00000000-0000-0000-0000-00000000ee01' ORDER BY 1;
-- A closed tenant has no more generations.
SET SESSION AUTHORIZATION officer;
SELECT warden.close_tenant('00000000-0000-0000-0000-00000000ee02', 'the end');
SELECT warden.rotate_key('00000000-0000-0000-0000-00000000ee02');
RESET SESSION AUTHORIZATION;
-- A tenant's keys have one active generation, whoever writes the registry.
INSERT INTO warden.data_key_registry (id, tenant, generation, state, wrapped) VALUES (1, '00000000-0000-0000-0000-00000000ee01', 9, 'active', '\x00');
DROP TABLE enc_keys.t CASCADE;
DROP SCHEMA enc_keys CASCADE;
DELETE FROM warden.data_key_registry WHERE tenant::text LIKE '%ee0_';
DELETE FROM warden.tenant_key_registry WHERE tenant::text LIKE '%ee0_';
DELETE FROM warden.member_registry WHERE tenant::text LIKE '%ee0_';
DELETE FROM warden.tenant_name WHERE tenant::text LIKE '%ee0_';
DELETE FROM warden.tenant_registry WHERE id::text LIKE '%ee0_';
