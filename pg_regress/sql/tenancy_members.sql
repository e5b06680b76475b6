-- Members and their guards: nobody grants above their own role, an admin leaves owners alone, the last owner stays.
\set t 00000000-0000-0000-0000-00000000c0b1
SET SESSION AUTHORIZATION officer;
SELECT warden.create_tenant('members', 'Members', id => :'t');
SELECT warden.add_member(:'t', user_id, role) FROM (VALUES ('olga', 'owner'), ('otto', 'owner'), ('adam', 'admin'), ('mia', 'member'), ('vic', 'viewer')) m (user_id, role);

-- The officer's own mistakes.
\set VERBOSITY sqlstate
SELECT warden.add_member(:'t', 'mia', 'viewer');
SELECT warden.add_member(:'t', 'new', 'king');
SELECT warden.add_member(:'t', 'new', 'Owner');
SELECT warden.add_member(:'t', 'new', NULL);
SELECT warden.add_member(:'t', NULL, 'viewer');
SELECT warden.add_member(NULL, 'new', 'viewer');
SELECT warden.add_member('00000000-0000-0000-0000-00000000ffff', 'new', 'viewer');
SELECT warden.add_member(:'t', '', 'viewer');
SELECT warden.add_member(:'t', repeat('x', 256), 'viewer');
SELECT warden.add_member(:'t', 'service:billing', 'viewer');
SELECT warden.add_member(:'t', 'operator:joe', 'viewer');
SELECT warden.set_member_role(:'t', 'nobody-here', 'viewer');
SELECT warden.remove_member(:'t', 'nobody-here');
\set VERBOSITY default
-- Any other text is a user.
SELECT warden.add_member(:'t', user_id, 'viewer') FROM (VALUES ('o''brien'), ('用户'), ('a b'), (repeat('x', 255))) u (user_id);
SELECT warden.remove_member(:'t', user_id) FROM (VALUES ('o''brien'), ('用户'), ('a b'), (repeat('x', 255))) u (user_id);

-- An admin: up to admin, and nothing against an owner.
SET SESSION AUTHORIZATION app_broker;
\set VERBOSITY sqlstate
BEGIN;
SELECT warden.assume(:'t', 'adam');
SELECT warden.add_member(:'t', 'ada', 'admin');
SELECT warden.set_member_role(:'t', 'mia', 'viewer');
SELECT warden.set_member_role(:'t', 'mia', 'member');
SELECT warden.remove_member(:'t', 'ada');
\set ON_ERROR_ROLLBACK on
SELECT warden.add_member(:'t', 'ola', 'owner');
SELECT warden.set_member_role(:'t', 'mia', 'owner');
SELECT warden.set_member_role(:'t', 'adam', 'owner');
SELECT warden.set_member_role(:'t', 'olga', 'viewer');
SELECT warden.remove_member(:'t', 'olga');
-- Another tenant's members are none of its business.
SELECT warden.add_member('00000000-0000-0000-0000-000000000001', 'adam', 'viewer');
SELECT warden.remove_member('00000000-0000-0000-0000-000000000001', 'acme-viewer');
SELECT warden.add_member('00000000-0000-0000-0000-00000000ffff', 'adam', 'viewer');
\set ON_ERROR_ROLLBACK off
COMMIT;

-- Members and viewers manage nobody, themselves included.
BEGIN;
SELECT warden.assume(:'t', 'mia');
SELECT warden.add_member(:'t', 'new', 'viewer');
ROLLBACK;
BEGIN;
SELECT warden.assume(:'t', 'vic');
SELECT warden.set_member_role(:'t', 'vic', 'viewer');
ROLLBACK;
BEGIN;
SELECT warden.assume(:'t', 'vic');
SELECT warden.remove_member(:'t', 'vic');
ROLLBACK;
-- Nor does an owner whom the broker lowered.
BEGIN;
SELECT warden.assume(:'t', 'olga', 'member');
SELECT warden.remove_member(:'t', 'vic');
ROLLBACK;

-- An owner may do all of it, and one owner stays.
\set VERBOSITY default
BEGIN;
SELECT warden.assume(:'t', 'olga');
SELECT warden.set_member_role(:'t', 'otto', 'admin');
\set ON_ERROR_ROLLBACK on
SELECT warden.remove_member(:'t', 'olga');
SELECT warden.set_member_role(:'t', 'olga', 'admin');
\set ON_ERROR_ROLLBACK off
SELECT warden.set_member_role(:'t', 'olga', 'owner');
SELECT user_id, role, tier FROM warden.members ORDER BY tier, user_id;
COMMIT;
-- The officer removes the last owner no more than anyone else.
SET SESSION AUTHORIZATION officer;
SELECT warden.remove_member(:'t', 'olga');
SELECT warden.set_member_role(:'t', 'olga', 'viewer');

-- A lowered role counts at once: the owner of the next statement is a viewer.
SELECT warden.set_member_role(:'t', 'otto', 'owner');
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'t', 'olga');
SELECT warden.set_member_role(:'t', 'olga', 'viewer');
SELECT warden.role();
SELECT warden.add_member(:'t', 'new', 'viewer');
ROLLBACK;
-- And a removed member is out.
BEGIN;
SELECT warden.assume(:'t', 'olga');
SELECT warden.remove_member(:'t', 'olga');
SELECT warden.user_id();
SELECT warden.require_role('viewer');
ROLLBACK;
SET SESSION AUTHORIZATION officer;
SELECT warden.close_tenant(:'t', 'end of test');
RESET SESSION AUTHORIZATION;
