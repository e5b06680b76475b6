-- What the script alone needed.

DROP FUNCTION warden.make_registry(regclass);
