-- Events: an application's own, and one for each change that a function of pg_warden makes; none where nothing was done.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA aud_ev;
GRANT USAGE, CREATE ON SCHEMA aud_ev TO dba;
GRANT USAGE ON SCHEMA aud_ev TO app, app_broker, officer;
CREATE FUNCTION aud_ev.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'recorded';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''));
END $$;
\set mia 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-member'') IS NULL'
\set olga 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-owner'') IS NULL'
\set vic 'SELECT warden.assume(''00000000-0000-0000-0000-000000000001'', ''acme-viewer'') IS NULL'
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET SESSION AUTHORIZATION app_broker;
-- Without a context, nobody's.
SELECT aud_ev.try($$warden.record_event('aud_ev.x', '{}')$$), aud_ev.try('warden.record_event(NULL, NULL)'), aud_ev.try($$warden.record_event('warden.x', '{}')$$);
BEGIN; :vic;
SELECT c || ': ' || aud_ev.try(format('warden.record_event(%s)', c)) FROM unnest(ARRAY[$$'aud_ev.exam', '{"points": 7.50}'$$, $$'aud_ev Prüfung', '"text"'$$, $$'aud_ev null', 'null'$$, $$'aud_ev ' || repeat('k', 121), '[]'$$,
    $$NULL, '{}'$$, $$'aud_ev', NULL$$, $$'', '{}'$$, $$'  ', '{}'$$, $$E'a\nb', '{}'$$, $$'warden.audit.audit', '{}'$$, $$'Warden.x', '{}'$$, $$' warden.x', '{}'$$, $$E'\twarden.x', '{}'$$,
    $$'aud_ev ' || repeat('k', 122), '{}'$$]) c;
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
-- A tenant's owner sees them; whoever reads all logs sees that they were, and not what they say.
BEGIN; :olga;
SELECT number, operation, left(kind, 20), length(kind), detail, relation, key, old, new, user_id, role FROM warden.audit_log WHERE xid = :'xid' ORDER BY number;
COMMIT;
SET SESSION AUTHORIZATION auditor;
SELECT number, operation, left(kind, 20), detail, tenant, user_id FROM warden.audit_log WHERE xid = :'xid' ORDER BY number;
SET SESSION AUTHORIZATION app_broker;
-- With its transaction and its savepoint.
BEGIN; :mia;
SELECT warden.record_event('aud_ev.kept', '1');
SAVEPOINT a;
SELECT warden.record_event('aud_ev.lost', '2');
ROLLBACK TO a;
SELECT warden.record_event('aud_ev.kept', '3');
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
BEGIN; :mia;
SELECT warden.record_event('aud_ev.lost', '4');
ROLLBACK;
BEGIN; :olga;
SELECT number, kind, detail FROM warden.audit_log WHERE kind IN ('aud_ev.kept', 'aud_ev.lost') ORDER BY xid, number;
COMMIT;
-- A transaction that cannot write cannot record; nor one whose context has ended.
BEGIN READ ONLY; :mia;
SELECT aud_ev.try($$warden.record_event('aud_ev.x', '{}')$$);
COMMIT;
BEGIN; :mia; SELECT warden.logout() IS NULL; SELECT aud_ev.try($$warden.record_event('aud_ev.x', '{}')$$); ROLLBACK;
-- A context that ends, and another transaction's: each event is in its own context's log.
BEGIN; :mia; SELECT warden.record_event('aud_ev.two', '1'); SELECT warden.logout() IS NULL; COMMIT;
BEGIN; SELECT warden.assume('00000000-0000-0000-0000-000000000002', 'globex-viewer') IS NULL; SELECT warden.record_event('aud_ev.two', '2'); COMMIT;
BEGIN; :olga; SELECT user_id, detail FROM warden.audit_log WHERE kind = 'aud_ev.two'; COMMIT;
RESET SESSION AUTHORIZATION;
-- Every function that changes something: who, the call, the event. Each is called in a transaction that is rolled back, behind a savepoint that is, and for good.
\set ECHO none
\getenv tokens WARDEN_TOKENS
\i :tokens
\set ECHO all
CREATE TABLE aud_ev.t (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text);
CREATE TABLE aud_ev.u (id int PRIMARY KEY, tenant_id uuid NOT NULL);
ALTER TABLE aud_ev.t OWNER TO dba;
CREATE TEMPORARY TABLE cases (n int GENERATED ALWAYS AS IDENTITY, who text, call text, kind text, whose text);
INSERT INTO cases (who, call, kind, whose) VALUES
    ('officer', $$create_tenant(slug => 'aud-ev', name => 'Aud Ev', id => '00000000-0000-0000-0000-0000000000e1')$$, 'warden.tenancy.create_tenant', 'e1'),
    ('officer', $$add_member('00000000-0000-0000-0000-0000000000e1', 'eva', 'member')$$, 'warden.tenancy.add_member', 'e1'),
    ('officer', $$set_member_role('00000000-0000-0000-0000-0000000000e1', 'eva', 'admin')$$, 'warden.tenancy.set_member_role', 'e1'),
    ('officer', $$revoke_user('00000000-0000-0000-0000-0000000000e1', 'eva')$$, 'warden.identity.revoke_user', 'e1'),
    ('officer', $$revoke_session('aud-ev-sid')$$, 'warden.identity.revoke_session', NULL),
    ('officer', $$revoke_tenant('00000000-0000-0000-0000-0000000000e1')$$, 'warden.identity.revoke_tenant', 'e1'),
    ('officer', $$rotate_key('00000000-0000-0000-0000-0000000000e1')$$, 'warden.encryption.rotate_key', 'e1'),
    ('officer', $$remove_member('00000000-0000-0000-0000-0000000000e1', 'eva')$$, 'warden.tenancy.remove_member', 'e1'),
    ('officer', $$suspend_tenant('00000000-0000-0000-0000-0000000000e1', 'unpaid')$$, 'warden.tenancy.suspend_tenant', 'e1'),
    ('officer', $$resume_tenant('00000000-0000-0000-0000-0000000000e1', 'paid')$$, 'warden.tenancy.resume_tenant', 'e1'),
    ('officer', $$close_tenant('00000000-0000-0000-0000-0000000000e1', 'gone')$$, 'warden.tenancy.close_tenant', 'e1'),
    ('officer', $$rename_role(3, 'aud-ev')$$, 'warden.tenancy.rename_role', NULL),
    ('officer', $$rename_role(3, 'member')$$, 'warden.tenancy.rename_role', NULL),
    ('officer', $$grant_permission('member', 'aud_ev.read')$$, 'warden.tenancy.grant_permission', NULL),
    ('officer', $$revoke_permission('member', 'aud_ev.read')$$, 'warden.tenancy.revoke_permission', NULL),
    ('officer', format('add_issuer(%L, %L, %L)', 'https://aud-ev.test', :'jwks', 'x'), 'warden.identity.add_issuer', NULL),
    ('officer', format('set_issuer_keys(%L, %L)', 'https://aud-ev.test', :'jwks'), 'warden.identity.set_issuer_keys', NULL),
    ('officer', $$remove_issuer('https://aud-ev.test')$$, 'warden.identity.remove_issuer', NULL),
    ('app', format('open_session(%L)', :'acme_member'), 'warden.identity.open_session', '01'),
    ('officer', $$create_template('aud_ev', '{"commands": {"select": "true"}}', 'a template')$$, 'warden.isolation.create_template', NULL),
    ('officer', $$drop_template('aud_ev')$$, 'warden.isolation.drop_template', NULL),
    ('dba', $$protect('aud_ev.t')$$, 'warden.isolation.protect', NULL),
    ('dba', $$encrypt_column('aud_ev.t', 'body')$$, 'warden.encryption.encrypt_column', NULL),
    ('officer', $$decrypt_column('aud_ev.t', 'body')$$, 'warden.encryption.decrypt_column', NULL),
    ('dba', $$audit('aud_ev.t')$$, 'warden.audit.audit', NULL),
    ('dba', $$audit('aud_ev.t', '{"reads": true}')$$, 'warden.audit.audit', NULL),
    ('officer', $$unaudit('aud_ev.t', 'end')$$, 'warden.audit.unaudit', NULL),
    ('officer', $$unprotect('aud_ev.t')$$, 'warden.isolation.unprotect', NULL),
    ('dba', $$exempt('aud_ev.t', 'a list')$$, 'warden.isolation.exempt', NULL),
    ('postgres', $$exempt('aud_ev', 'imp%', 'every night')$$, 'warden.isolation.exempt', NULL),
    ('postgres', $$protect_schema('aud_ev', 'warn')$$, 'warden.isolation.protect_schema', NULL);
