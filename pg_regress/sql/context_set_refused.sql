-- The context is a setting that no statement sets: every way that PostgreSQL knows, tried by a tenant's session, an owner of
-- tables, the security officer and a superuser.
\set acme 00000000-0000-0000-0000-000000000001
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'acme', 'acme-viewer');
SET warden.context = 'x';
SET LOCAL warden.context = 'x';
SET SESSION warden.context TO 'x';
SET warden.context = '';
SET LOCAL warden.context TO DEFAULT;
RESET warden.context;
SELECT set_config('warden.context', 'x', true);
SELECT set_config('warden.context', 'x', false);
SELECT set_config('warden.context', '', true);
UPDATE pg_settings SET setting = 'x' WHERE name = 'warden.context';
-- Nor can it be read, so that nobody replays it.
SHOW warden.context;
SELECT current_setting('warden.context');
SELECT current_setting('warden.context', true);
SELECT count(*) FROM pg_settings WHERE name = 'warden.context';
-- Allowed, and the context stays.
RESET ALL;
SET SESSION AUTHORIZATION DEFAULT;
SET SESSION AUTHORIZATION app_broker;
SELECT warden.tenant_id(), warden.user_id(), warden.role();
-- In what is stored for later.
ALTER ROLE app_broker SET warden.context = 'x';
ALTER ROLE app_broker IN DATABASE regression SET warden.context = 'x';
ALTER DATABASE regression SET warden.context = 'x';
SELECT warden.tenant_id(), warden.user_id(), warden.role();
COMMIT;
\set ON_ERROR_ROLLBACK off

-- Without a context no better.
SET warden.context = 'x';
SELECT set_config('warden.context', 'x', false);
RESET warden.context;
SELECT warden.tenant_id();

-- A function's own settings.
SET SESSION AUTHORIZATION dba;
CREATE FUNCTION app.forge() RETURNS uuid LANGUAGE sql SET warden.context = 'x' AS 'SELECT warden.tenant_id()';
SET SESSION AUTHORIZATION officer;
SET warden.context = 'x';

-- A superuser has the right to set it, and no value that counts.
RESET SESSION AUTHORIZATION;
SET warden.context = 'x';
SELECT set_config('warden.context', '{"tenant_id": "00000000-0000-0000-0000-000000000001"}', false);
ALTER ROLE app SET warden.context = 'x';
ALTER SYSTEM SET warden.context = 'x';
SELECT warden.tenant_id();
-- Not even one that was real.
CREATE TABLE public.stolen (context text);
BEGIN;
SET LOCAL SESSION AUTHORIZATION app_broker;
SELECT warden.assume(:'acme', 'acme-owner');
RESET SESSION AUTHORIZATION;
INSERT INTO public.stolen SELECT current_setting('warden.context');
COMMIT;
SELECT context <> '' AS real FROM public.stolen;
SELECT set_config('warden.context', context, false) FROM public.stolen;
SELECT warden.tenant_id();
DROP TABLE public.stolen;

-- The prefix is the extension's: nobody invents a setting of it, and those that decide are the server's.
SET warden.tenant_id = '00000000-0000-0000-0000-000000000001';
SET SESSION AUTHORIZATION app;
SET warden.contex = 'x';
SET warden.missing_context = 'empty';
SET warden.allow_exempt_login = on;
SET warden.allow_context_change = on;
SET warden.allow_drop = on;
RESET SESSION AUTHORIZATION;
