-- The four tiers and the platform's own words for them. Labels are the database's: this test gives them back.
\set t 00000000-0000-0000-0000-00000000c0c1
SET SESSION AUTHORIZATION officer;
SELECT warden.create_tenant('roles', 'Roles', id => :'t');
SELECT warden.add_member(:'t', 'dora', 'owner');
SELECT warden.add_member(:'t', 'sam', 'viewer');

SELECT warden.rename_role(1, 'institution_admin');
SELECT warden.rename_role(2, 'instructor');
SELECT warden.rename_role(3, 'proctor');
SELECT warden.rename_role(4, 'Prüfling');
SELECT user_id, role, tier FROM warden.members WHERE tenant = :'t' ORDER BY tier;
-- The old word is unknown, the new one known; case counts.
SELECT warden.add_member(:'t', 'ines', 'instructor');
SELECT warden.add_member(:'t', 'new', 'admin');
SELECT warden.add_member(:'t', 'new', 'prüfling');
SET SESSION AUTHORIZATION app_broker;
BEGIN;
SELECT warden.assume(:'t', 'ines');
SELECT warden.role(), warden.has_role('Prüfling') AS viewer, warden.has_role('instructor') AS own, warden.has_role('institution_admin') AS higher,
    warden.has_role('admin') AS old_word;
SELECT warden.require_role('proctor');
\set ON_ERROR_ROLLBACK on
SELECT warden.require_role('institution_admin');
SELECT warden.require_role('admin');
SELECT warden.require_role(NULL);
\set ON_ERROR_ROLLBACK off
COMMIT;
-- A broker lowers by the new words too.
BEGIN;
SELECT warden.assume(:'t', 'dora', 'proctor');
SELECT warden.role();
COMMIT;
BEGIN;
SELECT warden.assume(:'t', 'sam', 'proctor');
COMMIT;

SET SESSION AUTHORIZATION officer;
-- A word names one tier.
SELECT warden.rename_role(4, 'instructor');
SELECT warden.rename_role(2, 'instructor');
\set VERBOSITY sqlstate
SELECT warden.rename_role(0, 'x');
SELECT warden.rename_role(5, 'x');
SELECT warden.rename_role(NULL, 'x');
SELECT warden.rename_role(4, NULL);
SELECT warden.rename_role(4, '');
SELECT warden.rename_role(4, ' x');
SELECT warden.rename_role(4, E'a\nb');
SELECT warden.rename_role(4, repeat('x', 64));
-- A longest word, and back to the old ones. An old word that is free again may name another tier.
SELECT warden.rename_role(4, repeat('x', 63));
SELECT warden.rename_role(4, 'owner');
SELECT warden.rename_role(4, 'viewer');
SELECT warden.rename_role(3, 'member');
SELECT warden.rename_role(2, 'admin');
SELECT warden.rename_role(1, 'owner');
\set VERBOSITY default
SELECT user_id, role, tier FROM warden.members WHERE tenant = :'t' ORDER BY tier;
SELECT warden.close_tenant(:'t', 'end of test');
RESET SESSION AUTHORIZATION;
