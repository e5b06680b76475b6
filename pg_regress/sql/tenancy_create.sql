-- Creating, suspending, resuming and closing tenants.
SET SESSION AUTHORIZATION officer;
\set a 00000000-0000-0000-0000-00000000c0a1
\set b 00000000-0000-0000-0000-00000000c0a2

SELECT warden.create_tenant('create-a', 'A', id => :'a');
SELECT warden.create_tenant('create-b', 'Bücher & Söhne', region => 'eu', external_id => '7001', id => :'b');
SELECT warden.create_tenant(slug => 'create-c', name => 'C') IS NOT NULL AS has_an_id;
SELECT slug, external_id, name, region, state, state_reason FROM warden.tenants WHERE slug LIKE 'create-%' ORDER BY slug;

-- A tenant is found by its id, external id or slug.
SELECT warden.tenant('create-b') = :'b' AS by_slug, warden.tenant('7001') = :'b' AS by_external_id, warden.tenant(:'b') = :'b' AS by_id,
    warden.tenant(upper(:'b')) = :'b' AS by_id_in_capitals;

-- External ids are texts: these are three tenants' and none of them is 7001.
SELECT warden.create_tenant('create-07001', 'Zero', external_id => '07001') IS NOT NULL AS made;
SELECT warden.create_tenant('create-plus', 'Plus', external_id => '+7001') IS NOT NULL AS made;
SELECT count(DISTINCT warden.tenant(reference)) FROM unnest(ARRAY['7001', '07001', '+7001']) reference;

-- One namespace: no id, external id or slug is another tenant's.
SELECT warden.create_tenant('create-a', 'again');
SELECT warden.create_tenant('7001', 'a slug that is an external id');
SELECT warden.create_tenant('create-d', 'an external id that is a slug', external_id => 'create-a');
SELECT warden.create_tenant('create-d', 'an external id that is an id', external_id => :'a');
SELECT warden.create_tenant('create-d', 'a taken id', id => :'a');
SELECT warden.create_tenant(:'a', 'a slug that is an id');
-- Nothing of a refused call stays.
SELECT count(*) FROM warden.tenants WHERE slug = 'create-d';

-- A tenant's own words may be equal.
SELECT warden.create_tenant('create-same', 'Same', external_id => 'create-same') IS NOT NULL AS made;

-- Arguments.
\set VERBOSITY sqlstate
SELECT warden.create_tenant(NULL, 'x');
SELECT warden.create_tenant('create-e', NULL);
SELECT warden.create_tenant('create-e', '');
SELECT warden.create_tenant('create-e', '  ');
SELECT warden.create_tenant('', 'x');
SELECT warden.create_tenant('Create-E', 'x');
SELECT warden.create_tenant('create_e', 'x');
SELECT warden.create_tenant('größe', 'x');
SELECT warden.create_tenant('create-e', 'x', id => '00000000-0000-0000-0000-000000000000');
SELECT warden.create_tenant('create-e', 'x', id => 'ffffffff-ffff-ffff-ffff-ffffffffffff');
SELECT warden.create_tenant(repeat('x', 64), 'x');
SELECT warden.create_tenant('create-e', 'x', external_id => '');
SELECT warden.create_tenant('create-e', 'x', external_id => repeat('x', 256));
SELECT warden.tenant(NULL);
SELECT warden.tenant('no-such-tenant');
SELECT warden.tenant('00000000-0000-0000-0000-00000000ffff');
SELECT warden.create_tenant(repeat('x', 63), 'the longest slug') IS NOT NULL AS made;

-- A reason is never blank, and the tenant is one that exists.
SELECT warden.suspend_tenant(:'a', NULL);
SELECT warden.suspend_tenant(:'a', ' ');
SELECT warden.suspend_tenant(NULL, 'unpaid');
SELECT warden.suspend_tenant('00000000-0000-0000-0000-00000000ffff', 'unpaid');
SELECT warden.resume_tenant(:'a', 'was never suspended');

-- Suspending closes every door; resuming opens them.
\set VERBOSITY default
SELECT warden.add_member(:'a', 'anna', 'owner');
SELECT warden.suspend_tenant(:'a', 'unpaid');
SELECT warden.suspend_tenant(:'a', 'twice');
SELECT state, state_reason FROM warden.tenants WHERE id = :'a';
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'a', 'anna');
ROLLBACK;
SET SESSION AUTHORIZATION officer;
SELECT warden.resume_tenant(:'a', 'paid');
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'a', 'anna');
COMMIT;

-- A suspension reaches a transaction that is inside.
BEGIN;
SELECT warden.assume(:'a', 'anna');
SET SESSION AUTHORIZATION officer;
SELECT warden.suspend_tenant(:'a', 'within');
SELECT warden.tenant_id(), warden.has_role('viewer');
SELECT warden.require_role('viewer');
ROLLBACK;

-- Closing is final.
SET SESSION AUTHORIZATION officer;
SELECT warden.close_tenant(:'a', 'left us');
SELECT warden.close_tenant(:'a', 'twice');
SELECT warden.resume_tenant(:'a', 'came back');
SELECT warden.suspend_tenant(:'a', 'x');
SELECT warden.add_member(:'a', 'bob', 'viewer');
-- Its words stay taken.
SELECT warden.create_tenant('create-a', 'once more');
SELECT state, state_reason FROM warden.tenants WHERE id = :'a';
SELECT warden.close_tenant(id, 'end of test') FROM warden.tenants
    WHERE state <> 'closed' AND (slug LIKE 'create-%' OR slug LIKE 'xxx%') ORDER BY slug;
RESET SESSION AUTHORIZATION;