-- What fails, or finds everything done: nothing.
CREATE TEMPORARY TABLE failures (n int GENERATED ALWAYS AS IDENTITY, who text, call text);
INSERT INTO failures (who, call) VALUES
    ('officer', $$create_tenant(slug => 'acme', name => 'taken')$$), ('app', $$create_tenant(slug => 'aud-ev-2', name => 'not allowed')$$),
    ('officer', $$add_member('00000000-0000-0000-0000-000000000001', 'acme-owner', 'member')$$), ('officer', $$add_member('00000000-0000-0000-0000-00000000ffff', 'eva', 'member')$$),
    ('officer', $$set_member_role('00000000-0000-0000-0000-000000000001', 'nobody', 'admin')$$), ('officer', $$remove_member('00000000-0000-0000-0000-000000000001', 'nobody')$$),
    ('officer', $$suspend_tenant('00000000-0000-0000-0000-000000000001', '')$$), ('officer', $$resume_tenant('00000000-0000-0000-0000-000000000001', 'was not')$$),
    ('officer', $$close_tenant('00000000-0000-0000-0000-0000000000e1', 'again')$$), ('officer', $$rename_role(3, 'owner')$$),
    ('app', $$grant_permission('member', 'x')$$), ('officer', $$remove_issuer('https://nobody.test')$$), ('officer', $$set_issuer_keys('https://nobody.test', '{}')$$),
    ('app', $$open_session('no token')$$), ('officer', $$create_template('tenant', '{}', 'taken')$$), ('officer', $$drop_template('tenant')$$), ('app', $$protect('aud_ev.u')$$),
    ('dba', $$encrypt_column('aud_ev.u', 'id')$$), ('officer', $$decrypt_column('aud_ev.t', 'body')$$), ('officer', $$rotate_key('00000000-0000-0000-0000-0000000000e1')$$),
    ('dba', $$audit('aud_ev.u')$$), ('officer', $$unaudit('aud_ev.t', 'is not')$$), ('dba', $$unaudit('aud_ev.t', 'not allowed')$$), ('officer', $$unprotect('aud_ev.u')$$),
    ('app', $$exempt('aud_ev.u', 'x')$$), ('app', $$exempt('aud_ev', 'u%', 'x')$$), ('dba', $$protect_schema('pg_catalog', 'warn')$$), ('app', $$revoke_user('00000000-0000-0000-0000-000000000001', 'acme-member')$$),
    ('app', $$revoke_tenant('00000000-0000-0000-0000-000000000001')$$), ('app', $$revoke_session('x')$$);
