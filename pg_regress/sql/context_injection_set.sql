-- SQL injected into a tenant's transaction cannot make itself a context, nor take the one that is there away.
\set SHOW_CONTEXT never
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SAVEPOINT s;
SET warden.context = '00000000-0000-0000-0000-000000000002';
ROLLBACK TO s;
SET LOCAL warden.context TO DEFAULT;
ROLLBACK TO s;
RESET warden.context;
ROLLBACK TO s;
SELECT set_config('warden.context', '00000000-0000-0000-0000-000000000002', true);
ROLLBACK TO s;
SELECT set_config('warden.context', '', false);
ROLLBACK TO s;
RESET ALL;
SELECT warden.tenant_id(), warden.user_id(), warden.role();
COMMIT;
SELECT warden.tenant_id(), warden.user_id(), warden.role();

-- What it may do: its own settings.
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SET LOCAL work_mem = '5MB';
SELECT set_config('application_name', 'mine', true);
COMMIT;
