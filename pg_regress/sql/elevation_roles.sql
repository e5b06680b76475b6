-- The extension's roles belong to superusers, also against a role that may make roles.
\set SHOW_CONTEXT never
\set VERBOSITY default
CREATE ROLE boss LOGIN CREATEROLE;
SET SESSION AUTHORIZATION boss;
GRANT warden_admin TO boss;
\set VERBOSITY sqlstate
REVOKE warden_admin FROM officer;
GRANT officer TO boss;
CREATE ROLE climber IN ROLE warden_admin;
CREATE ROLE climber IN GROUP warden_broker;
ALTER GROUP warden_admin ADD USER boss;
ALTER GROUP warden_admin DROP USER officer;
ALTER ROLE warden_admin LOGIN;
ALTER ROLE warden_admin PASSWORD 'known';
ALTER ROLE warden_admin SET search_path = boss;
ALTER ROLE warden_admin RENAME TO forgotten;
DROP ROLE warden_auditor;
-- a group that leads to one of them, and the members themselves
RESET SESSION AUTHORIZATION;
CREATE ROLE officers NOLOGIN IN ROLE warden_admin;
CREATE ROLE plain NOLOGIN;
-- From PostgreSQL 16 on, CREATEROLE alone is not enough for a role that somebody else made.
GRANT plain TO boss WITH ADMIN OPTION;
SET SESSION AUTHORIZATION boss;
ALTER GROUP officers ADD USER boss;
ALTER GROUP officers DROP USER officer;
ALTER GROUP plain ADD USER nobody;
ALTER GROUP plain DROP USER nobody;
ALTER ROLE officer PASSWORD 'known';
ALTER ROLE officer SET search_path = boss;
ALTER ROLE officer RENAME TO forgotten;
ALTER ROLE officers LOGIN;
ALTER ROLE plain LOGIN PASSWORD 'known';
DROP ROLE officers;
SELECT pg_has_role('boss', 'warden_admin', 'MEMBER') AS boss_is_admin;
-- a member may change itself, and take nobody in
SET SESSION AUTHORIZATION officer;
ALTER ROLE officer SET statement_timeout = '1h';
ALTER ROLE officer RESET statement_timeout;
ALTER ROLE CURRENT_USER SET statement_timeout = '1h';
ALTER ROLE CURRENT_USER RESET ALL;
ALTER GROUP officer ADD USER boss;
RESET SESSION AUTHORIZATION;
DROP ROLE officers, plain;
SET SESSION AUTHORIZATION boss;
-- nobody prepares a role that a later version would adopt
CREATE ROLE warden_later;
CREATE ROLE climber;
ALTER ROLE climber RENAME TO warden_later;
-- other roles are the boss's own business
CREATE ROLE team;
GRANT team TO climber;
DROP ROLE team, climber;
RESET SESSION AUTHORIZATION;
-- roles are the cluster's: so is the guard
\set VERBOSITY default
CREATE DATABASE without_warden;
\connect without_warden
SET SESSION AUTHORIZATION boss;
GRANT warden_admin TO boss;
RESET SESSION AUTHORIZATION;
-- whoever has the roles already is named to whoever installs the extension, and keeps them
SET client_min_messages = warning;
CREATE ROLE waiting IN ROLE warden_auditor;
CREATE EXTENSION pg_warden;
SELECT pg_has_role('waiting', 'warden_auditor', 'MEMBER') AS waits;
\connect regression
DROP ROLE waiting;
DROP DATABASE without_warden;
DROP ROLE boss;
