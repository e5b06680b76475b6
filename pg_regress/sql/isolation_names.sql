-- Names with quotes, upper case, unicode and 63 bytes work everywhere.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA "Iso ""N""" AUTHORIZATION dba;
GRANT USAGE ON SCHEMA "Iso ""N""" TO app_broker, officer;
SET ROLE dba;
CREATE TABLE "Iso ""N"""."Prüfung'; DROP TABLE x; --" ("Id" int PRIMARY KEY, "Mandant ""ß""" text COLLATE "C", "Wer?" varchar(20));
CREATE TABLE "Iso ""N"""."Frage" ("Id" int PRIMARY KEY, "Mandant" text, "Prüfung" int REFERENCES "Iso ""N"""."Prüfung'; DROP TABLE x; --" ("Id"));
SELECT format('CREATE TABLE "Iso ""N""".%1$I (%1$I uuid, id int PRIMARY KEY)', repeat('é', 31)) \gexec
SELECT warden.protect('"Iso ""N"""."Prüfung''; DROP TABLE x; --"', 'owned', 'Mandant "ß"', '{"user_column": "Wer?"}');
SELECT warden.protect('"Iso ""N"""."Frage"', 'tenant', 'Mandant');
SELECT format('SELECT warden.protect(%L, ''tenant'', %L)', format('"Iso ""N""".%I', repeat('é', 31)), repeat('é', 31)) \gexec
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "Iso ""N""" TO app_broker;
RESET ROLE;
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = '"Iso ""N"""'::regnamespace AND contype IN ('f', 'u') ORDER BY 1, 2;
SELECT relname, octet_length(relname) FROM pg_class WHERE relnamespace = '"Iso ""N"""'::regnamespace AND relkind = 'i' ORDER BY 1;
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-member');
INSERT INTO "Iso ""N"""."Prüfung'; DROP TABLE x; --" ("Id", "Wer?") VALUES (1, 'acme-member') RETURNING *;
INSERT INTO "Iso ""N"""."Frage" ("Id", "Prüfung") VALUES (1, 1) RETURNING *;
COMMIT;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000002', 'globex-owner');
SELECT * FROM "Iso ""N"""."Prüfung'; DROP TABLE x; --";
SELECT * FROM "Iso ""N"""."Frage";
COMMIT;
RESET SESSION AUTHORIZATION;
SELECT relation, state, template, problems FROM warden.coverage WHERE schema = 'Iso "N"' ORDER BY 1;
SET ROLE officer;
SELECT warden.unprotect('"Iso ""N"""."Prüfung''; DROP TABLE x; --"');
SELECT warden.unprotect('"Iso ""N"""."Frage"');
SELECT format('SELECT warden.unprotect(%L)', format('"Iso ""N""".%I', repeat('é', 31))) \gexec
RESET ROLE;
SELECT count(*) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = '"Iso ""N"""'::regnamespace;
DROP SCHEMA "Iso ""N""" CASCADE;