CREATE FUNCTION pg_temp.events(xid8) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', kind, right(tenant::text, 2), coalesce(detail::text, '(none)')), ', ' ORDER BY number), '(none)') FROM warden.audit_log l WHERE l.xid = $1 $$;
CREATE PROCEDURE pg_temp.check_calls() LANGUAGE plpgsql AS $$
DECLARE one record; x xid8; got text;
BEGIN
    FOR one IN SELECT * FROM cases ORDER BY n LOOP
        x := pg_current_xact_id();
        EXECUTE format('SET LOCAL ROLE %I', one.who);
        EXECUTE 'SELECT warden.' || one.call;
        ROLLBACK;
        IF pg_temp.events(x) <> '(none)' THEN RAISE WARNING 'rolled back, and recorded: % %', one.call, pg_temp.events(x); END IF;
        x := pg_current_xact_id();
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', one.who);
            EXECUTE 'SELECT warden.' || one.call;
            RAISE EXCEPTION SQLSTATE 'XX999';
        EXCEPTION WHEN SQLSTATE 'XX999' THEN NULL;
        END;
        COMMIT;
        IF pg_temp.events(x) <> '(none)' THEN RAISE WARNING 'rolled back to a savepoint, and recorded: % %', one.call, pg_temp.events(x); END IF;
        x := pg_current_xact_id();
        EXECUTE format('SET LOCAL ROLE %I', one.who);
        EXECUTE 'SELECT warden.' || one.call;
        COMMIT;
        SELECT string_agg(concat_ws(' ', kind, right(tenant::text, 2), database_user), ', ') INTO got FROM warden.audit_log l WHERE l.xid = x AND operation = 'EVENT';
        IF got IS DISTINCT FROM concat_ws(' ', one.kind, one.whose, one.who) THEN RAISE WARNING '%: % instead of %', one.call, got, concat_ws(' ', one.kind, one.whose, one.who); END IF;
    END LOOP;
    FOR one IN SELECT * FROM failures ORDER BY n LOOP
        x := pg_current_xact_id(); got := '';
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', one.who);
            EXECUTE 'SELECT warden.' || one.call;
        EXCEPTION WHEN OTHERS THEN got := SQLSTATE;
        END;
        COMMIT;
        IF got = '' THEN RAISE WARNING 'not refused: %', one.call; END IF;
        IF pg_temp.events(x) <> '(none)' THEN RAISE WARNING 'refused with %, and recorded: % %', got, one.call, pg_temp.events(x); END IF;
    END LOOP;
