-- A foreign key that would be validated anew, and a parent that would get a key, count as scans; preview says what to run before.
\set SHOW_CONTEXT never
CREATE SCHEMA iso_scan AUTHORIZATION dba;
SET ROLE dba;
CREATE TABLE iso_scan.exam (id int PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE iso_scan.result (id int, tenant_id uuid NOT NULL, exam int REFERENCES iso_scan.exam ON DELETE SET NULL);
CREATE TABLE iso_scan.remark (id int, exam int NOT NULL REFERENCES iso_scan.exam ON DELETE CASCADE);
CREATE INDEX ON iso_scan.exam (tenant_id);
CREATE INDEX ON iso_scan.result (tenant_id);
INSERT INTO iso_scan.exam VALUES (1, '00000000-0000-0000-0000-000000000001'), (2, '00000000-0000-0000-0000-000000000002');
INSERT INTO iso_scan.result SELECT n, ('00000000-0000-0000-0000-00000000000' || 1 + n % 2)::uuid, 1 + n % 2 FROM generate_series(1, 1000) n;
INSERT INTO iso_scan.remark SELECT n, 1 + n % 2 FROM generate_series(1, 1000) n;
RESET ROLE;
ALTER SYSTEM SET warden.protect_scan_limit = 0;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3);
SET ROLE dba;
SELECT warden.protect('iso_scan.exam');
SELECT warden.protect('iso_scan.result');
SELECT statement, lock FROM warden.preview('iso_scan.result') WHERE note LIKE 'before%';
CREATE UNIQUE INDEX CONCURRENTLY exam_warden_key ON iso_scan.exam (tenant_id, id);
ALTER TABLE iso_scan.result ADD CONSTRAINT result_exam_fkey_warden_ready FOREIGN KEY (tenant_id, exam)
    REFERENCES iso_scan.exam (tenant_id, id) ON UPDATE NO ACTION ON DELETE SET NULL (exam) NOT VALID;
-- Not before it is validated, and that reads a protected parent: for its owner, there is no context.
SELECT warden.protect('iso_scan.result');
ALTER TABLE iso_scan.result VALIDATE CONSTRAINT result_exam_fkey_warden_ready;
RESET ROLE;
ALTER TABLE iso_scan.result VALIDATE CONSTRAINT result_exam_fkey_warden_ready;
SET ROLE dba;
SELECT statement FROM warden.preview('iso_scan.result') WHERE statement LIKE '%CONSTRAINT%';
SELECT warden.protect('iso_scan.result');
SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = 'iso_scan.result'::regclass AND contype = 'f';
-- A child's column is not filled under a lock either.
SELECT warden.protect('iso_scan.remark', 'child');
SELECT statement, lock FROM warden.preview('iso_scan.remark', 'child') WHERE lock <> 'SHARE ROW EXCLUSIVE' LIMIT 6;
ALTER TABLE iso_scan.remark ADD COLUMN tenant_id uuid;
UPDATE iso_scan.remark c SET tenant_id = '00000000-0000-0000-0000-000000000001' WHERE exam = 1;
UPDATE iso_scan.remark c SET tenant_id = '00000000-0000-0000-0000-000000000002' WHERE exam = 2;
ALTER TABLE iso_scan.remark ADD CONSTRAINT remark_warden_not_null CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE iso_scan.remark VALIDATE CONSTRAINT remark_warden_not_null;
CREATE INDEX CONCURRENTLY remark_warden_idx ON iso_scan.remark (tenant_id);
ALTER TABLE iso_scan.remark ADD CONSTRAINT remark_exam_fkey_warden_ready FOREIGN KEY (tenant_id, exam)
    REFERENCES iso_scan.exam (tenant_id, id) ON UPDATE NO ACTION ON DELETE CASCADE NOT VALID;
RESET ROLE;
ALTER TABLE iso_scan.remark VALIDATE CONSTRAINT remark_exam_fkey_warden_ready;
SET ROLE dba;
SELECT warden.protect('iso_scan.remark', 'child');
RESET ROLE;
ALTER SYSTEM RESET warden.protect_scan_limit;
SELECT pg_reload_conf();
-- What stood before stays, the key as it was.
SELECT warden.unprotect('iso_scan.result');
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'iso_scan.result'::regclass AND contype = 'f';
SELECT count(*) FROM pg_indexes WHERE indexname = 'exam_warden_key';
SET client_min_messages = warning;
DROP SCHEMA iso_scan CASCADE;
