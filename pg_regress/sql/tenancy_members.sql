-- Nobody grants a role above their own, and the last owner stays.
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION officer;
SELECT warden.create_tenant('members-test', 'Members', id => '00000000-0000-0000-0000-0000000000aa');
SELECT warden.add_member('00000000-0000-0000-0000-0000000000aa', 'olga', 'owner');
SELECT warden.add_member('00000000-0000-0000-0000-0000000000aa', 'adam', 'admin');
SELECT warden.add_member('00000000-0000-0000-0000-0000000000aa', 'adam', 'king');
SELECT warden.add_member('00000000-0000-0000-0000-0000000000aa', 'service:x', 'viewer');
SELECT warden.remove_member('00000000-0000-0000-0000-0000000000aa', 'nobody');
SELECT warden.remove_member('00000000-0000-0000-0000-0000000000aa', 'olga');

SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume('00000000-0000-0000-0000-0000000000aa', 'adam');
SAVEPOINT s;
SELECT warden.add_member('00000000-0000-0000-0000-0000000000aa', 'second', 'owner');
ROLLBACK TO s;
SELECT warden.set_member_role('00000000-0000-0000-0000-0000000000aa', 'olga', 'viewer');
ROLLBACK TO s;
SELECT warden.add_member('00000000-0000-0000-0000-0000000000aa', 'mia', 'member');
COMMIT;

SET SESSION AUTHORIZATION officer;
SELECT user_id, role FROM warden.members WHERE tenant = '00000000-0000-0000-0000-0000000000aa' ORDER BY user_id;
SELECT warden.close_tenant('00000000-0000-0000-0000-0000000000aa', 'the test is over');
SELECT warden.resume_tenant('00000000-0000-0000-0000-0000000000aa', 'no');
