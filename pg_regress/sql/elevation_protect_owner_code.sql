-- What a table's owner has hung on it is never run with a superuser's rights, whatever table of a family it hangs on.
\set SHOW_CONTEXT never
\set VERBOSITY default
CREATE ROLE thief LOGIN;
CREATE SCHEMA elev AUTHORIZATION thief;
CREATE SCHEMA elev_super;
GRANT USAGE ON SCHEMA elev_super TO PUBLIC;
-- the twin, a superuser's
CREATE FUNCTION elev_super.fine(int) RETURNS int LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT $1';
SELECT 'GRANT CREATE ON DATABASE ' || quote_ident(current_database()) || ' TO thief' AS grant \gset
:grant;
SET SESSION AUTHORIZATION thief;
CREATE FUNCTION elev.rise() RETURNS int LANGUAGE plpgsql AS $$BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE thief SUPERUSER'; END IF;
    RETURN 1;
END$$;
CREATE FUNCTION elev.code(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN elev.rise(); END$$;
CREATE FUNCTION elev.difference(int, int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN elev.rise(); END$$;

-- on the table itself: index, predicate, check, statistics, default, generated column
CREATE TABLE elev.indexed (id int PRIMARY KEY, tenant_id uuid);
CREATE INDEX indexed_code ON elev.indexed ((elev.code(1)));
SELECT warden.protect('elev.indexed');
\set VERBOSITY sqlstate
SELECT warden.preview('elev.indexed');
DROP INDEX elev.indexed_code;
CREATE INDEX indexed_code ON elev.indexed (id) WHERE elev.code(1) = 1;
SELECT warden.protect('elev.indexed');
DROP INDEX elev.indexed_code;
ALTER TABLE elev.indexed ADD CONSTRAINT indexed_code CHECK (elev.code(1) = 1);
SELECT warden.protect('elev.indexed');
ALTER TABLE elev.indexed DROP CONSTRAINT indexed_code;
CREATE STATISTICS elev.indexed_code ON (elev.code(id)) FROM elev.indexed;
SELECT warden.protect('elev.indexed');
DROP STATISTICS elev.indexed_code;
ALTER TABLE elev.indexed ADD COLUMN extra int DEFAULT elev.code(1);
SELECT warden.protect('elev.indexed');
ALTER TABLE elev.indexed DROP COLUMN extra;
ALTER TABLE elev.indexed ADD COLUMN extra int GENERATED ALWAYS AS (elev.code(id)) STORED;
SELECT warden.protect('elev.indexed');
ALTER TABLE elev.indexed DROP COLUMN extra;
-- in its types: a domain, one beneath an array, a range
CREATE DOMAIN elev.checked AS int CHECK (elev.code(VALUE) = 1);
CREATE TYPE elev.pair AS (a int, b elev.checked);
CREATE TYPE elev.span AS RANGE (subtype = int4, subtype_diff = elev.difference);
ALTER TABLE elev.indexed ADD COLUMN extra elev.checked;
SELECT warden.protect('elev.indexed');
ALTER TABLE elev.indexed DROP COLUMN extra;
ALTER TABLE elev.indexed ADD COLUMN extra elev.pair[];
SELECT warden.protect('elev.indexed');
ALTER TABLE elev.indexed DROP COLUMN extra;
ALTER TABLE elev.indexed ADD COLUMN extra elev.span;
SELECT warden.protect('elev.indexed');
ALTER TABLE elev.indexed DROP COLUMN extra;
-- an operator's
CREATE FUNCTION elev.equal(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN elev.rise() = 1; END$$;
CREATE OPERATOR elev.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = elev.equal);
CREATE INDEX indexed_code ON elev.indexed ((1 OPERATOR(elev.===) 1));
SELECT warden.protect('elev.indexed');
DROP INDEX elev.indexed_code;
-- a partition key's
CREATE TABLE elev.keyed (id int, tenant_id uuid NOT NULL) PARTITION BY LIST (elev.code(id));
SELECT warden.protect('elev.keyed');

-- a member of an extension of its own approves nothing
CREATE EXTENSION tcn SCHEMA elev;
ALTER EXTENSION tcn ADD FUNCTION elev.code(int);
CREATE INDEX indexed_code ON elev.indexed ((elev.code(1)));
SELECT warden.protect('elev.indexed');
DROP INDEX elev.indexed_code;
SELECT warden.protect('elev.indexed');

-- on what is read through the other end of a foreign key: a partition, a child, both as parent and as child of the key
CREATE TABLE elev.course (id int PRIMARY KEY, tenant_id uuid NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE elev.course_1 PARTITION OF elev.course FOR VALUES FROM (0) TO (1000);
SELECT warden.protect('elev.course');
-- the owner alone may not: a superuser makes it
CREATE INDEX course_code ON elev.course_1 ((elev.code(1)));
RESET SESSION AUTHORIZATION;
CREATE INDEX course_code ON elev.course_1 ((elev.code(1)));
SET SESSION AUTHORIZATION thief;
CREATE TABLE elev.enrolled (id int PRIMARY KEY, tenant_id uuid NOT NULL, course int REFERENCES elev.course);
SELECT warden.protect('elev.enrolled');
SELECT warden.preview('elev.enrolled');
CREATE TABLE elev.attended (id int PRIMARY KEY, course int REFERENCES elev.course);
SELECT warden.protect('elev.attended', 'child');
SELECT warden.preview('elev.attended', 'child');
CREATE TABLE elev.room (id int PRIMARY KEY, tenant_id uuid NOT NULL);
SELECT warden.protect('elev.room');
CREATE TABLE elev.hall (seats int) INHERITS (elev.room);
-- the owner alone may not: a superuser makes it
CREATE INDEX hall_code ON elev.hall ((elev.code(1)));
RESET SESSION AUTHORIZATION;
CREATE INDEX hall_code ON elev.hall ((elev.code(1)));
SET SESSION AUTHORIZATION thief;
CREATE TABLE elev.booking (id int PRIMARY KEY, room int REFERENCES elev.room);
SELECT warden.protect('elev.booking', 'child');
CREATE TABLE elev.seat (id int PRIMARY KEY, tenant_id uuid NOT NULL, room int REFERENCES elev.room);
SELECT warden.protect('elev.seat');
CREATE TABLE elev.note (id int, tenant_id uuid NOT NULL, about int) PARTITION BY RANGE (id);
CREATE TABLE elev.note_1 PARTITION OF elev.note FOR VALUES FROM (0) TO (1000);
CREATE TABLE elev.subject (id int PRIMARY KEY, tenant_id uuid NOT NULL);
ALTER TABLE elev.note ADD FOREIGN KEY (about) REFERENCES elev.subject;
SELECT warden.protect('elev.note');
CREATE INDEX note_code ON elev.note_1 ((elev.code(1)));
RESET SESSION AUTHORIZATION;
CREATE INDEX note_code ON elev.note_1 ((elev.code(1)));
SET SESSION AUTHORIZATION thief;
SELECT warden.protect('elev.subject');

-- what a trigger hangs on while a child gets its tenants
CREATE TABLE elev.owner (id int PRIMARY KEY, tenant_id uuid NOT NULL);
INSERT INTO elev.owner VALUES (1, '00000000-0000-0000-0000-000000000001');
CREATE TABLE elev.owned (id int, owner int REFERENCES elev.owner) PARTITION BY RANGE (id);
CREATE TABLE elev.owned_1 PARTITION OF elev.owned FOR VALUES FROM (0) TO (1000);
CREATE TABLE elev.owned_2 PARTITION OF elev.owned FOR VALUES FROM (1000) TO (2000);
INSERT INTO elev.owned VALUES (1, 1);
CREATE FUNCTION elev.hang() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    EXECUTE 'CREATE INDEX owned_code ON elev.owned_2 ((elev.code(1)))';
    RETURN NEW;
END$$;
CREATE TRIGGER hang BEFORE UPDATE ON elev.owned_1 FOR EACH ROW EXECUTE FUNCTION elev.hang();
SELECT warden.protect('elev.owner');
\set VERBOSITY terse
SELECT warden.protect('elev.owned', 'child');
-- nor where a migrator has approved the trigger
RESET SESSION AUTHORIZATION;
CREATE ROLE mover IN ROLE warden_migrator;
GRANT CREATE ON SCHEMA elev TO mover;
ALTER FUNCTION elev.hang() OWNER TO mover;
SET SESSION AUTHORIZATION thief;
SELECT warden.protect('elev.owned', 'child');
\set VERBOSITY sqlstate

-- a partition that comes later, a schema's rule
CREATE TABLE elev.course_2 (id int NOT NULL, tenant_id uuid NOT NULL);
CREATE INDEX course_2_code ON elev.course_2 ((elev.code(1)));
ALTER TABLE elev.course ATTACH PARTITION elev.course_2 FOR VALUES FROM (1000) TO (2000);
CREATE SCHEMA elev_ruled;
SELECT warden.protect_schema('elev_ruled', 'apply');
BEGIN;
CREATE TABLE elev_ruled.made (id int PRIMARY KEY, tenant_id uuid);
CREATE INDEX ON elev_ruled.made ((elev.code(1)));
COMMIT;
RESET SESSION AUTHORIZATION;
-- nor by warden_admin's hand, which takes a protection away
SELECT warden.unprotect('elev.course');
SELECT rolsuper FROM pg_roles WHERE rolname = 'thief';

-- the twins, a superuser's: allowed
\set VERBOSITY default
DROP INDEX elev.course_code, elev.hall_code, elev.note_code;
INSERT INTO elev.hall VALUES (7, '00000000-0000-0000-0000-000000000007', 1);
SET SESSION AUTHORIZATION thief;
CREATE INDEX course_fine ON elev.course_1 ((elev_super.fine(1)));
CREATE INDEX hall_fine ON elev.hall ((elev_super.fine(1)));
CREATE INDEX note_fine ON elev.note_1 ((elev_super.fine(1)));
CREATE DOMAIN elev.fine AS int CHECK (elev_super.fine(VALUE) > 0);
ALTER TABLE elev.enrolled ADD COLUMN extra elev.fine, ADD COLUMN made int DEFAULT elev_super.fine(1),
    ADD CHECK (elev_super.fine(1) = 1);
CREATE STATISTICS elev.enrolled_fine ON (elev_super.fine(id)) FROM elev.enrolled;
SELECT warden.protect('elev.enrolled');
SELECT warden.protect('elev.attended', 'child');
SELECT warden.protect('elev.booking', 'child');
SELECT warden.protect('elev.seat');
SELECT warden.protect('elev.subject');
RESET SESSION AUTHORIZATION;
SELECT rolsuper FROM pg_roles WHERE rolname = 'thief';
\set VERBOSITY terse
DROP SCHEMA elev, elev_ruled, elev_super CASCADE;
DROP OWNED BY thief;
DROP ROLE thief, mover;
