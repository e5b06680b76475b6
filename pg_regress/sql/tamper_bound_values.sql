-- Through the table's own trigger, in the transaction that has just written: nothing damaged, forged or copied gets in.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA tamper_bound AUTHORIZATION dba;
GRANT USAGE ON SCHEMA tamper_bound TO app_broker;
SET ROLE dba;
CREATE TABLE tamper_bound.t (tenant_id uuid, id int, uq int, secret text, phone text, closed text, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, uq));
GRANT SELECT, INSERT, UPDATE ON tamper_bound.t TO app_broker;
SELECT warden.protect('tamper_bound.t'), warden.encrypt_column('tamper_bound.t', 'secret'), warden.encrypt_column('tamper_bound.t', 'phone', true),
    warden.encrypt_column('tamper_bound.t', 'closed', false, '{"decrypt": "admin"}');
SET SESSION AUTHORIZATION app_broker;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member') IS NOT NULL AS "in";
INSERT INTO tamper_bound.t_clear (id, uq, secret, phone, closed) VALUES (1, 1, 'A', '111', 'sealed 1'), (2, 2, 'B', '222', 'sealed 2');
INSERT INTO tamper_bound.t (id, uq, secret, phone) VALUES (3, 3, warden.encrypt('C', 'tamper_bound.t.secret'), warden.encrypt_eq('333', 'tamper_bound.t.phone'));
-- Its last byte, its length, the tag that is searched by, another's body.
UPDATE tamper_bound.t SET secret = (left(secret::text, -2) || CASE right(secret::text, 2) WHEN '00' THEN '01' ELSE '00' END)::warden.ciphertext WHERE id = 1;
UPDATE tamper_bound.t SET secret = (left(secret::text, -2) || CASE right(secret::text, 2) WHEN '00' THEN '01' ELSE '00' END)::warden.ciphertext WHERE id = 3;
UPDATE tamper_bound.t SET secret = (secret::text || '00')::warden.ciphertext WHERE id = 3;
UPDATE tamper_bound.t t SET phone = (left(t.phone::text, 74) || substr(o.phone::text, 75))::warden.ciphertext_eq FROM tamper_bound.t o WHERE t.id = 1 AND o.id = 2;
UPDATE tamper_bound.t t SET phone = (left(t.phone::text, 74) || substr(o.phone::text, 75))::warden.ciphertext_eq FROM tamper_bound.t o WHERE t.id = 3 AND o.id = 2;
-- Another row's, by those who do not decrypt it: as it is, by way of ON CONFLICT, after its row's key has changed.
UPDATE tamper_bound.t SET closed = (SELECT closed FROM tamper_bound.t WHERE id = 1) WHERE id = 2;
INSERT INTO tamper_bound.t (id, uq, closed) SELECT id, uq, closed FROM tamper_bound.t WHERE id = 1 ON CONFLICT DO NOTHING;
UPDATE tamper_bound.t SET closed = (SELECT closed FROM tamper_bound.t WHERE id = 1) WHERE id = 2;
INSERT INTO tamper_bound.t (id, uq, closed) SELECT id, 2, closed FROM tamper_bound.t WHERE id = 1 ON CONFLICT (tenant_id, uq) DO UPDATE SET closed = EXCLUDED.closed;
UPDATE tamper_bound.t SET id = 10 WHERE id = 1;
UPDATE tamper_bound.t SET closed = (SELECT closed FROM tamper_bound.t WHERE id = 10) WHERE id = 2;
-- What is one's own to write.
INSERT INTO tamper_bound.t (id, uq, secret) VALUES (4, 2, warden.encrypt('mine', 'tamper_bound.t.secret')) ON CONFLICT (tenant_id, uq) DO UPDATE SET secret = EXCLUDED.secret;
UPDATE tamper_bound.t SET id = 1 WHERE id = 10;
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-admin') IS NOT NULL AS "in";
SELECT id, secret, phone, closed FROM tamper_bound.t_clear ORDER BY id;
SELECT t.id, p FROM unnest(ARRAY['111', '222', '333']) p LEFT JOIN tamper_bound.t t ON t.phone = warden.search_term(p, 'tamper_bound.t.phone');
COMMIT;
RESET SESSION AUTHORIZATION;
DROP SCHEMA tamper_bound CASCADE;
