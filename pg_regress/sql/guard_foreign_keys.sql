-- A foreign key between protected tables carries the tenant, also one that comes later.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = warning;
SET SESSION AUTHORIZATION dba;
CREATE SCHEMA keys;
GRANT USAGE, CREATE ON SCHEMA keys TO officer;
CREATE TABLE keys.parent (id int PRIMARY KEY, tenant_id uuid, up int);
CREATE TABLE keys.child (id int, tenant_id uuid, parent int);
CREATE TABLE keys.open (id int PRIMARY KEY, parent int);
CREATE TABLE keys.part (id int, tenant_id uuid, parent int) PARTITION BY RANGE (id);
CREATE TABLE keys.part_1 PARTITION OF keys.part FOR VALUES FROM (0) TO (10);
SELECT warden.protect('keys.parent');
SELECT warden.protect('keys.child');
SELECT warden.protect('keys.part');
ALTER TABLE keys.child ADD CONSTRAINT bridge FOREIGN KEY (parent) REFERENCES keys.parent ON DELETE CASCADE;
\set VERBOSITY sqlstate
ALTER TABLE keys.child ADD CONSTRAINT bridge FOREIGN KEY (parent) REFERENCES keys.parent ON DELETE CASCADE NOT VALID;
ALTER TABLE keys.child ADD COLUMN more int REFERENCES keys.parent;
ALTER TABLE keys.parent ADD CONSTRAINT bridge FOREIGN KEY (up) REFERENCES keys.parent;
ALTER TABLE keys.part ADD CONSTRAINT bridge FOREIGN KEY (parent) REFERENCES keys.parent;
ALTER TABLE keys.part_1 ADD CONSTRAINT bridge FOREIGN KEY (parent) REFERENCES keys.parent;
DO $$ BEGIN ALTER TABLE keys.child ADD CONSTRAINT bridge FOREIGN KEY (parent) REFERENCES keys.parent; END $$;
\set VERBOSITY default
-- as the hint says: NOT VALID, since the owner may read no row
ALTER TABLE keys.parent ADD CONSTRAINT parent_key UNIQUE (tenant_id, id);
ALTER TABLE keys.child ADD CONSTRAINT inside FOREIGN KEY (tenant_id, parent) REFERENCES keys.parent (tenant_id, id) NOT VALID;
ALTER TABLE keys.parent ADD CONSTRAINT inside FOREIGN KEY (tenant_id, up) REFERENCES keys.parent (tenant_id, id) NOT VALID;
ALTER TABLE keys.part_1 ADD CONSTRAINT inside FOREIGN KEY (tenant_id, parent) REFERENCES keys.parent (tenant_id, id) NOT VALID;
-- from and to a table that is not protected
ALTER TABLE keys.open ADD CONSTRAINT inward FOREIGN KEY (parent) REFERENCES keys.parent;
ALTER TABLE keys.child ADD CONSTRAINT outward FOREIGN KEY (parent) REFERENCES keys.open NOT VALID;
-- warden_admin decides otherwise, and it shows
RESET SESSION AUTHORIZATION;
ALTER TABLE keys.child ADD CONSTRAINT bridge FOREIGN KEY (parent) REFERENCES keys.parent;
SELECT relation, state, problems FROM warden.coverage WHERE schema = 'keys' ORDER BY relation;
DROP SCHEMA keys CASCADE;
