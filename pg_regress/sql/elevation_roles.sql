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
\connect regression
DROP DATABASE without_warden;
DROP ROLE boss;
