-- Nothing temporary is left for the next user of a session, and nothing that an earlier one left is used.
\set acme 00000000-0000-0000-0000-000000000001
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION app_broker;
-- Made before the login: it is closed until the transaction ends.
CREATE TEMP TABLE earlier (note text);
INSERT INTO earlier VALUES ('left by somebody');
CREATE TEMP VIEW earlier_view AS SELECT * FROM earlier;
CREATE TEMP SEQUENCE earlier_sequence;
CREATE FUNCTION pg_temp.earlier_function() RETURNS text LANGUAGE sql AS $$SELECT 'seen ' || warden.user_id()$$;
CREATE TYPE pg_temp.earlier_type AS (a int);
CREATE DOMAIN pg_temp.earlier_domain AS int CHECK (pg_temp.earlier_function() IS NOT NULL);
SELECT note FROM earlier;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT note FROM earlier;
SELECT note FROM earlier_view;
INSERT INTO earlier VALUES ('for the next one');
UPDATE earlier SET note = 'for the next one';
DELETE FROM earlier;
COPY earlier TO STDOUT;
COPY (SELECT * FROM earlier) TO STDOUT;
SELECT nextval('earlier_sequence');
SELECT pg_temp.earlier_function();
SELECT 1::pg_temp.earlier_domain;
INSERT INTO earlier SELECT 'no row' WHERE false;
SELECT * FROM generate_series(1, 2) n WHERE pg_temp.earlier_function() = n::text;

-- Made under the context: ON COMMIT DROP, or not at all.
CREATE TEMP TABLE t (id int);
CREATE TEMP TABLE t (id int) ON COMMIT PRESERVE ROWS;
CREATE TEMP TABLE t (id int) ON COMMIT DELETE ROWS;
CREATE TABLE pg_temp.t (id int);
CREATE TEMP TABLE t AS SELECT 1 AS id;
SELECT 1 AS id INTO TEMP t;
CREATE TEMP VIEW v AS SELECT 1;
CREATE VIEW pg_temp.v AS SELECT 1;
CREATE TEMP SEQUENCE s;
CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE pg_temp.ty AS (a int);
CREATE TYPE pg_temp.e AS ENUM ('a');
CREATE DOMAIN pg_temp.d AS int;
CREATE OPERATOR pg_temp.@@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
DISCARD TEMP;
CREATE TEMP TABLE t (id serial PRIMARY KEY, big text UNIQUE) ON COMMIT DROP;
INSERT INTO t (big) VALUES ('x');
SELECT * FROM t;
CREATE TEMP TABLE u ON COMMIT DROP AS SELECT 2 AS id;
CREATE INDEX ON u (id);
SELECT * FROM u;
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT to_regclass('pg_temp.t'), to_regclass('pg_temp.u');
-- What there was before is the session's again, as it was.
SELECT note FROM earlier;
SELECT pg_temp.earlier_function() IS NULL AS nobody, nextval('earlier_sequence');

-- A table made before the login in the same transaction is closed as well.
BEGIN;
CREATE TEMP TABLE just_before (id int) ON COMMIT DROP;
SELECT warden.assume(:'acme', 'acme-member');
SELECT * FROM just_before;
ROLLBACK;
-- It shadows no name either: an unqualified one finds it, and is refused, instead of reading what it holds.
CREATE TEMP TABLE pg_class AS SELECT 'fake'::text AS relname;
BEGIN;
SELECT warden.assume(:'acme', 'acme-member');
SELECT relname FROM pg_temp.pg_class;
ROLLBACK;
DISCARD TEMP;
RESET SESSION AUTHORIZATION;