END $$;
SELECT pg_current_xact_id() AS began \gset
CALL pg_temp.check_calls();
-- What they say: no key, no token, no secret.
SELECT kind, regexp_replace(detail::text, '[0-9a-f]{8}-[0-9a-f-]{27}', '(id)') FROM warden.audit_log WHERE kind LIKE 'warden.%' AND xid > :'xid' AND operation = 'EVENT' AND kind NOT LIKE 'warden.identity.%issuer%' ORDER BY incarnation, xid, number;
SELECT kind, (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(detail) k) FROM warden.audit_log WHERE xid > :'xid' AND kind LIKE 'warden.identity.%issuer%' ORDER BY xid, number;
-- Done already: nothing.
SELECT pg_current_xact_id() AS xid \gset
SET ROLE officer;
SELECT warden.grant_permission('member', 'aud_ev.again');
SELECT warden.grant_permission('member', 'aud_ev.again');
SELECT warden.revoke_permission('member', 'aud_ev.again');
RESET ROLE;
SELECT kind FROM warden.audit_log WHERE xid > :'xid' AND operation = 'EVENT' ORDER BY xid, number;
-- Functions that may change something, and are called above or by nothing but pg_warden or change nothing that stays: a new one belongs into one of the two lists.
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype
    AND NOT EXISTS (SELECT FROM cases WHERE call LIKE p.proname || '(%') AND p.proname NOT LIKE 'column\_%'
    AND p.proname NOT IN ('encrypt', 'encrypt_eq', 'login', 'login_for_session', 'assume', 'resume', 'logout', 'pre_request', 'preview', 'explain_access', 'record_event', 'seal_audit', 'verify_audit', 'audit_state') ORDER BY 1;
\pset format aligned
\pset tuples_only off
\pset null ''
-- The session that was opened is not to be found by other tests.
DELETE FROM warden.session_registry s USING warden.audit_log l WHERE l.kind = 'warden.identity.open_session' AND l.xid > :'began' AND s.id::text = l.detail ->> 'session';
DROP SCHEMA aud_ev CASCADE;
